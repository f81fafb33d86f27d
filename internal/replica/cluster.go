package replica

import (
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// Cluster is what replicas are held against: the nodes and disks that exist.
type Cluster struct {
	nodes map[string]*node
	// disks has, by UUID, the nodes on whose record the disk is.
	disks   map[string][]string
	sources map[string]*facts.LHReplica // what linked clones are clones of
	deleted map[string]bool             // volumes that are being deleted
}

// node is all that is known of the node of one name.
type node struct {
	kube     *facts.Node
	longhorn *facts.LHNode
	// down says in words since when and why the node is not ready, where it is not.
	ready     bool
	down      string
	downSince time.Time
}

// NewCluster indexes the nodes and disks of a snapshot.
func NewCluster(s *facts.Snapshot) *Cluster {
	c := &Cluster{nodes: map[string]*node{}, disks: map[string][]string{},
		sources: map[string]*facts.LHReplica{}, deleted: map[string]bool{}}
	for i := range s.Kube.Nodes {
		c.node(s.Kube.Nodes[i].Name).kube = &s.Kube.Nodes[i]
	}
	for i := range s.Longhorn.Nodes {
		n := &s.Longhorn.Nodes[i]
		c.node(n.Name).longhorn = n
		for _, d := range n.Disks {
			if on := c.disks[d.UUID]; d.UUID != "" && (len(on) == 0 || on[len(on)-1] != n.Name) {
				c.disks[d.UUID] = append(c.disks[d.UUID], n.Name)
			}
		}
	}
	for _, n := range c.nodes {
		n.judgeReadiness()
	}
	c.indexClones(s)
	return c
}

func (c *Cluster) node(name string) *node {
	n := c.nodes[name]
	if n == nil {
		n = &node{}
		c.nodes[name] = n
	}
	return n
}

// judgeReadiness takes the worse of what Longhorn and Kubernetes say: Longhorn's
// own record is stale while its manager is down everywhere.
func (n *node) judgeReadiness() {
	switch {
	case n.longhorn == nil:
	case n.longhorn.Ready != "True":
		n.downSince = n.longhorn.ReadySince
		n.down = since(n.downSince, n.longhorn.ReadyReason)
	case n.kube != nil && (n.kube.Ready == "False" || n.kube.Ready == "Unknown"):
		n.downSince = n.kube.ReadySince
		n.down = since(n.downSince, "in Kubernetes")
	default:
		n.ready = true
	}
}

// since words the time and reason of something that is not ready.
func since(t time.Time, reason string) string {
	var words []string
	if !t.IsZero() {
		words = append(words, "since "+t.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if reason != "" {
		words = append(words, "("+reason+")")
	}
	return strings.Join(words, " ")
}

// indexClones finds the replicas that linked clones need. They are rare: without
// one nothing is indexed.
func (c *Cluster) indexClones(s *facts.Snapshot) {
	for i := range s.Longhorn.Replicas {
		if source := s.Longhorn.Replicas[i].LinkedCloneSource; source != "" {
			c.sources[source] = nil
		}
	}
	if len(c.sources) == 0 {
		return
	}
	onRecord := make(map[string]bool, len(s.Longhorn.Volumes))
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		onRecord[v.Name] = true
		c.deleted[v.Name] = !v.Deleting.IsZero()
	}
	for i := range s.Longhorn.Replicas {
		r := &s.Longhorn.Replicas[i]
		if _, wanted := c.sources[r.Name]; wanted {
			c.sources[r.Name] = r
			c.deleted[r.Volume] = c.deleted[r.Volume] || !onRecord[r.Volume]
		}
	}
}

// KubeNode and LonghornNode are what Kubernetes and Longhorn have of a node; nil
// where they do not have it.
func (c *Cluster) KubeNode(name string) *facts.Node {
	if n := c.nodes[name]; n != nil {
		return n.kube
	}
	return nil
}

func (c *Cluster) LonghornNode(name string) *facts.LHNode {
	if n := c.nodes[name]; n != nil {
		return n.longhorn
	}
	return nil
}

// Emptied tells whether somebody asked for all replicas to leave a disk.
func (c *Cluster) Emptied(node, disk string) bool {
	n := c.nodes[node]
	if n == nil || n.longhorn == nil {
		return false
	}
	d := n.disk(disk)
	return n.longhorn.EvictionRequested || d != nil && d.EvictionRequested
}

// Sources are the replicas that a linked clone needs: what it is a clone of, what
// that is a clone of, and so on. Any other replica needs none.
func (c *Cluster) Sources(r *facts.LHReplica) []*facts.LHReplica {
	var sources []*facts.LHReplica
	for r.LinkedCloneSource != "" && len(sources) < maxCloneDepth {
		if r = c.sources[r.LinkedCloneSource]; r == nil {
			break
		}
		sources = append(sources, r)
	}
	return sources
}

// DiskOn returns the nodes on whose record a disk is, by UUID, in the order of
// their names. More than one means that a disk moved and the old record lingers,
// or that disks were copied with their UUID.
func (c *Cluster) DiskOn(uuid string) []string { return c.disks[uuid] }

// disk returns the node's disk of that UUID, a ready one before others: a
// directory that two disks point to is on record twice.
func (n *node) disk(uuid string) *facts.LHDisk {
	var found *facts.LHDisk
	for i := range n.longhorn.Disks {
		if d := &n.longhorn.Disks[i]; d.UUID == uuid && (found == nil || found.Ready != "True") {
			found = d
		}
	}
	return found
}

// allDisksRead tells whether the node's record has disks and the UUID of each:
// a disk that is not among them is not there.
func (n *node) allDisksRead() bool {
	for i := range n.longhorn.Disks {
		if n.longhorn.Disks[i].UUID == "" {
			return false
		}
	}
	return len(n.longhorn.Disks) > 0
}
