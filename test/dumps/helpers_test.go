// Package dumps dumps a real hub's databases with the real tools and reads
// what they wrote.
package dumps

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/collect/verify/sqldump"
	"hubaudit/internal/facts"
	"hubaudit/test/servers"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// run runs a tool and gives what it wrote.
func run(tb testing.TB, name string, args ...string) []byte {
	tb.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PYTHONPATH=")
	var errors bytes.Buffer
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", c, err, &errors)
	}
	return out
}

// live is the database of a hub that was stopped.
type live struct {
	server   *servers.Database // nil for SQLite
	database string            // or the file
	url      string
	facts    hubdb.Result
}

const user, password = "hub", "hub-s password"

var drivers = map[string]string{"postgresql": "psycopg2", "mysql": "pymysql"}

// makeUser makes the user who owns the hub's and the scratch databases.
func makeUser(tb testing.TB, d *servers.Database) {
	tb.Helper()
	if d.Engine == "mysql" {
		d.Exec(tb, "", "CREATE USER hub@'%' IDENTIFIED BY 'hub-s password'", "GRANT ALL ON *.* TO hub@'%'")
		return
	}
	d.Exec(tb, "", "CREATE ROLE hub LOGIN PASSWORD 'hub-s password'")
}

// addShops adds databases of other applications, before and behind the hub's in
// the order of names.
func addShops(tb testing.TB, d *servers.Database) {
	tb.Helper()
	for _, name := range []string{"a_shop", "z_shop"} {
		d.Exec(tb, "", "CREATE DATABASE "+name)
		d.Exec(tb, name, "CREATE TABLE users (id integer PRIMARY KEY, name varchar(255))", "INSERT INTO users VALUES (1, 'customer')", "CREATE TABLE spawners (id integer)")
	}
}

func newDatabase(tb testing.TB, d *servers.Database) (name, url string) {
	tb.Helper()
	name = d.NewDatabase(tb)
	if d.Engine == "postgresql" {
		d.Exec(tb, "", "ALTER DATABASE "+name+" OWNER TO "+user)
	}
	return name, d.URL(drivers[d.Engine], user, password, name)
}

// names are hard to write down: each must come back as it was.
var names = []string{"o'brien", `back\slash`, `\N`, "tab\there", "line\nbreak", "carriage\rreturn", `quo"te`, "semi;colon -- no comment", "/* no comment */",
	"caf\u00e9", "cafe\u0301", "\u65e5\u672c\u8a9e", "\U0001F680", "a,b),(c", "$$dollar$$", "per%cent_under", "`tick`", "NULL", "#hash", `\.`, "E'x'", "{}", "trailing\\"}

// makeHub runs a real hub on an empty database, and adds what its API would not
// let in.
func makeHub(tb testing.TB, d *servers.Database) live {
	tb.Helper()
	l := live{server: d}
	o := servers.HubOptions{}
	if d != nil {
		l.database, l.url = newDatabase(tb, d)
		o.DBURL = l.url
	}
	h := servers.StartJupyterHub(tb, o)
	if d == nil {
		l.database, l.url = h.DBFile, h.DBURL
	}
	var users []string
	for i := range 200 {
		users = append(users, fmt.Sprintf("student-%03d@example.org", i))
	}
	h.CreateUsers(tb, users...)
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	for i, server := range []string{"", "", "gpu", "r & d"} {
		must(tb, h.StartServer(ctx, users[i], server))
	}
	must(tb, h.StopServer(ctx, users[0], ""))
	h.Kill(tb)
	l.addNames(tb)
	l.facts = read(tb, l.url)
	if want := 200 + len(names); len(l.facts.Users) != want || len(l.facts.Spawners) < 4 || len(l.facts.Database.Damage) > 0 {
		tb.Fatalf("the hub has %v, %v", l.facts.Items(), l.facts.Database.Damage)
	}
	return l
}

// addNames adds users with SQL, as a script of an operator would.
func (l live) addNames(tb testing.TB) {
	tb.Helper()
	db := l.open(tb)
	defer db.Close()
	query := "INSERT INTO users (id, name, admin, created, last_activity, cookie_id, state) VALUES "
	marks := "(?, ?, ?, ?, ?, ?, ?)"
	if l.server != nil && l.server.Engine == "postgresql" {
		marks = "($1, $2, $3, $4, $5, $6, $7)"
	}
	query += marks
	for i, name := range names {
		when := fmt.Sprintf("2026-11-20 07:24:%02d.%d", i, 120000+i*1000)
		_, err := db.ExecContext(tb.Context(), query, 5000+i, name, i%3 == 0, when, sql.NullString{}, fmt.Sprintf("%032x", i+1), `{"a": "b\n\"c\" \\ 'd'"}`)
		must(tb, err)
	}
}

// open connects as the user.
func (l live) open(tb testing.TB) *sql.DB {
	tb.Helper()
	driver, dsn := "sqlite", l.database
	switch {
	case l.server == nil:
	case l.server.Engine == "postgresql":
		driver, dsn = "pgx", strings.Replace(l.url, "+psycopg2", "", 1)
	default:
		c := mysql.NewConfig()
		c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, password, "tcp", fmt.Sprintf("127.0.0.1:%d", l.server.Port), l.database
		driver, dsn = "mysql", c.FormatDSN()
	}
	db, err := sql.Open(driver, dsn)
	must(tb, err)
	return db
}

