// Package replica tells whether a Longhorn replica can serve its volume's
// data: what Longhorn's records say, held against the nodes and disks that
// exist. Longhorn itself looks only at the records, and those of a detached
// volume can be stale for months.
package replica

import "hubaudit/internal/facts"

// Kind names a reason why a replica cannot be used.
type Kind string

const (
	Deleting    Kind = "deleting"     // its deletion was asked for
	Unplaced    Kind = "unplaced"     // it was never given a node and a disk
	NodeGone    Kind = "node-gone"    // Kubernetes has no node of that name
	NodeUnknown Kind = "node-unknown" // Longhorn has no node of that name
	NodeDown    Kind = "node-down"    // Longhorn cannot reach its node
	DiskGone    Kind = "disk-gone"    // its node no longer has its disk
	DiskDown    Kind = "disk-down"    // its disk is there but not ready
	Failed      Kind = "failed"       // Longhorn marked it failed
	Blank       Kind = "blank"        // it was never healthy: it holds no data
	Inactive    Kind = "inactive"     // another replica took its place
	CloneSource Kind = "clone-source" // it is a linked clone of a replica that cannot be used
)

// Reason is why a replica cannot be used. It is comparable, so that reasons
// that many replicas share can be counted. Node is set for the kinds that are
// about a node or a disk.
type Reason struct {
	Kind Kind
	Node string
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
		return "is on node " + r.Node + ", which is not ready"
	case DiskGone:
		return "is on a disk that node " + r.Node + " no longer has"
	case DiskDown:
		return "is on a disk of node " + r.Node + " that is not ready"
	case Failed:
		return "has failed"
	case Blank:
		return "was never healthy"
	case Inactive:
		return "is not active"
	case CloneSource:
		return "is a linked clone of a replica that cannot be used"
	}
	return string(r.Kind)
}

// Judgement is what is known of one replica.
type Judgement struct {
	// Reasons are why it cannot be used, the root cause first; none: it can.
	Reasons []Reason
	// Leaving is true for a usable replica that is being moved away or may be
	// soon: eviction was asked for, or its node is cordoned or being deleted.
	Leaving bool
}

// Usable tells whether the volume's data can be served from the replica now.
// One that is leaving is usable until it has left.
func (j Judgement) Usable() bool { return len(j.Reasons) == 0 }

// Away tells whether the replica is unusable only because its node or disk is
// not ready: the data is probably intact and comes back with them.
func (j Judgement) Away() bool {
	for _, r := range j.Reasons {
		if r.Kind != NodeDown && r.Kind != DiskDown {
			return false
		}
	}
	return len(j.Reasons) > 0
}

// Cluster is what replicas are held against.
type Cluster struct {
	kube     map[string]*facts.Node
	longhorn map[string]*facts.LHNode
	volumes  map[string]bool // those not being deleted
	sources  map[string]*facts.LHReplica
}

// NewCluster indexes the nodes and disks of a snapshot.
func NewCluster(s *facts.Snapshot) *Cluster {
	c := &Cluster{kube: map[string]*facts.Node{}, longhorn: map[string]*facts.LHNode{},
		volumes: map[string]bool{}, sources: map[string]*facts.LHReplica{}}
	for i := range s.Kube.Nodes {
		c.kube[s.Kube.Nodes[i].Name] = &s.Kube.Nodes[i]
	}
	for i := range s.Longhorn.Nodes {
		c.longhorn[s.Longhorn.Nodes[i].Name] = &s.Longhorn.Nodes[i]
	}
	for i := range s.Longhorn.Replicas {
		if source := s.Longhorn.Replicas[i].LinkedCloneSource; source != "" {
			c.sources[source] = nil
		}
	}
	if len(c.sources) == 0 {
		return c // linked clones are rare: without one no further index is needed
	}
	for i := range s.Longhorn.Replicas {
		r := &s.Longhorn.Replicas[i]
		if _, wanted := c.sources[r.Name]; wanted {
			c.sources[r.Name] = r
		}
	}
	for i := range s.Longhorn.Volumes {
		c.volumes[s.Longhorn.Volumes[i].Name] = s.Longhorn.Volumes[i].Deleting.IsZero()
	}
	return c
}

// HasKubeNode and HasLonghornNode tell whether there is a node of that name.
func (c *Cluster) HasKubeNode(name string) bool     { return c.kube[name] != nil }
func (c *Cluster) HasLonghornNode(name string) bool { return c.longhorn[name] != nil }

// maxCloneDepth ends a chain of linked clones that bites its own tail.
const maxCloneDepth = 16

// Judge tells whether a replica can be used and, if not, why. It can if
//
//   - Longhorn's own record is good: not being deleted, active, healthy at some
//     time, not failed since;
//   - it lies on a node that Kubernetes has and that Longhorn finds ready;
//   - that node has the very disk, by UUID, and the disk is ready: a node
//     rebuilt under its old name has a new one;
//   - for a linked clone, the same holds for the replica it is a clone of.
//
// It applies to attached volumes as well; there Longhorn keeps its records up
// to date itself.
func (c *Cluster) Judge(r *facts.LHReplica) Judgement { return c.judge(r, 0) }

func (c *Cluster) judge(r *facts.LHReplica, depth int) Judgement {
	var j Judgement
	add := func(kind Kind, node string) { j.Reasons = append(j.Reasons, Reason{kind, node}) }
	if !r.Deleting.IsZero() {
		add(Deleting, "")
	}
	if kind := c.placement(r); kind == Unplaced {
		add(Unplaced, "")
	} else if kind != "" {
		add(kind, r.NodeID)
	}
	switch {
	case !r.FailedAt.IsZero():
		add(Failed, "")
	case r.HealthyAt.IsZero():
		add(Blank, "")
	}
	if !r.Active {
		add(Inactive, "")
	}
	if r.LinkedCloneSource != "" && !c.sourceUsable(r.LinkedCloneSource, depth) {
		add(CloneSource, "")
	}
	j.Leaving = j.Usable() && c.leaving(r)
	return j
}

// placement returns what is wrong with where the replica lies, "" if nothing.
func (c *Cluster) placement(r *facts.LHReplica) Kind {
	if r.NodeID == "" || r.DiskID == "" {
		return Unplaced
	}
	node := c.longhorn[r.NodeID]
	switch {
	case c.kube[r.NodeID] == nil:
		return NodeGone
	case node == nil:
		return NodeUnknown
	}
	disk := diskOf(node, r.DiskID)
	switch {
	case node.Ready != "True":
		// A node that is down no longer tells which disks it has.
		return NodeDown
	case disk == nil:
		return DiskGone
	case disk.Ready != "True":
		return DiskDown
	}
	return ""
}

func (c *Cluster) sourceUsable(name string, depth int) bool {
	source := c.sources[name]
	return source != nil && depth < maxCloneDepth && c.volumes[source.Volume] && c.judge(source, depth+1).Usable()
}

func (c *Cluster) leaving(r *facts.LHReplica) bool {
	kube, node := c.kube[r.NodeID], c.longhorn[r.NodeID]
	return r.EvictionRequested || node.EvictionRequested || diskOf(node, r.DiskID).EvictionRequested ||
		kube.Unschedulable || !kube.Deleting.IsZero()
}

func diskOf(n *facts.LHNode, uuid string) *facts.LHDisk {
	for i := range n.Disks {
		if n.Disks[i].UUID == uuid {
			return &n.Disks[i]
		}
	}
	return nil
}
