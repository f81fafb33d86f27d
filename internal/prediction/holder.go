package prediction

import (
	"cmp"
	"slices"

	"hubaudit/internal/facts"
)

// holder orders a server's own claims so that the one with its user's files
// comes first: the one that its last start mounted where something tells, else
// the one that the next start mounts, else the likeliest.
func (p *predictor) holder(r row, mounted *facts.Claim, own []*facts.Claim) []*facts.Claim {
	if len(own) < 2 {
		return own
	}
	ordered, _ := p.contents.Likeliest(own)
	first := p.lastMounted(r, own)
	if first == nil && slices.Contains(own, mounted) {
		first = mounted
	}
	if at := slices.Index(ordered, first); at > 0 {
		copy(ordered[1:at+1], ordered[:at])
		ordered[0] = first
	}
	return ordered
}

// lastMounted is the one of a server's claims that its running pod mounts, or
// that the hub remembers, or that a start would mount as the hub is configured
// now; nil where nothing tells.
func (p *predictor) lastMounted(r row, own []*facts.Claim) *facts.Claim {
	state := &r.spawner.State
	namespace := cmp.Or(state.Namespace, p.hub.Namespace)
	if mounts := p.mounts[claimKey{namespace, state.PodName}]; r.spawner.ServerID != 0 && len(mounts) > 0 {
		i := slices.IndexFunc(own, func(c *facts.Claim) bool { return c.Namespace == namespace && slices.Contains(mounts, c.Name) })
		if i >= 0 {
			return own[i]
		}
	}
	if c := p.claims[claimKey{namespace, state.PVCName}]; slices.Contains(own, c) {
		return c
	}
	if p.now != nil {
		if c := p.claims[p.now.ask(r).claim]; slices.Contains(own, c) {
			return c
		}
	}
	return nil
}
