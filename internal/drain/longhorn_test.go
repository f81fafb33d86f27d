package drain

import (
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/world"
)

// guarded is two volumes on three nodes: v0 on n0 and n1, v1 on n0 alone and
// never written to. n0 is being drained.
func guarded(version string, change func(s *facts.Snapshot)) *guard {
	c := recordedCluster{Policy: "block-if-contains-last-replica", Nodes: []string{"c:r1dy", "p:r1dy", "p:r1dy"}, Volumes: []string{"1:0hs-,1hs-", "1:0bs-"}}
	s := c.snapshot(version)
	if change != nil {
		change(s)
	}
	return longhornGuard(s)
}

func names(all ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range all {
		m[n] = true
	}
	return m
}

// TestGuardBetweenSteps: what the steps before did to the other replica.
func TestGuardBetweenSteps(t *testing.T) {
	attached := func(s *facts.Snapshot) { s.Longhorn.Volumes[0].State = "attached" }
	sparing := func(s *facts.Snapshot) { s.Longhorn.Settings[autoscalerSetting] = "true" }
	gone, back := state{gone: names("n1")}, state{gone: names("n1"), back: true}
	for name, c := range map[string]struct {
		version string
		change  func(s *facts.Snapshot)
		st      state
		want    outcome
	}{
		"nothing happened":                          {"1.10.0", nil, state{}, lets},
		"deleted node: the old rule does not ask":   {"1.2.4", nil, gone, lets},
		"deleted node: the look-up fails":           {"1.10.0", nil, gone, fails},
		"deleted node: fails in turn as well":       {"1.4.3", nil, gone, fails},
		"same name again: the record counts":        {"1.10.0", nil, back, lets},
		"same name again, budgets are rare":         {"1.10.0", sparing, back, lets | holds},
		"attached: the replica has failed":          {"1.10.0", attached, gone, holds},
		"attached: so it has under the old rule":    {"1.2.4", attached, gone, holds},
		"attached, stopped since: before or after?": {"1.10.0", attached, state{gone: names("n1"), detached: names("v0")}, holds | fails},
		"rebuilt since":                             {"1.10.0", nil, state{gone: names("n1"), rebuilt: names("v0")}, lets},
		"an unrelated node is gone":                 {"1.10.0", nil, state{gone: names("n2")}, lets},
		"drained twice, never to return":            {"1.10.0", nil, state{gone: names("n0")}, lets},
		"no budget: nothing protects the node":      {"1.10.0", func(s *facts.Snapshot) { s.Kube.DisruptionBudgets = nil }, gone, lets},
		"a budget of another namespace":             {"1.10.0", func(s *facts.Snapshot) { s.Kube.DisruptionBudgets[1].Namespace = "other" }, state{}, holds},
		"the node is not in Kubernetes":             {"1.10.0", func(s *facts.Snapshot) { s.Kube.Nodes = s.Kube.Nodes[1:] }, state{}, lets},
	} {
		t.Run(name, func(t *testing.T) {
			if got := guarded(c.version, c.change).answer("n0", &c.st); got != c.want {
				t.Errorf("%03b, want %03b", got, c.want)
			}
		})
	}
}

// TestBlocks: what is said is what was decided.
func TestBlocks(t *testing.T) {
	cordon := func(s *facts.Snapshot) { s.Kube.Nodes[1].Unschedulable = true }
	policy := func(value string) func(s *facts.Snapshot) {
		return func(s *facts.Snapshot) { cordon(s); s.Longhorn.Settings[lhsetting.NodeDrainPolicy] = value }
	}
	for name, c := range map[string]struct {
		version string
		change  func(s *facts.Snapshot)
		st      state
		held    string
		err     string
	}{
		"free to go":                   {version: "1.10.0"},
		"the last healthy one":         {version: "1.10.0", change: cordon, held: "v0-r-0: has no healthy replica on another schedulable node"},
		"only the record":              {version: "1.2.4", change: cordon},
		"nothing else on record":       {version: "1.2.4", change: func(s *facts.Snapshot) { s.Longhorn.Replicas[1].FailedAt = facts.At(s.Now) }, held: "v0-r-0: is the last one that is healthy on record"},
		"stopped replicas may go":      {version: "1.10.0", change: policy("allow-if-replica-is-stopped")},
		"all may go":                   {version: "1.10.0", change: policy("always-allow")},
		"the old switch":               {version: "1.3.1", change: func(s *facts.Snapshot) { cordon(s); s.Longhorn.Settings[lhsetting.LegacyDrainPolicy] = "true" }},
		"the old switch is gone":       {version: "1.5.5", change: func(s *facts.Snapshot) { cordon(s); s.Longhorn.Settings[lhsetting.LegacyDrainPolicy] = "true" }, held: "v0-r-0: has no"},
		"evicted first, blank or not":  {version: "1.10.0", change: policy("block-for-eviction"), held: "v0-r-0: has to be evicted from the node first (node-drain-policy block-for-eviction), v1-r-0: has to be"},
		"evicted if the last":          {version: "1.10.0", change: policy("block-for-eviction-if-contains-last-replica"), held: "v0-r-0: has no"},
		"a look-up fails":              {version: "1.10.0", st: state{gone: names("n1")}, err: `for 1 replica a look-up of a node, a volume or an instance manager fails, as for "v0-r-0"`},
		"its manager does not run":     {version: "1.10.0", change: func(s *facts.Snapshot) { s.Longhorn.InstanceManagers[0].State = "error" }, err: `instance manager "im-n0-0" is in state "error"`},
		"policy of another version":    {version: "1.10.0", change: policy("ask-somebody"), err: `node-drain-policy is "ask-somebody", which is not known`},
		"policy that came later":       {version: "1.4.3", change: policy("block-for-eviction"), err: "not known of this version"},
		"policy that is not there yet": {version: "1.3.1", change: policy("ask-somebody"), held: "v0-r-0: has no"},
		"a switch in between":          {version: "1.3.1", change: func(s *facts.Snapshot) { s.Longhorn.Settings[lhsetting.LegacyDrainPolicy] = "maybe" }, err: `is "maybe", neither true nor false`},
		"no version":                   {version: "", err: "is not a release"},
		"a build of a branch":          {version: "1.9.x-head", err: "is not a release"},
		"not yet":                      {version: "1.0.2", err: "only of 1.1 to 1.13"},
		"too new":                      {version: "1.14.0", err: "only of 1.1 to 1.13"},
		"another age":                  {version: "2.0.0", err: "only of 1.1 to 1.13"},
		"a candidate":                  {version: "1.10.0-rc1"},
		"budgets were not read":        {version: "1.10.0", change: unread(facts.KubeDisruptionBudgets), err: "kube/poddisruptionbudgets is failed"},
		"managers were not read":       {version: "1.10.0", change: unread(facts.LonghornInstanceManagers), err: "longhorn/instancemanagers is failed"},
		"settings were not read":       {version: "1.10.0", change: unread(facts.LonghornSettings), err: "longhorn/settings is failed"},
	} {
		t.Run(name, func(t *testing.T) {
			held, err := guarded(c.version, c.change).Blocks("n0", &c.st)
			var said []string
			for _, h := range held {
				said = append(said, h.Replica+": "+h.Why)
			}
			got := strings.Join(said, ", ")
			if !strings.HasPrefix(got, c.held) || c.held == "" && got != "" {
				t.Errorf("held %q, want %q", got, c.held)
			}
			if !strings.Contains(err, c.err) || c.err == "" && err != "" {
				t.Errorf("said %q, want %q", err, c.err)
			}
		})
	}
}

