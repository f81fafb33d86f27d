package checks

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// stateChecks judge what state Longhorn's volumes, replicas and disks are in.
var stateChecks = []*Check{lhNoUsableReplica, lhSingleUsableReplica, lhVolumeFaulted, lhVolumeDegraded, lhOneFailureDomain, lhLowReplicaCount,
	lhAutoSalvaged, lhDiskNotReady, lhEvictionStuck}

func stateSuite(t testing.TB) Suite {
	t.Helper()
	var ids []string
	for _, c := range stateChecks {
		ids = append(ids, c.ID)
	}
	suite, err := NewSuite(nil, ids)
	if err != nil {
		t.Fatal(err)
	}
	return suite
}

// states are what FuzzLonghornState combines; n picks what is hit, and how.
var states = []func(s *facts.Snapshot, n int){
	func(s *facts.Snapshot, n int) {
		v := &s.Longhorn.Volumes[n%len(s.Longhorn.Volumes)]
		v.State = []string{"attached", "detached", "attaching", "detaching", "creating", "deleting", ""}[n%7]
		v.Robustness = []string{"healthy", "degraded", "faulted", "unknown", ""}[n%5]
		v.LastDegradedAt = facts.At(s.Now.Add(-time.Duration(n) * time.Hour / 4))
	},
	func(s *facts.Snapshot, n int) {
		r := &s.Longhorn.Replicas[n%len(s.Longhorn.Replicas)]
		r.FailedAt, r.LastFailedAt = facts.At(s.Now.Add(-time.Duration(n)*time.Minute)), facts.At(s.Now.Add(-time.Duration(n)*time.Minute))
	},
	func(s *facts.Snapshot, n int) {
		r := &s.Longhorn.Replicas[n%len(s.Longhorn.Replicas)]
		r.HealthyAt, r.State, r.EvictionRequested = 0, "running", n%2 == 0
	},
	func(s *facts.Snapshot, n int) {
		r := &s.Longhorn.Replicas[n%len(s.Longhorn.Replicas)]
		r.NodeID, r.DiskID = []string{"", "worker-1", "worker-9"}[n%3], []string{"", "other", s.Longhorn.Nodes[0].Disks[0].UUID}[n/3%3]
	},
	func(s *facts.Snapshot, n int) {
		node := &s.Longhorn.Nodes[n%len(s.Longhorn.Nodes)]
		node.Ready, node.ReadyReason = []string{"False", "Unknown", "", "True"}[n%4], hostile[n%len(hostile)]
		node.ReadySince = []time.Time{{}, s.Now, s.Now.Add(-time.Hour), s.Now.AddDate(1, 0, 0)}[n/4%4]
		node.EvictionRequested, node.AllowScheduling = n%3 == 0, n%2 == 0
	},
	func(s *facts.Snapshot, n int) {
		node := &s.Longhorn.Nodes[n%len(s.Longhorn.Nodes)]
		node.Disks = append(node.Disks, facts.LHDisk{Name: hostile[n%len(hostile)], UUID: hostile[n/2%len(hostile)], Ready: []string{"False", ""}[n%2],
			MaximumBytes: int64(n) << 60, ScheduledBytes: -int64(n), AllowScheduling: true, Type: []string{"block", "filesystem"}[n%2]})
	},
	func(s *facts.Snapshot, n int) {
		v := &s.Longhorn.Volumes[n%len(s.Longhorn.Volumes)]
		v.WantReplicas, v.DataEngine, v.NodeSelector, v.DataLocality = n%5, []string{"v1", "v2", ""}[n%3], hostile[:n%3], []string{"strict-local", "disabled"}[n%2]
		v.Sharded, v.Standby, v.Restoring = n%7 == 0, n%5 == 0, n%11 == 0
	},
	func(s *facts.Snapshot, n int) {
		for _, name := range []string{"default-replica-count", "storage-over-provisioning-percentage", "replica-soft-anti-affinity", "concurrent-replica-rebuild-per-node-limit"} {
			s.Longhorn.Settings[name] = []string{"", "0", "1", "true", `{"v1":"1"}`, `{"v1":`, "99999999999999999999"}[(n+len(name))%7]
		}
	},
	func(s *facts.Snapshot, n int) {
		s.Longhorn.Salvages = []facts.LHSalvage{{Volume: s.Longhorn.Volumes[n%len(s.Longhorn.Volumes)].Name, At: s.Now.Add(-time.Duration(n) * time.Hour)}}
	},
	func(s *facts.Snapshot, n int) {
		seen(s, "worker-1", idText(int64(n%12))+" left", time.Duration(n)*time.Hour)
	},
	func(s *facts.Snapshot, n int) {
		if len(s.Kube.Nodes) > 1 {
			world.LoseNode(s, s.Kube.Nodes[n%len(s.Kube.Nodes)].Name)
		}
	},
	func(s *facts.Snapshot, n int) {
		s.Kube.Nodes, s.Kube.Volumes = s.Kube.Nodes[:n%(len(s.Kube.Nodes)+1)], nil
	},
}

