package replica_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/world"
)

// sharded makes the world's second volume one of k data and m parity chunks, a
// shard of it on each worker in turn.
func sharded(k, m int) *facts.Snapshot {
	s := world.Healthy(world.Small)
	v := &s.Longhorn.Volumes[1]
	v.Sharded, v.DataEngine = true, "v2"
	s.Longhorn.ShardGroups = []facts.LHShardGroup{{Name: v.Name, DataChunks: k, ParityChunks: m, State: "healthy"}}
	for slot := range k + m {
		n := &s.Longhorn.Nodes[slot%len(s.Longhorn.Nodes)]
		s.Longhorn.Shards = append(s.Longhorn.Shards, facts.LHShard{Name: fmt.Sprintf("%s-%d", v.Name, slot), Group: v.Name, Slot: slot,
			NodeID: n.Name, DiskID: n.Disks[0].UUID, State: "normal"})
	}
	world.Settle(s)
	return s
}

func TestShardedVolumes(t *testing.T) {
	for name, c := range map[string]struct {
		change                       func(s *facts.Snapshot)
		usable, need, wanted, copies int
	}{
		"healthy":          {func(*facts.Snapshot) {}, 6, 4, 6, 3},
		"one shard failed": {func(s *facts.Snapshot) { s.Longhorn.Shards[0].State = "failed" }, 5, 4, 6, 2},
		"margin used up": {func(s *facts.Snapshot) {
			s.Longhorn.Shards[0].State, s.Longhorn.Shards[1].State = "failed", "replacing"
		}, 4, 4, 6, 1},
		"a node with two shards gone":              {func(s *facts.Snapshot) { world.LoseNode(s, "worker-1") }, 4, 4, 6, 1},
		"below what it needs":                      {func(s *facts.Snapshot) { world.LoseNode(s, "worker-1"); world.LoseNode(s, "worker-2") }, 2, 4, 6, 0},
		"shards without a record":                  {func(s *facts.Snapshot) { s.Longhorn.Shards = s.Longhorn.Shards[:3] }, 3, 4, 6, 0},
		"a slot that is taken twice is one piece":  {func(s *facts.Snapshot) { s.Longhorn.Shards[0].Slot = 1 }, 5, 4, 6, 2},
		"without a group all shards may be needed": {func(s *facts.Snapshot) { s.Longhorn.ShardGroups = nil }, 6, 6, 6, 1},
		"without anything":                         {func(s *facts.Snapshot) { s.Longhorn.ShardGroups, s.Longhorn.Shards = nil, nil }, 0, 1, 0, 0},
		"a group that does not say": {func(s *facts.Snapshot) {
			s.Longhorn.ShardGroups[0].DataChunks, s.Longhorn.ShardGroups[0].ParityChunks = 0, 0
		}, 6, 6, 6, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := sharded(4, 2)
			c.change(s)
			v := &replica.Volumes(s, replica.NewCluster(s))[1]
			if got, want := [4]int{v.Usable, v.Need, v.Wanted(), v.Copies()}, [4]int{c.usable, c.need, c.wanted, c.copies}; got != want {
				t.Errorf("usable, need, wanted, copies: %v, want %v", got, want)
			}
		})
	}
}

// Volumes joins what belongs together and nothing else, and judges each as Judge
// does.
func TestVolumes(t *testing.T) {
	s := sharded(2, 1)
	world.LoseNode(s, "worker-1")
	s.Longhorn.Replicas = append(s.Longhorn.Replicas, facts.LHReplica{Name: "stray", Volume: "gone"})
	s.Longhorn.Shards = append(s.Longhorn.Shards, facts.LHShard{Name: "stray", Group: "gone"})
	s.Longhorn.ShardGroups = append(s.Longhorn.ShardGroups, facts.LHShardGroup{Name: "gone"})
	c := replica.NewCluster(s)
	volumes := replica.Volumes(s, c)
	joined := 0
	for i := range volumes {
		v := &volumes[i]
		if v.LHVolume != &s.Longhorn.Volumes[i] || (v.Group != nil) != (i == 1) || (len(v.Shards) > 0) != (i == 1) {
			t.Errorf("volume %d is %s with %d shards and group %v", i, v.Name, len(v.Shards), v.Group)
		}
		usable := 0
		for k := range v.Replicas {
			r := &v.Replicas[k]
			if r.Volume != v.Name {
				t.Errorf("replica %s is with volume %s", r.Name, v.Name)
			}
			if diff := cmp.Diff(c.Judge(r.LHReplica), r.Judgement); diff != "" {
				t.Errorf("replica %s (-want +got):\n%s", r.Name, diff)
			}
			if r.Usable() {
				usable++
			}
		}
		joined += len(v.Replicas)
		if !v.Sharded && (v.Usable != usable || v.Need != 1 || v.Copies() != usable || v.Wanted() != 3) {
			t.Errorf("%s: usable %d of %d, need %d, copies %d, wanted %d", v.Name, v.Usable, usable, v.Need, v.Copies(), v.Wanted())
		}
	}
	if want := len(s.Longhorn.Replicas) - 1; joined != want {
		t.Errorf("%d replicas are with a volume, want %d", joined, want)
	}
	if got := replica.Volumes(&facts.Snapshot{}, replica.NewCluster(&facts.Snapshot{})); len(got) != 0 {
		t.Errorf("nothing has %d volumes", len(got))
	}
}

// BenchmarkVolumes judges 100,000 volumes with 300,000 replicas on 50 nodes, two
// of which are gone.
func BenchmarkVolumes(b *testing.B) {
	s := world.Healthy(world.Size{Users: 90909, Nodes: 50, Replicas: 3}) // every tenth has two servers, and the hub one
	world.LoseNode(s, "worker-7")
	world.LoseNode(s, "worker-8")
	runtime.GC()
	b.ReportAllocs()
	for b.Loop() {
		if volumes := replica.Volumes(s, replica.NewCluster(s)); len(volumes) != 100000 {
			b.Fatal(len(volumes))
		}
	}
}