func unread(source string) func(s *facts.Snapshot) {
	return func(s *facts.Snapshot) {
		i := slices.IndexFunc(s.Sources, func(src facts.Source) bool { return src.Name == source })
		s.Sources[i].Status, s.Sources[i].Detail = facts.Failed, "403 Forbidden"
	}
}

// TestRuleOf: every version has the rule and the settings of its source code.
func TestRuleOf(t *testing.T) {
	for version, want := range map[string]rule{
		"v1.1.0": {reads: records, hasSwitch: true}, "v1.2.6": {reads: records, hasSwitch: true},
		"v1.3.2": {reads: inTurn, hasSwitch: true}, "v1.3.3": {reads: inTurn, hasSwitch: true, hasPolicy: true},
		"v1.4.1": {reads: inTurn, hasSwitch: true}, "v1.4.2": {reads: inTurn, hasSwitch: true, hasPolicy: true},
		"v1.5.3": {reads: inTurn, hasPolicy: true, oneManager: true}, "v1.5.4": {reads: listed, hasPolicy: true, oneManager: true},
		"v1.7.3": {reads: listed, hasPolicy: true, oneManager: true}, "v1.8.0": {reads: listed, hasPolicy: true, oneManager: true, needsManager: true},
		"v1.13.0-dev": {reads: listed, hasPolicy: true, oneManager: true, needsManager: true},
	} {
		if got, unknown := ruleOf(version); got != want || unknown != "" {
			t.Errorf("%s: %+v %s, want %+v", version, got, unknown, want)
		}
	}
}

// TestHealthyWorldIsFreeToGo: in the world in which every check passes Longhorn
// stops no drain, and says nothing.
func TestHealthyWorldIsFreeToGo(t *testing.T) {
	s := world.Healthy(world.Small)
	g := longhornGuard(s)
	for i := range s.Kube.Nodes {
		node := s.Kube.Nodes[i].Name
		if held, err := g.Blocks(node, drainOf(s, node)); len(held) > 0 || err != "" {
			t.Errorf("%s: %v %s", node, held, err)
		}
	}
}

// FuzzRuleOf: a version or a setting in any spelling is either known or told to
// be unknown.
func FuzzRuleOf(f *testing.F) {
	for _, version := range []string{"v1.12.1", "v1.4.2-rc1", "master-head", "v1.99999999.0"} {
		f.Add(version, "block-for-eviction", "false")
	}
	f.Fuzz(func(t *testing.T, version, policy, allow string) {
		r, unknown := ruleOf(version)
		if unknown != "" && r != (rule{}) {
			t.Errorf("%q is unknown, and has the rule %+v", version, r)
		}
		p, unclear := r.policyOf(map[string]string{lhsetting.NodeDrainPolicy: policy, lhsetting.LegacyDrainPolicy: allow})
		if unclear != "" && p != blockLast {
			t.Errorf("%q and %q are unclear, and mean %v", policy, allow, p)
		}
		if r.hasPolicy && !r.hasSwitch && unclear == "" && policies[policy] != p {
			t.Errorf("%q means %v", policy, p)
		}
	})
}

// BenchmarkGuard asks about every node of a cluster with 10,000 volumes.
func BenchmarkGuard(b *testing.B) {
	s := world.Healthy(world.Size{Users: 10_000, Nodes: 50, Replicas: 3})
	b.ReportAllocs()
	for b.Loop() {
		g := longhornGuard(s)
		for i := range s.Kube.Nodes {
			if held, err := g.Blocks(s.Kube.Nodes[i].Name, &state{}); len(held) > 0 || err != "" {
				b.Fatal(held, err)
			}
		}
	}
}
