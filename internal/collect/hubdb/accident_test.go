package hubdb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"

	"github.com/google/go-cmp/cmp"
)

// TestStaleIndex: which index, of which columns, and exactly how many rows it
// misses or has too many, beyond integrity_check's bound of 100 errors.
func TestStaleIndex(t *testing.T) {
	older := func(t *testing.T, path, index string, statements ...string) {
		before := pagesOf(t, path, index)
		shell(t, path, statements...)
		for n, b := range before {
			overwrite(t, path, (n-1)*pageSize, b)
		}
	}
	add := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO users (name, cookie_id) SELECT 'zz' || i, 'c' || i FROM n"
	tests := []struct {
		name string
		do   func(t *testing.T, path string)
		says string
	}{
		{"one name", func(t *testing.T, p string) {
			older(t, p, "sqlite_autoindex_users_1", "UPDATE users SET name = 'changed' WHERE id = 9")
		}, "the index sqlite_autoindex_users_1 of users(name) disagrees with its table (rows it lacks: 1 of 35, entries without a row: 1)"},
		{"cookies", func(t *testing.T, p string) {
			older(t, p, "sqlite_autoindex_users_2", "UPDATE users SET cookie_id = 'c' || id WHERE id < 9")
		}, "the index sqlite_autoindex_users_2 of users(cookie_id) disagrees with its table (rows it lacks: 8 of 35, entries without a row: 8)"},
		{"names beyond the bound", func(t *testing.T, p string) {
			shell(t, p, "DROP TABLE users", usersOf("users"), fmt.Sprintf(add, 300))
			older(t, p, "sqlite_autoindex_users_1", "UPDATE users SET name = upper(name)", "DELETE FROM spawners")
		}, "(rows it lacks: 300 of 300, entries without a row: 300)"},
		{"two columns", func(t *testing.T, p string) {
			shell(t, p, "CREATE INDEX by_both ON spawners (user_id, name)")
			older(t, p, "by_both", "UPDATE spawners SET name = name || '-x' WHERE id < 20")
		}, "the index by_both of spawners(user_id, name) disagrees with its table (rows it lacks: "},
		{"partial", func(t *testing.T, p string) {
			shell(t, p, "CREATE INDEX some ON spawners (name) WHERE id > 5")
			older(t, p, "some", "UPDATE spawners SET name = name || '-x'")
		}, "the index some of spawners(name) disagrees with its table"},
		{"on an expression", func(t *testing.T, p string) {
			shell(t, p, "CREATE INDEX low ON spawners (lower(name))")
			older(t, p, "low", "UPDATE spawners SET name = name || '-x'")
		}, "the index low of spawners() disagrees with its table"},
		{"another table's", func(t *testing.T, p string) {
			older(t, p, "ix_api_tokens_prefix", "UPDATE api_tokens SET prefix = 'none'")
		}, "the index ix_api_tokens_prefix of api_tokens(prefix) disagrees with its table (rows it lacks: 23 of 23, entries without a row: 23)"},
		{"a hostile name", func(t *testing.T, p string) {
			shell(t, p, `CREATE INDEX "a ""b"" index c" ON users (admin)`)
			older(t, p, `a "b" index c`, "UPDATE users SET admin = 1 - admin WHERE id = 2")
		}, `the index a "b" index c of users(admin) disagrees with its table (rows it lacks: 1 of 35, entries without a row: 1)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := fixture(t, "hub-3.0.0")
			tt.do(t, path)
			r := read(t, path)
			wantDamage(t, r, []string{"index-stale"}, tt.says)
			if r.UsersRead != facts.Complete {
				t.Errorf("users read %s", r.UsersRead)
			}
		})
	}
}

// TestStaleIndexLetsTheHubDouble proves why a stale index matters: with it a
// second user of one name comes in, in spite of UNIQUE.
func TestStaleIndexLetsTheHubDouble(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	name := ask[string](t, path, "SELECT name FROM users WHERE id = 9")[0]
	before := pagesOf(t, path, "sqlite_autoindex_users_1")
	shell(t, path, "UPDATE users SET name = 'changed' WHERE id = 9")
	changed := pagesOf(t, path, "sqlite_autoindex_users_1")
	for n := range changed {
		overwrite(t, path, (n-1)*pageSize, before[n])
	}
	shell(t, path, "INSERT INTO users (name, cookie_id) VALUES ('changed', 'x')")
	r := read(t, path)
	wantDamage(t, r, []string{"index-stale"}, "of users(name)")
	same := slices.DeleteFunc(slices.Clone(r.Users), func(u facts.User) bool { return u.Name != "changed" })
	if len(same) != 2 || name == "changed" {
		t.Errorf("users of one name: %v", same)
	}
}

// pagesOf are the pages of a table or index by number.
func pagesOf(t *testing.T, path, name string) map[int64][]byte {
	pages := map[int64][]byte{}
	for _, n := range ask[int64](t, path, "SELECT pageno FROM dbstat WHERE name = '"+name+"'") {
		pages[n] = page(t, path, n)
	}
	return pages
}

// TestCountIsNoWitness: count(*) reads an index, which still has every user
// when the page of their rows is gone.
func TestCountIsNoWitness(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	overwrite(t, path, (root(t, path, "users")-1)*pageSize, make([]byte, pageSize))
	if n := ask[int](t, path, "SELECT count(*) FROM users")[0]; n != 35 {
		t.Fatalf("count(*) says %d: the test proves nothing", n)
	}
	r := read(t, path)
	if len(r.Users) != 0 || r.UsersRead != facts.None {
		t.Errorf("%d users, read %s", len(r.Users), r.UsersRead)
	}
}

// TestEmptyFilePassesIntegrityCheck: SQLite is no judge of an empty file.
func TestEmptyFilePassesIntegrityCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
	write(t, path, nil)
	if says := ask[string](t, path, "PRAGMA integrity_check"); !slices.Equal(says, []string{"ok"}) {
		t.Fatalf("integrity_check says %v: the test proves nothing", says)
	}
	wantDamage(t, read(t, path), []string{"zero-bytes"}, "the database file is empty")
}

// TestPagesTold: what is zeroed, torn or overwritten is told apart, with the
// tables it hit.
func TestPagesTold(t *testing.T) {
	noise := make([]byte, pageSize)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(noise); i++ {
		noise[i] = byte(r.Uint32())
	}
	for name, tt := range map[string]struct {
		content []byte
		says    []string
		not     string
	}{
		"zeros": {make([]byte, pageSize), []string{"errors in spawners", "of the unreadable pages these are filled with zeros, as a lost disk block leaves them: "}, ""},
		"noise": {noise, []string{"errors in spawners"}, "filled with zeros"},
	} {
		path := fixture(t, "hub-3.0.0")
		overwrite(t, path, (root(t, path, "spawners")-1)*pageSize, tt.content)
		r := read(t, path)
		wantDamage(t, r, []string{"integrity!", "integrity!"}, "the table spawners is damaged; 0 of its rows could be read")
		said := r.Database.Damage[1].Message
		for _, s := range tt.says {
			if !strings.Contains(said, s) {
				t.Errorf("%s: %q does not say %q", name, said, s)
			}
		}
		if tt.not != "" && strings.Contains(said, tt.not) {
			t.Errorf("%s: %q says %q", name, said, tt.not)
		}
	}
}

// TestHeaderOverwritten: the rest of the file shows that it was a database.
func TestHeaderOverwritten(t *testing.T) {
	for name, content := range map[string][]byte{"zeros": make([]byte, 512), "text": bytes.Repeat([]byte("log line\n"), 400), "one byte": []byte("s"), "a page": make([]byte, pageSize)} {
		path := fixture(t, "hub-3.0.0")
		overwrite(t, path, 0, content)
		wantDamage(t, read(t, path), []string{"not-sqlite!"}, "an SQLite database whose beginning was overwritten")
		if r := read(t, path); !r.Database.Damage[0].Recoverable {
			t.Errorf("%s: not recoverable", name)
		}
	}
	path := fixture(t, "hub-3.0.0")
	write(t, path, bytes.Repeat([]byte("just a long text, line after line\r\n"), 5000))
	wantDamage(t, read(t, path), []string{"not-sqlite"}, "it is text")
}

// TestSpawnersRead: how far spawners and servers can be trusted.
func TestSpawnersRead(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads as TestDamage does, which the race detector sees")
	}
	const complete, partial, none = facts.Complete, facts.Partial, facts.None
	tests := []struct {
		name, fixture string
		damage        func(path string)
		want          facts.Completeness
	}{
		{"whole", "hub-3.0.0", func(string) {}, complete},
		{"JupyterHub 0.7", "schema-0.7.2", func(string) {}, complete},
		{"no spawners at all", "migrated-0.7.2-to-5.5.1", func(string) {}, complete},
		{"table missing", "hub-3.0.0", func(p string) { shell(t, p, "DROP TABLE spawners") }, none},
		{"column missing", "hub-3.0.0", func(p string) {
			shell(t, p, "CREATE TABLE s AS SELECT id, name FROM spawners", "DROP TABLE spawners", "ALTER TABLE s RENAME TO spawners")
		}, none},
		{"servers missing", "hub-3.0.0", func(p string) { shell(t, p, "DROP TABLE servers") }, partial},
		{"all lost", "hub-3.0.0", func(p string) {
			overwrite(t, p, (root(t, p, "spawners")-1)*pageSize, make([]byte, pageSize))
		}, none},
		{"a page lost", "hub-3.0.0", func(p string) { overwrite(t, p, 35*pageSize, make([]byte, pageSize)) }, partial},
		{"servers' page lost", "hub-3.0.0", func(p string) {
			overwrite(t, p, (root(t, p, "servers")-1)*pageSize, make([]byte, pageSize))
		}, partial},
		{"0.7 without users", "schema-0.7.2", func(p string) {
			overwrite(t, p, (root(t, p, "users")-1)*pageSize, make([]byte, pageSize))
		}, none},
		{"empty file", "hub-3.0.0", func(p string) { write(t, p, nil) }, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := fixture(t, tt.fixture)
			tt.damage(path)
			if got := read(t, path).SpawnersRead; got != tt.want {
				t.Errorf("spawners read %s, want %s", got, tt.want)
			}
		})
	}
}

// TestDatedCopies: what an upgrade leaves beside a database, and nothing else.
func TestDatedCopies(t *testing.T) {
	path := fixture(t, "schema-5.5.1")
	for name, size := range map[string]int{"jupyterhub.sqlite.2026-09-01-101500": 3, "jupyterhub.sqlite.2026-11-02-235959": 2, "jupyterhub.sqlite.2025-01-01-000000": 0,
		"jupyterhub.sqlite..2026-11-02-235959.1": 4, "jupyterhub.sqlite-journal.2026-09-01-101500": 1, "jupyterhub.sqlite.bak": 1,
		"jupyterhub.sqlite.2026-13-01-101500": 1, "other.sqlite.2026-09-01-101500": 1, "jupyterhub.sqlite.2026-09-01-101500.gz": 1} {
		write(t, filepath.Join(filepath.Dir(path), name), make([]byte, size))
	}
	must(t, os.Mkdir(path+".2026-09-02-101500", 0o755))
	at := func(month, day, hour, minute, second int) time.Time {
		return time.Date(2026, time.Month(month), day, hour, minute, second, 0, time.UTC)
	}
	want := []facts.BackupCopy{
		{Name: "jupyterhub.sqlite..2026-11-02-235959.1", Time: at(11, 2, 23, 59, 59), SizeBytes: 4, Ready: true},
		{Name: "jupyterhub.sqlite.2026-11-02-235959", Time: at(11, 2, 23, 59, 59), SizeBytes: 2, Ready: true},
		{Name: "jupyterhub.sqlite.2026-09-01-101500", Time: at(9, 1, 10, 15, 0), SizeBytes: 3, Ready: true},
		{Name: "jupyterhub.sqlite.2025-01-01-000000", Time: at(1, 1, 0, 0, 0).AddDate(-1, 0, 0)},
	}
	if diff := cmp.Diff(want, read(t, path).Database.Copies); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	write(t, path, nil)
	if diff := cmp.Diff(want, read(t, path).Database.Copies); diff != "" {
		t.Errorf("copies beside an empty file (-want +got):\n%s", diff)
	}
}

// TestHandMadeCookies: what is not 32 lower-case hexadecimal digits.
func TestHandMadeCookies(t *testing.T) {
	path := fixture(t, "schema-0.7.2") // allows NULL and duplicates
	digits := "0123456789abcdef0123456789abcdef"
	for i, value := range []string{"NULL", "''", "'" + digits + "'", "'dummy'", "'" + strings.ToUpper(digits) + "'", "'" + digits[1:] + "g'",
		"'" + digits + "0'", "x'3031'", "'" + digits + "'", "17"} {
		shell(t, path, fmt.Sprintf("UPDATE users SET cookie_id = %s WHERE id = %d", value, i+1))
	}
	var got []bool
	for _, u := range read(t, path).Users {
		got = append(got, u.CookieHandMade)
	}
	if diff := cmp.Diff([]bool{false, false, false, true, true, true, true, true, false, true}, got); diff != "" {
		t.Errorf("hand-made (-want +got):\n%s", diff)
	}
}

// TestNormalIsNoDamage: what looks odd and is what hubs do.
func TestNormalIsNoDamage(t *testing.T) {
	path := fixture(t, "hub-5.5.1")
	shell(t, path,
		"INSERT INTO users (id, name, cookie_id) VALUES (90, 'Robin', 'a'), (91, 'robin', 'b'), (95, 'jörg', 'c'), (96, 'jo' || char(776) || 'rg', 'd')",
		"INSERT INTO servers (id, ip, port) VALUES (80, '', 8888)",
		"INSERT INTO spawners (user_id, server_id, name, state, started) VALUES (90, 80, '', NULL, '2026-05-05 10:00:00.000000')", // starting
		`INSERT INTO spawners (user_id, name, state) VALUES (91, '', '{}'), (95, '', '{"pod_name": "p"}'), (96, '', NULL), (96, 'lab', NULL)`,
		"DELETE FROM users WHERE id = 91", "DELETE FROM spawners WHERE user_id = 91") // ids are missing
	r := read(t, path)
	wantDamage(t, r, nil, "")
	if n := len(r.Users); n != 17 || r.UsersRead != facts.Complete || r.SpawnersRead != facts.Complete {
		t.Errorf("%d users, read %s, spawners %s", n, r.UsersRead, r.SpawnersRead)
	}
	for _, u := range r.Users {
		if u.BrokenTimes != "" || u.Cookie != facts.CookieUnique {
			t.Errorf("%+v", u)
		}
	}
}
