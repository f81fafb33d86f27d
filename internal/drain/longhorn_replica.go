package drain

import (
	"cmp"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
)

// judge tells whether Longhorn lets the node of a replica go for all it knows of
// the replica's volume.
func (g *guard) judge(r *facts.LHReplica, node string, st *state) outcome {
	volume := g.volumes[r.Volume]
	switch {
	case g.policy == blockForEviction:
		return holds
	case st.rebuilt[r.Volume]:
		return lets
	case volume == nil && g.rule.reads != listed:
		return fails // it looks the volume up first
	}
	d := decision{blank: unused(r), every: lets | holds | fails}
	for _, other := range g.replicasOf(r.Volume) {
		if other.NodeID != node {
			d.hear(g.witness(other, st))
		} else if g.rule.reads != listed && unused(other) {
			d.blank = true
		}
	}
	return d.end(g.rule.reads)
}

// unused: no data was ever written to it.
func unused(r *facts.LHReplica) bool { return r.HealthyAt.IsZero() && r.FailedAt.IsZero() }

// witness tells whether a replica on another node makes its volume's replica on
// the drained node dispensable to Longhorn.
func (g *guard) witness(r *facts.LHReplica, st *state) outcome {
	if r.HealthyAt.IsZero() || !r.FailedAt.IsZero() {
		return holds
	}
	if !st.gone[r.NodeID] {
		return g.standing(r, st)
	}
	// Only the record of a detached volume outlives its node.
	volume := g.volumes[r.Volume]
	if volume != nil && volume.State == "attached" {
		if !st.detached[r.Volume] {
			return holds
		}
		return holds | g.stale(st)
	}
	return g.stale(st)
}

// stale is what a healthy record on a node that was taken away is worth.
func (g *guard) stale(st *state) outcome {
	switch {
	case g.rule.reads == records:
		return lets
	case !st.back:
		return fails
	case g.sparing:
		return lets | holds
	}
	return lets
}

// standing is what a healthy record on a node is worth that the drain has not
// reached yet.
func (g *guard) standing(r *facts.LHReplica, st *state) outcome {
	if g.rule.reads == records {
		return lets
	}
	node := g.nodes[r.NodeID]
	switch {
	case node == nil:
		return fails
	case node.Unschedulable:
		return holds
	}
	return g.managed(r, st)
}

// managed tells whether the instance manager of a replica runs and has a
// budget. A stopped replica's is the one with the default image, which the
// snapshot does not show: one of several may be it, or none.
func (g *guard) managed(r *facts.LHReplica, st *state) outcome {
	stopped := g.stopped(r, st)
	found := g.managersOf(r, stopped)
	o := outcome(0)
	switch {
	case len(found) == 0:
		return g.unmanaged(r, stopped)
	case len(found) > 1 && stopped && !g.rule.needsManager:
		o = holds
	case len(found) > 1 && stopped && found[0].DataEngine == lhsetting.V2:
		found = slices.DeleteFunc(found, func(im *facts.LHInstanceManager) bool { return im.State != "running" })
		if len(found) != 1 {
			return fails
		}
	}
	for _, im := range found {
		if im.State == "running" && g.budgets[im.Name] {
			o |= lets
		} else {
			o |= holds
		}
	}
	return o
}

// unmanaged is what a replica is worth that has no instance manager on its node.
func (g *guard) unmanaged(r *facts.LHReplica, stopped bool) outcome {
	switch {
	case !g.rule.needsManager || r.State == "running" && !stopped:
		return holds
	case stopped:
		return fails
	}
	return holds | fails
}

// managersOf are the instance managers that may be a replica's.
func (g *guard) managersOf(r *facts.LHReplica, stopped bool) []*facts.LHInstanceManager {
	engine := lhsetting.V1
	if v := g.volumes[r.Volume]; v != nil {
		engine = cmp.Or(v.DataEngine, engine)
	}
	var found []*facts.LHInstanceManager
	for _, im := range g.managers[r.NodeID] {
		fits := im.Type == "replica" && (!g.rule.oneManager || !stopped) || im.Type == "aio" && g.rule.oneManager
		if fits && cmp.Or(im.DataEngine, lhsetting.V1) == engine {
			found = append(found, im)
		}
	}
	return found
}
