package checks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestLHReplicaNodeMissing(t *testing.T) { testCheck(t, lhReplicaNodeMissingCases) }

// failedOnLostNode puts the first replica of a claim's volume, failed, on a
// node that does not exist.
func failedOnLostNode(s *facts.Snapshot, claim string) *facts.LHReplica {
	r := replicasOf(s, claim)[0]
	r.NodeID, r.FailedAt = "worker-9", facts.At(s.Now.Add(-time.Hour))
	return r
}

const onWorker9 = "Longhorn still counts on 1 replica on node worker-9, which is neither in Kubernetes nor in Longhorn, where none is expected; " +
	`it is of 1 volume: that of "student-0001"`

var lhReplicaNodeMissingCases = cases{
	check: lhReplicaNodeMissing,
	fires: []damage{
		{
			// Nine volumes had a replica there; three are attached and rebuilding.
			name:   "a worker deleted",
			change: func(s *facts.Snapshot) { world.LoseNode(s, "worker-4") },
			want:   outcomes{"lh-replica-node-missing": "fail error 1"},
			summary: "Longhorn still counts on 6 replicas on node worker-4, which is neither in Kubernetes nor in Longhorn, where none is expected; " +
				`they are of 6 volumes: those of "student-0001", "student-0002", "student-0004", "student-0006", "student-0008" and 1 more`,
		},
		{
			name: "Longhorn's record of the node lingers",
			change: func(s *facts.Snapshot) {
				s.Kube.Nodes = s.Kube.Nodes[:3]
				world.Settle(s)
			},
			want: outcomes{"lh-replica-node-missing": "fail error 1"},
			summary: "Longhorn still counts on 9 replicas on node worker-4, which is in Longhorn but not in Kubernetes, where none is expected; " +
				`they are of 9 volumes: the hub's own database (datahub/hub-db-dir); those of "student-0001", "student-0002", "student-0004", "student-0005", "student-0006" and 3 more`,
		},
		{
			name: "Longhorn lost two nodes that Kubernetes has",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Nodes = s.Longhorn.Nodes[:2]
				world.Settle(s)
			},
			want:    outcomes{"lh-replica-node-missing": "fail error 2", "lh-single-usable-replica": "fail critical 6"},
			summary: "18 replicas are on 2 nodes that Kubernetes or Longhorn does not have",
		},
		{
			name: "it had the last copies",
			change: func(s *facts.Snapshot) {
				for _, r := range replicasOf(s, stopped) {
					r.NodeID = "worker-9"
				}
			},
			want: outcomes{"lh-replica-node-missing": "fail error 1", "lh-no-usable-replica": "fail critical 1"},
			summary: "Longhorn still counts on 3 replicas on node worker-9, which is neither in Kubernetes nor in Longhorn, where none is expected; " +
				`they are of 1 volume: that of "student-0001"; 1 volume has no other copy`,
		},
		{
			name:    "failed, and nothing took its place",
			change:  func(s *facts.Snapshot) { failedOnLostNode(s, stopped) },
			want:    outcomes{"lh-replica-node-missing": "fail error 1"},
			summary: onWorker9,
		},
	},
	mustNotFire: []damage{
		{
			name: "failed, and replaced long ago",
			change: func(s *facts.Snapshot) {
				r := *failedOnLostNode(s, stopped)
				r.Name, r.NodeID, r.FailedAt = r.Name+"x", "worker-3", 0
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, r)
				world.Settle(s)
			},
		},
		{name: "the replica is being deleted", change: func(s *facts.Snapshot) { failedOnLostNode(s, stopped).Deleting = facts.At(s.Now) }},
		{
			name: "the volume is being deleted",
			change: func(s *facts.Snapshot) {
				failedOnLostNode(s, stopped)
				volumeOf(s, stopped).Deleting = facts.At(s.Now)
			},
		},
		{
			name: "replicas of a volume that is no more",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, facts.LHReplica{Name: "zzz", Volume: "gone", NodeID: "worker-9", DiskID: "d", HealthyAt: facts.At(s.Now)})
				world.Settle(s)
			},
		},
		{
			name: "a new replica without a place yet",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, facts.LHReplica{Name: "zzz", Volume: volumeOf(s, running).Name, Active: true})
				world.Settle(s)
			},
		},
	},
	boundary: []damage{
		{name: "an attached volume in its grace", change: lostWhileRunning(30*time.Minute - time.Second)},
		{name: "after it", change: lostWhileRunning(30 * time.Minute), summary: strings.Replace(onWorker9, "0001", "0005", 1),
			want: outcomes{"lh-replica-node-missing": "fail error 1", "lh-volume-degraded": "fail warning 1"}},
		{name: "a longer grace", change: lostWhileRunning(30 * time.Minute), values: map[string]any{"grace": "1h"},
			want: outcomes{"lh-volume-degraded": "fail warning 1"}}, // whose own grace is what it was
		{
			name: "healthy on record while the volume is complete: Longhorn still counts on it",
			change: func(s *facts.Snapshot) {
				r := *failedOnLostNode(s, stopped)
				replicasOf(s, stopped)[0].FailedAt = 0
				r.Name, r.NodeID, r.FailedAt = r.Name+"x", "worker-3", 0
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, r)
				world.Settle(s)
			},
			want:    outcomes{"lh-replica-node-missing": "fail error 1"},
			summary: onWorker9,
		},
	},
	sourceFailed: []damage{{
		name: "Longhorn's nodes not readable", change: failed(facts.LonghornNodes), want: unknownWithout(facts.LonghornNodes, nil),
		summary: "source longhorn/nodes could not be read: gave up after 30s",
	}},
}

// lostWhileRunning fails a replica of a running server's volume on a lost node.
func lostWhileRunning(since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failedOnLostNode(s, running)
		v := volumeOf(s, running)
		v.Robustness, v.LastDegradedAt = "degraded", facts.At(s.Now.Add(-since))
	}
}

// It is critical only where nobody else says that data is lost.
func TestReplicaNodeMissingAlone(t *testing.T) {
	for want, change := range map[verdict.Severity]func(v *facts.LHVolume){
		verdict.Critical: func(*facts.LHVolume) {},
		verdict.Error:    func(v *facts.LHVolume) { v.Standby = true }, // a copy of another cluster's volume
	} {
		s := healthy()
		for _, r := range replicasOf(s, stopped) {
			r.NodeID = "worker-9"
		}
		change(volumeOf(s, stopped))
		suite, _ := NewSuite(nil, []string{"lh-replica-node-missing"})
		if f := Judge(suite, s)[0].Findings[0]; f.Severity != want || f.Details["users"] != `"student-0001"` || f.Details["replicas"] != "3" {
			t.Errorf("got %s, want %s: %v", f.Severity, want, f.Details)
		}
	}
}

// Shards lie on nodes as replicas do.
func TestShardsOnLostNode(t *testing.T) {
	s := healthy()
	shardVolume(s, stopped)
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == volumeOf(s, stopped).Name })
	s.Longhorn.Shards[0].NodeID, s.Longhorn.Shards[1].NodeID, s.Longhorn.Shards[1].State = "worker-9", "worker-9", "failed"
	world.Settle(s)
	suite, _ := NewSuite(nil, []string{"lh-replica-node-missing"})
	want := "Longhorn still counts on 1 shard on node worker-9, which is neither in Kubernetes nor in Longhorn, where none is expected; " +
		`it is of 1 volume: that of "student-0001"; 1 volume has no other copy`
	if v := Judge(suite, s)[0]; v.Summary != want {
		t.Errorf("got  %s\nwant %s", v.Summary, want)
	}
}