// FuzzLonghornState: no state of Longhorn's crashes a check, the same facts give
// the same verdicts, and a volume that lacks copies is told of by one check.
func FuzzLonghornState(f *testing.F) {
	f.Add([]byte{0, 6, 1, 15, 0, 8})
	f.Add([]byte{1, 3, 1, 4, 1, 5, 0, 2, 4, 1})
	f.Add([]byte{4, 0, 9, 9, 2, 4, 3, 7, 7, 3})
	f.Add([]byte{10, 3, 0, 1, 0, 6, 8, 2, 6, 12})
	f.Fuzz(func(t *testing.T, hits []byte) {
		s := healthy()
		for i := 0; i+1 < min(len(hits), 24); i += 2 {
			if len(s.Longhorn.Nodes) > 0 {
				states[int(hits[i])%len(states)](s, int(hits[i+1]))
			}
		}
		suite := stateSuite(t)
		once := Judge(suite, s)
		if !reflect.DeepEqual(once, Judge(suite, s)) {
			t.Fatal("the same facts gave different verdicts")
		}
		teller := map[string]string{}
		for _, v := range once {
			if strings.Contains(v.Summary, "crashed") {
				t.Fatalf("%s: %s", v.Check, v.Summary)
			}
			for _, finding := range v.Findings {
				switch v.Check {
				case lhNoUsableReplica.ID, lhSingleUsableReplica.ID, lhVolumeDegraded.ID, lhVolumeFaulted.ID:
				default:
					continue
				}
				name := finding.Subject.Name
				if other := teller[name]; other != "" && finding.Subject.Kind == "volume" && finding.Severity != verdict.Info {
					t.Fatalf("%s and %s tell of volume %s", other, v.Check, name)
				}
				teller[name] = v.Check
			}
		}
	})
}

// BenchmarkLonghornState judges the state of 110,001 volumes with 330,003
// replicas: each check after the replicas were judged, and all in a world that
// lost a node and is being emptied of another.
func BenchmarkLonghornState(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 100, Replicas: 3})
	world.Remember(s)
	in := &Input{Snapshot: s, shared: &shared{snapshot: s, suite: stateSuite(b)}}
	in.volumeHealths()
	for _, c := range stateChecks {
		b.Run(c.ID, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := c.Run(in.as(c)); len(r.Findings) != 0 || r.Unknown != "" {
					b.Fatalf("%+v", r)
				}
			}
		})
	}
	world.LoseNode(s, "worker-7")
	lhNodeNamed(s, "worker-8").EvictionRequested = true
	for i := range s.Longhorn.Volumes {
		s.Longhorn.Volumes[i].LastDegradedAt = 0
	}
	b.Run("node-lost", func(b *testing.B) {
		suite := stateSuite(b)
		b.ReportAllocs()
		for b.Loop() {
			if verdicts := Judge(suite, s); len(verdicts) != len(stateChecks) {
				b.Fatalf("%d verdicts", len(verdicts))
			}
		}
	})
}
