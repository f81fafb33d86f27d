package rescue_test

import (
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
)

func unpacked(tb testing.TB, name string) (path string) {
	tb.Helper()
	f, err := os.Open("../collect/hubdb/testdata/" + name + ".sqlite.gz")
	check(tb, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	check(tb, err)
	b, err := io.ReadAll(z)
	check(tb, err)
	path = filepath.Join(tb.TempDir(), "fresh.sqlite")
	check(tb, os.WriteFile(path, b, 0o600))
	return path
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func shell(tb testing.TB, path string, statements ...string) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	check(tb, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

func values(tb testing.TB, path, query string) (found []string) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	check(tb, err)
	defer db.Close()
	rows, err := db.Query(query)
	check(tb, err)
	defer rows.Close()
	for rows.Next() {
		var v string
		check(tb, rows.Scan(&v))
		found = append(found, v)
	}
	check(tb, rows.Err())
	return found
}

// emptied takes all rows out of a database but for its revision and, where
// kept, the roles: as a hub of that version makes it.
func emptied(tb testing.TB, path string, kept ...string) {
	tb.Helper()
	statements := []string{"PRAGMA foreign_keys = OFF"}
	for _, table := range values(tb, path, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		if table != "alembic_version" && !slices.Contains(kept, table) {
			statements = append(statements, "DELETE FROM "+table)
		}
	}
	shell(tb, path, statements...)
}

// fresh is an empty database of JupyterHub 5.5.1, with its roles.
func fresh(tb testing.TB) (path string) {
	tb.Helper()
	path = unpacked(tb, "hub-5.5.1")
	emptied(tb, path, "roles")
	return path
}

// hostile are names that break what quotes badly.
var hostile = []string{"ann", "o'brien", `back\slash`, `\`, `'`, "'; DROP TABLE users; --", "new\nline", "tab\tand\x01control", `"quoted"`, "😀 four bytes",
	"josé", "jose\u0301", "İstanbul", "Bob", "bob", "$hubaudit$", "%s%d%%", "?1 :name @x $y", "-- comment", "/* comment */", "\u202eright to left", strings.Repeat("x", 255)}

// hostilePlan has such users and servers, ids with gaps, and every kind of row.
func hostilePlan(names ...string) *rescue.Plan {
	at := time.Date(2026, 11, 20, 12, 0, 0, 123456000, time.UTC)
	p := &rescue.Plan{Hub: "data\nhub"}
	for i, name := range names {
		u := rescue.User{ID: int64(3*i + 2), Name: name, Admin: i == 1}
		switch i % 4 {
		case 0:
			u.Created, u.LastActivity = at, at.Add(time.Hour)
			u.Servers = []rescue.Server{{Namespace: "jhub", Claim: fmt.Sprintf("claim-%d", i), LastActivity: at.Add(time.Minute)}}
		case 1:
			u.Servers = []rescue.Server{{Namespace: "jhub", Claim: "claim-<&>'\"\\ é"}}
		case 2:
			u.Servers = []rescue.Server{{}}
		}
		p.Users = append(p.Users, u)
	}
	return p
}

// withNamedServers adds servers with names, which JupyterHub 0.7 does not have.
func withNamedServers(p *rescue.Plan) *rescue.Plan {
	for i := range p.Users {
		u := &p.Users[i]
		u.Servers = append(u.Servers, rescue.Server{Name: "lab", Namespace: "user-ns", Claim: fmt.Sprintf("claim-%d-lab", u.ID)},
			rescue.Server{Name: hostile[i%(len(hostile)-1)] + "2"[:i%2], Namespace: "jhub", Claim: "shared"})
	}
	return p
}

func readBack(tb testing.TB, path string) *facts.Hub {
	tb.Helper()
	r, err := hubdb.Read(tb.Context(), hubdb.Options{URL: "sqlite:///" + path})
	check(tb, err)
	return &facts.Hub{Database: r.Database, UsersRead: r.UsersRead, SpawnersRead: r.SpawnersRead, StatesRead: true,
		Users: r.Users, Spawners: r.Spawners, Servers: r.Servers}
}

// written fills the database and verifies the result.
func written(tb testing.TB, into string, p *rescue.Plan) (out string, w rescue.Written) {
	tb.Helper()
	out = filepath.Join(tb.TempDir(), "rescued.sqlite")
	w, err := rescue.WriteSQLite(tb.Context(), into, out, p)
	check(tb, err)
	for _, d := range rescue.Verified(p, readBack(tb, out)) {
		tb.Error(d)
	}
	info, err := os.Stat(out)
	check(tb, err)
	if info.Mode() != 0o600 {
		tb.Errorf("the file has the mode %v", info.Mode())
	}
	alone(tb, out)
	return out, w
}

// alone: nothing is in the folder but this file.
func alone(tb testing.TB, path string) {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	check(tb, err)
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			tb.Errorf("%s is left beside %s", e.Name(), path)
		}
	}
}

