package drain

import (
	"slices"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
)

// planner has what a plan is worked out from.
type planner struct {
	*facts.Snapshot
	result  *Result
	cluster *cluster
	owners  *owners
	pods    *pods
	guard   *guard // nil without Longhorn

	data   []copies.Data
	groups []*group
	pools  []*pool
	maybe  []maybe
	// byNode has, by node, the groups that its drain may change; refillable those
	// that Longhorn rebuilds.
	byNode     [][]touch
	refillable []int
	// folders are hubs' databases that lie on a node outside of any volume.
	folders map[int][]Item
	bad     []loss

	replicas *replica.Cluster
	orphans  map[string][]string // the nodes of orphaned directories, by volume
}

// loss is a node that costs a group's volumes a copy that must remain.
type loss struct {
	group *group
	node  int
}

// maybe is a volume that lies on some of the nodes, and nothing tells on which.
type maybe struct {
	data  int
	nodes []string
}

func newPlanner(s *facts.Snapshot, r *Result, longhorn bool) *planner {
	p := &planner{Snapshot: s, result: r, cluster: newCluster(s), pods: newPods(s), replicas: replica.NewCluster(s), orphans: map[string][]string{}}
	p.owners = newOwners(s, p.pods)
	var volumes []replica.Volume
	if longhorn {
		volumes = replica.Volumes(s, p.replicas)
	}
	if longhorn && len(s.Longhorn.Volumes) > 0 {
		p.guard = longhornGuard(s)
	}
	for i := range s.Longhorn.Orphans {
		o := &s.Longhorn.Orphans[i]
		if v := o.Volume(); v != "" && o.Deleting.IsZero() {
			p.orphans[v] = append(p.orphans[v], o.NodeID)
		}
	}
	p.data = copies.All(s, volumes)
	p.findFolders()
	p.sort(longhorn)
	return p
}

// waiting is a planner of the same drain that waits for rebuilds.
func (p *planner) waiting() *planner {
	q := &planner{Snapshot: p.Snapshot, result: &Result{Options: p.result.Options}, cluster: p.cluster, owners: p.owners, pods: p.pods,
		data: p.data, folders: p.folders, replicas: p.replicas, orphans: p.orphans}
	q.result.WaitRebuild = true
	q.sort(true)
	return q
}

// sort puts every volume where it belongs: into a group of those that fare alike,
// a pool, or the lists of what cannot be told or has nothing to lose.
func (p *planner) sort(longhorn bool) {
	byPattern := map[pattern]*group{}
	for i := range p.data {
		d := &p.data[i]
		switch {
		case d.Outside:
			p.result.Outside++
		case d.Longhorn == nil && d.PV.Driver == facts.LonghornDriver:
			p.withoutRecord(d, longhorn)
		case d.Unknown != "":
			p.sortUnknown(i)
		case d.Pool():
			p.addPool(i)
		case d.Longhorn != nil && !d.Longhorn.HasHistory():
			p.result.Blank++
		default:
			p.result.Judged++
			t, ok := p.patternOf(d)
			if !ok {
				p.gone(d)
				continue
			}
			g := byPattern[t]
			if g == nil {
				g = newGroup(t)
				byPattern[t] = g
				p.groups = append(p.groups, g)
			}
			g.items = append(g.items, i)
		}
	}
	p.index()
}

// withoutRecord notes a PersistentVolume of Longhorn's whose volume is not there.
// Where the records could not be read that is said once, for all.
func (p *planner) withoutRecord(d *copies.Data, longhorn bool) {
	switch {
	case longhorn && p.Source(facts.LonghornVolumes).Status == facts.OK:
		p.result.Gone = append(p.result.Gone, p.item(d, "has no volume of its name in Longhorn"))
	case longhorn:
		p.unclear(d, "is Longhorn's, and Longhorn's records were not read")
	}
}

// sortUnknown notes a volume of which it is not known where it lies. One that can
// only be on some of the nodes is of no matter while these stay.
func (p *planner) sortUnknown(i int) {
	d := &p.data[i]
	if d.PV != nil && len(d.PV.NodeNames) > 0 {
		p.maybe = append(p.maybe, maybe{i, d.PV.NodeNames})
		return
	}
	p.unclear(d, d.Unknown)
}

// unclear notes a volume that may be lost and may not. Nobody's are only
// counted.
func (p *planner) unclear(d *copies.Data, why string) {
	if it := p.item(d, why); it.Role != RoleOther {
		p.result.Unclear = append(p.result.Unclear, it)
		return
	}
	p.result.Other++
}

// gone notes a volume of which no piece is left on any node there is.
func (p *planner) gone(d *copies.Data) {
	switch {
	case d.Longhorn != nil:
		if d.Longhorn.Unsettled() == "" {
			p.result.Gone = append(p.result.Gone, p.item(d, "has no usable copy on any node, and no remains that are on record"))
		}
	case slices.ContainsFunc(d.PV.NodeNames, func(n string) bool { _, known := p.cluster.index[n]; return !known }):
		// A label that is not the node's name looks the same as a node that is gone.
		p.unclear(d, "lies on "+some(d.PV.NodeNames, 3)+", and no node has that name")
	default:
		p.result.Gone = append(p.result.Gone, p.item(d, "lies on "+some(d.PV.NodeNames, 3)+", which Kubernetes does not have any more"))
	}
}

// index notes which groups each node's drain may change.
func (p *planner) index() {
	p.byNode = make([][]touch, len(p.cluster.names))
	for i, g := range p.groups {
		if g.rebuild != never {
			p.refillable = append(p.refillable, i)
		}
		for n := range p.byNode {
			if mask := g.mask(n); mask != 0 || g.attached == n || g.rebuild != never && p.cluster.classes[g.class][n].now {
				p.byNode[n] = append(p.byNode[n], touch{i, mask})
			}
		}
	}
}

// start is the moment before the first step.
func (p *planner) start() *moment {
	m := &moment{cells: make([]cell, len(p.groups)), gone: make([]bool, len(p.cluster.names))}
	for i, g := range p.groups {
		m.cells[i] = cell{left: 1<<len(g.nodes) - 1, attached: int32(g.attached)}
	}
	return m
}
