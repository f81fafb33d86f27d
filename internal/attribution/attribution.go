// Package attribution tells which user's server a claim is for. It never
// guesses: where two owners are possible a claim has none.
//
// The evidence, strongest first: what the hub's database remembers of a server
// (spawners.state), the annotations that KubeSpawner put on the claim, and, for
// claims of 2016 and 2017 that carry neither, their name claim-<lossy>-<id>.
// Labels alone, and pods that happen to mount a claim, are not evidence: a
// label names no server, and a shared claim may have one visitor.
package attribution

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// By names the evidence for an owner.
type By string

const (
	ByState      By = "state"      // the database remembers this claim for the server
	ByAnnotation By = "annotation" // the claim's own annotations
	ByID         By = "id"         // claim-<lossy>-<id>, and the user with that id has that name
	ByEarlierID  By = "earlier-id" // claim-<lossy>-<id> of the only user with that name, whose id was another
)

// Owner is whom a claim is for.
type Owner struct {
	// Hub is the hub's name; "" where several hubs of the namespace could be meant.
	Hub    string
	User   string
	UserID int64 // 0: the hub's database has no such user
	// Server is "" for the default server, also where other servers of the
	// user share its claim.
	Server string
	By     By
}

// Index holds the owners of a snapshot's claims.
type Index struct {
	owners map[key]Owner
	shared map[key]bool // claims of servers of several users
}

type key struct{ namespace, claim string }

// Owner returns whom a claim is for; false where that cannot be told or where
// it is several users'.
func (x *Index) Owner(namespace, claim string) (Owner, bool) {
	o, ok := x.owners[key{namespace, claim}]
	return o, ok
}

// SharedByUsers tells whether servers of several users remember the claim.
func (x *Index) SharedByUsers(namespace, claim string) bool { return x.shared[key{namespace, claim}] }

// Bare tells whether a claim carries none of the metadata that KubeSpawner has
// written since 0.6: only such a claim can be one of the old naming.
func Bare(c *facts.Claim) bool { return !c.HasUser && c.LabelUser == "" && c.Component == "" }

// New attributes the claims of all hubs: those of the snapshot, and those that
// a database remembers whether or not the list of claims has them.
func New(s *facts.Snapshot) *Index {
	x := &Index{owners: make(map[key]Owner, len(s.Kube.Claims)), shared: map[key]bool{}}
	spaces := map[string][]*hubUsers{}
	for _, h := range s.Hubs {
		u := indexUsers(h)
		spaces[h.Namespace] = append(spaces[h.Namespace], u)
		for ns := range x.addStates(u) {
			if ns != h.Namespace { // one namespace per user
				spaces[ns] = append(spaces[ns], u)
			}
		}
	}
	for k := range x.shared {
		delete(x.owners, k)
	}
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		k, hubs := key{c.Namespace, c.Name}, spaces[c.Namespace]
		if _, remembered := x.owners[k]; remembered || x.shared[k] || len(hubs) == 0 {
			continue
		}
		if owner, ok := fromClaim(c, hubs); ok {
			x.owners[k] = owner
		}
	}
	return x
}

// hubUsers are a hub's users, ready to be looked up.
type hubUsers struct {
	hub    *facts.Hub
	byID   map[int64]*facts.User
	byName map[string]*facts.User
	// lossy has the users by lossy name; made when the first old name asks for it.
	lossy map[string][]*facts.User
}

func indexUsers(h *facts.Hub) *hubUsers {
	u := &hubUsers{hub: h, byID: make(map[int64]*facts.User, len(h.Users)), byName: make(map[string]*facts.User, len(h.Users))}
	for i := range h.Users {
		user := &h.Users[i]
		u.byID[user.ID] = user
		// A damaged index lets a hub make the same user twice; it then finds the first.
		if first := u.byName[user.Name]; first == nil || user.ID < first.ID {
			u.byName[user.Name] = user
		}
	}
	return u
}

