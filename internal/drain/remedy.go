package drain

import (
	"fmt"
	"regexp"
	"slices"

	"hubaudit/internal/lhsetting"
	"hubaudit/internal/text"
)

// Remedy is one thing to do so that the drain becomes safe.
type Remedy struct {
	Do string // own sentences without foreign names, with commands in backticks
	// Nodes are the nodes that it is about, in order, and Volumes is how many volumes
	// it concerns; none where it is about the drain as a whole.
	Nodes   []string
	Volumes int
}

// trouble counts the volumes that a drain costs, by what would help them.
type trouble struct {
	nodes     []string // on which they lie, in the order of the steps
	all       int      // volumes of any kind
	remains   int      // without a usable copy even now
	local     int      // on a node's own disk
	single    int      // of which Longhorn keeps one copy only
	pinned    int      // strict-local: their one copy stays where they are used
	behind    int      // detached and with fewer copies than they should have
	evictable int      // that Longhorn can move to another node
	homeless  int      // for which no other node is open
}

// troubles sorts what the steps cost. Each volume counts once.
func (p *planner) troubles() trouble {
	var t trouble
	seen := map[*group]bool{}
	for _, b := range p.bad {
		if name := p.cluster.names[b.node]; !slices.Contains(t.nodes, name) {
			t.nodes = append(t.nodes, name)
		}
		if seen[b.group] {
			continue
		}
		seen[b.group] = true
		g, n := b.group, len(b.group.items)
		t.all += n
		switch {
		case g.remains:
			t.remains += n
			continue
		case g.local:
			t.local += n
			continue
		}
		for _, i := range g.items {
			p.sortTrouble(&t, g, i)
		}
	}
	return t
}

func (p *planner) sortTrouble(t *trouble, g *group, i int) {
	v := p.data[i].Longhorn
	if v.DataLocality == "strict-local" {
		t.pinned++
		return
	}
	switch wanted := v.Wanted(); {
	case wanted <= max(g.need, p.result.Keep):
		t.single++
	case len(g.nodes) < wanted && v.State != "attached":
		t.behind++
	}
	class := p.cluster.class(v.LHVolume)
	for n := range p.cluster.names {
		stays := p.result.Rolling || !slices.Contains(p.result.Nodes, p.cluster.names[n])
		if stays && p.cluster.classes[class][n].now && g.mask(n) == 0 && p.cluster.room[n] >= v.SizeBytes {
			t.evictable++
			return
		}
	}
	t.homeless++
}

// remedy lists what would make the drain safe, most urgent first.
func (p *planner) remedy() {
	r := p.result
	if !r.Costs() {
		p.remedyUnclear()
		return
	}
	t := p.troubles()
	p.do(0, "Do not drain these nodes yet: nothing is lost while they stay as they are.", t.nodes...)
	p.do(t.all, "Take a backup of the volumes named above first, and see that it is complete: a recurring job skips detached volumes unless allow-recurring-job-while-volume-detached is true.")
	if t.remains > 0 {
		p.do(t.remains, "Do not drain the nodes with the last remains of volumes that have no usable copy: bring back the node or disk that is away, or restore from a backup; `audit explain lh-no-usable-replica` has the steps. Do not start their users' servers before.")
	}
	p.remedyWait()
	p.remedyLonghorn(t)
	if t.local > 0 {
		p.do(t.local, "Volumes on a node's own disk go with the node, and nothing copies them by itself. Stop the servers that use them, copy each home to a claim of a storage class that does not lie on that node, and point the user at it; or keep the node's disk as it is and bring the same node back with it.")
	}
	if o := r.Order; o != nil && o.Better {
		p.do(0, "Drain in this other order: "+o.worth(len(r.Steps))+".", o.Nodes...)
	}
	p.remedyUnclear()
	p.do(0, "Then run `audit drain` again: it must say SAFE before the first node goes, and again before each next one.")
}

func (p *planner) do(volumes int, what string, nodes ...string) {
	p.result.Remedies = append(p.result.Remedies, Remedy{what, nodes, volumes})
}

// worth says what an order gains.
func (o *Order) worth(steps int) string {
	switch {
	case o.SafeSteps == steps:
		return "all of its steps are safe"
	case o.SafeSteps > 0:
		return fmt.Sprintf("its first %s safe", text.Count(o.SafeSteps, "step")+" "+text.Plural(o.SafeSteps, "is", "are"))
	}
	return fmt.Sprintf("it loses %s instead, or loses them later", text.Count(o.Lost, "volume"))
}

