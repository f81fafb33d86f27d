package hubdb_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	_ "modernc.org/sqlite" // the driver sqlite

	"hubaudit/checks"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/test/servers"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func unpack(tb testing.TB, path string) []byte {
	tb.Helper()
	f, err := os.Open(path)
	must(tb, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(tb, err)
	b, err := io.ReadAll(z)
	must(tb, err)
	return b
}

// fixture unpacks one of the SQLite reader's databases.
func fixture(tb testing.TB, name string) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "jupyterhub.sqlite")
	must(tb, os.WriteFile(path, unpack(tb, "../../internal/collect/hubdb/testdata/"+name+".sqlite.gz"), 0o600))
	return path
}

// engine is one hub in one engine.
type engine struct {
	name string
	// url is for a user with all rights to read.
	url  string
	exec func(tb testing.TB, statements ...string)
}

const reader, readerPassword = "reader", "p@ss:w/rd%20?#&=+é"

// sqliteHub is the database of a real hub of JupyterHub 3.0.0.
func sqliteHub(tb testing.TB) engine {
	tb.Helper()
	path := fixture(tb, "hub-3.0.0")
	e := engine{"sqlite", "sqlite:///" + path, func(tb testing.TB, statements ...string) {
		tb.Helper()
		db, err := sql.Open("sqlite", path)
		must(tb, err)
		defer db.Close()
		for _, s := range statements {
			if _, err := db.Exec(s); err != nil {
				tb.Fatalf("%s: %v", s, err)
			}
		}
	}}
	// MariaDB would not tell Bob from bob, nor who came first within a second.
	e.exec(tb, "UPDATE users SET name = 'robert' WHERE name = 'Bob'",
		"UPDATE users SET created = datetime('2026-11-20 07:24:32', '+' || id || ' minutes') || '.123456'")
	return e
}

// dumped are the users in each engine's dump.
var dumped = map[string]int{"postgresql": 35, "mysql": 34}

// loadHub makes a database of another run of that hub from the engine's own dump.
func loadHub(tb testing.TB, d *servers.Database) (database string) {
	tb.Helper()
	database = d.NewDatabase(tb)
	dump := map[string]string{"postgresql": "pg", "mysql": "mysql"}[d.Engine]
	d.Load(tb, database, bytes.NewReader(unpack(tb, "testdata/hub-3.0.0."+dump+".sql.gz")))
	return database
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// makeReader makes a user who may read everything.
func makeReader(tb testing.TB, d *servers.Database) {
	tb.Helper()
	if d.Engine == "mysql" {
		d.Exec(tb, "", "CREATE USER "+reader+"@'%' IDENTIFIED BY "+quoted(readerPassword), "GRANT SELECT ON *.* TO "+reader+"@'%'")
		return
	}
	d.Exec(tb, "", "CREATE ROLE jupyterhub", "CREATE ROLE "+reader+" LOGIN PASSWORD "+quoted(readerPassword), "GRANT pg_read_all_data TO "+reader)
}

var drivers = map[string]string{"postgresql": "psycopg2", "mysql": "pymysql"}

// copyHub makes a database with the tables of the dump and the rows of a hub in
// SQLite: the dumps are of other runs of a hub.
func copyHub(tb testing.TB, d *servers.Database, from engine) engine {
	tb.Helper()
	database := loadHub(tb, d)
	source, err := sql.Open("sqlite", strings.TrimPrefix(from.url, "sqlite:///"))
	must(tb, err)
	defer source.Close()
	copyRows(tb, d, database, source, rows(tb, source, "SELECT name FROM sqlite_schema WHERE type = 'table'"))
	return engine{d.Engine, d.URL(drivers[d.Engine], reader, readerPassword, database), func(tb testing.TB, statements ...string) {
		tb.Helper()
		d.Exec(tb, database, statements...)
	}}
}

// copyRows replaces the rows of tables by those that SQLite has.
func copyRows(tb testing.TB, d *servers.Database, database string, source *sql.DB, tables []string) {
	tb.Helper()
	var script strings.Builder
	script.WriteString(map[string]string{"postgresql": "SET session_replication_role = replica;\n",
		"mysql": "SET foreign_key_checks = 0, sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES';\n"}[d.Engine])
	for _, table := range tables {
		var names, values []string
		for _, column := range rows(tb, source, "SELECT name FROM pragma_table_info('"+table+"')") {
			names, values = append(names, column), append(values, "quote(CAST("+column+" AS TEXT))")
		}
		fmt.Fprintf(&script, "DELETE FROM %s;\n", table)
		for _, row := range rows(tb, source, "SELECT "+strings.Join(values, " || ', ' || ")+" FROM "+table) {
			fmt.Fprintf(&script, "INSERT INTO %s (%s) VALUES (%s);\n", table, strings.Join(names, ", "), row)
		}
	}
	d.Load(tb, database, strings.NewReader(script.String()))
}

// rows are the values of a query's one column.
func rows(tb testing.TB, db *sql.DB, query string) (values []string) {
	tb.Helper()
	found, err := db.Query(query)
	must(tb, err)
	defer found.Close()
	for found.Next() {
		var v string
		must(tb, found.Scan(&v))
		values = append(values, v)
	}
	must(tb, found.Err())
	return values
}

// both starts a server of each kind, with a reader.
func both(tb testing.TB) []*servers.Database {
	tb.Helper()
	all := []*servers.Database{servers.StartPostgres(tb), servers.StartMariaDB(tb)}
	for _, d := range all {
		makeReader(tb, d)
	}
	return all
}

func read(tb testing.TB, url string) hubdb.Result {
	tb.Helper()
	r, err := tryToRead(tb, url, time.Minute)
	must(tb, err)
	return r
}

func tryToRead(tb testing.TB, url string, within time.Duration) (hubdb.Result, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), within)
	defer cancel()
	return hubdb.Read(ctx, hubdb.Options{URL: url, BaseDir: "/nowhere"})
}

