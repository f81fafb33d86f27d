package drain

import "fmt"

// pool is volumes that lie in pools of one kind: spread by other rules than
// Longhorn's, over nodes that the API does not show.
type pool struct {
	items []int
	told  bool
}

func (p *planner) addPool(i int) {
	d := &p.data[i]
	p.result.Judged++
	for _, have := range p.pools {
		if of := &p.data[have.items[0]]; of.Failures == d.Failures && of.Domain == d.Domain {
			have.items = append(have.items, i)
			return
		}
	}
	p.pools = append(p.pools, &pool{items: []int{i}})
}

// stepPools notes the pools that may not survive the nodes that are gone. A pool
// heals when it has time and room, which cannot be seen: a loss stays one.
func (p *planner) stepPools(gone map[string]bool, last string) {
	for _, q := range p.pools {
		d := &p.data[q.items[0]]
		left, known := d.Left(func(node string) bool { return gone[node] })
		if q.told || known && left >= p.result.Keep {
			continue
		}
		q.told = true
		why := fmt.Sprintf("is in a pool that is sure to survive the loss of %d of its %ss, and nothing shows which nodes hold them: after %s more may be gone", d.Failures, d.Domain, last)
		for _, i := range q.items {
			p.unclear(&p.data[i], why)
		}
	}
}

// stepMaybe does the same for volumes of which only some nodes can have the data.
func (p *planner) stepMaybe(node string) {
	rest := p.maybe[:0]
	for _, m := range p.maybe {
		hit := false
		for _, n := range m.nodes {
			hit = hit || n == node
		}
		if !hit {
			rest = append(rest, m)
			continue
		}
		p.unclear(&p.data[m.data], p.data[m.data].Unknown)
	}
	p.maybe = rest
}