// remedyWait recommends to wait for rebuilds if that is all it takes.
func (p *planner) remedyWait() {
	if p.result.WaitRebuild || len(p.result.Steps) < 2 {
		return
	}
	var nodes []int
	for _, name := range p.result.Nodes {
		nodes = append(nodes, p.cluster.index[name])
	}
	if p.waiting().rate(nodes).safe == len(nodes) {
		p.do(0, fmt.Sprintf("Wait after each node until Longhorn has rebuilt everything: with `--wait-rebuild` the same steps lose nothing. `kubectl -n %s get volumes.longhorn.io` must show no volume as degraded before the next node goes, and users' servers must not be stopped meanwhile.", p.namespace()))
	}
}

func (p *planner) namespace() string {
	if safeName.MatchString(p.Longhorn.Namespace) {
		return p.Longhorn.Namespace
	}
	return "longhorn-system"
}

// safeName is a name that can stand in a command line as it is.
var safeName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// inCommand is a node's name in a command, or a word for it.
func inCommand(nodes []string) string {
	if len(nodes) == 1 && safeName.MatchString(nodes[0]) {
		return nodes[0]
	}
	return "NODE"
}

// remedyLonghorn has the steps for volumes that have a usable copy to start from.
func (p *planner) remedyLonghorn(t trouble) {
	ns, node := p.namespace(), inCommand(t.nodes)
	if t.homeless > 0 {
		p.do(t.homeless, "No other node can take a copy of these volumes: add a node with room (or the tags that they ask for), or allow scheduling on one, before anything else.")
	}
	if t.evictable > 0 {
		p.do(t.evictable, "Let Longhorn move the copies away before the drain, one node after the other: `"+
			"kubectl -n "+ns+" patch nodes.longhorn.io "+node+` --type=merge -p '{"spec":{"allowScheduling":false,"evictionRequested":true}}'`+"`, then wait until `"+
			"kubectl -n "+ns+" get replicas.longhorn.io -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeID` lists none on that node. "+
			"Longhorn attaches detached volumes by itself for this (seen in 1.2 to 1.10; from 1.8 only those for which another disk is open)."+p.stale(), t.nodes...)
	}
	if t.behind > 0 {
		p.do(t.behind, p.remedyBehind(ns))
	}
	if t.single > 0 {
		p.do(t.single, fmt.Sprintf("Longhorn keeps no more copies of these volumes than must remain: ask for more with `kubectl -n %s patch volumes.longhorn.io VOLUME --type=merge -p '{\"spec\":{\"numberOfReplicas\":%d}}'`, and let each be attached until it is healthy.", ns, max(3, p.result.Keep+1)))
	}
	if t.pinned > 0 {
		p.do(t.pinned, "Volumes with data locality strict-local keep their one copy on the node where they are used: stop their servers, set `dataLocality` to `disabled` and `numberOfReplicas` to 2 or more, attach each once, and wait until it is healthy.")
	}
}

// stale warns of a record that keeps an eviction from ending.
func (p *planner) stale() string {
	for i := range p.Longhorn.Replicas {
		if _, there := p.cluster.at(p.Longhorn.Replicas[i].NodeID); !there && p.Longhorn.Replicas[i].NodeID != "" {
			return " Longhorn counts replicas on nodes that are gone as copies; such a record goes only when its volume is attached and rebuilt. Do not delete one by hand while it is the only other."
		}
	}
	return ""
}

func (p *planner) remedyBehind(ns string) string {
	if !p.rebuildsOffline() {
		return "These detached volumes have fewer copies than they should, and nothing rebuilds a detached volume: start each user's server once (or attach the volume in Longhorn's page), and wait until it is healthy."
	}
	return fmt.Sprintf("These detached volumes have fewer copies than they should: let Longhorn rebuild them with `kubectl -n %s patch volumes.longhorn.io VOLUME --type=merge -p '{\"spec\":{\"offlineRebuilding\":\"enabled\"}}'`, or all at once with the setting offline-replica-rebuilding, and wait until each has its copies.", ns)
}

// rebuildsOffline tells whether the installed Longhorn knows offline rebuilding.
func (p *planner) rebuildsOffline() bool {
	v, known := lhsetting.ParseVersion(p.Longhorn.Version)
	return known && v.AtLeast(1, 9, 0)
}

// remedyUnclear says how to find out what the API does not show.
func (p *planner) remedyUnclear() {
	if n := len(p.result.Unclear); n > 0 {
		p.do(n, "Ask the storage itself where these volumes lie, and whether it can spare the nodes: with Rook, `ceph status` must be HEALTH_OK and `ceph osd ok-to-stop` agree to each node's OSDs; a folder of a node (hostPath) is on the node whose pod wrote it.")
	}
}
