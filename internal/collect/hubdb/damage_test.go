package hubdb

import (
	"os"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"

	"github.com/google/go-cmp/cmp"
)

// TestDamage breaks one thing in a healthy hub's database of 35 users, 43
// spawners and 22 servers. The kinds are the whole answer; a "!" marks traces
// of earlier content.
func TestDamage(t *testing.T) {
	const complete, partial, none = facts.Complete, facts.Partial, facts.None
	zero := make([]byte, pageSize)
	type rows struct{ users, spawners, servers int }
	all := rows{35, 43, 22}
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
		kinds  []string
		read   facts.Completeness
		rows   rows
		says   string // a part of the first message
	}{
		{"nothing", func(*testing.T, string) {}, nil, complete, all, ""},
		{"zero bytes", func(t *testing.T, p string) { write(t, p, nil) }, []string{"zero-bytes"}, none, rows{}, "is empty (0 bytes)"},
		{"zero bytes with a log", func(t *testing.T, p string) { write(t, p, nil); write(t, p+"-wal", zero) },
			[]string{"zero-bytes!"}, none, rows{}, "but beside it lies a -wal of 4096 bytes"},
		{"saved over", savedOver, []string{"no-tables!"}, none, rows{}, "change counter 376, schema cookie 16, 0 free pages): it looks as if an empty database was saved over it"},
		{"all dropped", func(t *testing.T, p string) {
			for _, name := range ask[string](t, p, "SELECT name FROM sqlite_schema WHERE type='table'") {
				shell(t, p, "DROP TABLE "+name)
			}
		}, []string{"no-tables!"}, none, rows{}, "they were dropped, and their pages are still in the file"},
		{"all dropped and vacuumed", func(t *testing.T, p string) {
			for _, name := range ask[string](t, p, "SELECT name FROM sqlite_schema WHERE type='table'") {
				shell(t, p, "DROP TABLE "+name)
			}
			shell(t, p, "VACUUM")
		}, []string{"no-tables!"}, none, rows{}, "saved over it"},
		{"new and empty", func(t *testing.T, p string) { must(t, os.Remove(p)); shell(t, p, "VACUUM") },
			[]string{"no-tables"}, none, rows{}, "no trace of earlier ones"},
		{"WAL mode without tables or log", func(t *testing.T, p string) { must(t, os.Remove(p)); shell(t, p, "PRAGMA journal_mode=WAL") },
			[]string{"no-tables!"}, none, rows{}, "without its log"},
		{"users dropped", func(t *testing.T, p string) { shell(t, p, "DROP TABLE users") },
			[]string{"table-missing!"}, none, rows{0, 43, 22}, "missing: the table users; the database has the tables alembic_version, api_tokens"},
		{"users dropped and vacuumed", func(t *testing.T, p string) { shell(t, p, "DROP TABLE users", "VACUUM") },
			[]string{"table-missing"}, none, rows{0, 43, 22}, "missing: the table users"},
		{"spawners and servers dropped", func(t *testing.T, p string) { shell(t, p, "DROP TABLE spawners", "DROP TABLE servers") },
			[]string{"table-missing!"}, complete, rows{35, 0, 0}, "missing: the table servers, the table spawners;"},
		{"another application's database", func(t *testing.T, p string) {
			must(t, os.Remove(p))
			shell(t, p, "CREATE TABLE history (id INTEGER)")
		}, []string{"table-missing"}, none, rows{}, "the database has the tables history"},
		{"column lost", func(t *testing.T, p string) {
			shell(t, p, "CREATE TABLE u AS SELECT id, name, admin FROM users", "DROP TABLE users", "ALTER TABLE u RENAME TO users", "VACUUM")
		}, []string{"table-missing"}, complete, all, "missing: the column users.cookie_id"},
		{"users emptied", func(t *testing.T, p string) { shell(t, p, "DELETE FROM users", "DELETE FROM spawners") },
			[]string{"users-remade!"}, complete, rows{0, 0, 22}, "belong to users: 22 of api_tokens, 3 of user_group_map, 36 of user_role_map"},
		{"users emptied behind the hub's back", func(t *testing.T, p string) { shell(t, p, "DELETE FROM users") },
			[]string{"users-remade!"}, complete, rows{0, 43, 22}, "the table users has no rows, but rows of other tables belong to users: 22 of api_tokens"},
		{"half of the users deleted behind the hub's back", func(t *testing.T, p string) { shell(t, p, "DELETE FROM users WHERE id % 2 = 0") },
			[]string{"foreign-key!"}, complete, rows{18, 43, 22}, "spawners belong to users that do not exist: 1 (user 2)"},
		{"server lost", func(t *testing.T, p string) { shell(t, p, "DELETE FROM servers WHERE id = 3") },
			[]string{"foreign-key!"}, complete, rows{35, 43, 21}, "1 spawners name servers that do not exist: 3 (server 3)"},
		{"left-over rows of deleted users", func(t *testing.T, p string) {
			shell(t, p, "DELETE FROM spawners WHERE user_id = 2", "DELETE FROM users WHERE id = 2", "DELETE FROM oauth_clients")
		}, nil, complete, rows{34, 40, 22}, ""},
		{"truncated behind the schema", func(t *testing.T, p string) { must(t, os.Truncate(p, 39*pageSize)) },
			[]string{"truncated!", "integrity!"}, complete, rows{35, 34, 22}, "the file ends after 39 of the 42 pages of 4096 bytes that its header counts: the last 3 are missing; it hit api_tokens, spawners; 35 users could still be read"},
		{"truncated into the schema", func(t *testing.T, p string) { must(t, os.Truncate(p, 20*pageSize)) },
			[]string{"truncated!"}, none, rows{}, "the last 22 are missing; the table users could not be found"},
		{"truncated to one page", func(t *testing.T, p string) { must(t, os.Truncate(p, pageSize)) }, []string{"truncated!"}, none, rows{}, ""},
		{"truncated in the header", func(t *testing.T, p string) { must(t, os.Truncate(p, 60)) }, []string{"truncated!"}, none, rows{}, "ends after 60 bytes"},
		{"page of users lost", func(t *testing.T, p string) { overwrite(t, p, (root(t, p, "users")-1)*pageSize, zero) },
			[]string{"integrity!", "integrity!"}, none, rows{0, 43, 22}, "the table users is damaged; 0 of its rows could be read"},
		{"page of spawners lost", func(t *testing.T, p string) { overwrite(t, p, 35*pageSize, zero) },
			[]string{"integrity!", "integrity!"}, complete, rows{35, 22, 22}, "the table spawners is damaged; 22 of its rows could be read"},
		{"page of tokens lost", func(t *testing.T, p string) { overwrite(t, p, (root(t, p, "api_tokens")-1)*pageSize, zero) },
			[]string{"integrity!"}, complete, all, "integrity_check found"},
		{"schema lost", func(t *testing.T, p string) { overwrite(t, p, 100, make([]byte, pageSize-100)) },
			[]string{"integrity!", "integrity!"}, none, rows{}, "cannot read the database's schema"},
		{"index older than its table", func(t *testing.T, p string) { olderPage(t, p, "sqlite_autoindex_users_1") },
			[]string{"index-stale"}, complete, rows{36, 43, 22}, "the index sqlite_autoindex_users_1 of users(name) disagrees with its table (rows it lacks: 1 of 36, entries without a row: 0)"},
		{"users older than their index", func(t *testing.T, p string) { olderPage(t, p, "users") },
			[]string{"integrity!"}, partial, all, "the table users has 35 readable rows, but its index sqlite_autoindex_users_1 lists 36: the others are lost; integrity_check found 2 errors"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := fixture(t, "hub-3.0.0")
			tt.damage(t, path)
			var r Result
			untouched(t, path, func() { r = read(t, path) })
			if diff := cmp.Diff(tt.kinds, kinds(r)); diff != "" {
				t.Errorf("damage (-want +got):\n%s\n%v", diff, r.Database.Damage)
			}
			if r.UsersRead != tt.read {
				t.Errorf("UsersRead %s, want %s", r.UsersRead, tt.read)
			}
			if got := (rows{len(r.Users), len(r.Spawners), len(r.Servers)}); got != tt.rows {
				t.Errorf("rows %v, want %v", got, tt.rows)
			}
			if len(r.Database.Damage) > 0 && !strings.Contains(r.Database.Damage[0].Message, tt.says) {
				t.Errorf("message %q does not say %q", r.Database.Damage[0].Message, tt.says)
			}
		})
	}
}

