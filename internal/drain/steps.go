package drain

import (
	"fmt"
	"math/bits"
	"slices"

	"hubaudit/internal/copies"
	"hubaudit/internal/text"
)

// run works out the steps, the order and what would help.
func (p *planner) run() {
	r := p.result
	var nodes []int
	if len(r.Nodes) == 0 {
		r.Chosen = true
		nodes = p.holders()
	}
	for _, name := range r.Nodes {
		nodes = append(nodes, p.cluster.index[name])
	}
	nodes = p.findOrder(nodes)
	r.Nodes = nil
	for _, n := range nodes {
		r.Nodes = append(r.Nodes, p.cluster.names[n])
	}
	m := p.start()
	st := &state{gone: map[string]bool{}, back: r.Rolling, rebuilt: map[string]bool{}, detached: map[string]bool{}}
	for _, n := range nodes {
		r.Steps = append(r.Steps, p.step(m, st, n))
	}
	rank(r.Unclear)
	rank(r.Gone)
	r.Safe = len(r.Unknown) == 0 && len(r.Unclear) == 0 && !r.Costs()
	p.remedy()
}

// Costs tells whether some step loses a copy that must remain.
func (r *Result) Costs() bool {
	return slices.ContainsFunc(r.Steps, func(s Step) bool { return len(s.Lost)+len(s.BelowKeep) > 0 })
}

// holders are the nodes on which data lies or may lie, by name.
func (p *planner) holders() []int {
	all := len(p.pools) > 0 || len(p.result.Unclear) > 0 || p.result.Other > 0
	holds := map[int]bool{}
	for _, g := range p.groups {
		for _, n := range g.near {
			holds[n] = true
		}
	}
	for _, m := range p.maybe {
		for _, name := range m.nodes {
			if n, ok := p.cluster.at(name); ok {
				holds[n] = true
			}
		}
	}
	var nodes []int
	for n, k := range p.cluster.kube {
		if k != nil && (all || holds[n]) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// step drains one node and tells what that costs.
func (p *planner) step(m *moment, st *state, node int) Step {
	name := p.cluster.names[node]
	s := Step{Node: name, Note: p.note(node), Interrupted: p.interrupted(name), Budgets: p.budgets(name)}
	for _, at := range p.byNode[node] {
		g, before := p.groups[at.group], &m.cells[at.group]
		after, f := p.hit(g, before, node, at.mask)
		if f == spared {
			continue
		}
		if f != apart {
			p.bad = append(p.bad, loss{g, node})
		}
		why := p.why(g, before, node, f)
		for _, n := range g.items {
			it := p.item(&p.data[n], why(&p.data[n]))
			it.Copies = g.copies(&after)
			switch f {
			case lost:
				s.Lost = append(s.Lost, it)
			case below:
				s.BelowKeep = append(s.BelowKeep, it)
			default:
				s.Apart = append(s.Apart, it)
			}
		}
	}
	s.Lost = append(s.Lost, p.folders[node]...)
	rank(s.Lost)
	rank(s.BelowKeep)
	rank(s.Apart)
	p.detach(m, st, node)
	s.Longhorn = p.askLonghorn(st, name, s.Lost)
	p.take(m, node)
	st.gone[name] = true
	p.noteState(m, st)
	p.stepMaybe(name)
	p.stepPools(st.gone, name)
	return s
}

// note says what is special about a node.
func (p *planner) note(node int) string {
	if k := p.cluster.kube[node]; k != nil {
		if why := k.Leaving(); why != "" {
			return why + " already"
		}
		if k.Ready != "True" {
			return "is not ready"
		}
		return ""
	}
	n := 0
	for i := range p.Longhorn.Replicas {
		if p.Longhorn.Replicas[i].NodeID == p.cluster.names[node] {
			n++
		}
	}
	if n == 0 {
		return "is not in Kubernetes any more: there is nothing to drain"
	}
	return fmt.Sprintf("is not in Kubernetes any more: what lay on it is gone already, and Longhorn still has %s on record there", text.Count(n, "replica"))
}

// remainsWhy is said of a volume whose last remains go.
const remainsWhy = "has no usable copy even now, and the last of what is left of it is on this node"

// why says why a group's volumes are hit, as the clause of a sentence about one.
func (p *planner) why(g *group, c *cell, node int, f fate) func(*copies.Data) string {
	left := bits.OnesCount64(c.left)
	sure := g.mask(node)&c.left != 0
	return func(d *copies.Data) string {
		switch {
		case f == apart:
			return d.Longhorn.Unsettled()
		case g.remains:
			return remainsWhy
		case f == below && !sure:
			return "may have one of its copies on this node, where Longhorn is free to rebuild it"
		case f == below:
			return "has one of its copies on this node"
		case g.local:
			return "lies on this node's own disk" + also(len(g.nodes))
		case !sure:
			return "may have its last copy on this node, where Longhorn is free to rebuild it"
		case len(g.nodes) == g.need && g.need == 1:
			return "has its only usable copy on this node" + unusable(d)
		case g.need > 1:
			return fmt.Sprintf("has %s left and needs %d: this node takes one too many", text.Count(left+int(c.loose), "shard"), g.need)
		}
		return fmt.Sprintf("has the last of its %d usable copies on this node", len(g.nodes))
	}
}

func also(nodes int) string {
	if nodes < 2 {
		return ""
	}
	return " and nowhere else any more"
}

// unusable counts the replicas on record that do not help.
func unusable(d *copies.Data) string {
	n := 0
	for i := range d.Longhorn.Replicas {
		if !d.Longhorn.Replicas[i].Usable() {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s on record cannot be used", text.Count(n, "other replica"))
}

// askLonghorn tells what Longhorn itself would do.
func (p *planner) askLonghorn(st *state, node string, lost []Item) *Longhorn {
	if p.guard == nil {
		return nil
	}
	l := &Longhorn{}
	l.Holds, l.Trouble = p.guard.Blocks(node, st)
	held := map[string]bool{}
	for _, h := range l.Holds {
		held[h.Volume] = true
	}
	for i := range lost {
		if lost[i].Longhorn && !held[lost[i].Volume] && l.Trouble == "" {
			l.Unprotected = append(l.Unprotected, lost[i].Volume)
		}
	}
	return l
}

// detach notes the volumes that nothing mounts any more once the pods of a node
// are evicted, which comes before Longhorn is asked to let its own pods go.
func (p *planner) detach(m *moment, st *state, node int) {
	for _, at := range p.byNode[node] {
		if g := p.groups[at.group]; int(m.cells[at.group].attached) == node && !g.returns {
			for _, n := range g.items {
				st.detached[p.data[n].Name()] = true
			}
		}
	}
}

// noteState keeps up to date what has been rebuilt after a step.
func (p *planner) noteState(m *moment, st *state) {
	for i, g := range p.groups {
		c := &m.cells[i]
		if rebuilt := c.loose > 0 && !c.over && g.copies(c) > 1; rebuilt != g.rebuilt {
			g.rebuilt = rebuilt
			for _, n := range g.items {
				st.rebuilt[p.data[n].Name()] = rebuilt
			}
		}
	}
}
