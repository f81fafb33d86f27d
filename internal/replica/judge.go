// Package replica tells whether a replica or shard of a Longhorn volume can
// serve its data: what Longhorn's records say, held against the nodes and disks
// that exist. Longhorn itself looks only at the records, and those of a detached
// volume can be stale for months.
package replica

import (
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// Judgement is what is known of one replica or shard.
type Judgement struct {
	// Reasons are why it cannot be used, the root cause first; none: it can.
	Reasons []Reason
	// Leaving is true for a usable one that is being moved away or may be soon:
	// eviction was asked for, or its node is cordoned or going.
	Leaving bool
	// Evicting is true for a usable one that Longhorn has been asked to move away, or
	// moves away by itself.
	Evicting bool
	// Unverified is true where its node was made after it was last healthy and has
	// not shown its disk since: it may be a new machine under the old name.
	Unverified bool
	// Since is since when its node or disk is not ready, zero where that is not told
	// or not the reason.
	Since time.Time
}

// Usable tells whether the volume's data can be served from it now. One that is
// leaving is usable until it has left.
func (j *Judgement) Usable() bool { return len(j.Reasons) == 0 }

// Away tells whether it is unusable only because its node or disk is not ready,
// or its disk has moved to another node, which Longhorn follows by itself: the
// data is probably intact and comes back with them.
func (j *Judgement) Away() bool {
	for _, r := range j.Reasons {
		if r.Kind != NodeDown && r.Kind != DiskDown && r.Kind != DiskMoved {
			return false
		}
	}
	return len(j.Reasons) > 0 && !j.Unverified
}

func (j *Judgement) add(r Reason) { j.Reasons = append(j.Reasons, r) }

// maxCloneDepth ends a chain of linked clones that bites its own tail.
const maxCloneDepth = 16

// Judge tells whether a replica can be used and, if not, why. It can if
//
//   - Longhorn's own record is good: not being deleted, active, healthy at some
//     time, not failed since;
//   - it lies on a node that Kubernetes and Longhorn have and find ready;
//   - that node has the very disk, by UUID, and the disk is ready: a node
//     rebuilt under its old name has a new one;
//   - for a linked clone, the same holds for the replica it is a clone of.
//
// It applies to attached volumes as well; there Longhorn keeps its records up
// to date itself, and to both engines: a block disk has a UUID as well.
func (c *Cluster) Judge(r *facts.LHReplica) Judgement { return c.judge(r, 0) }

func (c *Cluster) judge(r *facts.LHReplica, depth int) Judgement {
	var j Judgement
	if !r.Deleting.IsZero() {
		j.add(Reason{Kind: Deleting})
	}
	c.place(&j, r.NodeID, r.DiskID, r.LastGood().Time())
	switch {
	case !r.FailedAt.IsZero():
		j.add(Reason{Kind: Failed})
	case r.HealthyAt.IsZero():
		j.add(Reason{Kind: Blank})
	}
	if !r.Active {
		j.add(Reason{Kind: Inactive})
	}
	sourceUsable, sourceLeaving := c.source(r, depth)
	if !sourceUsable {
		j.add(Reason{Kind: CloneSource})
	}
	c.leave(&j, r.NodeID, r.DiskID, r.EvictionRequested)
	j.Leaving = j.Leaving || j.Usable() && sourceLeaving
	return j
}

// source judges the replica that a linked clone is a clone of. A replica that is
// no clone needs none.
func (c *Cluster) source(r *facts.LHReplica, depth int) (usable, leaving bool) {
	if r.LinkedCloneSource == "" {
		return true, false
	}
	source := c.sources[r.LinkedCloneSource]
	if source == nil || depth == maxCloneDepth || c.deleted[source.Volume] {
		return false, false
	}
	j := c.judge(source, depth+1)
	return j.Usable(), j.Leaving
}

// JudgeShard tells the same of a shard. Nothing on record says when it was last
// well, so a disk that is gone is not held against the age of its node.
func (c *Cluster) JudgeShard(s *facts.LHShard) Judgement {
	var j Judgement
	if !s.Deleting.IsZero() {
		j.add(Reason{Kind: Deleting})
	}
	c.place(&j, s.NodeID, s.DiskID, time.Time{})
	switch s.State {
	case "normal":
	case "failed":
		j.add(Reason{Kind: Failed})
	case "replacing":
		j.add(Reason{Kind: Rebuilding})
	default:
		j.add(Reason{Kind: Blank})
	}
	c.leave(&j, s.NodeID, s.DiskID, s.EvictionRequested)
	return j
}

// place adds what is wrong with where something lies that was last good then.
func (c *Cluster) place(j *Judgement, nodeID, diskID string, good time.Time) {
	n := c.nodes[nodeID]
	switch {
	case nodeID == "" || diskID == "":
		j.add(Reason{Kind: Unplaced})
		return
	case n == nil || n.kube == nil:
		j.add(Reason{Kind: NodeGone, Node: nodeID})
		return
	case n.longhorn == nil:
		j.add(Reason{Kind: NodeUnknown, Node: nodeID})
		return
	}
	disk := n.disk(diskID)
	rebuilt := !good.IsZero() && n.kube.Created.After(good)
	switch {
	case disk == nil && (n.ready || n.allDisksRead()):
		j.add(c.withoutDisk(nodeID, diskID, rebuilt))
	case !n.ready:
		j.add(Reason{Kind: NodeDown, Node: nodeID, Detail: n.down})
		j.Since, j.Unverified = n.downSince, rebuilt && (disk == nil || !n.shownSince())
	case disk.Ready != "True":
		j.add(Reason{Kind: DiskDown, Node: nodeID, Disk: diskID, Detail: since(disk.ReadySince, disk.ReadyReason)})
		j.Since = disk.ReadySince
	}
}

// withoutDisk is why something is lost whose node no longer has its disk.
func (c *Cluster) withoutDisk(nodeID, diskID string, rebuilt bool) Reason {
	r := Reason{Kind: DiskGone, Node: nodeID, Disk: diskID}
	if now := c.disks[diskID]; len(now) > 0 {
		r.Kind, r.Detail = DiskMoved, strings.Join(now, " and ")
	} else if rebuilt {
		r.Kind = NodeRebuilt
	}
	return r
}

// shownSince tells whether the disks on record of a node that is not ready were
// seen on the node that Kubernetes has now: its record is younger, or it was
// ready once since, as Longhorn dates a condition by its last change.
func (n *node) shownSince() bool {
	return !n.longhorn.Created.Before(n.kube.Created) || n.longhorn.ReadySince.After(n.kube.Created)
}

// leave notes whether something that is in order is to go from where it lies.
func (c *Cluster) leave(j *Judgement, nodeID, diskID string, asked bool) {
	if !j.Usable() {
		return
	}
	n := c.nodes[nodeID]
	j.Evicting = asked || n.longhorn.AutoEvicting || c.Emptied(nodeID, diskID)
	j.Leaving = j.Evicting || n.kube.Leaving() != ""
}
