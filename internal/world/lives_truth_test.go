package world_test

import (
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// gone compares pvc-orphaned, which only lists, with the claims of users and of
// named servers that were deleted. What else remembers or mounts such a claim
// may have it now.
func (j *judgement) gone() {
	gone, sure := map[string]bool{}, map[string]bool{}
	seats := j.seats()
	for name, d := range j.deeds {
		c := j.claim(name)
		there := d.made.user == "" && !d.copied || slices.Contains(seats, d.made) || !c.Deleting.IsZero()
		gone[name] = !there && !d.copied || d.copied && !slices.Contains(seats, seat{c.User, c.Server})
		sure[name] = !there && c.HasUser && len(d.mounts) == 1 && !d.copied && !j.remembered(name)
	}
	j.subset("pvc-orphaned misses", sure, j.orphans)
	j.subset("pvc-orphaned cries wolf", j.orphans, gone)
}

func (j *judgement) remembered(claim string) bool {
	return slices.ContainsFunc(j.Hub.Spawners, func(sp facts.Spawner) bool { return sp.State.PVCName == claim })
}

// colliding are the claims that the next starts of servers of different users
// mount, or of one user's who is not the one it was made for.
func (j *judgement) colliding() map[string]bool {
	users := map[string]string{}
	collide := map[string]bool{}
	for _, s := range j.seats() {
		claim, fresh := j.Next(s.user, s.server)
		if d := j.deeds[claim]; !fresh && d.made.user != "" {
			collide[claim] = collide[claim] || d.made.user != s.user && !j.inherited(s)
		}
		if other, ok := users[claim]; ok && other != s.user {
			collide[claim] = true
		}
		users[claim] = s.user
	}
	return collide
}

// inherited tells whether the hub remembers for a server the claim of somebody
// who is gone: it may as well be one user's who was renamed.
func (j *judgement) inherited(s seat) bool {
	sp := j.spawner(s)
	if sp == nil || j.deeds[sp.State.PVCName] == nil {
		return false
	}
	maker := j.deeds[sp.State.PVCName].made.user
	return maker != "" && !j.known(maker)
}

// visited tells whether a server ever mounted a claim of another server of its
// user that is still there: two servers can have had one name.
func (j *judgement) visited(s seat) bool {
	for _, d := range j.deeds {
		if d.made.user == s.user && d.mounts[s] {
			return true
		}
	}
	return false
}

// taken are the servers that have to do with a colliding claim: the one whose it
// was, and those that start on it. pvc-name-collision tells of them.
func (j *judgement) taken(collide map[string]bool) map[string]bool {
	taken := map[string]bool{}
	for _, s := range j.seats() {
		claim, _ := j.Next(s.user, s.server)
		taken[s.String()] = collide[claim] || slices.ContainsFunc(j.own(s), func(c string) bool { return collide[c] })
	}
	return taken
}

// visitors are the claims without annotations that a running server of another
// user mounts, and those servers: as far as can be seen the claim is theirs.
func (j *judgement) visitors() map[string]bool {
	visitors := map[string]bool{}
	for _, p := range j.s.Kube.Pods {
		for _, c := range p.Claims {
			if d := j.deeds[c]; d != nil && p.HasUser && p.User != d.made.user && !j.claim(c).HasUser {
				visitors[c], visitors[seat{p.User, p.Server}.String()] = true, true
			}
		}
	}
	return visitors
}

// strangers are the claims that a running server of another user mounts than
// the one they were made for. A label alone is no certain evidence of that.
func (j *judgement) strangers() map[string]bool {
	strangers := map[string]bool{}
	for _, p := range j.s.Kube.Pods {
		for _, c := range p.Claims {
			if d := j.deeds[c]; d != nil && p.HasUser && p.User != d.made.user && j.claim(c).HasUser && !j.inherited(seat{p.User, p.Server}) {
				strangers[c] = true
			}
		}
	}
	return strangers
}

// dim are the claims without a mark, of 2016 and 2017 or bound again by hand,
// whose name does not tell whose they are: it fits others too, or their owner
// is gone. pvc-unattributed tells of them, and no check takes them for one's.
func (j *judgement) dim() map[string]bool {
	dim := map[string]bool{}
	for name, d := range j.deeds {
		c := j.claim(name)
		if d.made.user == "" {
			continue
		}
		if c.LabelUser != "" || c.HasUser {
			// The escaped form of a control character is not unambiguous.
			dim[name] = !c.HasUser && !j.known(d.made.user) && strings.ContainsRune(d.made.user, '\n')
			continue
		}
		fits := j.fitting(name)
		dim[name] = !fits[d.made.user] || len(fits) > 1
	}
	return dim
}

// fitting are the users whose servers have a claim's name under any scheme, or
// have had it under another id.
func (j *judgement) fitting(claim string) map[string]bool {
	lossy, _, numbered := kubespawner.ParseLossyClaim(claim)
	users := map[string]bool{}
	seats := j.seats()
	for _, d := range j.deeds {
		if j.known(d.made.user) {
			seats = append(seats, d.made) // claims tell of servers that are deleted
		}
	}
	for _, s := range seats {
		if numbered && kubespawner.Lossy(s.user) == lossy {
			users[s.user] = true
		}
		for _, scheme := range kubespawner.Historic()[1:] {
			namer, err := scheme.Compile()
			if err != nil {
				j.t.Fatal(err)
			}
			if namer.Name(&kubespawner.Server{User: s.user, Name: s.server}) == claim {
				users[s.user] = true
			}
		}
	}
	return users
}

// blurred are those of the servers one of whose claims is dim, or has been
// another server's of their user, too: it is then one server's of them.
func (j *judgement) blurred(servers map[string]bool) map[string]bool {
	blurred, dim := map[string]bool{}, j.dim()
	for _, s := range j.seats() {
		if servers[s.String()] && slices.ContainsFunc(j.own(s), func(c string) bool { return dim[c] || len(j.deeds[c].mounts) > 1 }) {
			blurred[s.String()] = true
		}
	}
	return blurred
}

// guessed are those of the servers that are given a claim of 2016 or 2017 whose
// owner is gone, as the only ones left of that name: a database that was lost
// looks just so (attribution.ByEarlierID).
func (j *judgement) guessed(servers map[string]bool) map[string]bool {
	guessed := map[string]bool{}
	for claim, dim := range j.dim() {
		if !dim || j.known(j.deeds[claim].made.user) {
			continue
		}
		fits := j.fitting(claim)
		for _, s := range j.seats() {
			guessed[s.String()] = guessed[s.String()] || fits[s.user] && servers[s.String()]
		}
	}
	return guessed
}
