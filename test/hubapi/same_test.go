package hubapi

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/checks"
	"hubaudit/internal/collect/hubapi"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/test/servers"
)

// TestSameAsTheDatabase reads one and the same hub over its API and from its
// database: the facts and the verdicts are the same, on each engine.
func TestSameAsTheDatabase(t *testing.T) {
	for name, database := range map[string]func(t *testing.T) string{
		"sqlite":     func(*testing.T) string { return "" },
		"postgresql": func(t *testing.T) string { return newDatabase(t, servers.StartPostgres(t), "psycopg2") },
		"mariadb":    func(t *testing.T) string { return newDatabase(t, servers.StartMariaDB(t), "pymysql") },
	} {
		t.Run(name, func(t *testing.T) {
			h := servers.StartJupyterHub(t, servers.HubOptions{DBURL: database(t), Services: withAudit(nil)})
			names := []string{"Bob", "bob"}
			if name == "mariadb" {
				names = names[:1] // they collide there
			}
			populate(t, h, names...)
			api, database := readBoth(t, h)
			precision := time.Microsecond
			if name == "mariadb" { // it keeps whole seconds, of which the hub in memory knows more
				precision = time.Second
			}
			sameFacts(t, api, database, precision)
			// Now the hub, too, knows only what its database does.
			h.Kill(t)
			h.Start(t)
			api, database = readBoth(t, h)
			sameFacts(t, api, database, time.Microsecond)
			sameVerdicts(t, h, newSite(t, database.Spawners, database.Users))
		})
	}
}

// newDatabase makes an empty database for a hub.
func newDatabase(t *testing.T, d *servers.Database, driver string) string {
	t.Helper()
	name := d.NewDatabase(t)
	const password = "hub p@ss/word"
	if d.Engine == "mysql" {
		d.Exec(t, "", "ALTER DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
			"CREATE USER hub@'%' IDENTIFIED BY '"+password+"'", "GRANT ALL ON "+name+".* TO hub@'%'")
	} else {
		d.Exec(t, "", "CREATE ROLE hub LOGIN PASSWORD '"+password+"'", "ALTER DATABASE "+name+" OWNER TO hub")
	}
	return d.URL(driver, "hub", password, name)
}

func readBoth(t *testing.T, h *servers.JupyterHub) (facts.API, hubdb.Result) {
	t.Helper()
	api, err := hubapi.Read(t.Context(), options(h))
	if err != nil {
		t.Fatal(err)
	}
	database, err := hubdb.Read(t.Context(), hubdb.Options{URL: h.DBURL})
	if err != nil {
		t.Fatal(err)
	}
	return api, database
}

func sameFacts(t *testing.T, api facts.API, database hubdb.Result, precision time.Duration) {
	t.Helper()
	if api.Version != "3.0.0" || api.UsersRead != facts.Complete || api.SpawnersRead != facts.Complete || !api.StatesRead || hubapi.Limits(api) != "" {
		t.Errorf("JupyterHub %s: users %s, servers %s, states %v, limits %q", api.Version, api.UsersRead, api.SpawnersRead, api.StatesRead, hubapi.Limits(api))
	}
	if len(api.Users) < 240 || len(api.Users) != len(database.Users) || len(api.Spawners) != len(database.Spawners) {
		t.Errorf("the API has %d users and %d servers, the database %d and %d", len(api.Users), len(api.Spawners), len(database.Users), len(database.Spawners))
	}
	want, got := people(database.Users, database.Spawners, precision), people(api.Users, api.Spawners, precision)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-database +api)\n%s", diff)
	}
	active := 0
	for _, s := range api.Spawners {
		if s.ServerID != 0 {
			active++
		}
	}
	if active < 8 || active > len(api.Spawners)-8 {
		t.Errorf("%d of %d servers are active: this compares nothing", active, len(api.Spawners))
	}
}

// person is what the database and the API both know of a user.
type person struct {
	User    facts.User
	Servers map[string]facts.Spawner
}

func people(users []facts.User, spawners []facts.Spawner, precision time.Duration) map[string]person {
	all, names := map[string]person{}, map[int64]string{}
	for _, u := range users {
		names[u.ID] = u.Name
		all[u.Name] = person{Servers: map[string]facts.Spawner{},
			User: facts.User{Name: u.Name, Admin: u.Admin, Created: u.Created.Truncate(precision), LastActivity: u.LastActivity.Truncate(precision)}}
	}
	for _, s := range spawners {
		owner := names[s.UserID]
		s.ID, s.UserID = 0, 0
		s.Started, s.LastActivity = s.Started.Truncate(precision), s.LastActivity.Truncate(precision)
		if s.ServerID != 0 && s.State.PVCName == "" {
			s.State = facts.SpawnerState{} // still starting: what the hub has in memory is stored later
		}
		if s.ServerID != 0 {
			s.ServerID = 1
		}
		all[owner].Servers[s.Name] = s
	}
	return all
}

// sameVerdicts judges the hub by its database, by its API, and by both.
func sameVerdicts(t *testing.T, h *servers.JupyterHub, s site) {
	t.Helper()
	now := time.Now().UTC()
	_, byDatabase := s.audit(t, t.Context(), now, databaseLine(t, h.DBURL))
	snapshot, byAPI := s.audit(t, t.Context(), now, apiLine(t, h))
	if hub := snapshot.Hubs[0]; hub.UsersFrom != facts.HubAPI("hub") || hub.UsersRead != facts.Complete {
		t.Errorf("users come from %q, %s", hub.UsersFrom, hub.UsersRead)
	}
	judged := 0
	for i, v := range byAPI {
		c, _ := checks.Find(v.Check)
		if !slices.Contains(append(c.Needs, c.Uses...), checks.HubUsers) || slices.Contains(append(c.Needs, c.Uses...), checks.HubDatabase) {
			continue
		}
		judged++
		if diff := cmp.Diff(essence(byDatabase[i]), essence(v)); diff != "" {
			t.Errorf("%s (-by database +by API)\n%s", v.Check, diff)
		}
	}
	if judged < 3 {
		t.Errorf("only %d checks were compared", judged)
	}
	snapshot, byBoth := s.audit(t, t.Context(), now, databaseLine(t, h.DBURL), apiLine(t, h))
	for _, name := range []string{facts.HubDB("hub"), facts.HubAPI("hub")} {
		if src := snapshot.Source(name); src.Status != facts.OK || src.Detail != "" {
			t.Errorf("source %s is %s: %s", name, src.Status, src.Detail)
		}
	}
	for _, v := range byBoth {
		if v.Check == "hub-source-disagree" && v.Outcome != verdict.Pass {
			t.Errorf("one hub disagrees with itself: %s: %s", v.Outcome, v.Summary)
		}
	}
	t.Logf("%d checks compared; by both these fail:\n%s", judged, strings.Join(failures(byBoth), "\n"))
}

// essence is what must not depend on where users come from: ids do.
func essence(v verdict.Verdict) []string {
	lines := []string{fmt.Sprintf("%s %s %d", v.Outcome, v.Severity, v.Count)}
	for _, f := range v.Findings {
		lines = append(lines, fmt.Sprintf("%s %s %q", f.Severity, f.Subject.Kind, f.Subject.Name))
	}
	return lines
}
