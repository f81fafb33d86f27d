package checks

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// lossChecks are those of lost replicas, disks and nodes.
var lossChecks = []*Check{lhNoUsableReplica, lhReplicaNodeMissing, lhReplicaDiskMissing, lhReplicaPredatesNode, lhBlankAttachRisk,
	lhNodeGoneLingering, lhDrainWouldLoseData, lhOrphanLastCopy}

// lossAccidents are what a random cluster is made of.
var lossAccidents = []func(s *facts.Snapshot, r *rand.Rand){
	func(s *facts.Snapshot, r *rand.Rand) {
		if len(s.Kube.Nodes) > 1 {
			world.LoseNode(s, anyNode(s, r).Name)
		}
	},
	func(s *facts.Snapshot, r *rand.Rand) { name := anyNode(s, r).Name; world.ReplaceNode(s, name, name) },
	func(s *facts.Snapshot, r *rand.Rand) { anyNode(s, r).Unschedulable = true },
	func(s *facts.Snapshot, r *rand.Rand) { anyNode(s, r).Deleting = s.Now },
	func(s *facts.Snapshot, r *rand.Rand) {
		anyNode(s, r).Taints = []string{"ToBeDeletedByClusterAutoscaler"}
	},
	func(s *facts.Snapshot, r *rand.Rand) {
		anyNode(s, r).Created = s.Now.Add(-time.Duration(r.IntN(90)) * time.Minute)
	},
	func(s *facts.Snapshot, r *rand.Rand) {
		n := &s.Longhorn.Nodes[r.IntN(len(s.Longhorn.Nodes))]
		n.Ready, n.ReadySince = "False", s.Now.Add(-time.Duration(r.IntN(90))*time.Minute)
	},
	func(s *facts.Snapshot, r *rand.Rand) { evict(s, s.Longhorn.Nodes[r.IntN(len(s.Longhorn.Nodes))].Name) },
	func(s *facts.Snapshot, r *rand.Rand) {
		s.Longhorn.Nodes[r.IntN(len(s.Longhorn.Nodes))].Disks[0].UUID = []string{"", other}[r.IntN(2)]
	},
	func(s *facts.Snapshot, r *rand.Rand) {
		for range 5 {
			rep := &s.Longhorn.Replicas[r.IntN(len(s.Longhorn.Replicas))]
			switch r.IntN(3) {
			case 0:
				rep.FailedAt = facts.At(s.Now.Add(-time.Duration(r.IntN(90)) * time.Minute))
			case 1:
				rep.HealthyAt, rep.LastHealthyAt = 0, 0
			case 2:
				rep.Deleting = facts.At(s.Now)
			}
		}
	},
	func(s *facts.Snapshot, r *rand.Rand) { world.ForgetReplicas(s, anyVolume(s, r).Name) },
	func(s *facts.Snapshot, r *rand.Rand) {
		if !slices.ContainsFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return n.Disks[0].UUID == "" }) {
			world.Rebuild(s)
		}
	},
	func(s *facts.Snapshot, r *rand.Rand) { forgotten(anyVolume(s, r), s.Now) },
	func(s *facts.Snapshot, r *rand.Rand) { anyVolume(s, r).WantReplicas = r.IntN(4) },
	func(s *facts.Snapshot, r *rand.Rand) {
		v := anyVolume(s, r)
		v.Robustness, v.LastDegradedAt = "degraded", facts.At(s.Now.Add(-time.Duration(r.IntN(90))*time.Minute))
	},
	func(s *facts.Snapshot, r *rand.Rand) {
		leaveOrphan(s, anyVolume(s, r).Name).DiskPath = hostile[r.IntN(len(hostile))]
	},
	func(s *facts.Snapshot, r *rand.Rand) {
		s.Longhorn.Version = []string{"", "v1.4.4", "master-head"}[r.IntN(3)]
	},
}

func anyNode(s *facts.Snapshot, r *rand.Rand) *facts.Node {
	return &s.Kube.Nodes[r.IntN(len(s.Kube.Nodes))]
}
func anyVolume(s *facts.Snapshot, r *rand.Rand) *facts.LHVolume {
	return &s.Longhorn.Volumes[r.IntN(len(s.Longhorn.Volumes))]
}

