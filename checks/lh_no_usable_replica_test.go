package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHNoUsableReplica(t *testing.T) { testCheck(t, lhNoUsableReplicaCases) }

// allFailed leaves a volume of a stopped server without a usable replica and
// then changes it.
func allFailed(change func(v *facts.LHVolume, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failReplicas(s, stopped, 3)
		change(volumeOf(s, stopped), s.Now)
	}
}

// forgotten takes every trace of use from a volume.
func forgotten(v *facts.LHVolume, _ time.Time) {
	v.ActualBytes, v.LastAttachedBy, v.LastPodRefAt, v.LastBackupAt = 0, "", time.Time{}, time.Time{}
}

const noneLeft = "1 volume has no usable replica: 3 replicas have failed"

var lhNoUsableReplicaCases = cases{
	check: lhNoUsableReplica,
	fires: []damage{
		{
			name: "2023: the third worker",
			change: func(s *facts.Snapshot) {
				world.ReplaceNode(s, "worker-1", "worker-5")
				world.ReplaceNode(s, "worker-2", "worker-6")
				world.ReplaceNode(s, "worker-3", "worker-7")
			},
			// The hub's own volume is attached and rebuilding.
			want: outcomes{"lh-no-usable-replica": "fail critical 3", "lh-single-usable-replica": "fail critical 8", "lh-replica-node-missing": "fail error 3"},
			summary: "3 volumes have no usable replica: 3 replicas are on node worker-1, which is not in Kubernetes; " +
				"3 replicas are on node worker-2, which is not in Kubernetes; 3 replicas are on node worker-3, which is not in Kubernetes",
		},
		{
			name: "Longhorn made blank replicas for a volume with data",
			change: func(s *facts.Snapshot) {
				for _, r := range replicasOf(s, stopped) {
					r.HealthyAt, r.LastHealthyAt = time.Time{}, time.Time{}
				}
			},
			want:    outcomes{"lh-no-usable-replica": "fail critical 1"},
			summary: "1 volume has no usable replica: 3 replicas were never healthy",
		},
		{name: "one replica by choice, and that is gone", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.WantReplicas = 1 }),
			want: outcomes{"lh-no-usable-replica": "fail critical 1"}, summary: noneLeft},
		{
			name: "every node is down",
			change: func(s *facts.Snapshot) {
				for i := range s.Longhorn.Nodes {
					s.Longhorn.Nodes[i].Ready = "Unknown"
				}
			},
			want: outcomes{"lh-no-usable-replica": "fail critical 12"},
			summary: "12 volumes have no usable replica: 9 replicas are on node worker-1, which is not ready; 9 replicas are on node worker-2, which is not ready; " +
				"9 replicas are on node worker-3, which is not ready; 9 replicas are on node worker-4, which is not ready",
		},
	},
	mustNotFire: []damage{
		// Its claim has no backup either, but holds nothing.
		{name: "never used", change: allFailed(forgotten)},
		{name: "restoring", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.Restoring = true })},
		{name: "standby", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.Standby = true })},
		{name: "being made", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.State = "creating" })},
		{name: "sharded", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.Sharded = true })},
	},
	boundary: []damage{
		{name: "one left is the other check's", change: func(s *facts.Snapshot) { failReplicas(s, stopped, 2) },
			want: outcomes{"lh-single-usable-replica": "fail critical 1"}},
		{name: "a single byte of data", change: allFailed(func(v *facts.LHVolume, now time.Time) { forgotten(v, now); v.ActualBytes, v.LastBackupAt = 1, now }),
			want: outcomes{"lh-no-usable-replica": "fail critical 1"}, summary: noneLeft},
		{name: "only ever backed up", change: allFailed(func(v *facts.LHVolume, now time.Time) { forgotten(v, now); v.LastBackupAt = now }),
			want: outcomes{"lh-no-usable-replica": "fail critical 1"}, summary: noneLeft},
		{name: "only ever attached", change: allFailed(func(v *facts.LHVolume, now time.Time) { forgotten(v, now); v.LastAttachedBy = "worker-1" }),
			want: outcomes{"lh-no-usable-replica": "fail critical 1"}, summary: noneLeft},
		{name: "only ever mounted", change: allFailed(func(v *facts.LHVolume, now time.Time) { forgotten(v, now); v.LastPodRefAt = now }),
			want: outcomes{"lh-no-usable-replica": "fail critical 1"}, summary: noneLeft},
	},
	sourceFailed: []damage{
		{name: "replicas not readable", change: failed(facts.LonghornReplicas), want: replicasUnknown(nil),
			summary: "source longhorn/replicas could not be read: gave up after 30s"},
		{
			name: "Longhorn's nodes vanished",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Nodes = nil
				world.Settle(s)
			},
			want:    replicasUnknown(outcomes{"audit-input-missing": "fail critical 1"}),
			summary: "Longhorn listed no node at all: either the list is incomplete or its records are gone",
		},
	},
}
