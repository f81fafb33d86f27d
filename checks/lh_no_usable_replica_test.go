package checks

import (
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestLHNoUsableReplica(t *testing.T) { testCheck(t, lhNoUsableReplicaCases) }

// allFailed leaves a volume of a stopped server without a usable replica and
// then changes it.
func allFailed(change func(v *facts.LHVolume, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failReplicas(s, stopped, 3)
		v := volumeOf(s, stopped)
		change(v, s.Now)
		world.LastBackup(s, v, v.LastBackupAt.Time())
	}
}

// forgotten takes every trace of use from a volume.
func forgotten(v *facts.LHVolume, _ time.Time) {
	v.ActualBytes, v.LastAttachedBy, v.LastPodRefAt, v.LastBackupAt = 0, "", 0, 0
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
			want:    outcomes{"lh-no-usable-replica": "fail critical 3", "lh-single-usable-replica": "fail critical 8", "lh-replica-node-missing": "fail error 3"},
			summary: "3 volumes have no usable replica: 9 replicas are on nodes worker-1, worker-2, worker-3, which are not in Kubernetes",
		},
		{name: "one replica by choice, and that is gone", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.WantReplicas = 1 }),
			want: outcomes{"lh-no-usable-replica": "fail critical 1", "lh-low-replica-count": "fail warning 1"}, summary: noneLeft},
		{
			name: "every node is down",
			change: func(s *facts.Snapshot) {
				for i := range s.Longhorn.Nodes {
					s.Longhorn.Nodes[i].Ready = "Unknown"
				}
			},
			want: outcomes{"lh-no-usable-replica": "fail critical 12", "lh-disk-not-ready": "fail error 4"},
			summary: "12 volumes have no usable replica: 9 replicas are on node worker-1, which is not ready since 2026-03-20 13:01 UTC; " +
				"9 replicas are on node worker-2, which is not ready since 2026-03-20 13:01 UTC; " +
				"9 replicas are on node worker-3, which is not ready since 2026-03-20 13:01 UTC; " +
				"9 replicas are on node worker-4, which is not ready since 2026-03-20 13:01 UTC",
		},
	},
	mustNotFire: []damage{
		// Its claim has no backup either, but holds nothing.
		{name: "never used", change: allFailed(forgotten)},
		{name: "restoring", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.Restoring = true })},
		{name: "standby", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.Standby = true })},
		{name: "being made", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.State = "creating" })},
		{name: "sharded is lh-ec-margin's", change: allFailed(func(v *facts.LHVolume, _ time.Time) { v.Sharded = true }),
			want: outcomes{"lh-ec-margin": "fail critical 1"}},
		{
			name: "Longhorn made blank replicas: that is lh-blank-attach-risk's",
			change: func(s *facts.Snapshot) {
				for _, r := range replicasOf(s, stopped) {
					r.HealthyAt, r.LastHealthyAt = 0, 0
				}
			},
			want: outcomes{"lh-blank-attach-risk": "fail critical 1"},
		},
	},
	boundary: []damage{
		{name: "one left is the other check's", change: func(s *facts.Snapshot) { failReplicas(s, stopped, 2) },
			want: outcomes{"lh-single-usable-replica": "fail critical 1"}},
		{name: "a single byte of data", change: allFailed(func(v *facts.LHVolume, now time.Time) {
			forgotten(v, now)
			v.ActualBytes, v.LastBackupAt = 1, facts.At(now)
		}),
			want: outcomes{"lh-no-usable-replica": "fail critical 1", "pvc-emptied": "fail warning 1"}, summary: noneLeft},
		{name: "only ever backed up", change: allFailed(func(v *facts.LHVolume, now time.Time) { forgotten(v, now); v.LastBackupAt = facts.At(now) }),
			want: outcomes{"lh-no-usable-replica": "fail critical 1"}, summary: noneLeft},
		{name: "only ever attached", change: allFailed(func(v *facts.LHVolume, now time.Time) { forgotten(v, now); v.LastAttachedBy = "worker-1" }),
			want: outcomes{"lh-no-usable-replica": "fail critical 1"}, summary: noneLeft},
		{name: "only ever mounted", change: allFailed(func(v *facts.LHVolume, now time.Time) { forgotten(v, now); v.LastPodRefAt = facts.At(now) }),
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
			want:    listsUnknown(outcomes{"audit-input-missing": "fail critical 1"}),
			summary: "Longhorn listed no node at all: either the list is incomplete or its records are gone",
		},
	},
}

// Where lh-ec-margin is not judged, sharded volumes are this check's.
func TestNoUsableShards(t *testing.T) {
	const volume = "pvc-00000003-0000-4000-8000-000000000002"
	sharded := func(change func(*facts.Snapshot)) verdict.Verdict {
		s := healthy()
		v := volumeOf(s, stopped)
		v.Sharded = true
		s.Longhorn.ShardGroups = []facts.LHShardGroup{{Name: v.Name, DataChunks: 2, ParityChunks: 1, State: "healthy"}}
		for slot, n := range s.Longhorn.Nodes[:3] {
			s.Longhorn.Shards = append(s.Longhorn.Shards, facts.LHShard{Name: fmt.Sprint("shard-", slot), Group: v.Name, Slot: slot,
				NodeID: n.Name, DiskID: n.Disks[0].UUID, State: "normal"})
		}
		world.Settle(s)
		change(s)
		suite, _ := NewSuite(nil, []string{"lh-no-usable-replica"})
		return Judge(suite, s)[0]
	}
	lost := func(s *facts.Snapshot) {
		s.Longhorn.Shards[0].State, s.Longhorn.Shards[1].NodeID = "failed", "worker-9"
	}
	v := sharded(lost)
	if want := "1 volume has no usable replica: 1 shard has failed; 1 shard is on node worker-9, which is not in Kubernetes"; v.Summary != want {
		t.Errorf("summary:\n got %s\nwant %s", v.Summary, want)
	}
	if want := "detached volume " + volume + ` of claim datahub/claim-student-0001, user "student-0001"'s default server has 1 usable shard of 3 and needs 2; ` +
		"it last held 150 MiB, and its last backup is of 2026-11-20 02:30 UTC"; v.Findings[0].Message != want {
		t.Errorf("message:\n got %s\nwant %s", v.Findings[0].Message, want)
	}
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		want   string
	}{
		"all there":      {func(*facts.Snapshot) {}, "pass "},
		"one to spare":   {func(s *facts.Snapshot) { s.Longhorn.Shards[0].State = "failed" }, "pass "},
		"no shard group": {func(s *facts.Snapshot) { lost(s); s.Longhorn.ShardGroups = nil }, "unknown sharded volume " + volume + " has no shard group on record"},
		"not readable": {func(s *facts.Snapshot) { s.Longhorn.Shards = nil; failed(facts.LonghornShards)(s) },
			"unknown source longhorn/shards could not be read: gave up after 30s"},
	} {
		if v := sharded(c.change); string(v.Outcome)+" "+v.Summary != c.want {
			t.Errorf("%s: got %s %s, want %s", name, v.Outcome, v.Summary, c.want)
		}
	}
}
