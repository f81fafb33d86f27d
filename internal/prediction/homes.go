package prediction

import (
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// homePredictor holds what the starts of a hub are told from whose home
// directories share a claim.
type homePredictor struct {
	hub     *facts.Hub
	k       facts.KubeSpawner
	next    *homeNamer
	present *homeNamer         // the hub as it is configured; nil where it is not understood
	forms   []*homeNamer       // what else has made directories: escaped and safe names, then rarer ones
	space   *kubespawner.Namer // the namespace of a user's own; nil where all share the hub's
	// above is the number of path elements above the directories that are listed;
	// listed is nil where the audit does not see them.
	above  int
	listed map[string]bool
	claims map[claimKey]*facts.Claim // nil if not read
	// willMount and mount are the users by the directories that they get and have,
	// usual those by the directories of their escaped and safe names.
	willMount, mount, usual map[string]users
}

// users are the first user of a directory and the first one other than that.
type users struct{ first, other *facts.User }

// besides is a user of the directory other than u, nil if there is none.
func (d users) besides(u *facts.User) *facts.User {
	if d.first != nil && d.first.ID != u.ID {
		return d.first
	}
	return d.other
}

func note(by map[string]users, directory string, u *facts.User) {
	switch d := by[directory]; {
	case d.first == nil:
		by[directory] = users{first: u}
	case d.first.ID != u.ID && d.other == nil:
		by[directory] = users{d.first, u}
	}
}

// predictHomes tells the directory that the next start of each server mounts,
// where home directories share a claim (k.Homes.Claim): from the listing of the
// directories where there is one, else by what the configured KubeSpawner
// mounts now.
func predictHomes(s *facts.Snapshot, h *facts.Hub, k facts.KubeSpawner) ([]Start, error) {
	p, err := newHomePredictor(s, h, k)
	if err != nil {
		return nil, err
	}
	all := rows(h)
	for _, r := range all {
		server := p.server(r)
		note(p.willMount, p.next.directory(server), r.user)
		if p.present != nil {
			note(p.mount, p.present.directory(server), r.user)
		}
		for _, form := range p.forms[:usualForms] {
			note(p.usual, form.directory(server), r.user)
		}
	}
	starts := make([]Start, 0, len(all))
	for _, r := range all {
		starts = append(starts, p.start(r))
	}
	return starts, nil
}

func newHomePredictor(s *facts.Snapshot, h *facts.Hub, k facts.KubeSpawner) (*homePredictor, error) {
	p := &homePredictor{hub: h, k: k, willMount: map[string]users{}, mount: map[string]users{}, usual: map[string]users{}}
	var err error
	if p.next, err = newHomeNamer(k); err != nil {
		return nil, err
	}
	// Where today's template is not understood there is merely one hint less.
	p.present, _ = newHomeNamer(h.KubeSpawner)
	if p.forms, err = otherForms(k); err != nil {
		return nil, err
	}
	if k.UserNamespaces != "" {
		if p.space, err = (kubespawner.Scheme{Version: VersionOf(k), Template: k.UserNamespaces, Slugs: k.SlugScheme}).Compile(); err != nil {
			return nil, err
		}
	}
	in, ok := kubespawner.HomesIn(k.Homes.SubPath, h.Namespace)
	if in != "" {
		p.above = strings.Count(in, "/") + 1
	}
	if ok && s.Source(facts.HomesSource(h.Name)).Status == facts.OK {
		p.listed = make(map[string]bool, len(k.Homes.Names))
		for _, name := range k.Homes.Names {
			p.listed[name] = true
		}
	}
	if s.Source(facts.KubeClaims).Status == facts.OK {
		p.claims = make(map[claimKey]*facts.Claim)
		for i := range s.Kube.Claims {
			if c := &s.Kube.Claims[i]; c.Name == k.Homes.Claim {
				p.claims[claimKey{c.Namespace, c.Name}] = c
			}
		}
	}
	return p, nil
}

func (p *homePredictor) server(r row) *kubespawner.Server {
	server := &kubespawner.Server{User: r.user.Name, ID: r.user.ID, Name: r.spawner.Name, HubNamespace: p.hub.Namespace, Namespace: p.hub.Namespace}
	if p.space != nil {
		server.Namespace = p.space.Name(server)
	}
	return server
}

// head is the part of a directory's path that is listed.
func (p *homePredictor) head(directory string) string {
	end := 0
	for range p.above + 1 {
		i := strings.IndexByte(directory[end:], '/')
		if i < 0 {
			return directory
		}
		end += i + 1
	}
	return directory[:end-1]
}

// exists tells whether a directory is there, as far as it is listed.
func (p *homePredictor) exists(directory string) bool { return p.listed[p.head(directory)] }

func (p *homePredictor) start(r row) Start {
	server := p.server(r)
	st := Start{Hub: p.hub.Name, User: r.user.Name, UserID: r.user.ID, Server: r.spawner.Name, SpawnerID: r.spawner.ID,
		Namespace: server.Namespace, Claim: p.k.Homes.Claim, Directory: p.next.directory(server),
		Because: "its directory is rendered from " + p.k.Homes.SubPath, Outcome: Same}
	if p.claims != nil {
		switch c := p.claims[claimKey{st.Namespace, st.Claim}]; {
		case c == nil:
			st.Outcome, st.Cause = Pending, CauseMissing
			return st
		case !c.Deleting.IsZero(), c.Phase == "Lost":
			st.Outcome, st.Cause = Pending, CauseUnusable
			return st
		}
	}
	if !kubespawner.HasUser(p.k.Homes.SubPath) {
		return st // one directory for all is how it is meant
	}
	if other := p.shares(r.user, server, st.Directory); other != nil {
		st.Outcome, st.Cause = Other, CauseCollision
		st.Owner = attribution.Owner{Hub: p.hub.Name, User: other.Name, UserID: other.ID, By: attribution.ByName}
		return st
	}
	if data, lost := p.leftBehind(r, server, st.Directory); lost {
		st.Outcome, st.Cause, st.Data = Empty, CauseUnreachable, data
	}
	return st
}

// shares is another user who mounts the same directory next, or has it now.
func (p *homePredictor) shares(u *facts.User, server *kubespawner.Server, directory string) *facts.User {
	if other := p.willMount[directory].besides(u); other != nil {
		return other
	}
	if p.present == nil || p.present.directory(server) == directory || p.listed != nil && !p.exists(directory) {
		return nil
	}
	return p.mount[directory].besides(u)
}

// leftBehind is the directory with the user's files where the next start does
// not mount it.
func (p *homePredictor) leftBehind(r row, server *kubespawner.Server, directory string) (data string, lost bool) {
	now := directory
	if p.present != nil {
		now = p.present.directory(server)
	}
	switch {
	case p.listed == nil:
		return now, now != directory && started(p.hub, r)
	case p.exists(directory):
		// Below what is listed, the configured KubeSpawner's directory is the files'.
		below := strings.TrimPrefix(now, p.head(now)) != strings.TrimPrefix(directory, p.head(directory))
		return now, below && p.exists(now) && started(p.hub, r)
	case p.exists(now):
		return now, true
	}
	for _, form := range p.forms {
		d := form.directory(server)
		if p.exists(d) && p.willMount[d].besides(r.user) == nil && p.usual[d].besides(r.user) == nil {
			return d, true
		}
	}
	return "", false
}

// started tells whether a server may ever have run. Where the states are not
// known, one that has a row may have.
func started(h *facts.Hub, r row) bool {
	sp := r.spawner
	return sp.State.Form != "" || sp.ServerID != 0 || !sp.LastActivity.IsZero() || !sp.Started.IsZero() || !h.StatesRead && sp.ID != 0
}
