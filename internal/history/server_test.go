package history

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// serverEnv has the URL of a PostgreSQL server, as an administrator who needs no
// password, on which newStore is to make its histories. test/history sets it.
const serverEnv = "HUBAUDIT_TEST_POSTGRES"

// locationOf is where the store of a test is: its path names a server without a
// password, as none is needed there.
func locationOf(path string) Location {
	if strings.HasPrefix(path, "postgresql:") {
		return Location{URL: path}
	}
	return Location{URL: "sqlite:" + path}
}

// databases are those of tests that have ended: the server takes its time to
// make one.
var databases struct {
	sync.Mutex
	free []string
}

// newDatabase gives a test the URL of a database without a history.
func newDatabase(t testing.TB) string {
	t.Helper()
	name := ""
	databases.Lock()
	if n := len(databases.free); n > 0 {
		name, databases.free = databases.free[n-1], databases.free[:n-1]
	}
	databases.Unlock()
	if name == "" {
		name = "t" + strings.ToLower(rand.Text())
		// Its collation is one that sorts as people do, and not by bytes.
		onServer(t, "", "CREATE DATABASE "+name+" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
	}
	t.Cleanup(func() {
		onServer(t, name, "DROP SCHEMA "+schema+" CASCADE")
		databases.Lock()
		defer databases.Unlock()
		databases.free = append(databases.free, name)
	})
	return serverURL(t, name)
}

func serverURL(t testing.TB, database string) string {
	t.Helper()
	server, err := url.Parse(os.Getenv(serverEnv))
	if err != nil {
		t.Fatal(err)
	}
	if database != "" {
		server.Path = "/" + database
	}
	return server.String()
}

func onServer(t testing.TB, database, statement string) {
	t.Helper()
	admin, err := sql.Open("pgx", serverURL(t, database))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
		t.Fatal(err)
	}
}

// onlyFile skips a test of what only a history in a file has.
func onlyFile(t testing.TB) {
	t.Helper()
	if os.Getenv(serverEnv) != "" {
		t.Skip("it is about a file")
	}
}

// TestSchemasAreAlike: both engines have the same tables, columns and indexes.
func TestSchemasAreAlike(t *testing.T) {
	if os.Getenv(serverEnv) == "" {
		t.Skip("it needs a server")
	}
	list := func(s *Store, query string) (names []string) {
		err := s.read(t.Context(), "look into", func(tx *transaction) error {
			return rows(t.Context(), tx, func(r *sql.Rows) error {
				var name string
				err := r.Scan(&name)
				names = append(names, name)
				return err
			}, query)
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		return names
	}
	server, file := newStore(t), open(t, filepath.Join(t.TempDir(), "h.db"))
	diff(t, list(file, `SELECT m.name || '.' || c.name || CASE WHEN c."notnull" > 0 OR c.pk > 0 THEN ' NOT NULL' ELSE '' END
			FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%'`),
		list(server, `SELECT table_name || '.' || column_name || CASE WHEN is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END
			FROM information_schema.columns WHERE table_schema = 'hubaudit' AND table_name NOT LIKE 'goose%'`))
	diff(t, list(file, "SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite%'"),
		list(server, "SELECT indexname FROM pg_indexes WHERE schemaname = 'hubaudit' AND indexname NOT LIKE '%_key' AND indexname NOT LIKE '%_pkey'"))
}