func read(tb testing.TB, url string) hubdb.Result {
	tb.Helper()
	r, err := hubdb.Read(tb.Context(), hubdb.Options{URL: url, BaseDir: "/nowhere"})
	must(tb, err)
	return r
}

// dump is what a tool wrote.
type dump struct {
	name string
	text []byte
	live
	// open: the dump has nothing that tells its end.
	openEnd bool
}

// pgDump runs one of PostgreSQL's tools on the hub's database.
func (l live) pgDump(tb testing.TB, tool string, args ...string) dump {
	tb.Helper()
	where := []string{"--host=" + l.server.Socket, fmt.Sprintf("--port=%d", l.server.Port), "--username=postgres"}
	name := strings.Join(append([]string{tool}, args...), " ")
	if tool == "pg_dump" {
		where = append(where, "--dbname="+l.database)
	}
	return dump{name: name, text: run(tb, tool, append(where, args...)...), live: l}
}

// toFile dumps into a file, in which pg_dump notes where each table's data are.
func (l live) toFile(tb testing.TB) dump {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "hub.dump")
	l.pgDump(tb, "pg_dump", "--format=custom", "--file="+path)
	b, err := os.ReadFile(path)
	must(tb, err)
	return dump{name: "pg_dump --format=custom --file", text: b, live: l}
}

func (l live) mariaDump(tb testing.TB, args ...string) dump {
	tb.Helper()
	where := []string{"--no-defaults", "--user=root", "--socket=" + l.server.Socket}
	if len(args) == 0 || !strings.HasPrefix(args[len(args)-1], "--all") && !strings.HasPrefix(args[len(args)-1], "--databases") {
		args = append(args, l.database)
	}
	return dump{name: strings.Join(append([]string{"mariadb-dump"}, args...), " "), text: run(tb, "mariadb-dump", append(where, args...)...), live: l}
}

// dumps makes a dump of each kind.
func dumps(tb testing.TB, pg, maria, lite live) (all []dump) {
	tb.Helper()
	for _, args := range []string{"", "--format=custom", "--inserts", "--column-inserts", "--rows-per-insert=7", "--format=custom --compress=0", "--format=custom --compress=9",
		"--format=custom --inserts", "--no-owner", "--clean --if-exists", "--clean --create", "--no-acl --quote-all-identifiers", "--serializable-deferrable"} {
		all = append(all, pg.pgDump(tb, "pg_dump", strings.Fields(args)...))
	}
	all = append(all, pg.toFile(tb), pg.pgDump(tb, "pg_dumpall"), pg.pgDump(tb, "pg_dumpall", "--clean", "--if-exists"))
	for _, args := range []string{"", "--skip-extended-insert", "--hex-blob", "--single-transaction", "--complete-insert", "--skip-opt", "--skip-comments", "--skip-dump-date", "--replace", "--no-autocommit"} {
		all = append(all, maria.mariaDump(tb, strings.Fields(args)...))
	}
	compact := maria.mariaDump(tb, "--compact")
	compact.openEnd = true
	all = append(all, compact, maria.mariaDump(tb, "--all-databases"))
	all = append(all, dump{name: "sqlite3 .dump", text: run(tb, "sqlite3", lite.database, ".dump"), live: lite})
	iterdump := "import sqlite3, sys\nfor line in sqlite3.connect(sys.argv[1]).iterdump(): print(line)"
	return append(all, dump{name: "iterdump", text: run(tb, "/usr/bin/python3", "-c", iterdump, lite.database), live: lite})
}

func (d dump) format(tb testing.TB) sqldump.Format {
	tb.Helper()
	f := sqldump.Detect(d.text[:min(len(d.text), 8<<10)])
	if f == "" {
		tb.Fatalf("not recognised: %q", d.text[:200])
	}
	return f
}

// load loads a dump and reads the hub in it.
func (d dump) load(tb testing.TB) (sqldump.Report, hubdb.Result) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "scratch.sqlite")
	db, err := sql.Open("sqlite", path)
	must(tb, err)
	report, err := sqldump.Load(tb.Context(), bytes.NewReader(d.text), d.format(tb), db)
	must(tb, err)
	must(tb, db.Close())
	return report, read(tb, "sqlite:///"+path)
}

// restore restores a dump on a server.
func restore(tb testing.TB, text []byte, f sqldump.Format, url string) (sqldump.Report, error) {
	tb.Helper()
	pool, err := hubdb.OpenServer(hubdb.Options{URL: url})
	must(tb, err)
	defer pool.Close()
	return sqldump.RestoreInto(tb.Context(), bytes.NewReader(text), f, pool)
}

// sameHub leaves out where the database is.
var sameHub = cmp.Options{cmpopts.IgnoreFields(facts.Database{}, "Engine", "Location", "SizeBytes", "Modified", "Copies"), cmpopts.EquateEmpty()}
