package drain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// newTestPlanner is a planner of which every part can be asked.
func newTestPlanner(s *facts.Snapshot, o Options) *planner {
	if o.Keep == 0 {
		o.Keep = 1
	}
	return newPlanner(s, &Result{Options: o}, true)
}

// TestOrderIsTheBest: no order of all there are has a longer safe beginning, or
// as long a one and a smaller loss.
func TestOrderIsTheBest(t *testing.T) {
	better := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := randomCluster(r)
		o := randomOptions(r, s)
		p := newTestPlanner(s, o)
		var nodes []int
		for _, name := range o.Nodes {
			nodes = append(nodes, p.cluster.index[name])
		}
		found, exact := p.search(nodes)
		if again := p.rate(found.order); again != found.score {
			t.Fatalf("seed %d: the order %v is rated %+v, and %+v when walked", seed, found.order, found.score, again)
		}
		if !exact {
			t.Fatalf("seed %d: not every order of %d nodes was looked at", seed, len(nodes))
		}
		best := p.rate(nodes)
		permutations(nodes, func(order []int) {
			if rated := p.rate(order); rated.compare(best) < 0 {
				best = rated
			}
		})
		if best.compare(found.score) != 0 {
			t.Fatalf("seed %d, %+v: found %+v, and there is %+v", seed, o, found.score, best)
		}
		if best.compare(p.rate(nodes)) < 0 {
			better++
		}
	}
	if better < 50 {
		t.Errorf("only %d of the orders could be bettered", better)
	}
}

func permutations(nodes []int, visit func([]int)) {
	var walk func(done, rest []int)
	walk = func(done, rest []int) {
		if len(rest) == 0 {
			visit(done)
			return
		}
		for i := range rest {
			walk(append(done[:len(done):len(done)], rest[i]), slices.Delete(slices.Clone(rest), i, i+1))
		}
	}
	walk(nil, nodes)
}

// TestOrderIsFoundAmongMany: with more nodes than can be looked at in every
// order the search goes on with the best, and says that it is not exact.
func TestOrderIsFoundAmongMany(t *testing.T) {
	s := world.Healthy(world.Size{Users: 40, Nodes: 24, Replicas: 2})
	r, err := Plan(s, Options{Rolling: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Steps) != 24 || !r.Chosen || r.Order.SafeSteps != r.Order.GivenSafe || r.Order.Better {
		t.Fatalf("%d steps, chosen %t, order %+v", len(r.Steps), r.Chosen, r.Order)
	}
	// Every second node around the ring can go: each volume lies on two neighbours.
	if r.Order.SafeSteps < 11 || r.Order.Exact {
		t.Errorf("%d of 24 steps are safe, exact %t", r.Order.SafeSteps, r.Order.Exact)
	}
	for i, step := range r.Steps[:r.Order.SafeSteps] {
		if len(step.Lost) > 0 {
			t.Errorf("step %d loses %d", i+1, len(step.Lost))
		}
	}
}

// BenchmarkPlan foretells a rolling rebuild: the order is searched for first.
func BenchmarkPlan(b *testing.B) {
	for _, size := range []world.Size{{Users: 9_000, Nodes: 10, Replicas: 3}, {Users: 90_900, Nodes: 50, Replicas: 3}} {
		s := world.Healthy(size)
		scatter(s)
		for name, o := range map[string]Options{"rolling": {Rolling: true}, "waiting": {Rolling: true, WaitRebuild: true}, "one": {Nodes: []string{"worker-1"}}} {
			b.Run(fmt.Sprintf("%s/%dvolumes/%dnodes", name, len(s.Longhorn.Volumes), size.Nodes), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r, err := Plan(s, o)
					if err != nil || len(r.Unknown) > 0 {
						b.Fatal(err, r.Unknown)
					}
				}
			})
		}
	}
}

// scatter puts replicas on nodes at random, each of a volume on another one.
func scatter(s *facts.Snapshot) {
	r := rand.New(rand.NewPCG(1, 1))
	nodes := r.Perm(len(s.Longhorn.Nodes))
	for i := range s.Longhorn.Replicas {
		if i > 0 && s.Longhorn.Replicas[i].Volume != s.Longhorn.Replicas[i-1].Volume {
			nodes = r.Perm(len(s.Longhorn.Nodes))
		}
		n := &s.Longhorn.Nodes[nodes[i%3]]
		s.Longhorn.Replicas[i].NodeID, s.Longhorn.Replicas[i].DiskID = n.Name, n.Disks[0].UUID
	}
}