func (u *hubUsers) withLossy(name string) []*facts.User {
	if u.lossy == nil {
		u.lossy = make(map[string][]*facts.User, len(u.hub.Users))
		for i := range u.hub.Users {
			l := kubespawner.Lossy(u.hub.Users[i].Name)
			u.lossy[l] = append(u.lossy[l], &u.hub.Users[i])
		}
	}
	return u.lossy[name]
}

// addStates enters the claims that the hub's database remembers and returns
// the namespaces they are in.
func (x *Index) addStates(u *hubUsers) map[string]bool {
	namespaces := map[string]bool{}
	for i := range u.hub.Spawners {
		sp := &u.hub.Spawners[i]
		user := u.byID[sp.UserID]
		if user == nil {
			continue
		}
		ns := sp.State.Namespace
		if ns == "" {
			ns = u.hub.Namespace
		}
		if sp.State.PodName != "" || sp.State.PVCName != "" {
			namespaces[ns] = true
		}
		if sp.State.PVCName != "" {
			x.remember(key{ns, sp.State.PVCName}, Owner{Hub: u.hub.Name, User: user.Name, UserID: user.ID, Server: sp.Name, By: ByState})
		}
	}
	return namespaces
}

func (x *Index) remember(k key, o Owner) {
	have, ok := x.owners[k]
	switch {
	case !ok:
		x.owners[k] = o
	case have.Hub != o.Hub || have.UserID != o.UserID:
		x.shared[k] = true
	case have.Server != o.Server:
		// The default server is named "" and so sorts first.
		have.Server = min(have.Server, o.Server)
		x.owners[k] = have
	}
}

// fromClaim reads the owner from the claim itself. hubs are those of its
// namespace.
func fromClaim(c *facts.Claim, hubs []*hubUsers) (Owner, bool) {
	switch {
	case c.HasUser && c.User != "":
		return fromAnnotation(c, hubs), true
	case Bare(c):
		return fromOldName(c, hubs)
	}
	return Owner{}, false
}

func fromAnnotation(c *facts.Claim, hubs []*hubUsers) Owner {
	o := Owner{User: c.User, Server: c.Server, By: ByAnnotation}
	if len(hubs) == 1 {
		o.Hub = hubs[0].hub.Name
	}
	known := 0
	for _, u := range hubs {
		if user := u.byName[c.User]; user != nil {
			known++
			o.Hub, o.UserID = u.hub.Name, user.ID
		}
	}
	if known > 1 {
		o.Hub, o.UserID = "", 0
	}
	return o
}

// fromOldName reads claim-<lossy>-<id>. The id decides among users of equal
// lossy names; it may also be one that the only user of that name had before
// the database was lost. An id that is now another user's changes nothing:
// the claim was made for the name in it.
func fromOldName(c *facts.Claim, hubs []*hubUsers) (Owner, bool) {
	lossy, id, ok := kubespawner.ParseLossyClaim(c.Name)
	if !ok {
		return Owner{}, false
	}
	var exact, named []Owner
	complete := true
	for _, u := range hubs {
		complete = complete && u.hub.UsersRead == facts.Complete
		for _, user := range u.withLossy(lossy) {
			o := Owner{Hub: u.hub.Name, User: user.Name, UserID: user.ID, By: ByEarlierID}
			named = append(named, o)
			if user.ID == id {
				o.By = ByID
				exact = append(exact, o)
			}
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0], true
	case len(exact) == 0 && len(named) == 1 && complete: // of half a table "the only one" means nothing
		return named[0], true
	}
	return Owner{}, false
}

// String names the owner in a sentence: user "ann"'s server "lab".
func (o Owner) String() string {
	if o.Server == "" {
		return fmt.Sprintf("user %q's default server", o.User)
	}
	return fmt.Sprintf("user %q's server %q", o.User, o.Server)
}
