package replica

import "hubaudit/internal/facts"

// Volume is a Longhorn volume and what is left of its data. A replicated one
// has replicas, a sharded one shards.
type Volume struct {
	*facts.LHVolume
	Replicas []Judged
	Shards   []JudgedShard
	// Group is a sharded volume's, nil where it has none on record.
	Group *facts.LHShardGroup
	// Need is how many pieces have all data: 1 replica, or as many shards as there
	// are data chunks. Where that is not known (NeedKnown), all shards on record
	// count as needed.
	Need int
	// Usable is how many pieces can serve the data now, those that are leaving among
	// them.
	Usable int
}

// Judged is a replica and what is known of it.
type Judged struct {
	*facts.LHReplica
	Judgement
}

// JudgedShard is a shard of a sharded volume and what is known of it.
type JudgedShard struct {
	*facts.LHShard
	Judgement
}

// Copies is how many copies of the data are left: 0 when it is lost, 1 when the
// next loss of a piece loses it.
func (v *Volume) Copies() int { return max(0, v.Usable-v.Need+1) }

// NeedKnown is false for a sharded volume whose shard group is not on record or
// does not say how many data chunks there are.
func (v *Volume) NeedKnown() bool { return !v.Sharded || v.Group != nil && v.Group.DataChunks > 0 }

// Wanted is how many pieces the volume should have: numberOfReplicas, or all
// shards of its group.
func (v *Volume) Wanted() int {
	switch {
	case !v.Sharded:
		return v.WantReplicas
	case !v.NeedKnown():
		return len(v.Shards)
	}
	return v.Group.DataChunks + v.Group.ParityChunks
}

// Volumes judges all Longhorn volumes of a snapshot, in its order. Replicas and
// shards of a volume that is not on record are left out: nothing can attach
// them.
func Volumes(s *facts.Snapshot, c *Cluster) []Volume {
	l := &s.Longhorn
	volumes := make([]Volume, len(l.Volumes))
	index := make(map[string]int, len(volumes))
	for i := range volumes {
		volumes[i] = Volume{LHVolume: &l.Volumes[i], Need: 1}
		index[l.Volumes[i].Name] = i
	}
	replicas := grouped(len(volumes), len(l.Replicas), func(i int) (int, bool) {
		at, ok := index[l.Replicas[i].Volume]
		return at, ok
	}, func(i int) Judged { return Judged{&l.Replicas[i], c.Judge(&l.Replicas[i])} })
	shards := grouped(len(volumes), len(l.Shards), func(i int) (int, bool) {
		at, ok := index[l.Shards[i].Group]
		return at, ok
	}, func(i int) JudgedShard { return JudgedShard{&l.Shards[i], c.JudgeShard(&l.Shards[i])} })
	for i := range l.ShardGroups {
		if at, ok := index[l.ShardGroups[i].Name]; ok {
			volumes[at].Group = &l.ShardGroups[i]
		}
	}
	for i := range volumes {
		volumes[i].Replicas, volumes[i].Shards = replicas(i), shards(i)
		volumes[i].count()
	}
	return volumes
}

// count tells what a volume needs and what of it is usable.
func (v *Volume) count() {
	if !v.Sharded {
		for i := range v.Replicas {
			if v.Replicas[i].Usable() {
				v.Usable++
			}
		}
		return
	}
	v.Need = max(1, len(v.Shards))
	if v.NeedKnown() {
		v.Need = v.Group.DataChunks
	}
	slots := map[int]bool{} // a shard and the one that takes its place share a slot
	for i := range v.Shards {
		if v.Shards[i].Usable() {
			slots[v.Shards[i].Slot] = true
		}
	}
	v.Usable = len(slots)
}

// grouped sorts n items into buckets without a slice per bucket, and keeps their
// order. It returns the items of one bucket.
func grouped[T any](buckets, n int, bucket func(i int) (int, bool), item func(i int) T) func(bucket int) []T {
	start := make([]int, buckets+1)
	for i := range n {
		if b, ok := bucket(i); ok {
			start[b+1]++
		}
	}
	for b := range buckets {
		start[b+1] += start[b]
	}
	items := make([]T, start[buckets])
	next := append([]int(nil), start...)
	for i := range n {
		if b, ok := bucket(i); ok {
			items[next[b]] = item(i)
			next[b]++
		}
	}
	return func(b int) []T { return items[start[b]:start[b+1]:start[b+1]] }
}
