package drain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// guard is Longhorn's own protection against a drain: as long as it does not
// find a node's replicas dispensable, it keeps the PodDisruptionBudgets of the
// node's instance managers, so that their pods cannot be evicted and the drain
// does not end. It tells what Longhorn would do, not what is safe: Longhorn
// never looks at disks, nor whether a replica is active, being deleted or being
// evicted.
type guard struct {
	rule    rule
	policy  policy
	sparing bool   // budgets are kept only where they are needed, for the cluster autoscaler
	unknown string // why it cannot be told what Longhorn does, "" if it can

	nodes    map[string]*facts.Node
	volumes  map[string]*facts.LHVolume
	managers map[string][]*facts.LHInstanceManager // by node
	budgets  map[string]bool                       // instance managers that have one, by name
	byNode   map[string][]*facts.LHReplica
	byVolume []*facts.LHReplica // sorted by volume
}

// longhornGuard finds out by which rule the installed Longhorn decides.
func longhornGuard(s *facts.Snapshot) *guard {
	g := &guard{}
	if g.unknown = unseen(s); g.unknown == "" {
		g.rule, g.unknown = ruleOf(s.Longhorn.Version)
	}
	if g.unknown == "" {
		g.policy, g.unknown = g.rule.policyOf(s.Longhorn.Settings)
	}
	if g.unknown != "" {
		return g
	}
	g.sparing, _ = strconv.ParseBool(s.Longhorn.Settings[autoscalerSetting])
	g.index(s)
	return g
}

// unseen says which part of what Longhorn looks at was not read.
func unseen(s *facts.Snapshot) string {
	for _, name := range []string{facts.KubeNodes, facts.KubeDisruptionBudgets, facts.LonghornInstanceManagers,
		facts.LonghornReplicas, facts.LonghornSettings, facts.LonghornVolumes} {
		if src := s.Source(name); src.Status != facts.OK {
			return fmt.Sprintf("%s is %s, so it cannot be told what Longhorn itself would block: %s", name, src.Status, src.Detail)
		}
	}
	return ""
}

func (g *guard) index(s *facts.Snapshot) {
	g.nodes, g.volumes = map[string]*facts.Node{}, make(map[string]*facts.LHVolume, len(s.Longhorn.Volumes))
	g.managers, g.byNode = map[string][]*facts.LHInstanceManager{}, map[string][]*facts.LHReplica{}
	g.budgets = map[string]bool{}
	for i := range s.Kube.Nodes {
		g.nodes[s.Kube.Nodes[i].Name] = &s.Kube.Nodes[i]
	}
	for i := range s.Longhorn.Volumes {
		g.volumes[s.Longhorn.Volumes[i].Name] = &s.Longhorn.Volumes[i]
	}
	for i := range s.Longhorn.InstanceManagers {
		im := &s.Longhorn.InstanceManagers[i]
		g.managers[im.NodeID] = append(g.managers[im.NodeID], im)
	}
	for i := range s.Kube.DisruptionBudgets {
		if b := &s.Kube.DisruptionBudgets[i]; b.Namespace == s.Longhorn.Namespace {
			g.budgets[b.Name] = true // Longhorn names it after the instance manager
		}
	}
	g.byVolume = make([]*facts.LHReplica, len(s.Longhorn.Replicas))
	for i := range s.Longhorn.Replicas {
		r := &s.Longhorn.Replicas[i]
		g.byVolume[i] = r
		g.byNode[r.NodeID] = append(g.byNode[r.NodeID], r)
	}
	slices.SortStableFunc(g.byVolume, func(a, b *facts.LHReplica) int { return cmp.Compare(a.Volume, b.Volume) })
}

// replicasOf are all that Longhorn has on record of a volume.
func (g *guard) replicasOf(volume string) []*facts.LHReplica {
	from, found := slices.BinarySearchFunc(g.byVolume, volume, func(r *facts.LHReplica, v string) int { return cmp.Compare(r.Volume, v) })
	if !found {
		return nil
	}
	to := from
	for to < len(g.byVolume) && g.byVolume[to].Volume == volume {
		to++
	}
	return g.byVolume[from:to]
}

// outcome is how one of Longhorn's decisions may end. It can be several where
// Longhorn itself goes by chance, or where the snapshot does not show enough.
type outcome uint8

const (
	lets  outcome = 1 << iota // the replica, or the node, may go
	holds                     // it may not
	fails                     // the look-up breaks off with an error, so the budget stays, and the drain hangs
)

func (o outcome) may(what outcome) bool { return o&what != 0 }

// Blocks tells which replicas make Longhorn keep a node from being drained in
// the given state. The node is cordoned, and what was attached there has been
// detached. In err it says in words what cannot be told, or why the drain
// would hang for another reason; the drain goes on only if both are empty.
func (g *guard) Blocks(node string, st *state) (held []Hold, err string) {
	if g.unknown != "" {
		return nil, g.unknown
	}
	watched, stuck := g.watch(node, st)
	if !watched {
		return nil, stuck
	}
	var broken *facts.LHReplica
	count := 0
	for _, r := range g.heldBack(node, st) {
		switch o := g.judge(r, node, st); {
		case o == holds || o == holds|fails:
			held = append(held, Hold{Replica: r.Name, Volume: r.Volume, Why: g.reason()})
		case o.may(fails):
			broken = cmp.Or(broken, r)
			count++
		}
	}
	if broken != nil {
		return held, fmt.Sprintf("Longhorn may be unable to finish its own check: for %s a look-up of a node, a volume or an instance manager fails, as for %q, and until that is mended the drain hangs (longhorn/longhorn#10833)",
			text.Count(count, "replica"), broken.Name)
	}
	return held, stuck
}

// answer is everything that Longhorn's decision about a node may be.
func (g *guard) answer(node string, st *state) outcome {
	watched, stuck := g.watch(node, st)
	all, some := lets, outcome(0)
	if watched {
		for _, r := range g.heldBack(node, st) {
			o := g.judge(r, node, st)
			all &= o
			some |= o
		}
	}
	if stuck != "" {
		return holds | some&fails
	}
	return all | some&^lets
}

// watch tells whether Longhorn decides about the budgets of a node's instance
// managers. It decides nothing about one that does not run, and leaves its
// budget in place: then the drain is stuck whatever is on the node.
func (g *guard) watch(node string, st *state) (watched bool, stuck string) {
	if st.gone[node] {
		return st.back, ""
	}
	if g.nodes[node] == nil {
		return false, ""
	}
	for _, im := range g.managers[node] {
		switch {
		case !g.budgets[im.Name]:
		case im.State == "running":
			watched = true
		default:
			stuck = fmt.Sprintf("instance manager %q is in state %q, and Longhorn leaves its PodDisruptionBudget in place until it runs: if its pod is there, the drain hangs", im.Name, im.State)
		}
	}
	return watched, stuck
}

// heldBack are the replicas on a node that Longhorn looks at before it lets the
// node go.
func (g *guard) heldBack(node string, st *state) []*facts.LHReplica {
	switch g.policy {
	case alwaysAllow:
		return nil
	case allowIfStopped:
		var running []*facts.LHReplica
		for _, r := range g.byNode[node] {
			if !g.stopped(r, st) {
				running = append(running, r)
			}
		}
		return running
	}
	return g.byNode[node]
}

// stopped tells whether no process serves the replica.
func (g *guard) stopped(r *facts.LHReplica, st *state) bool {
	return r.State == "stopped" || st.detached[r.Volume]
}
