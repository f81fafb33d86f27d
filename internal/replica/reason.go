package replica

// Kind names a reason why a piece of a volume cannot be used.
type Kind string

const (
	Deleting    Kind = "deleting"     // its deletion was asked for
	Unplaced    Kind = "unplaced"     // it was never given a node and a disk
	NodeGone    Kind = "node-gone"    // Kubernetes has no node of that name
	NodeUnknown Kind = "node-unknown" // Longhorn has no node of that name
	DiskGone    Kind = "disk-gone"    // its node no longer has its disk
	NodeRebuilt Kind = "node-rebuilt" // the same, and the node is younger than its data
	DiskMoved   Kind = "disk-moved"   // another node has its disk now
	NodeDown    Kind = "node-down"    // its node cannot be reached
	DiskDown    Kind = "disk-down"    // its disk is there but not ready
	Failed      Kind = "failed"       // Longhorn marked it failed
	Blank       Kind = "blank"        // it was never healthy: it holds no data
	Rebuilding  Kind = "rebuilding"   // a shard that is only being filled
	Inactive    Kind = "inactive"     // another replica took its place
	CloneSource Kind = "clone-source" // it is a linked clone of a replica that cannot be used
)

// Reason is why a replica or shard cannot be used. It is comparable and holds
// nothing of the single replica, so that what many share can be counted.
type Reason struct {
	Kind Kind
	// Node is set for the kinds about a node or a disk, Disk (its UUID) for those
	// about a disk.
	Node, Disk string
	// Detail says more: since when and why a node or disk is down, or the nodes that
	// a disk is on now.
	Detail string
}

// String completes a sentence that begins with the replica.
func (r Reason) String() string {
	switch r.Kind {
	case Deleting:
		return "is being deleted"
	case Unplaced:
		return "was never given a node and a disk"
	case NodeGone:
		return "is on node " + r.Node + ", which is not in Kubernetes"
	case NodeUnknown:
		return "is on node " + r.Node + ", which Longhorn does not know"
	case NodeDown:
		return "is on node " + r.Node + ", which " + r.down()
	case DiskGone:
		return "is on disk " + r.Disk + " that node " + r.Node + " no longer has"
	case NodeRebuilt:
		return "is on disk " + r.Disk + " that node " + r.Node + " no longer has: the node was rebuilt under its name"
	case DiskMoved:
		return "is on disk " + r.Disk + " of node " + r.Node + ", which node " + r.Detail + " has now"
	case DiskDown:
		return "is on disk " + r.Disk + " of node " + r.Node + ", which " + r.down()
	case Failed:
		return "has failed"
	case Blank:
		return "was never healthy"
	case Rebuilding:
		return "is being rebuilt"
	case Inactive:
		return "is not active"
	case CloneSource:
		return "is a linked clone of a replica that cannot be used"
	}
	return string(r.Kind)
}

func (r Reason) down() string {
	if r.Detail == "" {
		return "is not ready"
	}
	return "is not ready " + r.Detail
}
