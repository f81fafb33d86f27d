package world_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/checks"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// shell runs statements on a database as a hub or an operator would.
func shell(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// changedFixture is a database of testdata after SQL.
func changedFixture(t *testing.T, name string, statements ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
	if err := os.WriteFile(path, unzip(t, "../collect/hubdb/testdata/"+name+".sqlite.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	shell(t, path, statements...)
	return bytesOf(t, path)
}

// wholeWorld is the healthy world of a JupyterHub version, its database read
// from a file that was changed first, with a past and, where the file is sound,
// a REST API that agrees with it.
func wholeWorld(t *testing.T, version string, change func(path string)) *facts.Snapshot {
	t.Helper()
	s := world.Healthy(world.Small)
	hub := s.Hubs[0]
	world.FitSchema(hub, version)
	world.ServeAPI(s, world.HubName)
	world.Remember(s)
	dir := t.TempDir()
	path := filepath.Join(dir, "jupyterhub.sqlite")
	if err := world.WriteDatabase(path, hub, version); err != nil {
		t.Fatal(err)
	}
	change(path)
	r, err := hubdb.Read(context.Background(), hubdb.Options{URL: "sqlite:///jupyterhub.sqlite", BaseDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	r.Database.Location, r.Database.Modified = hub.Database.Location, hub.Database.Modified
	hub.Database, hub.UsersRead, hub.SpawnersRead = r.Database, r.UsersRead, r.SpawnersRead
	hub.Users, hub.Spawners, hub.Servers = r.Users, r.Spawners, r.Servers
	if r.UsersRead == facts.Complete && r.SpawnersRead == facts.Complete && len(r.Database.Damage) == 0 {
		world.OpenBackups(hub)
		world.Settle(s)
		claimForNewcomers(t, s)
	}
	return s
}

// claimForNewcomers gives users whom the healthy world does not have, and who
// were active, a new claim each.
func claimForNewcomers(t *testing.T, s *facts.Snapshot) {
	t.Helper()
	k := &s.Hubs[0].KubeSpawner
	version, err := kubespawner.ParseVersion(k.Version)
	if err != nil {
		t.Fatal(err)
	}
	namer, err := kubespawner.Scheme{Version: version, Template: k.PVCNameTemplate, Slugs: k.SlugScheme}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range s.Hubs[0].Users {
		if u.ID > int64(world.Small.Users) && !u.LastActivity.IsZero() {
			world.AddClaim(s, facts.Claim{Name: namer.Name(&kubespawner.Server{User: u.Name, ID: u.ID}), User: u.Name, HasUser: true})
		}
	}
}

// outcomes are the verdicts of every check of the registry, in short.
func outcomes(t *testing.T, s *facts.Snapshot) map[string]string {
	t.Helper()
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range checks.Judge(suite, s) {
		got[v.Check] = string(v.Outcome)
		if v.Outcome == verdict.Fail {
			got[v.Check] += fmt.Sprintf(" %s %d", v.Severity, v.Count)
		}
		if v.Outcome != verdict.Pass && v.Outcome != verdict.Skipped {
			t.Logf("%s: %s", v.Check, v.Summary)
		}
	}
	return got
}

const (
	oneCreated = "migrated from before 0.9: one created for all"
	allStopped = "servers stopped, their state as full"
)

// normalities are what looks odd in a database and is what hubs and their users
// do, as SQL for any schema since 0.9. {soon} is
// the time of a start a moment ago, {before} when the older of two came.
var normalities = map[string][]string{
	"Bob and bob": {"INSERT INTO users (id, name, admin, created, last_activity, cookie_id) VALUES (900, 'Robin', 0, '{before}', '{before}', '{cookie}1'), (901, 'robin', 0, '{soon}', '{soon}', '{cookie}2')"},
	"one name in NFC and in NFD": {"INSERT INTO users (id, name, admin, created, last_activity, cookie_id) VALUES " +
		"(902, 'j' || char(246) || 'rg', 0, '{before}', '{before}', '{cookie}3'), (903, 'jo' || char(776) || 'rg', 0, '{soon}', '{soon}', '{cookie}4')"},
	"ids are missing": {"INSERT INTO users (id, name, admin, created, cookie_id) VALUES (910, 'gone', 0, '{soon}', '{cookie}5'), (4711, 'late', 0, '{soon}', '{cookie}6')",
		"INSERT INTO spawners (user_id, name) VALUES (910, ''), (4711, '')", "DELETE FROM spawners WHERE user_id = 910", "DELETE FROM users WHERE id = 910"},
	"stopped servers with state NULL": {"UPDATE spawners SET state = NULL WHERE server_id IS NULL"},
	"stopped servers with state {}":   {"UPDATE spawners SET state = '{}' WHERE server_id IS NULL"},
	allStopped:                        {"DELETE FROM servers WHERE id IN (SELECT server_id FROM spawners)", "UPDATE spawners SET server_id = NULL, started = NULL"},
	"a user whom nobody touched, and one who never started": {
		"INSERT INTO users (id, name, admin, created, cookie_id) VALUES (920, 'untouched', 0, '{soon}', '{cookie}7'), (921, 'touched', 0, '{soon}', '{cookie}8')",
		"INSERT INTO spawners (user_id, name) VALUES (921, '')"},
	"a spawn in progress": {"INSERT INTO users (id, name, admin, created, last_activity, cookie_id) VALUES (930, 'starting', 0, '{soon}', '{soon}', '{cookie}9')",
		"INSERT INTO servers (id, proto, ip, port, base_url, cookie_name) VALUES (800, 'http', '', 8888, '/user/starting/', 'c')",
		"INSERT INTO spawners (user_id, server_id, name, state, started, last_activity) VALUES (930, 800, '', NULL, '{soon}', '{soon}')"},
	"several servers of one user on one claim": {
		"INSERT INTO servers (id, proto, ip, port, base_url, cookie_name) VALUES (801, 'http', 'jupyter-x.datahub', 8888, '/user/x/gpu', 'c')",
		"INSERT INTO spawners (user_id, server_id, name, state, started, last_activity) SELECT user_id, 801, 'second', state, '{soon}', '{soon}' FROM spawners WHERE name = '' AND state LIKE '%pvc_name%' AND server_id IS NOT NULL ORDER BY id LIMIT 1",
		"INSERT INTO spawners (user_id, name, state) SELECT user_id, 'third', state FROM spawners WHERE name = 'second'"},
	"KubeSpawner 4 and older: pod_name only": {"UPDATE spawners SET state = json_object('pod_name', json_extract(state, '$.pod_name')) WHERE state LIKE '%pod_name%'"},
	"failed starts without pvc_name": {"UPDATE spawners SET state = json_remove(state, '$.pvc_name') WHERE server_id IS NULL AND state LIKE '%pvc_name%'",
		"INSERT INTO users (id, name, admin, created, cookie_id) VALUES (940, 'failed', 0, '{soon}', '{cookie}a')",
		`INSERT INTO spawners (user_id, name, state) VALUES (940, '', '{"kubespawner_version": "7.0.0", "pod_name": "jupyter-failed", "namespace": "datahub"}')`},
	oneCreated: {"UPDATE users SET created = '{soon}'"},
}

func at(now, before time.Time, statements []string) []string {
	const form = "2006-01-02 15:04:05.000000"
	fill := strings.NewReplacer("{soon}", now.Add(-90*time.Second).Format(form), "{before}", before.Format(form), "{cookie}", strings.Repeat("0123456789abcdef", 2)[:31])
	filled := make([]string, len(statements))
	for i, s := range statements {
		filled[i] = fill.Replace(s)
	}
	return filled
}

// everythingNormal is all of it at once, as a hub has it after some years; it
// was upgraded last.
func everythingNormal() (statements []string) {
	for _, name := range slices.Sorted(maps.Keys(normalities)) {
		if name != allStopped && name != oneCreated {
			statements = append(statements, normalities[name]...)
		}
	}
	return append(statements, normalities[oneCreated]...)
}

// normalOf are the normalities that a version's tables can hold, and all of
// them at once.
func normalOf(version string) map[string][]string {
	switch version {
	case "0.7.2":
		return normalIn07
	case "0.8.1":
		return normalIn08
	}
	tests := maps.Clone(normalities)
	tests["everything"] = everythingNormal()
	return tests
}

// normalIn07 are normal where a user has one server, in the user's own row.
var normalIn07 = map[string][]string{
	"Bob and bob, NFC and NFD, missing ids": {"INSERT INTO users (id, name, admin, cookie_id) VALUES (900, 'Robin', 0, '{cookie}1'), (901, 'robin', 0, '{cookie}2'), " +
		"(902, 'j' || char(246) || 'rg', 0, '{cookie}3'), (4711, 'jo' || char(776) || 'rg', 0, '{cookie}4')"},
	"stopped servers with state NULL":    {"UPDATE users SET state = NULL WHERE _server_id IS NULL"},
	"stopped servers with state {}":      {"UPDATE users SET state = '{}' WHERE _server_id IS NULL"},
	"KubeSpawner of then: pod_name only": {"UPDATE users SET state = json_object('pod_name', json_extract(state, '$.pod_name')) WHERE state LIKE '%pod_name%'"},
	allStopped:                           {"DELETE FROM servers WHERE id IN (SELECT _server_id FROM users)", "UPDATE users SET _server_id = NULL"},
}

// normalIn08 are normal where spawners have no time of their start.
var normalIn08 = map[string][]string{
	"Bob and bob, NFC and NFD, missing ids": normalIn07["Bob and bob, NFC and NFD, missing ids"],
	"stopped servers with state NULL":       normalities["stopped servers with state NULL"],
	"stopped servers with state {}":         normalities["stopped servers with state {}"],
	"a spawn in progress": {"INSERT INTO users (id, name, admin, last_activity, cookie_id) VALUES (930, 'starting', 0, '{soon}', '{cookie}9')",
		"INSERT INTO servers (id, proto, ip, port, base_url, cookie_name) VALUES (800, 'http', '', 8888, '/user/starting/', 'c')",
		"INSERT INTO spawners (user_id, server_id, name, state, last_activity) VALUES (930, 800, '', NULL, '{soon}')"},
	"KubeSpawner of then: pod_name only": normalities["KubeSpawner 4 and older: pod_name only"],
}

// TestNormalIsNoFinding adds what is normal to the healthy world of every
// version, in which nothing is found: every check says what it said before.
func TestNormalIsNoFinding(t *testing.T) {
	for _, version := range world.Schemas() {
		whole := wholeWorld(t, version, func(string) {})
		healthy := outcomes(t, whole)
		for check, outcome := range healthy {
			if outcome != string(verdict.Pass) && outcome != string(verdict.Skipped) {
				t.Errorf("%s: the healthy world's %s is %s", version, check, outcome)
			}
		}
		for name, statements := range normalOf(version) {
			t.Run(version+" "+name, func(t *testing.T) {
				s := wholeWorld(t, version, func(path string) { shell(t, path, at(world.Now, world.Now.AddDate(0, -2, 0), statements)...) })
				if name == allStopped {
					s.Kube.Pods = slices.DeleteFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.HasUser })
				}
				if cmp.Equal(whole.Hubs[0].Users, s.Hubs[0].Users) && cmp.Equal(whole.Hubs[0].Spawners, s.Hubs[0].Spawners) {
					t.Error("the statements changed nothing")
				}
				if diff := cmp.Diff(healthy, outcomes(t, s)); diff != "" {
					t.Errorf("verdicts (-healthy +normal):\n%s", diff)
				}
			})
		}
	}
}

// TestNormalOnRealHubs does the same to databases of real hubs and of each
// version's own models, of which nothing but the database is known.
func TestNormalOnRealHubs(t *testing.T) {
	for fixture := range realDatabases {
		_, version, _ := strings.Cut(fixture, "schema-")
		before := outcomes(t, onlyDatabase(t, changedFixture(t, fixture)))
		for name, statements := range normalOf(version) {
			t.Run(fixture+" "+name, func(t *testing.T) {
				want := maps.Clone(before)
				if name == oneCreated || name == "everything" {
					// All have users of like names, and nothing tells any more which of them came second.
					want["hub-user-twin"] = string(verdict.Skipped)
				}
				// Nobody came before the upgrade that gave all users one time.
				filled := at(realNow, realNow.Add(-2*time.Minute), statements)
				got := outcomes(t, onlyDatabase(t, changedFixture(t, fixture, filled...)))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("verdicts (-before +normal):\n%s", diff)
				}
			})
		}
	}
}
