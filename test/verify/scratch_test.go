// Package verify restores real dumps on real scratch servers.
package verify

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/collect/verify"
	"hubaudit/internal/facts"
	"hubaudit/test/servers"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

const user, password = "scratch", "scratch-s password"

// engines start a server, and make a user who owns one database.
var engines = map[string]struct {
	start  func(testing.TB, ...string) *servers.Database
	dump   string
	driver string
	users  int // in the dump; to MariaDB Bob and bob are one
	owner  []string
	count  string
	// beside is something of somebody else's that is no table.
	beside, besideCount string
}{
	hubdb.PostgreSQL: {servers.StartPostgres, "hub-3.0.0.pg.sql.gz", "psycopg2", 35,
		[]string{"CREATE ROLE " + user + " LOGIN PASSWORD '" + password + "'", "ALTER DATABASE DATABASE_NAME OWNER TO " + user},
		"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'",
		"CREATE TYPE mood AS ENUM ('good')", "SELECT count(*) FROM pg_type WHERE typname = 'mood'"},
	hubdb.MySQL: {servers.StartMariaDB, "hub-3.0.0.mysql.sql.gz", "pymysql", 34,
		[]string{"CREATE USER '" + user + "'@'%' IDENTIFIED BY '" + password + "'", "GRANT ALL ON DATABASE_NAME.* TO '" + user + "'@'%'"},
		"SELECT count(*) FROM information_schema.tables WHERE table_schema = 'DATABASE_NAME'",
		"CREATE FUNCTION mood() RETURNS int DETERMINISTIC RETURN 1", "SELECT count(*) FROM information_schema.routines WHERE routine_name = 'mood'"},
}

// TestScratch restores a dump of a real hub into a scratch database and leaves
// that as it was; it never writes to one that holds anything.
func TestScratch(t *testing.T) {
	for name, e := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := e.start(t)
			scratch := server.NewDatabase(t)
			for _, statement := range e.owner {
				server.Exec(t, scratch, strings.ReplaceAll(statement, "DATABASE_NAME", scratch))
			}
			admin := server.Admin(t, scratch)
			left := func() int { return ask(t, admin, strings.ReplaceAll(e.count, "DATABASE_NAME", scratch)) }
			dump := dumpOf(t, e.dump)
			restore := func(b []byte, hubs ...verify.Audited) facts.Opened {
				return verify.Copy(t.Context(), verify.Options{Copy: facts.BackupCopy{Name: "hub.sql", SizeBytes: int64(len(b)), Ready: true}, Level: facts.VerifyRestore, MaxBytes: 64 << 20,
					Open:    func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
					Scratch: verify.Scratch{URL: server.URL(e.driver, user, "", scratch), Password: password, Audited: hubs}})
			}
			server.Exec(t, scratch, e.beside)
			for round := range 2 { // the second finds it empty again
				got := restore(dump)
				if got.Fault != "" || got.Skipped != "" || got.Level != facts.VerifyRestore || got.Content == nil || len(got.Content.Users) != e.users || got.Content.Database.Engine != name {
					t.Fatalf("round %d: %+v", round, got)
				}
				if n := left(); n != 0 {
					t.Fatalf("round %d: %d objects are left", round, n)
				}
			}
			if n := ask(t, admin, e.besideCount); n != 1 {
				t.Error("what was there before is gone")
			}

			lost := strings.Replace(server.URL(e.driver, user, password, "hub"), fmt.Sprintf(":%d/", server.Port), ":1/", 1)
			beside := verify.Audited{Hub: "datahub", Database: hubdb.Options{URL: lost}}
			if got := restore(dump, beside); !strings.Contains(got.Skipped, `may be that of hub "datahub", which cannot be asked`) || !got.Unreadable || strings.Contains(got.Skipped, password) || left() != 0 {
				t.Errorf("a hub's database that does not answer: %+v", got)
			}
			beside.Database = hubdb.Options{URL: server.URL(e.driver, user, "", scratch), Password: password}
			if got := restore(dump, beside); !strings.Contains(got.Skipped, `is that of hub "datahub"`) || left() != 0 {
				t.Errorf("a hub's own database: %+v", got)
			}

			refused := bytes.Replace(dump, []byte("CREATE TABLE"), []byte("CREATE TABLE nobody (x nothing_like_it);\nCREATE TABLE"), 3)
			if got := restore(refused); got.Fault == "" {
				t.Errorf("a dump that no server takes: %+v", got)
			}
			if n := left(); n != 0 {
				t.Errorf("%d objects are left of a dump that was refused", n)
			}

			server.Exec(t, scratch, "CREATE TABLE precious (x int)", "INSERT INTO precious VALUES (1)")
			got := restore(dump)
			if !strings.Contains(got.Skipped, "is not empty") || got.Level != facts.VerifyOpen || strings.Contains(got.Skipped, password) || left() != 1 || ask(t, admin, "SELECT count(*) FROM precious") != 1 {
				t.Errorf("a database that is not empty: %+v", got)
			}
		})
	}
}

func ask(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	must(t, db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// dumpOf is a dump of a real hub, one of those that the reader is tested with.
func dumpOf(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "hubdb", "testdata", name))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	return b
}

// TestScratchInUse: two audits do not restore into one database at once.
func TestScratchInUse(t *testing.T) {
	server := servers.StartPostgres(t)
	scratch := server.NewDatabase(t)
	holder, err := server.Admin(t, scratch).Conn(t.Context())
	must(t, err)
	defer holder.Close()
	_, err = holder.ExecContext(t.Context(), "SELECT pg_advisory_lock(4843827361)")
	must(t, err)
	server.Exec(t, scratch, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", user, password))
	dump := dumpOf(t, "hub-3.0.0.pg.sql.gz")
	got := verify.Copy(t.Context(), verify.Options{Copy: facts.BackupCopy{Name: "hub.sql", SizeBytes: int64(len(dump)), Ready: true}, Level: facts.VerifyRestore, MaxBytes: 64 << 20,
		Open:    func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(dump)), nil },
		Scratch: verify.Scratch{URL: server.URL("psycopg2", user, password, scratch)}})
	if !strings.Contains(got.Skipped, "in use by another audit") || !got.Unreadable || got.Level != facts.VerifyOpen {
		t.Errorf("%+v", got)
	}
}
