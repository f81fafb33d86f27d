package drain

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// Order is the safest order of a drain's nodes.
type Order struct {
	Nodes []string
	// SafeSteps is how many of its first steps are safe, of the planned order's
	// GivenSafe are. Lost is how many volumes it loses in all.
	SafeSteps, GivenSafe int
	Lost, BelowKeep      int
	// Better: it is better than the planned one.
	Better bool
	// Exact: every order was looked at. Otherwise there may be a better one.
	Exact bool
}

// score tells how good an order is, up to some step.
type score struct {
	safe        int // steps before the first that costs something
	lost, below int
	early       int // the losses, once for each step since they happened
}

// compare is negative where s is the better one: the longer safe beginning, then
// the smaller loss, then the later.
func (s score) compare(t score) int {
	return cmp.Or(t.safe-s.safe, s.lost-t.lost, s.below-t.below, s.early-t.early)
}

// after is the score with one more step.
func (s score) after(step int, cost tally) score {
	if s.safe == step && cost == (tally{}) {
		s.safe++
	}
	s.lost += cost.lost
	s.below += cost.below
	s.early += s.lost
	return s
}

// path is some first steps of an order.
type path struct {
	order []int
	score score
	at    *moment
}

// work bounds the search: steps of groups that may be simulated.
const work = 60_000_000

// search finds the safest order of nodes. It follows all orders in step, and
// keeps one of those that come to the same moment, as they have the same future.
// Where that is too much work it follows only the best few.
func (p *planner) search(nodes []int) (best path, exact bool) {
	n := len(nodes)
	width := max(1, work/max(1, n*(n+1)/2*(len(p.groups)+n)))
	layer := []path{{at: p.start()}}
	exact = true
	for step := range n {
		candidates := p.extend(layer, nodes, step)
		layer, exact = p.keep(layer, candidates, width, exact)
	}
	return layer[0], exact
}

// extension is a path with one more node, not yet simulated.
type extension struct {
	from, node int
	score      score
}

// extend lists all ways to go on, the best first. Ties go by the order in which
// the nodes were named.
func (p *planner) extend(layer []path, nodes []int, step int) []extension {
	var all []extension
	for from := range layer {
		for _, node := range nodes {
			if !layer[from].at.gone[node] {
				all = append(all, extension{from, node, layer[from].score.after(step, p.cost(layer[from].at, node))})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b extension) int { return a.score.compare(b.score) })
	return all
}

// keep simulates the best extensions, one for each moment, up to width of them.
func (p *planner) keep(layer []path, candidates []extension, width int, exact bool) ([]path, bool) {
	seed := maphash.MakeSeed()
	seen := map[uint64]bool{}
	var kept []path
	for _, c := range candidates {
		if len(kept) == width {
			return kept, false
		}
		from := &layer[c.from]
		at := from.at.clone()
		p.take(at, c.node)
		key := at.key(seed)
		if seen[key] {
			continue
		}
		seen[key] = true
		kept = append(kept, path{append(slices.Clone(from.order), c.node), c.score, at})
	}
	return kept, exact
}

// rate is the score of a given order.
func (p *planner) rate(nodes []int) score {
	m := p.start()
	var s score
	for step, node := range nodes {
		s = s.after(step, p.cost(m, node))
		p.take(m, node)
	}
	return s
}

// findOrder sets the result's Order, and returns the order in which to plan.
func (p *planner) findOrder(nodes []int) []int {
	if len(nodes) < 2 {
		return nodes
	}
	best, exact := p.search(nodes)
	given := p.rate(nodes)
	if best.score.compare(given) >= 0 { // as good: the one that was asked for
		best.order, best.score = nodes, given
	}
	o := &Order{SafeSteps: best.score.safe, Lost: best.score.lost, BelowKeep: best.score.below, Better: best.score.compare(given) < 0, Exact: exact}
	for _, n := range best.order {
		o.Nodes = append(o.Nodes, p.cluster.names[n])
	}
	p.result.Order = o
	if p.result.Chosen {
		nodes, given, o.Better = best.order, best.score, false
	}
	o.GivenSafe = given.safe
	return nodes
}
