package checks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHECMargin(t *testing.T) { testCheck(t, lhECMarginCases) }

// shard makes a claim's volume one of two data and two parity shards, one on
// each worker, and changes the group and the first shards that are named by
// change.
func shard(claim string, change func(s *facts.Snapshot, v *facts.LHVolume, g *facts.LHShardGroup, shards []*facts.LHShard)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := volumeOf(s, claim)
		v.Sharded, v.DataEngine = true, "v2"
		kept := s.Longhorn.Replicas[:0]
		for _, r := range s.Longhorn.Replicas {
			if r.Volume != v.Name {
				kept = append(kept, r)
			}
		}
		s.Longhorn.Replicas = kept
		s.Longhorn.ShardGroups = append(s.Longhorn.ShardGroups, facts.LHShardGroup{Name: v.Name, DataChunks: 2, ParityChunks: 2, State: "healthy"})
		var shards []*facts.LHShard
		for i := range s.Longhorn.Nodes[:4] {
			n := &s.Longhorn.Nodes[i]
			s.Longhorn.Shards = append(s.Longhorn.Shards, facts.LHShard{Name: fmt.Sprintf("%s-s-%d", v.Name, i), Group: v.Name, Slot: i,
				NodeID: n.Name, DiskID: n.Disks[0].UUID, State: "normal"})
		}
		for i := range s.Longhorn.Shards {
			shards = append(shards, &s.Longhorn.Shards[i])
		}
		change(s, v, &s.Longhorn.ShardGroups[0], shards)
		world.Settle(s)
	}
}

// loseShards marks the first n shards of a claim's volume failed; the volume
// is degraded since then.
func loseShards(claim string, n int, since time.Duration) func(*facts.Snapshot) {
	return shard(claim, func(s *facts.Snapshot, v *facts.LHVolume, g *facts.LHShardGroup, shards []*facts.LHShard) {
		for _, sh := range shards[:n] {
			sh.State = "failed"
		}
		g.Failed, g.State, v.LastDegradedAt = n, "degraded", facts.At(s.Now.Add(-since))
	})
}

func sharded(claim, what string) string {
	s := healthy()
	v := volumeOf(s, claim)
	user := strings.TrimPrefix(claim, "claim-")
	return fmt.Sprintf("%s sharded volume %s of claim datahub/%s, user %q's default server %s", v.State, v.Name, claim, user, what)
}

func asMade(*facts.Snapshot, *facts.LHVolume, *facts.LHShardGroup, []*facts.LHShard) {}

var lhECMarginCases = cases{
	check: lhECMargin,
	fires: []damage{
		{name: "a shard failed", change: loseShards(stopped, 1, time.Hour), want: outcomes{"lh-ec-margin": "fail warning 1"},
			summary: sharded(stopped, "has 3 usable shards of 4 and needs 2")},
		{name: "no margin left", change: loseShards(stopped, 2, time.Hour), want: outcomes{"lh-ec-margin": "fail error 1"},
			summary: sharded(stopped, "has 2 usable shards of 4 and needs 2: the next shard lost loses it")},
		{name: "lost", change: loseShards(stopped, 3, time.Hour), want: outcomes{"lh-ec-margin": "fail critical 1"},
			summary: sharded(stopped, "has 1 usable shard of 4 and needs 2")},
		{
			name: "the group says offline",
			change: shard(running, func(_ *facts.Snapshot, _ *facts.LHVolume, g *facts.LHShardGroup, _ []*facts.LHShard) {
				g.State = "offline"
			}),
			want:    outcomes{"lh-ec-margin": "fail critical 1"},
			summary: sharded(running, "is offline: its shard group says so, although it has 4 usable shards of 4 and needs 2"),
		},
		{
			name: "the group is gone",
			change: shard(stopped, func(s *facts.Snapshot, _ *facts.LHVolume, _ *facts.LHShardGroup, _ []*facts.LHShard) {
				s.Longhorn.ShardGroups = nil
			}),
			want:    outcomes{"lh-ec-margin": "fail critical 1"},
			summary: sharded(stopped, "has no shard group on record: what its shards hold cannot be put together"),
		},
		{
			name:    "Longhorn counts a failure that no shard shows",
			change:  shard(stopped, func(_ *facts.Snapshot, _ *facts.LHVolume, g *facts.LHShardGroup, _ []*facts.LHShard) { g.Failed = 2 }),
			want:    outcomes{"lh-ec-margin": "fail error 1"},
			summary: sharded(stopped, "has 2 usable shards of 4 and needs 2: the next shard lost loses it"),
		},
		{
			name: "dirty although detached",
			change: shard(stopped, func(_ *facts.Snapshot, _ *facts.LHVolume, g *facts.LHShardGroup, _ []*facts.LHShard) {
				g.DirtyRegion = true
			}),
			want:    outcomes{"lh-ec-margin": "fail warning 1"},
			summary: sharded(stopped, "is marked dirty although it is detached: the last writes may be on fewer shards than they should"),
		},
	},
	mustNotFire: []damage{
		{name: "all is well", change: shard(stopped, asMade)},
		{name: "writing", change: shard(running, func(_ *facts.Snapshot, _ *facts.LHVolume, g *facts.LHShardGroup, _ []*facts.LHShard) {
			g.DirtyRegion = true
		})},
		{name: "being rebuilt", change: loseShards(running, 1, 5*time.Minute)},
		{name: "a shard of a volume that is being deleted",
			change: both(loseShards(stopped, 3, time.Hour), func(s *facts.Snapshot) { volumeOf(s, stopped).Deleting = facts.At(s.Now) })},
		{name: "growing", change: shard(running, func(_ *facts.Snapshot, _ *facts.LHVolume, g *facts.LHShardGroup, _ []*facts.LHShard) {
			g.State = "growing"
		})},
	},
	boundary: []damage{
		{name: "a second before the grace ends", change: loseShards(running, 1, 30*time.Minute-time.Second)},
		{name: "as long as the grace", change: loseShards(running, 1, 30*time.Minute), want: outcomes{"lh-ec-margin": "fail warning 1"},
			summary: sharded(running, "has 3 usable shards of 4 and needs 2")},
		{name: "no margin left while it rebuilds", change: loseShards(running, 2, time.Minute), want: outcomes{"lh-ec-margin": "fail error 1"},
			summary: sharded(running, "has 2 usable shards of 4 and needs 2: the next shard lost loses it")},
	},
	sourceFailed: []damage{
		{name: "shards not readable", change: failed(facts.LonghornShards), want: unknownWithout(facts.LonghornShards, nil),
			summary: "source longhorn/shards could not be read: gave up after 30s"},
		{name: "Longhorn before 1.12.1", change: absent(facts.LonghornShardGroups, facts.LonghornShards),
			want: outcomes{"lh-ec-margin": "skipped"}, summary: "source longhorn/shardgroups is absent: the cluster has no such API"},
	},
}
