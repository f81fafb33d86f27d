package verify

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/test/servers"
)

// now is the time of all runs, made that of the copies: the rows of the hubs are
// of before, as those of a hub are that was not used since its backup.
var (
	now  = time.Now().UTC().Truncate(time.Second)
	made = now.Add(-5 * time.Hour)
)

const (
	hubUser     = "hub"
	hubPassword = "hub-s password"
	students    = 210
)

// live is the database of a hub that was stopped.
type live struct {
	server   *servers.Database // nil for SQLite
	database string            // or the file
	url      string
}

var drivers = map[string]string{hubdb.PostgreSQL: "psycopg2", hubdb.MySQL: "pymysql"}

// engine starts the server of an engine with the hub's user; nil for SQLite.
func engine(tb testing.TB, name string) *servers.Database {
	tb.Helper()
	switch name {
	case hubdb.PostgreSQL:
		d := servers.StartPostgres(tb)
		d.Exec(tb, "", "CREATE ROLE "+hubUser+" LOGIN PASSWORD '"+hubPassword+"'")
		return d
	case hubdb.MySQL:
		d := servers.StartMariaDB(tb)
		d.Exec(tb, "", "CREATE USER '"+hubUser+"'@'%' IDENTIFIED BY '"+hubPassword+"'", "GRANT ALL ON *.* TO '"+hubUser+"'@'%'")
		return d
	}
	return nil
}

// empty is a new database of the server.
func empty(tb testing.TB, d *servers.Database) live {
	tb.Helper()
	if d == nil {
		path := filepath.Join(tb.TempDir(), "jupyterhub.sqlite")
		return live{database: path, url: "sqlite:///" + path}
	}
	name := d.NewDatabase(tb)
	if d.Engine == hubdb.PostgreSQL {
		d.Exec(tb, "", "ALTER DATABASE "+name+" OWNER TO "+hubUser)
	}
	return live{d, name, d.URL(drivers[d.Engine], hubUser, hubPassword, name)}
}

// makeHub runs a real hub with users who have servers, stops it, and moves what
// it wrote into the past.
func makeHub(tb testing.TB, d *servers.Database) live {
	tb.Helper()
	l, o := live{}, servers.HubOptions{}
	if d != nil {
		l = empty(tb, d)
		o.DBURL = l.url
	}
	h := servers.StartJupyterHub(tb, o)
	if d == nil {
		l = live{database: h.DBFile, url: h.DBURL}
	}
	var users []string
	for i := range students {
		users = append(users, fmt.Sprintf("student-%03d@example.org", i))
	}
	h.CreateUsers(tb, users...)
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	for i, server := range []string{"", "", "gpu", "r & d", "", ""} {
		must(tb, h.StartServer(ctx, users[i], server))
	}
	must(tb, h.StopServer(ctx, users[0], ""))
	h.Kill(tb)
	l.age(tb)
	return l
}

// age has the users come one after the other in the weeks before the copies
// were made.
func (l live) age(tb testing.TB) {
	tb.Helper()
	var statements []string
	for i, id := range l.ids(tb) {
		came := made.Add(-time.Duration(students-i)*4*time.Hour - time.Hour)
		statements = append(statements, fmt.Sprintf("UPDATE users SET created = '%s', last_activity = '%s' WHERE id = %d", stamp(came), stamp(came.Add(time.Hour)), id))
	}
	l.exec(tb, append(statements, "UPDATE spawners SET last_activity = '"+stamp(made.Add(-time.Hour))+"'",
		"UPDATE spawners SET started = '"+stamp(made.Add(-90*time.Minute))+"' WHERE started IS NOT NULL")...)
}

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05.000000") }

func (l live) ids(tb testing.TB) (ids []int64) {
	tb.Helper()
	for _, u := range l.read(tb).Users {
		ids = append(ids, u.ID)
	}
	return ids
}

func (l live) read(tb testing.TB) hubdb.Result {
	tb.Helper()
	r, err := hubdb.Read(tb.Context(), hubdb.Options{URL: l.url, BaseDir: "/nowhere"})
	must(tb, err)
	return r
}

// names are those of the users, sorted; nil where it has none or no such table.
func (l live) names(tb testing.TB) (names []string) {
	tb.Helper()
	for _, u := range l.read(tb).Users {
		names = append(names, u.Name)
	}
	slices.Sort(names)
	return names
}

func (l live) open(tb testing.TB) *sql.DB {
	tb.Helper()
	driver, dsn := "sqlite", l.database
	switch {
	case l.server == nil:
	case l.server.Engine == hubdb.PostgreSQL:
		driver, dsn = "pgx", strings.Replace(l.url, "+psycopg2", "", 1)
	default:
		c := mysql.NewConfig()
		c.User, c.Passwd, c.Net, c.Addr, c.DBName = hubUser, hubPassword, "tcp", fmt.Sprintf("127.0.0.1:%d", l.server.Port), l.database
		driver, dsn = "mysql", c.FormatDSN()
	}
	db, err := sql.Open(driver, dsn)
	must(tb, err)
	return db
}

