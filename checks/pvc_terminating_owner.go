package checks

import (
	"cmp"
	"fmt"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
)

// kept is a claim that somebody needs: the hub's own, everybody's home
// directories, or one of a user.
type kept struct {
	*facts.Claim
	owner attribution.Owner // zero where nobody in particular owns it, or nothing tells who
	// someServer: owner is its user, and nothing tells for which server it is.
	someServer bool
	hub        bool // the hub keeps its database on it
	many       bool // several users' homes are on it
}

// kept tells whether a claim is one that this hub or its users need.
func (in *Input) kept(c *facts.Claim) (k kept, ok bool) {
	k.Claim = c
	if c.Namespace == in.Hub.Namespace && facts.IsHubClaim(c.Name) {
		k.hub = true
		return k, true
	}
	k.owner, ok = in.userClaim(c)
	k.many = in.Owners().SharedByUsers(c.Namespace, c.Name)
	if k.owner.User == "" {
		k.owner, k.someServer = in.Owners().LabelUser(c.Namespace, c.Name)
		k.owner.Server = ""
	}
	return k, ok
}

// whose names the owner in a sentence.
func (k kept) whose() string {
	switch {
	case k.hub:
		return "the hub itself"
	case k.many:
		return "several users"
	case k.owner.User == "":
		return "a user whose name is not known"
	case k.someServer:
		return fmt.Sprintf("user %q", k.owner.User)
	}
	return k.owner.String()
}

// cannotStart says what cannot start without the claim.
func (k kept) cannotStart() string {
	switch {
	case k.hub:
		return "the hub cannot start"
	case k.many:
		return "the servers that mount it cannot start"
	}
	return "the server cannot start"
}

// standing tells whether a hub still has the server that a claim is for.
type standing int

const (
	standingUnknown standing = iota
	standingHas
	standingGone
)

// roster is a hub's users and servers, to ask for standings.
type roster struct {
	in      *Input
	users   map[string]int64
	servers map[serverKey]bool
	lost    *string // why missing users are no proof of a deletion; nil until asked for
}

func (in *Input) roster() *roster {
	r := &roster{in: in, users: make(map[string]int64, len(in.Hub.Users)), servers: make(map[serverKey]bool, len(in.Hub.Spawners))}
	for i := range in.Hub.Users {
		r.users[in.Hub.Users[i].Name] = in.Hub.Users[i].ID
	}
	for i := range in.Hub.Spawners {
		r.servers[serverKey{in.Hub.Spawners[i].UserID, in.Hub.Spawners[i].Name}] = true
	}
	return r
}

// of tells of a claim's owner whether the hub has that user and, of a named
// server, that server. why says what keeps it from being told.
func (r *roster) of(o attribution.Owner) (s standing, why string) {
	id := o.UserID
	if o.Hub == "" {
		id = r.users[o.User] // the claim may be that of another hub's user of that name
	}
	switch {
	case o.User == "":
		return standingUnknown, "nothing tells whose it is"
	case id == 0:
		if why := r.unsure(); why != "" {
			return standingUnknown, why
		}
		return standingGone, ""
	case o.Server == "" || r.servers[serverKey{id, o.Server}]:
		return standingHas, ""
	case r.in.Hub.SpawnersRead != facts.Complete:
		return standingUnknown, "the hub's servers could not be read in full"
	}
	return standingGone, ""
}

// unsure says why somebody whom the hub does not show may yet be its user, ""
// if there is no reason to think so.
func (r *roster) unsure() string {
	if r.lost == nil {
		why := r.in.rosterFault()
		r.lost = &why
	}
	return *r.lost
}

func (in *Input) rosterFault() string {
	if src := in.Source(usersSource(in.Hub)); src.Status != facts.OK {
		return fmt.Sprintf("the hub's users are not known, source %s: %s", src.Name, cmp.Or(src.Detail, string(src.Status)))
	}
	if why := cmp.Or(usersUnread(in.Hub), in.lossExplained()); why != "" {
		return why
	}
	if hub := in.unreadNeighbour(); hub != "" {
		return fmt.Sprintf("the users of hub %s in the same namespace could not be read in full", hub)
	}
	return ""
}

// podsByClaim are the pods that name each claim.
func podsByClaim(pods []facts.Pod) map[claimKey][]*facts.Pod {
	by := make(map[claimKey][]*facts.Pod, len(pods))
	for i := range pods {
		p := &pods[i]
		for _, claim := range p.Claims {
			k := claimKey{p.Namespace, claim}
			by[k] = append(by[k], p)
		}
	}
	return by
}

func volumesByName(volumes []facts.Volume) map[string]*facts.Volume {
	by := make(map[string]*facts.Volume, len(volumes))
	for i := range volumes {
		by[volumes[i].Name] = &volumes[i]
	}
	return by
}
