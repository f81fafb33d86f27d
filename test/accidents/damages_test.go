package accidents

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// damage does harm to the database in a file.
type damage func(t *testing.T, path string)

func sqlDamage(statements ...string) damage {
	return func(t *testing.T, path string) { shell(t, path, statements...) }
}

func content(b []byte) damage {
	return func(t *testing.T, path string) { must(t, os.WriteFile(path, b, 0o600)) }
}

// pages is the size of a file in pages, each of so many bytes.
func pages(t *testing.T, path string) (count, size int64) {
	return ask[int64](t, path, "PRAGMA page_count")[0], ask[int64](t, path, "PRAGMA page_size")[0]
}

// cut takes pages off the end; of a file of n pages it leaves left(n).
func cut(left func(n int64) int64) damage {
	return func(t *testing.T, path string) {
		n, size := pages(t, path)
		must(t, os.Truncate(path, left(n)*size))
	}
}

// treePage reads and returns the only page of a table or index, and where it is.
func treePage(t *testing.T, path, tree string) (page []byte, at int64) {
	t.Helper()
	found := ask[int64](t, path, "SELECT pageno FROM dbstat WHERE name = '"+tree+"'")
	if len(found) != 1 {
		t.Fatalf("%s has %d pages, the test is for one", tree, len(found))
	}
	_, size := pages(t, path)
	b, err := os.ReadFile(path)
	must(t, err)
	at = (found[0] - 1) * size
	return bytes.Clone(b[at : at+size]), at
}

func overwrite(t *testing.T, path string, b []byte, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(b, at)
	must(t, err)
	must(t, f.Close())
}

func zeroed(tree string) damage {
	return func(t *testing.T, path string) {
		page, at := treePage(t, path, tree)
		overwrite(t, path, make([]byte, len(page)), at)
	}
}

// staleNames renames a user, and takes the index of names back to before.
func staleNames(t *testing.T, path string) {
	page, at := treePage(t, path, "sqlite_autoindex_users_1")
	shell(t, path, "UPDATE users SET name = 'renamed' WHERE name = 'dan'")
	overwrite(t, path, page, at)
}

// savedOver does what .save does in an sqlite3 shell that opened no file: an
// empty database takes the place, and the counters of the old go on.
func savedOver(t *testing.T, path string) {
	old, err := os.ReadFile(path)
	must(t, err)
	empty := filepath.Join(t.TempDir(), "empty")
	shell(t, empty, "VACUUM")
	blank, err := os.ReadFile(empty)
	must(t, err)
	for _, at := range []int{24, 40} { // the change counter, the schema's
		binary.BigEndian.PutUint32(blank[at:], binary.BigEndian.Uint32(old[at:])+1)
	}
	copy(blank[92:96], blank[24:28]) // whose change counter the page count is valid for
	must(t, os.WriteFile(path, blank, 0o600))
}

func dropAll(t *testing.T, path string) {
	for _, name := range ask[string](t, path, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		shell(t, path, "DROP TABLE "+name)
	}
}

func gzipped(t *testing.T, path string) {
	b, err := os.ReadFile(path)
	must(t, err)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err = z.Write(b)
	must(t, err)
	must(t, z.Close())
	must(t, os.WriteFile(path, packed.Bytes(), 0o600))
}

// cookies rebuilds users by hand, without its constraints, and sets cookie_id.
func cookies(set string) damage {
	return sqlDamage("CREATE TABLE remade (id INTEGER PRIMARY KEY, name VARCHAR(255) UNIQUE, admin BOOLEAN, created DATETIME, last_activity DATETIME, "+
		"cookie_id VARCHAR(255), state TEXT, encrypted_auth_state BLOB)",
		"INSERT INTO remade SELECT id, name, admin, created, last_activity, cookie_id, state, encrypted_auth_state FROM users",
		"DROP TABLE users", "ALTER TABLE remade RENAME TO users", "UPDATE users SET cookie_id = "+set)
}

// stateOf sets the state of a user's default server.
func stateOf(user, state string) damage {
	return sqlDamage(fmt.Sprintf("UPDATE spawners SET state = %s WHERE name = '' AND user_id = (SELECT id FROM users WHERE name = '%s')", state, user))
}

// stopAll takes every user's server for stopped.
const stopAll = "UPDATE spawners SET server_id = NULL"

var refusedNames = sqlDamage("UPDATE users SET name = '' WHERE id = 2", "UPDATE users SET name = ' lead' WHERE id = 4", "UPDATE users SET name = 'a/b' WHERE id = 5")
