package rescue

import (
	"fmt"
	"maps"
	"slices"

	"hubaudit/internal/facts"
)

// giveIDs decides everybody's id: the strongest evidence first, and of equally
// strong evidence that disagrees, none.
func (b *builder) giveIDs() error {
	taken := map[int64]*person{}
	everybody := b.inOrder()
	for rank := range len(b.e.Backups) + rankBackups { // the mapping and the backups
		b.give(everybody, taken, rank)
	}
	b.give(everybody, taken, rankHistory)
	b.giveByClaims(everybody, taken)
	b.holdBack(everybody)
	b.give(everybody, taken, rankDatabase)
	return b.giveNew(everybody, taken)
}

// give gives the ids that evidence of one rank tells, where they are free. In
// one database nobody shares an id; of several spans the first counts.
func (b *builder) give(everybody []*person, taken map[int64]*person, rank int) {
	for _, p := range everybody {
		for _, e := range p.ids {
			if p.out != nil || p.id != 0 || e.rank != rank {
				continue
			}
			if other := taken[e.id]; other != nil {
				p.evidence = append(p.evidence, fmt.Sprintf("the id %d, %s, is %q's", e.id, e.detail, other.name))
				continue
			}
			if rank == rankDatabase && b.heldByAnother(e.id, p) {
				continue
			}
			p.take(e, taken)
		}
	}
}

func (p *person) take(e idEvidence, taken map[int64]*person) {
	p.id, p.idFrom = e.id, rankSource(e.rank)
	p.evidence = append(p.evidence, fmt.Sprintf("the id %d: %s", e.id, e.detail))
	taken[e.id] = p
}

func rankSource(rank int) Source {
	switch rank {
	case rankMapping:
		return FromMapping
	case rankHistory:
		return FromHistory
	case rankClaim:
		return FromName
	case rankDatabase:
		return FromDatabase
	}
	return FromBackup
}

// holdBack keeps the ids of those who are left out for them.
func (b *builder) holdBack(everybody []*person) {
	for _, p := range everybody {
		for _, h := range p.holdings {
			if p.out != nil && !p.out.decided && h.id != 0 {
				b.held[h.id] = p.name
			}
		}
	}
}

// heldByAnother tells whether a claim that is left out has the id in its name:
// its owner, who is not known yet, had it first.
func (b *builder) heldByAnother(id int64, p *person) bool {
	holder, held := b.held[id]
	return held && holder != p.name
}

// giveByClaims gives the ids that names of claims tell: claim-<lossy>-<id>.
// Somebody with claims of several ids, and several people with claims of one,
// are left out, unless the mapping names them.
func (b *builder) giveByClaims(everybody []*person, taken map[int64]*person) {
	asked := map[int64][]*person{}
	chosen := map[*person]idEvidence{}
	for _, p := range everybody {
		if p.out != nil || p.id != 0 {
			continue
		}
		free, lost := p.claimIDs(taken)
		switch e, ok := p.choose(free); {
		case ok:
			asked[e.id] = append(asked[e.id], p)
			chosen[p] = e
		case p.decided: // with a new id
		case len(free) > 1:
			b.refuseIDs(p, free)
		case len(lost) > 0:
			e := lost[0]
			p.out = &refusal{reason: ReasonID, why: fmt.Sprintf("the id %d %s is %q's", e.id, e.detail, taken[e.id].name),
				candidates: []string{p.name}, proposal: b.likeliest(p, 0)}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(asked)) {
		people := asked[id]
		if len(people) == 1 {
			people[0].take(chosen[people[0]], taken)
			continue
		}
		var names []string
		for _, p := range people {
			names = append(names, p.name)
		}
		slices.Sort(names)
		for n, p := range people { // the owner of the oldest claim first
			if p.decided {
				continue // with a new id
			}
			p.out = &refusal{reason: ReasonID, why: fmt.Sprintf("the names of claims give the id %d to %s", id, quoted(names)), candidates: names, proposal: b.likeliest(p, id)}
			if n > 0 {
				p.out.proposal.ID = 0
			}
		}
	}
}

// claimIDs are the different ids that the names of somebody's claims tell, of
// the oldest claim first: those that are free, and those that are not. Claims
// that the mapping file gives outweigh the others.
func (p *person) claimIDs(taken map[int64]*person) (free, lost []idEvidence) {
	decided := slices.ContainsFunc(p.holdings, func(h *holding) bool { return h.from == FromMapping && h.id != 0 })
	seen := map[int64]bool{}
	for _, h := range p.holdings {
		if h.id == 0 || seen[h.id] || decided && h.from != FromMapping {
			continue
		}
		seen[h.id] = true
		e := idEvidence{h.id, rankClaim, "in the name of claim " + h.claim.Name}
		if taken[e.id] == nil {
			free = append(free, e)
		} else {
			lost = append(lost, e)
		}
	}
	return free, lost
}

// choose takes the only id, or the oldest claim's where the present database
// agrees with that.
func (p *person) choose(free []idEvidence) (idEvidence, bool) {
	switch {
	case len(free) == 1:
		return free[0], true
	case len(free) > 1 && slices.ContainsFunc(p.ids, func(e idEvidence) bool { return e.rank == rankDatabase && e.id == free[0].id }):
		return free[0], true
	}
	return idEvidence{}, false
}

func (b *builder) refuseIDs(p *person, free []idEvidence) {
	ids := make([]string, len(free))
	for i, e := range free {
		ids[i] = fmt.Sprint(e.id)
	}
	proposal := b.likeliest(p, 0)
	p.out = &refusal{reason: ReasonID, why: fmt.Sprintf("claims of %q tell several ids: %s", p.name, joined(ids)), candidates: []string{p.name}, proposal: proposal}
}

// likeliest proposes that somebody has the claim that probably holds their
// files, with the id in its name. An id limits it to claims of that.
func (b *builder) likeliest(p *person, id int64) *Decision {
	held := map[*facts.Claim]*holding{}
	var claims []*facts.Claim
	for _, h := range p.holdings {
		if id == 0 || h.id == id {
			held[h.claim] = h
			claims = append(claims, h.claim)
		}
	}
	if len(claims) == 0 {
		return &Decision{User: p.name}
	}
	ordered, _ := b.contents.Likeliest(claims)
	best := held[ordered[0]]
	return b.decisionOn(best.claim, p.name, best.server, best.id)
}

// giveNew numbers everybody else above all ids that anything tells of.
func (b *builder) giveNew(everybody []*person, taken map[int64]*person) error {
	highest := int64(0)
	for id := range taken {
		highest = max(highest, id)
	}
	for id := range b.held {
		highest = max(highest, id)
	}
	for _, p := range b.people {
		for _, e := range p.ids {
			highest = max(highest, e.id)
		}
		for _, h := range p.holdings {
			highest = max(highest, h.id)
		}
	}
	for _, p := range everybody {
		if p.out != nil || p.id != 0 {
			continue
		}
		if highest++; highest > maxID {
			return fmt.Errorf("plan the rescue of hub %q: there is no id left above the highest one that a claim or a backup names: leave out the claim with it in the mapping file", b.h.Name)
		}
		p.id, p.idFrom = highest, FromNothing
		p.evidence = append(p.evidence, fmt.Sprintf("the id %d is new: nothing tells of an earlier one", p.id))
	}
	return nil
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return joined(out)
}