// exec runs statements in one transaction.
func (l live) exec(tb testing.TB, statements ...string) {
	tb.Helper()
	db := l.open(tb)
	defer db.Close()
	tx, err := db.BeginTx(tb.Context(), nil)
	must(tb, err)
	for _, s := range statements {
		if _, err := tx.ExecContext(tb.Context(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
	must(tb, tx.Commit())
}

// addUser is a new user's row, as of when they came.
func addUser(id int, name string, came time.Time) string {
	return fmt.Sprintf("INSERT INTO users (id, name, admin, created, last_activity, cookie_id) VALUES (%d, '%s', false, '%s', '%s', '%032x')", id, name, stamp(came), stamp(came), id)
}

// copyOf is the SQLite hub once more, for a test to change.
func (l live) copyOf(tb testing.TB) live {
	tb.Helper()
	b, err := os.ReadFile(l.database)
	must(tb, err)
	c := empty(tb, nil)
	must(tb, os.WriteFile(c.database, b, 0o600))
	return c
}

// run runs a tool and gives what it wrote.
func run(tb testing.TB, in []byte, name string, args ...string) []byte {
	tb.Helper()
	out, err := try(tb, in, name, args...)
	must(tb, err)
	return out
}

func try(tb testing.TB, in []byte, name string, args ...string) ([]byte, error) {
	tb.Helper()
	c := exec.CommandContext(tb.Context(), name, args...)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	c.Stdin = bytes.NewReader(in)
	var errors bytes.Buffer
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", c, err, &errors)
	}
	return out, nil
}

// client are a tool's arguments to reach the server as its administrator.
func (l live) client(args ...string) []string {
	if l.server.Engine == hubdb.PostgreSQL {
		return append([]string{"--host=" + l.server.Socket, fmt.Sprintf("--port=%d", l.server.Port), "--username=postgres", "--dbname=" + l.database}, args...)
	}
	return append(append([]string{"--no-defaults", "--user=root", "--socket=" + l.server.Socket}, args...), l.database)
}

// dumps are what each of the engine's tools makes of the database, by its way.
func (l live) dumps(tb testing.TB) map[string][]byte {
	tb.Helper()
	switch {
	case l.server == nil:
		return map[string][]byte{"sqlite3 .dump": run(tb, nil, "sqlite3", l.database, ".dump"), "sqlite3 .backup": l.sqliteCopy(tb, ".backup '%s'"),
			"VACUUM INTO": l.sqliteCopy(tb, "VACUUM INTO '%s'"), "cp": l.file(tb)}
	case l.server.Engine == hubdb.PostgreSQL:
		return map[string][]byte{"pg_dump": run(tb, nil, "pg_dump", l.client()...), "pg_dump custom": run(tb, nil, "pg_dump", l.client("--format=custom")...)}
	}
	return map[string][]byte{"mariadb-dump": run(tb, nil, "mariadb-dump", l.client()...)}
}

func (l live) file(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile(l.database)
	must(tb, err)
	return b
}

func (l live) sqliteCopy(tb testing.TB, command string) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "copy")
	run(tb, nil, "sqlite3", l.database, fmt.Sprintf(command, path))
	b, err := os.ReadFile(path)
	must(tb, err)
	return b
}

// restored gives the users whom the engine's own tools get out of a copy: strictly,
// so that they stop at what is wrong in it, or going on behind that.
func restored(tb testing.TB, d *servers.Database, way string, b []byte, strict bool) ([]string, error) {
	tb.Helper()
	l := empty(tb, d)
	var err error
	or := func(strictly string, loosely ...string) []string {
		if strict {
			return []string{strictly}
		}
		return loosely
	}
	switch way {
	case "sqlite3 .dump":
		_, err = try(tb, b, "sqlite3", append(or("-bail"), l.database)...)
	case "sqlite3 .backup", "VACUUM INTO", "cp":
		must(tb, os.WriteFile(l.database, b, 0o600))
	case "pg_dump":
		_, err = try(tb, b, "psql", l.client(append(or("--set=ON_ERROR_STOP=1"), "--no-psqlrc", "--quiet")...)...)
	case "pg_dump custom":
		_, err = try(tb, b, "pg_restore", l.client(or("--exit-on-error")...)...)
	default:
		_, err = try(tb, b, "mariadb", l.client(or("--show-warnings", "--force")...)...)
	}
	if err != nil && strict {
		return nil, err
	}
	if d != nil && d.Engine == hubdb.PostgreSQL { // a statement that says whose a table is may be what is wrong
		d.Exec(tb, l.database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+hubUser)
	}
	return l.names(tb), err
}
