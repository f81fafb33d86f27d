package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHReplicaNodeMissing(t *testing.T) { testCheck(t, lhReplicaNodeMissingCases) }

// failedOnLostNode puts the first replica of a claim's volume, failed, on a
// node that does not exist.
func failedOnLostNode(s *facts.Snapshot, claim string) *facts.LHReplica {
	r := replicasOf(s, claim)[0]
	r.NodeID, r.FailedAt = "worker-9", s.Now.Add(-time.Hour)
	return r
}

const onWorker9 = "1 replica of 1 volume is on node worker-9, which is neither in Kubernetes nor in Longhorn; none is expected there"

var lhReplicaNodeMissingCases = cases{
	check: lhReplicaNodeMissing,
	fires: []damage{
		{
			// Nine volumes had a replica there; three are attached and rebuilding.
			name:    "a worker deleted",
			change:  func(s *facts.Snapshot) { world.LoseNode(s, "worker-4") },
			want:    outcomes{"lh-replica-node-missing": "fail error 1"},
			summary: "6 replicas of 6 volumes are on node worker-4, which is neither in Kubernetes nor in Longhorn; none is expected there",
		},
		{
			name: "Longhorn's record of the node lingers",
			change: func(s *facts.Snapshot) {
				s.Kube.Nodes = s.Kube.Nodes[:3]
				world.Settle(s)
			},
			want:    outcomes{"lh-replica-node-missing": "fail error 1"},
			summary: "9 replicas of 9 volumes are on node worker-4, which is in Longhorn but not in Kubernetes; none is expected there",
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
				r.Name, r.NodeID, r.FailedAt = r.Name+"x", "worker-3", time.Time{}
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, r)
				world.Settle(s)
			},
		},
		{name: "the replica is being deleted", change: func(s *facts.Snapshot) { failedOnLostNode(s, stopped).Deleting = s.Now }},
		{
			name: "the volume is being deleted",
			change: func(s *facts.Snapshot) {
				failedOnLostNode(s, stopped)
				volumeOf(s, stopped).Deleting = s.Now
			},
		},
		{
			name: "replicas of a volume that is no more",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, facts.LHReplica{Name: "zzz", Volume: "gone", NodeID: "worker-9", DiskID: "d", HealthyAt: s.Now})
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
		{name: "after it", change: lostWhileRunning(30 * time.Minute), want: outcomes{"lh-replica-node-missing": "fail error 1"}, summary: onWorker9},
		{name: "a longer grace", change: lostWhileRunning(30 * time.Minute), values: map[string]any{"grace": "1h"}},
		{
			name: "healthy on record while the volume is complete: Longhorn still counts on it",
			change: func(s *facts.Snapshot) {
				r := *failedOnLostNode(s, stopped)
				replicasOf(s, stopped)[0].FailedAt = time.Time{}
				r.Name, r.NodeID, r.FailedAt = r.Name+"x", "worker-3", time.Time{}
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, r)
				world.Settle(s)
			},
			want:    outcomes{"lh-replica-node-missing": "fail error 1"},
			summary: onWorker9,
		},
	},
	sourceFailed: []damage{{
		name: "Longhorn's nodes not readable", change: failed(facts.LonghornNodes), want: replicasUnknown(nil),
		summary: "source longhorn/nodes could not be read: gave up after 30s",
	}},
}

// lostWhileRunning fails a replica of a running server's volume on a lost node.
func lostWhileRunning(since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failedOnLostNode(s, running)
		v := volumeOf(s, running)
		v.Robustness, v.LastDegradedAt = "degraded", s.Now.Add(-since)
	}
}
