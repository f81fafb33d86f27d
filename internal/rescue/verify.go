package rescue

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// Verified compares a database that was read back with the plan that it was
// written from, and tells every difference in a sentence without a final
// period; none means that it is as planned. An administrator whom the plan does
// not have is none: the empty database may have had one.
func Verified(p *Plan, h *facts.Hub) []string {
	v := verifier{has: h.Database.Columns}
	for _, d := range h.Database.Damage {
		v.differ("the database is damaged: %s", d.Message)
	}
	if h.UsersRead != facts.Complete || h.SpawnersRead != facts.Complete {
		v.differ("not all of it could be read: users %s, servers %s", h.UsersRead, h.SpawnersRead)
	}
	written := make(map[int64]*facts.User, len(h.Users))
	for i := range h.Users {
		written[h.Users[i].ID] = &h.Users[i]
	}
	servers := map[server]*facts.Spawner{}
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		key := server{sp.UserID, sp.Name}
		if servers[key] != nil {
			v.differ("server %q of the user with the id %d has two rows", sp.Name, sp.UserID)
		}
		servers[key] = sp
	}
	for i := range p.Users {
		u := &p.Users[i]
		v.user(u, written[u.ID])
		delete(written, u.ID)
		for j := range u.Servers {
			s := &u.Servers[j]
			v.server(u, s, servers[server{u.ID, s.Name}])
			delete(servers, server{u.ID, s.Name})
		}
	}
	for _, u := range written {
		v.differ("user %q with the id %d is in it, and not in the plan", u.Name, u.ID)
	}
	for key, sp := range servers {
		// A database of JupyterHub 0.7 has one for each user.
		if sp.ServerID != 0 || sp.State != (facts.SpawnerState{}) && sp.State != (facts.SpawnerState{Form: "empty"}) || sp.ID != 0 {
			v.differ("server %q of the user with the id %d is in it, and not in the plan", key.name, key.user)
		}
	}
	slices.Sort(v.differences)
	return v.differences
}

type server struct {
	user int64
	name string
}

type verifier struct {
	has         map[string][]string
	differences []string
}

func (v *verifier) differ(format string, args ...any) {
	v.differences = append(v.differences, fmt.Sprintf(format, args...))
}

func (v *verifier) user(want *User, got *facts.User) {
	if got == nil {
		v.differ("user %q with the id %d is missing", want.Name, want.ID)
		return
	}
	if got.Name != want.Name {
		v.differ("the id %d is user %q's, %q was planned", want.ID, got.Name, want.Name)
	}
	if want.Admin && !got.Admin {
		v.differ("user %q is no administrator, as was planned", want.Name)
	}
	if got.Cookie != facts.CookieUnique || got.CookieHandMade {
		v.differ("user %q has no cookie_id as JupyterHub makes them (%s)", want.Name, got.Cookie)
	}
	what := fmt.Sprintf("user %q", want.Name)
	v.time("users", "created", what, want.Created, got.Created)
	v.time("users", "last_activity", what, want.LastActivity, got.LastActivity)
	if got.BrokenTimes != "" {
		v.differ("user %q has times that no hub can read: %s", want.Name, got.BrokenTimes)
	}
}

// time compares what the database can hold. MariaDB keeps whole seconds.
func (v *verifier) time(table, column, what string, want, got time.Time) {
	if slices.Contains(v.has[table], column) && !want.Truncate(time.Second).Equal(got.Truncate(time.Second)) {
		v.differ("%s has %s %s, %s was planned", what, column, got.UTC().Format(time.RFC3339), want.UTC().Format(time.RFC3339))
	}
}

func (v *verifier) server(u *User, want *Server, got *facts.Spawner) {
	if got == nil {
		v.differ("server %q of user %q is missing", want.Name, u.Name)
		return
	}
	if got.ServerID != 0 {
		v.differ("server %q of user %q counts as running", want.Name, u.Name)
	}
	state := facts.SpawnerState{}
	if want.Claim != "" {
		state = facts.SpawnerState{Form: "object", Namespace: want.Namespace, PVCName: want.Claim}
	}
	if got.State != state {
		v.differ("server %q of user %q remembers the claim %q in namespace %q, %q in %q was planned", want.Name, u.Name,
			got.State.PVCName, got.State.Namespace, want.Claim, want.Namespace)
	}
	v.time("spawners", "last_activity", fmt.Sprintf("server %q of user %q", want.Name, u.Name), want.LastActivity, got.LastActivity)
}