// savedOver does what .save in an sqlite3 shell without a file does: the
// backup API writes an empty database over the one there. It keeps the file's
// change counter and schema cookie and adds one to each.
func savedOver(t *testing.T, path string) {
	b := page(t, path, 1)
	h := parseHeader(b)
	empty := path + ".empty"
	shell(t, empty, "VACUUM")
	blank := page(t, empty, 1)
	must(t, os.Remove(empty))
	put := func(at int, v uint32) {
		blank[at], blank[at+1], blank[at+2], blank[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	put(24, h.changeCounter+1)
	put(92, h.changeCounter+1)
	put(40, h.schemaCookie+1)
	write(t, path, blank)
}

// olderPage adds a user and then brings one page back to what it was, as a
// lost write does.
func olderPage(t *testing.T, path, tree string) {
	n := root(t, path, tree)
	old := page(t, path, n)
	shell(t, path, "INSERT INTO users (name, cookie_id) VALUES ('aaron', 'c0ffee')")
	overwrite(t, path, (n-1)*pageSize, old)
}

// TestMissingCoreTables: which tables must be there depends on the schema.
func TestMissingCoreTables(t *testing.T) {
	tests := []struct {
		fixture string
		drop    []string
		want    []string
	}{
		{"schema-0.7.2", []string{"proxies", "hubs"}, nil},
		{"schema-0.7.2", []string{"servers"}, []string{"table-missing!"}},
		{"schema-0.7.2", []string{"users"}, []string{"table-missing!"}},
		{"schema-0.8.1", []string{"spawners"}, []string{"table-missing!"}},
		{"migrated-0.7.2-to-5.5.1", []string{"spawners"}, []string{"table-missing!"}},
		{"migrated-0.7.2-to-5.5.1", []string{"spawners", "alembic_version"}, []string{"table-missing!"}},
		{"migrated-0.7.2-to-5.5.1", []string{"alembic_version"}, nil},
		{"schema-6.0.0b2", []string{"servers"}, []string{"table-missing!"}},
	}
	for _, tt := range tests {
		t.Run(tt.fixture+" without "+strings.Join(tt.drop, ","), func(t *testing.T) {
			path := fixture(t, tt.fixture)
			for _, name := range tt.drop {
				// With its rows' references gone, only the table is missed.
				if name == "servers" && tt.fixture != "schema-0.7.2" {
					shell(t, path, "UPDATE spawners SET server_id = NULL")
				}
				shell(t, path, "DROP TABLE "+name)
			}
			if diff := cmp.Diff(tt.want, kinds(read(t, path))); diff != "" {
				t.Errorf("damage (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUsersAroundLostPages loses leaf pages of a large table: every other row
// is still read, and who shares a cookie among them is still told.
func TestUsersAroundLostPages(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads as TestDamage does, which the race detector sees")
	}
	path := fixture(t, "schema-5.5.1")
	shell(t, path, "DELETE FROM users", "DELETE FROM spawners", `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
		INSERT INTO users (id, name, cookie_id) SELECT CASE WHEN i > 500 THEN i * 1000003 ELSE i END, 'user-' || i, hex(randomblob(16)) FROM n`,
		"VACUUM")
	whole := read(t, path)
	leaves := ask[int64](t, path, "SELECT pageno FROM dbstat WHERE name = 'users' AND pagetype = 'leaf' ORDER BY path")
	if len(leaves) < 10 {
		t.Fatalf("users has only %d leaves", len(leaves))
	}
	for _, tt := range []struct {
		name string
		lost []int64
	}{
		{"first", leaves[:1]}, {"middle", leaves[4:5]}, {"far ids", leaves[len(leaves)-3 : len(leaves)-2]}, {"last", leaves[len(leaves)-1:]},
		{"two with one between", []int64{leaves[3], leaves[5]}}, {"neighbours", leaves[2:5]}, {"all", leaves},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := os.ReadFile(path)
			must(t, err)
			gone := map[int64]bool{}
			for _, n := range tt.lost {
				leaf := b[(n-1)*pageSize : n*pageSize]
				for _, id := range idsOnLeaf(leaf) {
					gone[id] = true
				}
				clear(leaf)
			}
			broken := fixture(t, "schema-5.5.1")
			write(t, broken, b)
			r := read(t, broken)
			want := slices.DeleteFunc(slices.Clone(whole.Users), func(u facts.User) bool { return gone[u.ID] })
			if diff := cmp.Diff(want, r.Users, cmp.Transformer("none", func(u []facts.User) []facts.User { return append([]facts.User{}, u...) })); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
			read := facts.Partial
			if len(want) == 0 {
				read = facts.None
			}
			if r.UsersRead != read || !slices.Contains(kinds(r), "integrity!") {
				t.Errorf("UsersRead %s, damage %v", r.UsersRead, kinds(r))
			}
		})
	}
}

// TestPagesInWrongPlaces: rows on swapped pages are all there, and told in
// order; rows of a page that stands in for another are told once. In neither
// case is the table complete.
func TestPagesInWrongPlaces(t *testing.T) {
	whole := fixture(t, "schema-5.5.1")
	addUsers(t, whole, 500)
	want := read(t, whole).Users
	leaves := ask[int64](t, whole, "SELECT pageno FROM dbstat WHERE name = 'users' AND pagetype = 'leaf' ORDER BY path")
	a, b := page(t, whole, leaves[2]), page(t, whole, leaves[5])
	content, err := os.ReadFile(whole)
	must(t, err)
	lost := idsOnLeaf(a)
	for name, first := range map[string][]byte{"swapped": b, "repeated": nil} {
		path := fixture(t, "schema-5.5.1")
		write(t, path, content)
		users := want
		if first != nil {
			overwrite(t, path, (leaves[5]-1)*pageSize, a)
		} else {
			users = slices.DeleteFunc(slices.Clone(want), func(u facts.User) bool { return slices.Contains(lost, u.ID) })
		}
		overwrite(t, path, (leaves[2]-1)*pageSize, b)
		r := read(t, path)
		if diff := cmp.Diff(users, r.Users); diff != "" {
			t.Errorf("%s: users (-want +got):\n%s", name, diff)
		}
		if r.UsersRead != facts.Partial || r.Database.Damage[0].Kind != facts.DamageIntegrity {
			t.Errorf("%s: read %s, damage %v", name, r.UsersRead, r.Database.Damage)
		}
	}
}

// idsOnLeaf decodes the row ids of a table's leaf page, see
// https://www.sqlite.org/fileformat2.html#b_tree_pages.
func idsOnLeaf(b []byte) (ids []int64) {
	varint := func(at int) (v int64, next int) {
		for {
			v = v<<7 | int64(b[at]&0x7f)
			if at++; b[at-1]&0x80 == 0 {
				return v, at
			}
		}
	}
	for i := range int(b[3])<<8 | int(b[4]) {
		cell := int(b[8+2*i])<<8 | int(b[9+2*i])
		_, at := varint(cell)
		id, _ := varint(at)
		ids = append(ids, id)
	}
	return ids
}

func TestNotSQLite(t *testing.T) {
	for content, says := range map[string]string{
		"\x1f\x8b\x08\x00rest":                              "a gzip archive",
		"PK\x03\x04rest":                                    "a zip archive",
		"\x28\xb5\x2f\xfdrest":                              "a zstd archive",
		" \n<!DOCTYPE html><title>403</title>":              "an HTML page",
		"<HTML><body>":                                      "an HTML page",
		"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;":      "an SQLite dump",
		"--\n-- PostgreSQL database dump\n--":               "a PostgreSQL dump",
		"/*M!999999\\- enable the sandbox mode */":          "a MariaDB dump",
		"PGDMP\x01\x0e":                                     "a PostgreSQL dump in custom format",
		"version https://git-lfs.github.com/spec/v1":        "a Git LFS pointer",
		"\x37\x7f\x06\x82rest":                              "write-ahead log",
		strings.Repeat("\x00", 8192):                        "filled with zeros",
		"Bad Gateway, jürgen":                               "it is text",
		"{\"users\": []}":                                   "JSON",
		"\x00\x01\x02binary":                                "binary data",
		strings.Repeat("x", 257) + "ustar\x0000" + "secret": "a tar archive",
	} {
		path := fixture(t, "schema-0.7.2")
		write(t, path, []byte(content))
		r := read(t, path)
		if diff := cmp.Diff([]string{"not-sqlite"}, kinds(r)); diff != "" {
			t.Fatalf("%q: damage (-want +got):\n%s", content, diff)
		}
		if m := r.Database.Damage[0].Message; !strings.Contains(m, says) || strings.Contains(m, "jürgen") {
			t.Errorf("%.20q: %q does not say %q", content, m, says)
		}
		if r.UsersRead != facts.None {
			t.Errorf("%.20q: UsersRead %s", content, r.UsersRead)
		}
	}
}
