package world_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/world"
)

// seat is a server of a user, by names: a user who is deleted and comes back is
// the same one.
type seat struct{ user, server string }

func (s seat) String() string {
	if s.server == "" {
		return s.user
	}
	return s.user + "/" + s.server
}

// deed is what is true of a claim, whatever it bears.
type deed struct {
	// made is whose server it was made for; zero for a helper's or a copy.
	made seat
	// mounts has everybody whose server ever mounted it.
	mounts map[seat]bool
	// copied: it is a copy of another claim.
	copied bool
}

// history is a life with the truth beside it.
type history struct {
	*world.Life
	c       *chance
	release int
	crowd   []string // who may join
	log     []string
	deeds   map[string]*deed
	// users has everybody who ever was one.
	users map[string]bool
}

func newHistory(c *chance, release int) *history {
	h := &history{c: c, release: release, crowd: people, deeds: map[string]*deed{}, users: map[string]bool{}}
	if c.in(3) {
		h.crowd = relatives
	}
	h.Life = world.NewLife(world.Era{Chart: releases[release].chart, From: released(release)})
	h.note("chart %s", releases[release].chart)
	for range 3 + c.n(5) {
		h.join(pick(c, h.crowd))
	}
	return h
}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

func (h *history) anyone() string {
	if len(h.Hub.Users) == 0 {
		return ""
	}
	return pick(h.c, h.Hub.Users).Name
}

func (h *history) room() string {
	if h.release < named || h.c.in(3) {
		return ""
	}
	if h.c.in(2) {
		return rooms[0]
	}
	return pick(h.c, rooms)
}

// anyServer is a server with a row.
func (h *history) anyServer() seat {
	if len(h.Hub.Spawners) == 0 {
		return seat{}
	}
	sp := pick(h.c, h.Hub.Spawners)
	return seat{h.name(sp.UserID), sp.Name}
}

func (h *history) name(id int64) string {
	i := slices.IndexFunc(h.Hub.Users, func(u facts.User) bool { return u.ID == id })
	return h.Hub.Users[i].Name
}

func (h *history) anyClaim() string {
	names := slices.Sorted(maps.Keys(h.deeds))
	if len(names) == 0 {
		return ""
	}
	return pick(h.c, names)
}

func (h *history) known(user string) bool {
	return slices.ContainsFunc(h.Hub.Users, func(u facts.User) bool { return u.Name == user })
}

// spawner is a server's row, nil if it has none.
func (h *history) spawner(s seat) *facts.Spawner {
	for i := range h.Hub.Spawners {
		if sp := &h.Hub.Spawners[i]; sp.Name == s.server && h.name(sp.UserID) == s.user {
			return sp
		}
	}
	return nil
}

func (h *history) runs(s seat) bool {
	sp := h.spawner(s)
	return sp != nil && sp.ServerID != 0
}

func (h *history) claim(name string) *facts.Claim {
	i := slices.IndexFunc(h.Snapshot.Kube.Claims, func(c facts.Claim) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &h.Snapshot.Kube.Claims[i]
}

func (h *history) join(name string) {
	if !h.known(name) {
		h.Join(name)
		h.users[name] = true
		h.note("%q joins", name)
	}
}

// objectName and labelValue are what the API server takes.
var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelValue = regexp.MustCompile(`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`)
)

// refused tells whether the API server refuses what a start asks for, or the
// pod's name is taken.
func (h *history) refused(s seat) bool {
	claim, _ := h.Next(s.user, s.server)
	pod, label := h.Pod(s.user, s.server), kubespawner.Label(h.Version(), s.user)
	if v := h.Version(); v.AtLeast(0, 7, 0) && !v.AtLeast(0, 8, 0) && !labelValue.MatchString(s.server) {
		return true
	}
	taken := slices.ContainsFunc(h.Snapshot.Kube.Pods, func(p facts.Pod) bool { return p.Name == pod })
	return taken || len(claim) > 253 || len(pod) > 253 || len(label) > 63 || !objectName.MatchString(claim) || !objectName.MatchString(pod) || !labelValue.MatchString(label)
}

func (h *history) start(user, server string) {
	s := seat{user, server}
	if user == "" || h.runs(s) {
		return
	}
	if h.refused(s) {
		h.fail(s)
		return
	}
	if c, _ := h.Next(user, server); h.claim(c) != nil && !h.claim(c).Deleting.IsZero() {
		return // the pod would be pending
	}
	claim, fresh := h.Start(user, server)
	if fresh {
		h.deeds[claim] = &deed{made: s, mounts: map[seat]bool{}}
	}
	h.deeds[claim].mounts[s] = true
	h.note("%q starts on %s (new %t)", s, claim, fresh)
}

