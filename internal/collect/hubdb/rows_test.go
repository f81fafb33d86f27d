package hubdb

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"

	"github.com/google/go-cmp/cmp"
)

func TestCookies(t *testing.T) {
	path := fixture(t, "schema-0.7.2") // allows NULL and duplicates
	shell(t, path, "UPDATE users SET cookie_id = NULL WHERE id IN (2, 3)", "UPDATE users SET cookie_id = '' WHERE id IN (4, 5)",
		"UPDATE users SET cookie_id = 'dummy' WHERE id IN (9, 7, 8)", "UPDATE users SET cookie_id = 'Dummy' WHERE id = 10", "UPDATE users SET cookie_id = 17 WHERE id = 1")
	got := map[int64]string{}
	for _, u := range read(t, path).Users {
		got[u.ID] = fmt.Sprintf("%s %d", u.Cookie, u.CookieSharedWith)
	}
	want := map[int64]string{1: "unique 0", 2: "null 0", 3: "null 0", 4: "empty 0", 5: "empty 0", 6: "unique 0",
		7: "shared 7", 8: "shared 7", 9: "shared 7", 10: "unique 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}

// TestCookiesBehindStaleIndex: duplicates are seen in the table although the
// unique index knows nothing of them.
func TestCookiesBehindStaleIndex(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	n := root(t, path, "sqlite_autoindex_users_2")
	old := page(t, path, n)
	shell(t, path, "UPDATE users SET cookie_id = 'x' WHERE id = 7")
	overwrite(t, path, (n-1)*pageSize, old)
	shell(t, path, "UPDATE users SET cookie_id = 'x' WHERE id = 5")
	overwrite(t, path, (n-1)*pageSize, old)
	r := read(t, path)
	if diff := cmp.Diff([]string{"index-stale"}, kinds(r)); diff != "" {
		t.Errorf("damage (-want +got):\n%s", diff)
	}
	for _, u := range r.Users {
		if shared := u.Cookie == facts.CookieShared && u.CookieSharedWith == 5; shared != (u.ID == 5 || u.ID == 7) {
			t.Errorf("user %d: %s with %d", u.ID, u.Cookie, u.CookieSharedWith)
		}
	}
}

func TestCookieConstraints(t *testing.T) {
	for schema, want := range map[string][2]bool{
		"id INTEGER PRIMARY KEY, name TEXT, cookie_id TEXT":                                 {false, false},
		"id INTEGER PRIMARY KEY, name TEXT, cookie_id TEXT NOT NULL":                        {true, false},
		"id INTEGER PRIMARY KEY, name TEXT, cookie_id TEXT UNIQUE":                          {false, true},
		"id INTEGER PRIMARY KEY, name TEXT, Cookie_ID TEXT NOT NULL UNIQUE":                 {true, true},
		"id INTEGER PRIMARY KEY, name TEXT, cookie_id TEXT NOT NULL, UNIQUE(cookie_id, id)": {true, false},
	} {
		path := fixture(t, "hub-5.5.1")
		shell(t, path, "DROP TABLE users", "CREATE TABLE users ("+schema+")", "DELETE FROM spawners")
		r := read(t, path)
		if got := [2]bool{r.Database.CookieNotNull, r.Database.CookieUnique}; got != want || !slices.Equal(kinds(r), []string{"users-remade!"}) {
			t.Errorf("%s: %v, want %v; damage %v", schema, got, want, r.Database.Damage)
		}
	}
	path := fixture(t, "hub-5.5.1")
	shell(t, path, "CREATE TABLE u AS SELECT * FROM users", "DROP TABLE users", "ALTER TABLE u RENAME TO users",
		"CREATE UNIQUE INDEX some ON users (cookie_id) WHERE id > 5")
	if r := read(t, path); r.Database.CookieNotNull || r.Database.CookieUnique || len(r.Users) != 14 {
		t.Errorf("rebuilt table: %+v", r.Database)
	}
}

// TestSecretsStayInside plants a marker in every secret column and looks for
// it in all that comes out, also of damaged databases.
func TestSecretsStayInside(t *testing.T) {
	const secret = "s3cr3t"
	path := fixture(t, "hub-5.5.1")
	shell(t, path, "CREATE TABLE u AS SELECT * FROM users", "DROP TABLE users", "ALTER TABLE u RENAME TO users",
		"UPDATE users SET cookie_id = 's3cr3t-' || id, encrypted_auth_state = 's3cr3t'",
		"UPDATE api_tokens SET hashed = 's3cr3t' || id, prefix = 's3cr3t' || id",
		"UPDATE oauth_clients SET secret = 's3cr3t'", "UPDATE spawners SET user_options = 's3cr3t'",
		`UPDATE spawners SET state = '{"api_token": "s3cr3t", "pod_name": "p"}' WHERE id < 4`,
		"UPDATE spawners SET state = 's3cr3t not JSON' WHERE id = 5", "UPDATE users SET created = 's3cr3t' WHERE id = 3")
	shell(t, path, "UPDATE users SET cookie_id = 's3cr3t-1' WHERE id = 2")
	users := root(t, path, "users")
	for _, tt := range []struct {
		name   string
		damage func()
		kinds  []string
	}{
		{"whole", func() {}, nil},
		{"users lost", func() { overwrite(t, path, (users-1)*pageSize, make([]byte, 2000)) }, []string{"integrity!"}},
		{"end lost", func() { must(t, os.Truncate(path, 30*pageSize)) }, []string{"truncated!"}},
	} {
		before, err := os.ReadFile(path)
		must(t, err)
		if tt.damage(); !bytes.Contains(before, []byte(secret)) {
			t.Fatalf("%s: the secret is not in the file", tt.name)
		}
		r, err := Read(t.Context(), Options{URL: path, BaseDir: "/"})
		b, _ := json.Marshal(r)
		if dump := fmt.Sprintf("%#v %+v %s %v %#v", r, r, b, err, err); strings.Contains(dump, secret) {
			at := strings.Index(dump, secret)
			t.Errorf("%s: the secret came out: …%s…", tt.name, dump[max(0, at-100):at+20])
		}
		if got := slices.Compact(kinds(r)); !slices.Equal(got, tt.kinds) {
			t.Errorf("%s: damage %v, want %v: %v", tt.name, got, tt.kinds, r.Database.Damage)
		}
		if tt.name == "whole" && (len(r.Users) != 14 || r.Users[1].Cookie != facts.CookieShared) {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}

// TestHostileValues writes what no hub writes into every column that is read.
func TestHostileValues(t *testing.T) {
	path := fixture(t, "schema-5.5.1")
	shell(t, path,
		"UPDATE users SET name = CAST(x'61ff0062' AS TEXT), admin = 'yes', created = 'yesterday', last_activity = 99 WHERE id = 1",
		"UPDATE users SET name = x'c3bc', admin = -1, created = '2026-05-05T10:00:00Z', last_activity = '2026-05-05 10:00:00+02:00' WHERE id = 2",
		"UPDATE users SET name = NULL, admin = NULL, created = NULL, last_activity = '2026-05-05' WHERE id = 3",
		"UPDATE users SET name = 5, created = x'ff', last_activity = '2026-05-05 10:00:00' WHERE id = 4",
		"UPDATE users SET name = char(10) || '<!channel>' || char(27) || '[2J' WHERE id = 5",
		"UPDATE spawners SET user_id = NULL, server_id = 'x', name = NULL, state = x'7b7d' WHERE id = 1",
		"UPDATE servers SET ip = x'ff', port = 'http' WHERE id = 1", "UPDATE servers SET port = 1e300 WHERE id = 3")
	r := read(t, path)
	at := func(h int) time.Time { return time.Date(2026, 5, 5, h, 0, 0, 0, time.UTC) }
	for i, want := range []facts.User{
		{ID: 1, Name: "a��b", BrokenTimes: "created,last_activity", Cookie: facts.CookieUnique},
		{ID: 2, Name: "ü", Admin: true, Created: at(10), LastActivity: at(8), BrokenTimes: "created,last_activity", Cookie: facts.CookieUnique},
		{ID: 3, LastActivity: at(0), BrokenTimes: "last_activity", Cookie: facts.CookieUnique},
		{ID: 4, Name: "5", Admin: true, LastActivity: at(10), BrokenTimes: "created", Cookie: facts.CookieUnique},
		{ID: 5, Name: "\n<!channel>\x1b[2J", Created: r.Users[4].Created, LastActivity: r.Users[4].LastActivity, Cookie: facts.CookieUnique},
	} {
		if diff := cmp.Diff(want, r.Users[i]); diff != "" {
			t.Errorf("user %d (-want +got):\n%s", i+1, diff)
		}
	}
	if diff := cmp.Diff(facts.Spawner{ID: 1, Started: r.Spawners[0].Started, LastActivity: r.Spawners[0].LastActivity,
		State: facts.SpawnerState{Form: "empty"}}, r.Spawners[0]); diff != "" {
		t.Errorf("spawner (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(facts.Server{ID: 1, IP: "�"}, r.Servers[0]); diff != "" {
		t.Errorf("server (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string(nil), kinds(r)); diff != "" {
		t.Errorf("damage (-want +got):\n%s", diff)
	}
}

// TestRebuiltTables: hands make tables without keys, without row ids, with
// repeated ids.
func TestRebuiltTables(t *testing.T) {
	for name, statements := range map[string][]string{
		"no key":      {"CREATE TABLE u AS SELECT * FROM users ORDER BY name DESC"},
		"no row ids":  {"CREATE TABLE u (id INT PRIMARY KEY, name TEXT, cookie_id TEXT) WITHOUT ROWID", "INSERT INTO u SELECT id, name, cookie_id FROM users"},
		"other order": {"CREATE TABLE u (cookie_id, name, id)", "INSERT INTO u SELECT cookie_id, name, id FROM users"},
	} {
		path := fixture(t, "schema-5.5.1")
		var want, got []string
		for _, u := range read(t, path).Users {
			want = append(want, fmt.Sprint(u.ID, u.Name, u.Cookie))
		}
		shell(t, path, append(statements, "DROP TABLE users", "ALTER TABLE u RENAME TO users")...)
		r := read(t, path)
		for _, u := range r.Users {
			got = append(got, fmt.Sprint(u.ID, u.Name, u.Cookie))
		}
		if diff := cmp.Diff(want, got); diff != "" || r.UsersRead != facts.Complete {
			t.Errorf("%s: %s (-want +got):\n%s", name, r.UsersRead, diff)
		}
	}
	path := fixture(t, "schema-5.5.1")
	shell(t, path, "CREATE TABLE u AS SELECT * FROM users UNION ALL SELECT * FROM users", "DROP TABLE users", "ALTER TABLE u RENAME TO users")
	r := read(t, path)
	if len(r.Users) != 20 || r.Users[0].Cookie != facts.CookieShared || r.Users[0].CookieSharedWith != 1 {
		t.Errorf("doubled users: %+v", r.Users)
	}
}

func TestState(t *testing.T) {
	object := facts.SpawnerState{Form: "object", PodName: "p", Namespace: "n", PVCName: "v", KubeSpawnerVersion: "7"}
	keys := `"pod_name": "p", "namespace": "n", "pvc_name": "v", "kubespawner_version": "7"`
	padding := `"x": "` + strings.Repeat("x", stateLimit) + `"`
	tests := []struct {
		name, state string
		want        facts.SpawnerState
	}{
		{"all keys", "{" + keys + `, "dns_name": "d"}`, object},
		{"empty", " { } ", facts.SpawnerState{Form: "empty"}},
		{"null", "null", facts.SpawnerState{}},
		{"other types", `{"pod_name": 5, "namespace": null, "pvc_name": ["v"], "kubespawner_version": {}}`, facts.SpawnerState{Form: "object"}},
		{"other case", `{"POD_NAME": "p"}`, facts.SpawnerState{Form: "object"}},
		{"NUL", `{"pod_name": "a\u0000b"}`, facts.SpawnerState{Form: "object", PodName: "a�b"}},
		{"no text", "", facts.SpawnerState{Form: "broken"}},
		{"list", "[]", facts.SpawnerState{Form: "broken"}},
		{"cut off", `{"pod_name": "p`, facts.SpawnerState{Form: "broken"}},
		{"Python", `{'pod_name': 'p'}`, facts.SpawnerState{Form: "broken"}},
		{"huge", "{" + keys + "," + padding + "}", object},
		{"huge and cut off", "{" + keys + "," + padding, facts.SpawnerState{Form: "broken"}},
		{"huge list", "[{" + padding + "}]", facts.SpawnerState{Form: "broken"}},
		{"deep", strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), facts.SpawnerState{Form: "broken"}},
	}
	path := fixture(t, "schema-5.5.1")
	shell(t, path, "DELETE FROM spawners")
	db, err := sql.Open("sqlite", "file:"+path)
	must(t, err)
	for i, tt := range tests {
		_, err := db.Exec("INSERT INTO spawners (id, name, state) VALUES (?, '', ?)", i+1, tt.state)
		must(t, err)
	}
	must(t, db.Close())
	r := read(t, path)
	for i, tt := range tests {
		if diff := cmp.Diff(tt.want, r.Spawners[i].State); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func FuzzState(f *testing.F) {
	for _, s := range []string{"", "{}", "null", `{"pod_name": "p"}`, `{"pod_name": 1}`, "{\"pod_name\": \"\xff\\u0000\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		state := parseState(sql.NullString{String: s, Valid: true})
		if (state.Form == "object") != (json.Valid([]byte(s)) && strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{") && state.Form != "empty") {
			t.Errorf("form %q of %q", state.Form, s)
		}
		for _, v := range []string{state.PodName, state.Namespace, state.PVCName, state.KubeSpawnerVersion} {
			if clean(v) != v || state.Form != "object" && v != "" {
				t.Errorf("%+v of %q", state, s)
			}
		}
	})
}
