package rescue

import (
	"fmt"
	"maps"
	"slices"

	"hubaudit/internal/facts"
)

// serversOf are somebody's servers with their claims. A server for which
// several claims are left over gets none.
func (b *builder) serversOf(p *person) []Server {
	byServer := map[string][]*holding{}
	for _, h := range p.holdings {
		if why := unusable(h.claim); why != "" {
			b.leaveOut(h.claim, refusal{reason: ReasonUnusable, why: why, candidates: []string{p.name}, proposal: b.leaving(h.claim)}, p.name, h.server)
			continue
		}
		byServer[h.server] = append(byServer[h.server], h)
	}
	for name := range p.servers {
		if _, holds := byServer[name]; !holds && name != "" {
			byServer[name] = nil
		}
	}
	var servers []Server
	for _, name := range slices.Sorted(maps.Keys(byServer)) {
		s := Server{Name: name, LastActivity: p.servers[name], From: FromNothing}
		if h := b.choose(p, name, byServer[name]); h != nil {
			s.Namespace, s.Claim, s.From, s.Evidence = h.claim.Namespace, h.claim.Name, h.from, []string{"claim " + h.claim.Name + ": " + h.detail}
		} else if len(byServer[name]) > 0 && name == "" {
			continue // the hub makes it, and it has nothing to remember
		} else if len(byServer[name]) == 0 {
			s.From = p.nameFrom
			s.Evidence = []string{"an old database has the server, and nothing tells of its claim"}
		}
		servers = append(servers, s)
	}
	return servers
}

// unusable says why no server can mount a claim, "" if one can.
func unusable(c *facts.Claim) string {
	switch {
	case !c.Deleting.IsZero():
		return "it is being deleted since " + day(c.Deleting)
	case c.Phase == "Lost":
		return "its volume is gone"
	}
	return ""
}

// choose picks a server's claim among all that are its: the one that the
// mapping file names, that an old database remembers, or, where all have an id
// in their names, that has the user's; or the one that the hub remembers now, if
// that also seems to have the files. What is left over is listed, and where nothing decides,
// all are.
func (b *builder) choose(p *person, server string, held []*holding) *holding {
	if len(held) == 1 {
		return held[0]
	}
	if len(held) == 0 {
		return nil
	}
	claims := make([]*facts.Claim, len(held))
	for i, h := range held {
		claims[i] = h.claim
	}
	ordered, because := b.contents.Likeliest(claims)
	numbered := !slices.ContainsFunc(held, func(h *holding) bool { return h.id == 0 }) // else one is of a later naming
	for _, rule := range []struct {
		applies func(*holding) bool
		why     string
	}{
		{func(h *holding) bool { return h.from == FromMapping }, "the mapping file gives the server claim %s"},
		{func(h *holding) bool { return h.from == FromBackup }, "a backup gives the server claim %s"},
		{func(h *holding) bool { return numbered && h.id == p.id }, "the user's id is in the name of claim %s"},
		{func(h *holding) bool { return h.from == FromDatabase && h.claim == ordered[0] }, "the hub remembers claim %s, " + because},
	} {
		if chosen := only(held, rule.applies); chosen != nil {
			for _, h := range held {
				if h != chosen {
					b.leaveOut(h.claim, refusal{reason: ReasonSecond, why: fmt.Sprintf("it is a second claim of this server: "+rule.why, chosen.claim.Name), candidates: []string{p.name},
						proposal: b.leaving(h.claim)}, p.name, server)
				}
			}
			return chosen
		}
	}
	for _, h := range held {
		r := refusal{reason: ReasonDuplicate, why: fmt.Sprintf("%d claims are this server's; the files are probably in %s, %s", len(held), ordered[0].Name, because),
			candidates: []string{p.name}, proposal: b.leaving(h.claim)}
		if h.claim == ordered[0] {
			r.proposal = b.decisionOn(h.claim, p.name, server, 0)
		}
		b.leaveOut(h.claim, r, p.name, server)
	}
	return nil
}

// only is the one holding that a rule applies to, nil if it is none or several.
func only(held []*holding, applies func(*holding) bool) *holding {
	var found *holding
	for _, h := range held {
		if !applies(h) {
			continue
		}
		if found != nil {
			return nil
		}
		found = h
	}
	return found
}

// listOut lists somebody who is left out, by their claims.
func (b *builder) listOut(p *person) {
	if len(p.holdings) == 0 {
		b.plan.LeftOut = append(b.plan.LeftOut, LeftOut{User: p.name, Reason: p.out.reason, Why: p.out.why, Candidates: p.out.candidates, Decided: p.out.decided, Proposal: p.out.proposal})
		return
	}
	main := p.out.proposal
	for _, h := range p.holdings {
		r := *p.out
		switch {
		case main == nil, main.LeaveOut, main.Claim == h.claim.Name:
		case main.Claim != "" && main.Server == h.server:
			r.proposal = b.leaving(h.claim)
		default:
			r.proposal = b.decisionOn(h.claim, p.name, h.server, 0)
		}
		b.leaveOut(h.claim, r, p.name, h.server)
	}
}

// leaveOut lists a claim.
func (b *builder) leaveOut(c *facts.Claim, r refusal, user, server string) {
	b.plan.LeftOut = append(b.plan.LeftOut, LeftOut{Namespace: c.Namespace, Claim: c.Name, Created: c.Created, User: user, Server: server,
		Reason: r.reason, Why: r.why, Candidates: r.candidates, Hint: r.hint, Decided: r.decided, Proposal: r.proposal})
}

// decisionOn is a decision that gives a claim to somebody's server.
func (b *builder) decisionOn(c *facts.Claim, user, server string, id int64) *Decision {
	d := &Decision{Claim: c.Name, User: user, Server: server, ID: id}
	if c.Namespace != b.h.Namespace {
		d.Namespace = c.Namespace
	}
	return d
}

// leaving is the decision to leave a claim out.
func (b *builder) leaving(c *facts.Claim) *Decision {
	d := b.decisionOn(c, "", "", 0)
	d.LeaveOut = true
	return d
}