func content(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	check(tb, err)
	return string(b)
}

// TestEverySchema fills an empty database of each version of JupyterHub.
func TestEverySchema(t *testing.T) {
	paths, err := filepath.Glob("../collect/hubdb/testdata/*-*.sqlite.gz")
	check(t, err)
	if len(paths) < 13 {
		t.Fatalf("only the databases %v", paths)
	}
	for _, packed := range paths {
		name := strings.TrimSuffix(filepath.Base(packed), ".sqlite.gz")
		t.Run(name, func(t *testing.T) {
			into := unpacked(t, name)
			emptied(t, into, "roles")
			p := hostilePlan(hostile...)
			roles := 0
			if !strings.Contains(name, "0.7.2") || strings.Contains(name, "migrated") {
				p = withNamedServers(p)
			}
			if strings.HasPrefix(name, "hub-") {
				roles = len(p.Users) + 1 // one is an administrator
			}
			before := content(t, into)
			_, w := written(t, into, p)
			servers := 0
			for _, u := range p.Users {
				servers += len(u.Servers)
			}
			if diff := cmp.Diff(rescue.Written{Users: len(p.Users), Servers: servers, Roles: roles}, w); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if content(t, into) != before {
				t.Error("the empty database was changed")
			}
			alone(t, into)
		})
	}
}