// sameFacts leaves out where the database is, and the fractions of seconds that
// MariaDB does not keep.
var sameFacts = cmp.Options{
	cmpopts.IgnoreFields(facts.Database{}, "Engine", "Location", "SizeBytes", "Modified"),
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b time.Time) bool { return a.Sub(b).Abs() < time.Second && a.IsZero() == b.IsZero() }),
}

// ofFiles are checks of where SQLite's file is.
var ofFiles = []string{"hub-db-ephemeral", "hub-db-on-nfs", "hub-db-pvc-replaced", "hub-db-volume-full"}

// judge judges a hub of which only the database is known.
func judge(tb testing.TB, r hubdb.Result) []verdict.Verdict {
	tb.Helper()
	suite, err := checks.NewSuite(nil, nil)
	must(tb, err)
	const name = "hub"
	suite = slices.DeleteFunc(suite, func(c checks.Configured) bool { return slices.Contains(ofFiles, c.Check.ID) })
	return checks.Judge(suite, &facts.Snapshot{Now: world.Now,
		Sources: []facts.Source{{Name: facts.HubDB(name), Status: facts.OK, Items: r.Items()}},
		Hubs: []*facts.Hub{{Name: name, Namespace: name, Database: r.Database, UsersRead: r.UsersRead, SpawnersRead: r.SpawnersRead,
			StatesRead: true, Users: r.Users, Spawners: r.Spawners, Servers: r.Servers}}})
}

// sameVerdicts leaves out what a message says of the engine.
var sameVerdicts = cmp.Options{
	cmpopts.IgnoreFields(verdict.Verdict{}, "Summary"),
	cmpopts.IgnoreFields(verdict.Finding{}, "Message", "Details"),
	cmpopts.EquateEmpty(),
}

// addUsers adds users of the kind that a KubeSpawner hub has, each with a
// stopped server.
func addUsers(tb testing.TB, d *servers.Database, database string, n int) {
	tb.Helper()
	series, text, hash := "generate_series(1000, %d) AS i", "'%s' || i || '%s'", "md5(CAST(i AS text))"
	if d.Engine == "mysql" {
		series, text, hash = "(SELECT seq AS i FROM seq_1000_to_%d) AS s", "concat('%s', i, '%s')", "md5(i)"
	}
	from := fmt.Sprintf(series, n+999)
	state := fmt.Sprintf(text, `{"kubespawner_version": "7.0.0", "pod_name": "jupyter-student", "namespace": "jhub", "pvc_name": "claim-student-`, `"}`)
	d.Exec(tb, database,
		"INSERT INTO users (id, name, admin, created, last_activity, cookie_id) SELECT i, "+fmt.Sprintf(text, "student-", "")+
			", "+map[string]string{"postgresql": "false", "mysql": "0"}[d.Engine]+", '2026-09-01 08:00:00.123456', '2026-11-20 11:59:59.654321', "+hash+" FROM "+from,
		"INSERT INTO spawners (id, user_id, name, state, last_activity) SELECT i, i, '', "+state+", '2026-11-20 11:59:59.654321' FROM "+from)
}

// connect connects as a user, without the reader that is tested.
func connect(tb testing.TB, d *servers.Database, user, password, database string) *sql.DB {
	tb.Helper()
	driver, dsn := "pgx", strings.Replace(d.URL("x", user, password, database), "+x", "", 1)
	if d.Engine == "mysql" {
		c := mysql.NewConfig()
		c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, password, "unix", d.Socket, database
		driver, dsn = "mysql", c.FormatDSN()
	}
	db, err := sql.Open(driver, dsn)
	must(tb, err)
	tb.Cleanup(func() { _ = db.Close() }) // its server may be gone
	return db
}
