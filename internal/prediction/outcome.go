package prediction

import (
	"slices"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
)

// start tells what a user finds after the next start of a server.
func (p *predictor) start(r row) Start {
	asked := p.asks.ask(r)
	mounted := p.claims[asked.claim]
	own := p.owners.Claims(p.hub.Name, r.user.ID, r.spawner.Name)
	ordered := p.holder(r, mounted, own)
	var holder *facts.Claim
	if len(ordered) > 0 {
		holder = ordered[0]
	}
	s := Start{Hub: p.hub.Name, User: r.user.Name, UserID: r.user.ID, Server: r.spawner.Name, SpawnerID: r.spawner.ID,
		Namespace: asked.claim.namespace, Claim: asked.claim.name, Because: asked.because, Claims: ordered}
	s.Outcome, s.Cause, s.Owner = p.outcome(r, asked, mounted, holder, own)
	if mounted == nil {
		s.New = true
	} else if s.Outcome == Same || s.Cause == CauseUnusable {
		holder = mounted
	}
	if holder != nil {
		s.Data, s.DataNamespace, s.Content = holder.Name, holder.Namespace, p.contents.Of(holder)
	}
	return s
}

// outcome compares the claim that a start mounts (nil: there is none yet) with
// the one that holds the user's files (nil: there is none).
func (p *predictor) outcome(r row, asked ask, mounted, holder *facts.Claim, own []*facts.Claim) (Outcome, Cause, attribution.Owner) {
	var nobody attribution.Owner
	if mounted == nil {
		switch {
		case asked.remembered && p.asks.version.AtLeast(7, 1, 0):
			return Pending, CauseMissing, nobody
		case asked.remembered:
			return Empty, CauseMissing, nobody
		case holder == nil:
			return Same, "", nobody
		}
		return Empty, p.cause(r, asked, mounted, holder), nobody
	}
	stranger, other := p.stranger(r, mounted)
	switch {
	case other && !slices.Contains(own, mounted) && !p.shared(mounted):
		return Other, CauseCollision, stranger
	case unusable(mounted):
		return Pending, CauseUnusable, nobody
	case holder != nil && holder != mounted && !p.mountedLast(r, mounted):
		return Empty, p.cause(r, asked, mounted, holder), nobody
	}
	return Same, "", nobody
}

// unusable tells whether no pod can mount a claim.
func unusable(c *facts.Claim) bool { return !c.Deleting.IsZero() || c.Phase == "Lost" }

// shared tells whether a claim is one that several users mount by design.
func (p *predictor) shared(c *facts.Claim) bool {
	return !p.hasUser || p.hub.OtherClaim(c.Name) || p.owners.SharedByUsers(c.Namespace, c.Name)
}

// mountedLast tells whether the hub remembers a claim for the server.
func (p *predictor) mountedLast(r row, c *facts.Claim) bool { return r.spawner.State.PVCName == c.Name }

// stranger returns whose a claim is if that is not this server's user. Where
// nothing else tells, its label names the user.
func (p *predictor) stranger(r row, c *facts.Claim) (attribution.Owner, bool) {
	owner, known := p.owners.Owner(c.Namespace, c.Name)
	if !known {
		owner, known = p.owners.LabelUser(c.Namespace, c.Name)
	}
	switch {
	case !known:
		return attribution.Owner{}, false
	case owner.Hub != "" && owner.Hub != p.hub.Name:
		return owner, true
	}
	return owner, owner.User != r.user.Name
}

// cause says why a start does not mount the claim with the data.
func (p *predictor) cause(r row, asked ask, mounted, holder *facts.Claim) Cause {
	state := &r.spawner.State
	legacy := asked.legacy != asked.claim && asked.legacy == claimKey{holder.Namespace, holder.Name} && mounted == nil
	switch {
	case !legacy || state.PVCName != "":
		return CauseUnreachable
	case state.KubeSpawnerVersion != "":
		return CauseForgotten
	case !p.asks.triesLegacy():
		return CauseUnreachable
	case asked.rewritten:
		return CauseRunning
	}
	return CauseNoState
}

// collide finds servers of several users that ask for one claim. Where it is
// one of theirs the others were told so already; else nobody can say who gets
// it. A start that leaves its user's files behind stays one that finds an empty
// home: that comes first for them.
func (p *predictor) collide(starts []Start) {
	if !p.hasUser {
		return
	}
	first := make(map[claimKey]int, len(starts))
	second := map[claimKey]int{} // the first of another user
	for i := range starts {
		k := starts[i].asked()
		j, seen := first[k]
		if !seen {
			first[k] = i
		} else if _, ok := second[k]; !ok && starts[j].User != starts[i].User {
			second[k] = i
		}
	}
	for i := range starts {
		s := &starts[i]
		j, ok := second[s.asked()]
		c := p.claims[s.asked()]
		if !ok || s.Outcome == Other || s.Outcome == Empty && s.Data != "" || c != nil && (slices.Contains(s.Claims, c) || p.owned(c) || p.shared(c)) {
			continue
		}
		if starts[j].User == s.User {
			j = first[s.asked()]
		}
		rival := &starts[j]
		s.Outcome, s.Cause = Other, CauseCollision
		s.Owner = attribution.Owner{Hub: rival.Hub, User: rival.User, UserID: rival.UserID, Server: rival.Server}
		if c != nil && s.Data == c.Name && s.DataNamespace == c.Namespace {
			s.Data, s.DataNamespace, s.Content = "", "", Content{}
		}
	}
}

// owned tells whether a claim is somebody's.
func (p *predictor) owned(c *facts.Claim) bool {
	_, ok := p.owners.Owner(c.Namespace, c.Name)
	return ok
}

func (s *Start) asked() claimKey { return claimKey{s.Namespace, s.Claim} }
