package accidents

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/test/servers"
)

// isNew: nothing is left, nothing warns, and ids begin again. From then on only
// what else is known of the hub tells that there was another.
func isNew(t *testing.T, h *servers.JupyterHub) {
	for _, line := range strings.Split(h.Log(t), "\n") {
		if (strings.HasPrefix(line, "[W") || strings.HasPrefix(line, "[E")) && !strings.Contains(line, "without SSL") {
			t.Errorf("the hub warns: %s", line)
		}
	}
	idsBeginAgain(t, h)
	if failed := judge(t, h.DBFile); len(failed) > 0 {
		t.Errorf("the new database shows %q", failed)
	}
}

func idsBeginAgain(t *testing.T, h *servers.JupyterHub) {
	t.Helper()
	if status, _ := newBrowser(t, h).get(t, "/hub/health"); status != http.StatusOK {
		t.Errorf("/hub/health answers %d", status)
	}
	usersMadeAnew(t, h)
	h.CreateUser(t, "newcomer")
	if ids := ask[int64](t, h.DBFile, "SELECT id FROM users WHERE name = 'newcomer'"); !cmp.Equal(ids, []int64{1}) {
		t.Errorf("the first new user has the id %v", ids)
	}
}

// usersMadeAnew: there is a table of users, without a row.
func usersMadeAnew(t *testing.T, h *servers.JupyterHub) {
	t.Helper()
	if names := ask[string](t, h.DBFile, "SELECT name FROM users"); len(names) > 0 {
		t.Errorf("there are still the users %q", names)
	}
}

// inherits: the first new user gets the id that was ann's, and her claim.
func inherits(t *testing.T, h *servers.JupyterHub) {
	idsBeginAgain(t, h)
	claims := ask[string](t, h.DBFile, "SELECT s.state ->> 'pvc_name' FROM spawners s JOIN users u ON u.id = s.user_id WHERE u.name = 'newcomer'")
	if !cmp.Equal(claims, []string{"claim-ann"}) {
		t.Errorf("the new user's servers have the claims %q", claims)
	}
}

// upgradeDB is what z2jh's hubs are started with.
const upgradeDB = "c.JupyterHub.upgrade_db = True\n"

// copies: so many copies of the file lie beside it after each failed start.
func copies(afterEach ...int) func(t *testing.T, h *servers.JupyterHub) {
	return func(t *testing.T, h *servers.JupyterHub) {
		for i, want := range afterEach {
			if i > 0 {
				h.Refuse(t)
			}
			if found, err := filepath.Glob(h.DBFile + ".*"); err != nil || len(found) != want {
				t.Errorf("copies after start %d: %q (%v), want %d", i+1, found, err, want)
			}
		}
	}
}

// benStarts: the stopped server starts, and all users can be listed.
func benStarts(t *testing.T, h *servers.JupyterHub) {
	must(t, h.StartServer(t.Context(), "ben", ""))
	_, err := h.Do(t.Context(), http.MethodGet, "/users", nil, http.StatusOK)
	must(t, err)
}

// asBefore: both servers run on, and all users can be listed.
func asBefore(t *testing.T, h *servers.JupyterHub) {
	for _, line := range []string{"ann still running", "cat still running"} {
		until(t, h, line, func() bool { return strings.Contains(h.Log(t), line) })
	}
	if n := ask[int](t, h.DBFile, "SELECT count(*) FROM spawners WHERE server_id IS NOT NULL")[0]; n != 2 {
		t.Errorf("%d servers run, want 2", n)
	}
	_, err := h.Do(t.Context(), http.MethodGet, "/users", nil, http.StatusOK)
	must(t, err)
}

