package drain

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
)

// servedVersions have one of each kind of rule, and of each set of policies.
var servedVersions = []struct {
	version  string
	policies []string
}{
	{"v1.2.4", []string{"", "switch"}},
	{"v1.3.1", []string{"", "switch"}},
	{"v1.4.3", []string{"block-if-contains-last-replica", "allow-if-replica-is-stopped", "always-allow"}},
	{"v1.6.0", []string{"block-if-contains-last-replica", "block-for-eviction", "block-for-eviction-if-contains-last-replica", "allow-if-replica-is-stopped", "always-allow"}},
	{"v1.12.1", []string{"block-if-contains-last-replica", "block-for-eviction", "block-for-eviction-if-contains-last-replica", "allow-if-replica-is-stopped", "always-allow"}},
}

// under shows a cluster as an older Longhorn has it, with instance managers and
// budgets in any state.
func under(s *facts.Snapshot, r *rand.Rand, version, policy string) {
	s.Longhorn.Version = version
	delete(s.Longhorn.Settings, lhsetting.NodeDrainPolicy)
	switch policy {
	case "":
	case "switch":
		s.Longhorn.Settings[lhsetting.LegacyDrainPolicy] = "true"
	default:
		s.Longhorn.Settings[lhsetting.NodeDrainPolicy] = policy
	}
	v, _ := lhsetting.ParseVersion(version)
	for i := range s.Longhorn.InstanceManagers {
		im := &s.Longhorn.InstanceManagers[i]
		if !v.AtLeast(1, 5, 0) {
			im.Type = "replica"
		}
		if r.IntN(15) == 0 {
			im.State = "error"
		}
	}
	if n := len(s.Kube.DisruptionBudgets); n > 0 && r.IntN(10) == 0 {
		s.Kube.DisruptionBudgets = s.Kube.DisruptionBudgets[:n-1]
	}
}

// TestPlanIsSaferThanLonghorn compares plans with Longhorn's own rule: where it
// would let a node go with a volume's last usable copy, the plan is not safe;
// and what the plan calls safe loses nothing in a simulation.
func TestPlanIsSaferThanLonghorn(t *testing.T) {
	const clusters = 400
	for _, served := range servedVersions {
		for _, policy := range served.policies {
			t.Run(served.version+" "+policy, func(t *testing.T) {
				var c comparison
				for seed := range uint64(clusters) {
					c.cluster(t, seed, served.version, policy)
				}
				t.Logf("%d drains: %d lose a last copy, of which Longhorn allows %d, surely %d; it stops %d that lose none", c.drains, c.losing, c.allowed, c.surely, c.stopped)
				if c.losing < clusters/4 || c.safe < clusters/10 {
					t.Errorf("only %d drains lose anything and %d are safe", c.losing, c.safe)
				}
			})
		}
	}
}

// comparison counts drains of one node.
type comparison struct{ drains, losing, allowed, surely, stopped, safe int }

func (c *comparison) cluster(t *testing.T, seed uint64, version, policy string) {
	r := rand.New(rand.NewPCG(seed, 6))
	s := randomCluster(r)
	under(s, r, version, policy)
	guard := longhornGuard(s)
	if guard.unknown != "" {
		t.Fatalf("seed %d: %s", seed, guard.unknown)
	}
	for i := range s.Kube.Nodes {
		node := s.Kube.Nodes[i].Name
		plan, err := Plan(s, Options{Nodes: []string{node}})
		if err != nil {
			t.Fatal(err)
		}
		c.count(t, fmt.Sprintf("seed %d, node %s", seed, node), plan.Safe, losesLast(s, node), guard.answer(node, drainOf(s, node)))
	}
}

func (c *comparison) count(t *testing.T, where string, safe bool, loses string, longhorn outcome) {
	t.Helper()
	c.drains++
	if safe {
		c.safe++
	}
	if loses == "" {
		if !longhorn.may(lets) {
			c.stopped++
		}
		return
	}
	c.losing++
	if safe {
		t.Errorf("%s: the plan is safe, and %s is lost", where, loses)
	}
	if longhorn.may(lets) {
		c.allowed++
	}
	if longhorn == lets {
		c.surely++
	}
}

// losesLast names a volume of Longhorn whose last good copy goes with a node.
func losesLast(s *facts.Snapshot, node string) string {
	for name, v := range truths(s) {
		if v.v != nil && v.on[node] && len(v.on) == 1 {
			return name
		}
	}
	return ""
}

// drainOf is the state in which Longhorn is asked: what ran on the node has
// been evicted, and its volumes are detached.
func drainOf(s *facts.Snapshot, node string) *state {
	st := &state{detached: map[string]bool{}}
	for i := range s.Longhorn.Volumes {
		if v := &s.Longhorn.Volumes[i]; v.State == "attached" && v.NodeID == node {
			st.detached[v.Name] = true
		}
	}
	return st
}

// FuzzPlanIsSaferThanLonghorn looks for clusters beyond the counted ones.
func FuzzPlanIsSaferThanLonghorn(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(0))
	f.Add(uint64(2237), uint8(3), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, version, policy uint8) {
		served := servedVersions[int(version)%len(servedVersions)]
		var c comparison
		c.cluster(t, seed, served.version, served.policies[int(policy)%len(served.policies)])
	})
}