func (h *history) stop(s seat) {
	if h.runs(s) {
		h.Stop(s.user, s.server)
		h.forgetRemoved()
		h.note("%q stops", s)
	}
}

func (h *history) use(s seat) {
	h.stop(s)
	h.start(s.user, s.server)
	h.stop(s)
}

func (h *history) touch(user, server string) {
	if user != "" && h.release >= named {
		h.Touch(user, server)
		h.note("%q is looked at", seat{user, server})
	}
}

// fail is a start that fails before the claim is looked for.
func (h *history) fail(s seat) {
	if s.user != "" && !h.runs(s) {
		h.Fail(s.user, s.server)
		h.note("%q fails to start", s)
	}
}

func (h *history) deleteServer(s seat) {
	if s.server != "" && !h.runs(s) {
		h.note("%q is deleted, and the claim %q", s, h.DeleteServer(s.user, s.server))
		h.forgetRemoved()
	}
}

// deleteUser leaves enough users for the loss of the database to be no
// explanation.
func (h *history) deleteUser(user string) {
	gone := len(h.users) - len(h.Hub.Users)
	if user == "" || (gone+1)*4 > len(h.users) {
		return
	}
	for _, sp := range slices.Clone(h.Hub.Spawners) {
		if h.name(sp.UserID) == user {
			h.stop(seat{user, sp.Name})
		}
	}
	h.note("%q is deleted, and claims %q", user, h.DeleteUser(user))
	h.forgetRemoved()
}

func (h *history) forgetRemoved() {
	maps.DeleteFunc(h.deeds, func(claim string, _ *deed) bool { return h.claim(claim) == nil })
}

// copyOf makes a copy of a claim, or one of a helper's.
func (h *history) copyOf(claim string) {
	if original := h.claim(claim); original != nil && h.c.in(2) {
		name := fmt.Sprintf("copy-%d-of-%s", len(h.log), strings.TrimPrefix(claim, "claim-"))
		h.Add(facts.Claim{Name: name, User: original.User, Server: original.Server, HasUser: original.HasUser, LabelUser: original.LabelUser,
			Component: original.Component, SourceKind: pick(h.c, []string{"PersistentVolumeClaim", "VolumeSnapshot"}), SourceName: claim})
		h.deeds[name] = &deed{copied: true, mounts: map[seat]bool{}}
		h.note("%s is copied as %s", claim, name)
		return
	}
	name := pick(h.c, []string{"shared-data", "datasets", "scratch-1", "hub-backup"})
	if h.claim(name) == nil {
		h.Add(facts.Claim{Name: name})
		h.deeds[name] = &deed{mounts: map[seat]bool{}}
		h.note("a helper's claim %s is made", name)
	}
}

// own are the claims that were made for a server and are there, sorted.
func (h *history) own(s seat) (own []string) {
	if s.user == "" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(h.deeds)) {
		if h.deeds[name].made == s && h.claim(name).Deleting.IsZero() {
			own = append(own, name)
		}
	}
	return own
}

// link is an operator who mends a server: its state names one of its claims.
func (h *history) link(s seat) {
	if own := h.own(s); len(own) > 0 && !h.runs(s) && h.Version().AtLeast(7, 0, 0) {
		claim := pick(h.c, own)
		h.Link(s.user, s.server, claim)
		h.note("%q is linked to %s", s, claim)
	}
}

// upgrade relinks some users' claims where the hub leaves the naming of 2017.
func (h *history) upgrade(release int) {
	for _, u := range h.Hub.Users {
		old, name := kubespawner.LossyClaim(u.Name, u.ID), "claim-"+kubespawner.Escape(u.Name)
		d := h.deeds[old]
		if h.release != 0 || d == nil || d.made != (seat{u.Name, ""}) || h.claim(name) != nil || h.runs(seat{u.Name, ""}) || !objectName.MatchString(name) || h.c.in(3) {
			continue
		}
		h.Relink(u.Name)
		h.deeds[name] = d
		delete(h.deeds, old)
		h.note("%s is relinked as %s", old, name)
	}
	h.Upgrade(world.Era{Chart: releases[release].chart, From: released(release)})
	h.release = release
	h.note("chart %s", releases[release].chart)
}
