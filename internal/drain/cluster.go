package drain

import (
	"cmp"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/replica"
)

// cluster numbers the nodes, and knows where Longhorn may put new copies.
type cluster struct {
	names []string
	index map[string]int
	kube  []*facts.Node   // nil for one that Kubernetes does not have
	store []*facts.LHNode // nil for one that Longhorn does not have
	zone  []string
	room  []int64 // bytes that new copies may still be promised; of an empty node all
	empty []int64

	settings map[string]string
	// placement is that of the v1 engine, which nearly all volumes have: a plan does
	// not tell apart settings that differ by engine.
	placement *replica.Placement
	targets   map[string]int // classes of volumes, by what they ask of a node
	classes   [][]taking     // by class and node
}

// taking tells whether a node can take new copies of a volume: as it is, and once
// it has come back as a new node with the same disks and tags.
type taking struct{ now, anew bool }

// unlimited is the room of a disk whose size is not known.
const unlimited = int64(1) << 60

func newCluster(s *facts.Snapshot) *cluster {
	c := &cluster{index: map[string]int{}, targets: map[string]int{}, settings: s.Longhorn.Settings,
		placement: replica.NewPlacement(s.Longhorn.Settings, lhsetting.V1, replica.LeastPromised)}
	for _, name := range nodeNames(s) {
		c.index[name] = len(c.names)
		c.names = append(c.names, name)
	}
	n := len(c.names)
	c.kube, c.store, c.zone = make([]*facts.Node, n), make([]*facts.LHNode, n), make([]string, n)
	c.room, c.empty = make([]int64, n), make([]int64, n)
	for i := range s.Kube.Nodes {
		k := &s.Kube.Nodes[i]
		c.kube[c.index[k.Name]], c.zone[c.index[k.Name]] = k, k.Zone
	}
	for i := range s.Longhorn.Nodes {
		l := &s.Longhorn.Nodes[i]
		at := c.index[l.Name]
		c.store[at], c.zone[at] = l, cmp.Or(l.Zone, c.zone[at])
		c.room[at], c.empty[at] = c.rooms(l)
	}
	return c
}

// rooms is what a node's disks may still be promised, and what they could be if
// they were empty.
func (c *cluster) rooms(l *facts.LHNode) (now, empty int64) {
	for i := range l.Disks {
		d := &l.Disks[i]
		if d.MaximumBytes == 0 {
			return unlimited, unlimited
		}
		all := c.placement.Promisable(d)
		now += max(0, all-d.ScheduledBytes)
		empty += max(0, all)
	}
	return now, empty
}

// at is the number of a node that Kubernetes has; false for any other name.
func (c *cluster) at(name string) (int, bool) {
	i, ok := c.index[name]
	return i, ok && c.kube[i] != nil
}

// class is the number of the volumes that may lie on the same nodes as v.
func (c *cluster) class(v *facts.LHVolume) int {
	key := strings.Join([]string{v.DataEngine, strings.Join(v.NodeSelector, ","), strings.Join(v.DiskSelector, ",")}, "\x00")
	if n, ok := c.targets[key]; ok {
		return n
	}
	takes := make([]taking, len(c.names))
	for i := range takes {
		takes[i] = c.takes(i, v)
	}
	c.targets[key] = len(c.classes)
	c.classes = append(c.classes, takes)
	return len(c.classes) - 1
}

// takes tells whether Longhorn is sure to put a new copy of a volume on a node if
// it has to, leaving room and other copies aside. It is strict where a check of
// what keeps Longhorn from it is lenient: nothing may count on a node that is
// leaving or of which it is not told that it takes copies.
func (c *cluster) takes(i int, v *facts.LHVolume) taking {
	k, l := c.kube[i], c.store[i]
	if l == nil || !c.placement.SuitsNode(v, l) {
		return taking{}
	}
	var t taking
	for j := range l.Disks {
		d := &l.Disks[j]
		if !replica.SameEngine(v, d) || !c.placement.SuitsDisk(v, d) {
			continue
		}
		t.anew = true
		t.now = t.now || d.Ready == "True" && d.Schedulable == "True" && d.AllowScheduling && !d.EvictionRequested
	}
	t.now = t.now && k != nil && k.Leaving() == "" && l.Ready == "True" && l.AllowScheduling && !l.EvictionRequested && !l.AutoEvicting
	return t
}