// oneServerFails: the hub runs, but ben cannot start the server, and nobody can
// list all users.
func oneServerFails(t *testing.T, h *servers.JupyterHub) {
	for _, request := range [][2]string{{http.MethodPost, "/users/ben/server"}, {http.MethodGet, "/users"}} {
		if _, err := h.Do(t.Context(), request[0], request[1], nil, http.StatusInternalServerError); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Do(t.Context(), http.MethodPost, "/users/dan/server", nil, http.StatusCreated, http.StatusAccepted); err != nil {
		t.Error(err)
	}
}

// logins are who one becomes who logs in as somebody; nobody if it fails.
type logins map[string]string

func (l logins) are(t *testing.T, h *servers.JupyterHub) {
	for name, want := range l {
		b := newBrowser(t, h)
		status := b.login(t, name)
		if want == "" {
			if status != http.StatusInternalServerError {
				t.Errorf("%s's login answers %d", name, status)
			}
			continue
		}
		if status != http.StatusFound {
			t.Errorf("%s's login answers %d", name, status)
		}
		if got := b.whoAmI(t); got != want {
			t.Errorf("%s is logged in as %q, want %q", name, got, want)
		}
	}
}

// whoAmI is the user whom the hub takes the browser for.
func (b browser) whoAmI(t *testing.T) string {
	t.Helper()
	var user struct{ Name string }
	status, body := b.get(t, "/hub/api/user")
	if err := json.Unmarshal([]byte(body), &user); status != http.StatusOK || err != nil {
		t.Errorf("GET /hub/api/user: %d, %v: %.300s", status, err, body)
	}
	return user.Name
}

// namesRefused: the hub complains of each name and keeps its row. Whoever is
// " lead" gets a new account; as the others nobody can log in.
func namesRefused(t *testing.T, h *servers.JupyterHub) {
	if n := strings.Count(h.Log(t), "Error adding user"); n != 3 {
		t.Errorf("the hub complains of %d users, want 3", n)
	}
	logins{" lead": "lead", "ann": "ann"}.are(t, h)
	for _, name := range []string{"a/b", ""} {
		b := newBrowser(t, h)
		if status := b.login(t, name); status == http.StatusFound {
			t.Errorf("%q can log in", name)
		}
		if status, body := b.get(t, "/hub/api/user"); status != http.StatusForbidden {
			t.Errorf("%q is somebody: %d, %.300s", name, status, body)
		}
	}
	wantUsers(t, h, "1 ann", "2 ", "3 cat", "4  lead", "5 a/b", "6 lead")
}

func namesDeleted(t *testing.T, h *servers.JupyterHub) { wantUsers(t, h, "1 ann", "3 cat") }

func wantUsers(t *testing.T, h *servers.JupyterHub, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, ask[string](t, h.DBFile, "SELECT id || ' ' || name FROM users ORDER BY id")); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

// madeTwice: the hub does not find the user whom its index does not have.
func madeTwice(t *testing.T, h *servers.JupyterHub) {
	h.CreateUser(t, "renamed")
	if n := ask[int](t, h.DBFile, "SELECT count(*) FROM users NOT INDEXED WHERE name = 'renamed'")[0]; n != 2 {
		t.Errorf("%d users have the name, want 2", n)
	}
}

// podsNamed makes the spawner look for its pod as KubeSpawner does: by the name
// that it remembers, or else by the one that the configuration gives today.
func podsNamed(prefix string) string {
	return `
class PodSpawner(HeldSpawner):
    def load_state(self, state):
        self.claim = state["pvc_name"] if "pvc_name" in state else None
        self.pod = state["pod_name"] if "pod_name" in state else "` + prefix + `" + self.slug

    async def poll(self):
        return None if self.pod == "jupyter-" + self.slug else 1

c.JupyterHub.spawner_class = PodSpawner
`
}

// forgotten: the hub takes ann's server for stopped, and cat's still runs.
func forgotten(t *testing.T, h *servers.JupyterHub) {
	query := "SELECT u.name FROM spawners s JOIN users u ON u.id = s.user_id JOIN servers r ON r.id = s.server_id"
	until(t, h, "ann's server forgotten", func() bool { return cmp.Equal(ask[string](t, h.DBFile, query), []string{"cat"}) })
	if _, err := h.Do(t.Context(), http.MethodPost, "/users/ann/server", nil, http.StatusCreated, http.StatusAccepted); err != nil {
		t.Error(err)
	}
}

// serversForgotten: all users are there, and none has a server.
func serversForgotten(t *testing.T, h *servers.JupyterHub) {
	wantUsers(t, h, "1 ann", "2 ben", "3 cat", "4 dan", "5 eve")
	if names := ask[string](t, h.DBFile, "SELECT user_id || name || coalesce(state, '') FROM spawners"); len(names) > 0 {
		t.Errorf("there are still the servers %q", names)
	}
	if n := strings.Count(h.Log(t), "deleting orphaned server"); n != 2 {
		t.Errorf("the hub says of %d servers that they are nobody's, want 2", n)
	}
	must(t, h.StartServer(t.Context(), "ann", ""))
}

// unseen: ann's server is started a second time while its row still counts it
// as running.
func unseen(t *testing.T, h *servers.JupyterHub) {
	must(t, h.StartServer(t.Context(), "ann", ""))
	if n := ask[int](t, h.DBFile, "SELECT count(*) FROM spawners WHERE user_id = 1 AND name = '' AND server_id IS NOT NULL")[0]; n != 2 {
		t.Errorf("%d rows of ann's server run, want 2", n)
	}
}

// until asks until a condition holds.
func until(t *testing.T, h *servers.JupyterHub, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for: %s:\n%s", what, h.Log(t))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
