package rescue

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/collect/hubapi"
	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
	"hubaudit/test/servers"
)

// startOn starts a hub on a rescued database and uses it as its users would.
// db reads that database.
func (s site) startOn(t *testing.T, h *servers.JupyterHub, db *sql.DB) {
	t.Helper()
	h.Start(t)
	s.listed(t, h)
	s.idsKept(t, db)
	s.people(t, h)
	s.homesKept(t, h, db)
	noComplaints(t, h)
}

// options give the hub a service that may read all that an audit reads.
var options = servers.HubOptions{Services: map[string][]string{"audit": servers.AuditScopes}}

// listed: the API lists every user, in pages. A clean-up of idle users and
// servers, which goes by this list, finds nobody who is older than the rescue.
func (s site) listed(t *testing.T, h *servers.JupyterHub) {
	t.Helper()
	api, err := hubapi.Read(t.Context(), hubapi.Options{URL: h.APIURL, Token: h.Token("audit"), UserAgent: "hubaudit/test"})
	must(t, err)
	var want, got []string
	for _, u := range s.plan.Users {
		want = append(want, fmt.Sprintf("%s %t", u.Name, u.Admin))
	}
	for _, u := range api.Users {
		got = append(got, fmt.Sprintf("%s %t", u.Name, u.Admin))
		if now := s.snapshot.Now; u.LastActivity.Before(now) || u.Created.Before(now) {
			t.Errorf("to a clean-up %q is idle since %s, and as old as %s; the rescue was %s", u.Name, u.LastActivity, u.Created, now)
		}
	}
	for _, sp := range api.Spawners {
		if sp.ServerID != 0 {
			t.Errorf("a server runs: %+v", sp)
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(strings.Compare)); diff != "" || api.UsersRead != facts.Complete {
		t.Errorf("users of the API, read %s (-want +got):\n%s", api.UsersRead, diff)
	}
}

// idsKept: the hub, now that it runs, has every user under the planned id.
func (s site) idsKept(t *testing.T, db *sql.DB) {
	t.Helper()
	var want []string
	for _, u := range s.plan.Users {
		want = append(want, fmt.Sprint(u.ID, " ", u.Name))
	}
	if diff := cmp.Diff(want, rows(t, db, "SELECT concat_ws(' ', id, name) FROM users ORDER BY id")); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// people: everybody is logged in as themselves, and a newcomer gets a new id.
func (s site) people(t *testing.T, h *servers.JupyterHub) {
	t.Helper()
	dotted := slices.IndexFunc(s.plan.Users, func(u rescue.User) bool { return strings.Contains(u.Name, ".") })
	for _, u := range []rescue.User{s.plan.Users[0], s.plan.Users[administrator-1], s.plan.Users[dotted], s.plan.Users[999]} {
		want := is{Name: u.Name, Admin: u.Admin, Roles: []string{"user"}}
		if u.Admin {
			want.Roles = []string{"admin", "user"}
		}
		if diff := cmp.Diff(want, login(t, h, u.Name).is(t), cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%q is logged in as (-want +got):\n%s", u.Name, diff)
		}
	}
}

// homesKept: a user starts a server from the hub's page, and it gets the claim
// that they had; a newcomer gets an id and a claim that nobody had.
func (s site) homesKept(t *testing.T, h *servers.JupyterHub, db *sql.DB) {
	t.Helper()
	u := s.plan.Users[2]
	if status, body := login(t, h, u.Name).asks(t, http.MethodPost, "/hub/api/users/"+u.Name+"/server"); status != http.StatusCreated && status != http.StatusAccepted {
		t.Errorf("%q starts the server: status %d: %.300s", u.Name, status, body)
	}
	login(t, h, "newcomer")
	must(t, h.StartServer(t.Context(), "newcomer", ""))
	until(t, h, "the server's state", func() bool {
		return slices.Equal(s.states(t, db, u.Name), []string{"7.0.0 " + u.Servers[0].Namespace + " " + u.Servers[0].Claim + " true"})
	}, func() string { return fmt.Sprint(s.states(t, db, u.Name)) })
	must(t, h.StopServer(t.Context(), u.Name, ""))
	if got := s.states(t, db, "newcomer"); !slices.Equal(got, []string{"7.0.0 jhub claim-newcomer true"}) {
		t.Errorf("the newcomer's server is %q", got)
	}
	if got := rows(t, db, "SELECT concat_ws(' ', id, name) FROM users WHERE name = 'newcomer'"); !slices.Equal(got, []string{"1001 newcomer"}) {
		t.Errorf("the newcomer is %q", got)
	}
}

// states are what the database remembers of a user's servers: version,
// namespace, claim, and whether they run.
func (s site) states(t *testing.T, db *sql.DB, user string) (found []string) {
	t.Helper()
	for _, v := range rows(t, db, "SELECT concat_ws('|', coalesce(s.state, ''), CASE WHEN s.server_id IS NULL THEN 'false' ELSE 'true' END) "+
		"FROM spawners s JOIN users u ON u.id = s.user_id WHERE u.name = '"+user+"'") {
		state, runs, _ := strings.Cut(v, "|")
		found = append(found, parseState(t, state)+" "+runs)
	}
	return found
}

// until asks until a condition holds.
func until(t *testing.T, h *servers.JupyterHub, what string, holds func() bool, now func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for: %s; it is %s:\n%s", what, now(), h.Log(t))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