// TestUsersOfTheEmptyDatabase: those whom the hub made from its configuration
// give way to the plan's, with all that is theirs.
func TestUsersOfTheEmptyDatabase(t *testing.T) {
	into := fresh(t)
	shell(t, into, "INSERT INTO users (id, name, admin, cookie_id) VALUES (1, 'root', 1, 'a'), (2, 'o''brien', 1, 'b'), (3, 'staff', 0, 'c'), (900, 'ann', 0, 'd')",
		"INSERT INTO user_role_map (user_id, role_id, managed_by_auth) SELECT 1, id, 0 FROM roles", "INSERT INTO groups (id, name) VALUES (1, 'g')",
		"INSERT INTO user_group_map VALUES (1, 1), (900, 1)", "INSERT INTO api_tokens (id, user_id, hashed) VALUES (1, 2, 'h')",
		"INSERT INTO spawners (id, user_id, name, state) VALUES (1, 1, '', '{}'), (2, 3, '', NULL)")
	p := hostilePlan("ann", "eve", "o'brien")
	out, w := written(t, into, p)
	if diff := cmp.Diff([]string{"root", "staff"}, w.Dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if got, want := values(t, out, "SELECT name FROM users WHERE admin ORDER BY id"), []string{"eve", "o'brien"}; !slices.Equal(got, want) {
		t.Errorf("administrators are %q, want %q", got, want)
	}
	for _, table := range []string{"user_group_map", "api_tokens"} {
		if n := values(t, out, "SELECT count(*) FROM "+table)[0]; n != "0" {
			t.Errorf("%s has %s rows of users who are gone", table, n)
		}
	}
	roles := "SELECT u.name || ' ' || r.name FROM user_role_map m JOIN users u ON u.id = m.user_id JOIN roles r ON r.id = m.role_id ORDER BY 1"
	if got, want := values(t, out, roles), []string{"ann user", "eve admin", "eve user", "o'brien admin", "o'brien user"}; !slices.Equal(got, want) {
		t.Errorf("roles are %q, want %q", got, want)
	}
}

func TestJournalModes(t *testing.T) {
	p := hostilePlan("ann", "ben")
	for _, mode := range []string{"delete", "truncate", "persist", "wal"} {
		t.Run(mode, func(t *testing.T) {
			into := fresh(t)
			db, err := sql.Open("sqlite", "file:"+into+"?_pragma=journal_mode("+mode+")&_pragma=wal_autocheckpoint(0)")
			check(t, err)
			defer db.Close()
			db.SetMaxOpenConns(1)
			_, err = db.Exec("INSERT INTO groups (id, name) VALUES (7, 'newest')")
			check(t, err)
			// While it is open in WAL mode its newest rows are in the log.
			before := folder(t, into)
			out, _ := written(t, into, p)
			if diff := cmp.Diff(before, folder(t, into)); diff != "" {
				t.Errorf("the folder of the empty database has changed:\n%s", diff)
			}
			if got := values(t, out, "SELECT name FROM groups"); !slices.Equal(got, []string{"newest"}) {
				t.Errorf("groups are %q", got)
			}
			if got := values(t, out, "PRAGMA journal_mode"); got[0] != "delete" {
				t.Errorf("the journal mode is %q", got)
			}
		})
	}
}

// folder has the content of the files in a database's folder, by name; not of
// the index of a log, which is memory.
func folder(tb testing.TB, path string) map[string]string {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	check(tb, err)
	found := map[string]string{}
	for _, e := range entries {
		if found[e.Name()] = ""; !strings.HasSuffix(e.Name(), "-shm") {
			found[e.Name()] = content(tb, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return found
}

// TestCookies: new ones in every file, as JupyterHub makes them.
func TestCookies(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		out, _ := written(t, fresh(t), hostilePlan("ann", "ben", "cat"))
		for _, c := range values(t, out, "SELECT cookie_id FROM users") {
			if strings.Trim(c, "0123456789abcdef") != "" || len(c) != 32 || seen[c] {
				t.Errorf("a cookie_id of length %d is no new one of 32 hexadecimal digits", len(c))
			}
			seen[c] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d cookie_ids, want 6", len(seen))
	}
}

func FuzzWriteSQLite(f *testing.F) {
	for _, name := range hostile {
		f.Add(name, name, "claim-"+name)
	}
	into := fresh(f)
	f.Fuzz(func(t *testing.T, user, server, claim string) {
		p := &rescue.Plan{Users: []rescue.User{{ID: 1, Name: user, Servers: []rescue.Server{{Name: server, Namespace: "jhub", Claim: claim}}}}}
		out := filepath.Join(t.TempDir(), "rescued.sqlite")
		if _, err := rescue.WriteSQLite(t.Context(), into, out, p); err != nil {
			if left := folder(t, out); len(left) > 0 {
				t.Errorf("after %v it left %v", err, left)
			}
			return
		}
		p.Users[0].Servers[0].Claim = strings.ToValidUTF8(claim, "\uFFFD")
		for _, d := range rescue.Verified(p, readBack(t, out)) {
			t.Error(d)
		}
	})
}

// manyUsers is a plan of n users, each with a server.
func manyUsers(n int) *rescue.Plan {
	p := &rescue.Plan{Hub: "datahub", Users: make([]rescue.User, n)}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for i := range p.Users {
		name := fmt.Sprintf("student-%d", i)
		p.Users[i] = rescue.User{ID: int64(i + 1), Name: name, Created: at, LastActivity: at,
			Servers: []rescue.Server{{Namespace: "jhub", Claim: "claim-" + name, LastActivity: at}}}
	}
	return p
}

func BenchmarkWriteSQLite(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			into, p, dir := fresh(b), manyUsers(n), b.TempDir()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				out := filepath.Join(dir, fmt.Sprint(i))
				w, err := rescue.WriteSQLite(b.Context(), into, out, p)
				check(b, err)
				if w.Users != n || w.Servers != n || w.Roles != n {
					b.Fatalf("%+v", w)
				}
				check(b, os.Remove(out))
			}
		})
	}
}
