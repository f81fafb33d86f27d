package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/replica"
)

// room tells where Longhorn could put another copy of a volume. It follows
// Longhorn's scheduler and is lenient where the facts do not tell: what it
// refuses, Longhorn refuses. A planned drain asks the opposite, what Longhorn is
// sure to take, see internal/drain; both read the settings as a replica.Placement.
type room struct {
	*facts.Snapshot
	cluster    *replica.Cluster
	nodes      []roomNode
	placements map[string]*replica.Placement // by data engine
}

// place is where a copy lies: a node, and a disk of it by its UUID.
type place struct{ node, disk string }

type roomNode struct {
	*facts.LHNode
	kube *facts.Node
}

// room looks at the nodes that Kubernetes and Longhorn both have.
func (in *Input) room() *room {
	if in.shared.room != nil {
		return in.shared.room
	}
	r := &room{Snapshot: in.Snapshot, cluster: in.replicaCluster(), placements: map[string]*replica.Placement{}}
	for i := range in.Longhorn.Nodes {
		n := &in.Longhorn.Nodes[i]
		if k := r.cluster.KubeNode(n.Name); k != nil {
			r.nodes = append(r.nodes, roomNode{n, k})
		}
	}
	in.shared.room = r
	return r
}

// placement is Longhorn's settings for a data engine.
func (r *room) placement(engine string) *replica.Placement {
	engine = cmp.Or(engine, lhsetting.V1)
	p := r.placements[engine]
	if p == nil {
		p = replica.NewPlacement(r.Longhorn.Settings, engine, replica.MostPromised)
		r.placements[engine] = p
	}
	return p
}

// evicting tells whether a replica was asked to leave its place. Unlike in a
// replica's judgement, that a drain policy makes Longhorn empty the node is not
// enough: by some policies only last replicas are asked then.
func (r *room) evicting(of *facts.LHReplica) bool {
	return of.EvictionRequested || r.cluster.Emptied(of.NodeID, of.DiskID)
}

// taken are the places that a volume's copies have: a node or zone is false
// there while all that it has is to leave it.
type taken struct{ nodes, zones, disks map[string]bool }

func (r *room) taken(v *replica.Volume) taken {
	t := taken{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for i := range v.Replicas {
		of := v.Replicas[i].LHReplica
		n := r.cluster.LonghornNode(of.NodeID)
		if n == nil || !of.Deleting.IsZero() || !of.FailedAt.IsZero() {
			continue // its place may be used again
		}
		stays := !r.evicting(of)
		t.nodes[n.Name] = t.nodes[n.Name] || stays
		t.zones[n.Zone] = t.zones[n.Zone] || stays
		t.disks[of.DiskID] = true
	}
	return t
}

// none says why no disk may take another copy of a volume, "" if one may.
func (r *room) none(v *replica.Volume) string {
	rules := r.placement(v.DataEngine)
	if !rules.Rebuilds {
		return "rebuilding is switched off: setting " + replica.RebuildLimit + " is 0"
	}
	t := r.taken(v)
	refusals := map[string]int{}
	for _, n := range r.nodes {
		why := refuseNode(rules, v, n, t)
		if why == "" {
			why = refuseDisks(rules, v, n, t)
		}
		if why == "" {
			return ""
		}
		refusals[why]++
	}
	if len(refusals) == 0 {
		return "no node may take another copy: there is none"
	}
	words := make([]string, 0, len(refusals))
	for _, why := range slices.Sorted(maps.Keys(refusals)) {
		words = append(words, fmt.Sprintf("%d %s", refusals[why], why))
	}
	return "no node may take another copy (" + strings.Join(words, ", ") + ")"
}

// refuseNode says what keeps a node from taking another copy; it follows a
// number of nodes.
func refuseNode(rules *replica.Placement, v *replica.Volume, n roomNode, t taken) string {
	switch {
	case n.Ready != "True":
		return "not ready"
	case n.kube.Unschedulable && !rules.Cordoned:
		return "cordoned"
	case !n.AllowScheduling:
		return "closed to new replicas"
	case !rules.SuitsNode(v.LHVolume, n.LHNode):
		return "without the volume's node tags"
	case t.nodes[n.Name] && !rules.SoftNode:
		return "with one already"
	case t.zones[n.Zone] && !rules.SoftZone:
		return "in a zone with one already"
	}
	return ""
}

// refuseDisks says the same of a node's disks. A disk with a copy that is to
// leave it does not get another one.
func refuseDisks(rules *replica.Placement, v *replica.Volume, n roomNode, t taken) string {
	why := "without an open disk"
	for i := range n.Disks {
		d := &n.Disks[i]
		switch {
		case d.Ready != "True" || !d.AllowScheduling || d.EvictionRequested || d.Schedulable == "False":
		case !replica.SameEngine(v.LHVolume, d):
		case t.disks[d.UUID] && (!rules.SoftDisk || !t.nodes[n.Name]):
			why = "with one already"
		case !rules.SuitsDisk(v.LHVolume, d):
			why = "without the volume's disk tags"
		case !holds(rules, v, d):
			why = "without room"
		default:
			return ""
		}
	}
	return why
}

// holds tells whether a disk has room for a volume at its full size, and for
// what is in it now. Sizes that are not known are no obstacle.
func holds(rules *replica.Placement, v *replica.Volume, d *facts.LHDisk) bool {
	if d.MaximumBytes <= 0 {
		return true
	}
	return d.ScheduledBytes+v.SizeBytes <= rules.Promisable(d) && d.AvailableBytes-v.ActualBytes > d.MaximumBytes/100*rules.MinimalAvailable
}