// FuzzLosses makes random clusters. In each one, every volume that has lost its
// data is told by one check, and every volume whose data goes with the nodes that
// are leaving, as taking these nodes away shows, is told before they go.
func FuzzLosses(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed, uint8(seed%7))
	}
	f.Fuzz(func(t *testing.T, seed uint64, accidents uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := world.Healthy(world.Size{Users: 8, Nodes: 4, Replicas: 1 + r.IntN(3)})
		for range accidents % 16 {
			if len(s.Longhorn.Replicas) > 0 && len(s.Longhorn.Nodes) > 0 {
				lossAccidents[r.IntN(len(lossAccidents))](s, r)
			}
		}
		ids := make([]string, len(lossChecks))
		for i, c := range lossChecks {
			ids[i] = c.ID
		}
		suite, err := NewSuite(nil, ids)
		if err != nil {
			t.Fatal(err)
		}
		verdicts := map[string]verdict.Verdict{}
		for _, v := range Judge(suite, s) {
			wellFormed(t, v)
			verdicts[v.Check] = v
		}
		if verdicts["lh-no-usable-replica"].Outcome == verdict.Unknown {
			return // not one replica, or not one node
		}
		expectLossesTold(t, s, verdicts)
		expectDeparturesTold(t, s, verdicts["lh-drain-would-lose-data"])
	})
}

// expectLossesTold holds the two checks of lost volumes against the judge.
func expectLossesTold(t *testing.T, s *facts.Snapshot, verdicts map[string]verdict.Verdict) {
	t.Helper()
	told := map[string]int{}
	for _, id := range []string{"lh-no-usable-replica", "lh-blank-attach-risk"} {
		for _, f := range verdicts[id].Findings {
			told[f.Subject.Name]++
		}
	}
	in := &Input{Snapshot: s}
	volumes := replica.Volumes(s, replica.NewCluster(s))
	for i := range volumes {
		v := &volumes[i]
		want := 0
		if v.Copies() == 0 && in.finished(v.LHVolume) && v.HasHistory() {
			want = 1
		}
		if firstStart := onlyBlank(v) && !wrote(v.LHVolume) && v.State != "detached"; firstStart {
			want = 0
		}
		if told[v.Name] != want {
			t.Errorf("volume %s has %d copies and is told %d times, want %d", v.Name, v.Copies(), told[v.Name], want)
		}
	}
}

// expectDeparturesTold takes the nodes away that are leaving and compares which
// volumes that costs with those that were told.
func expectDeparturesTold(t *testing.T, s *facts.Snapshot, v verdict.Verdict) {
	t.Helper()
	after := *s
	after.Kube.Nodes = slices.DeleteFunc(slices.Clone(s.Kube.Nodes), func(n facts.Node) bool {
		return n.Unschedulable || !n.Deleting.IsZero() || len(n.Taints) > 0
	})
	in := &Input{Snapshot: s}
	was, is := replica.Volumes(s, replica.NewCluster(s)), replica.Volumes(&after, replica.NewCluster(&after))
	var want, told []string
	for i := range was {
		if was[i].Copies() > 0 && is[i].Copies() == 0 && in.finished(was[i].LHVolume) && was[i].HasHistory() {
			want = append(want, was[i].Name)
		}
	}
	for _, f := range v.Findings {
		for _, key := range []string{"volumes", "moving"} {
			told = append(told, strings.FieldsFunc(f.Details[key], func(c rune) bool { return c == ',' || c == ' ' })...)
		}
	}
	slices.Sort(told)
	if diff := cmp.Diff(want, slices.Compact(told), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("volumes that go with the nodes (-want +told):\n%s", diff)
	}
}

// BenchmarkLosses judges each of the checks over 100,000 volumes with 300,000
// replicas after two of fifty nodes were rebuilt under their names, one was
// deleted, one cordoned, and the records of 1,000 volumes removed.
func BenchmarkLosses(b *testing.B) {
	s := world.Healthy(world.Size{Users: 90_909, Nodes: 50, Replicas: 3})
	world.ReplaceNode(s, "worker-1", "worker-1")
	world.ReplaceNode(s, "worker-2", "worker-2")
	world.LoseNode(s, "worker-3")
	cordon(s, "worker-4")
	var names []string
	for i := range 1000 {
		names = append(names, s.Longhorn.Volumes[i*90].Name)
	}
	forgetMany(s, names)
	views := &shared{snapshot: s}
	in := &Input{Snapshot: s, shared: views}
	in.volumeHealths()
	in.Owners()
	for _, c := range lossChecks {
		b.Run(c.ID, func(b *testing.B) {
			b.ReportAllocs()
			suite, err := NewSuite(nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			views.suite = suite
			for b.Loop() {
				own := in.as(c)
				if r := c.Run(own); r.Unknown != "" {
					b.Fatal(r.Unknown)
				}
			}
		})
	}
}

// forgetMany blanks the replicas of many volumes.
func forgetMany(s *facts.Snapshot, names []string) {
	gone := map[string]bool{}
	for _, name := range names {
		gone[name] = true
	}
	for i := range s.Longhorn.Replicas {
		if r := &s.Longhorn.Replicas[i]; gone[r.Volume] {
			r.HealthyAt, r.LastHealthyAt = 0, 0
		}
	}
}
