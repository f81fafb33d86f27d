package replica

import "hubaudit/internal/facts"

// Volume is a Longhorn volume and what is left of its data. A replicated one
// has replicas, a sharded one shards.
type Volume struct {
	*facts.LHVolume
	Replicas []Judged
	Shards   []JudgedShard
	// Need is how many pieces have all data: 1 replica, or as many shards as there
	// are data chunks.
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
