package hubdb_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/facts"
	"hubaudit/test/servers"
)

// foreignKey is a clause of CREATE TABLE that needs the tables in an order.
var foreignKey = regexp.MustCompile(`,\s*(CONSTRAINT \w+ )?FOREIGN KEY\(\w+\) REFERENCES \w+ \(\w+\)( ON DELETE (SET NULL|CASCADE))?`)

// makeTables makes the core tables of a database in SQLite, as the same version
// of JupyterHub makes them on that server, and copies their rows.
func makeTables(tb testing.TB, d *servers.Database, path string) (database string) {
	tb.Helper()
	source, err := sql.Open("sqlite", path)
	must(tb, err)
	defer source.Close()
	database = d.NewDatabase(tb)
	const core = " FROM sqlite_schema WHERE type = 'table' AND name IN ('users', 'spawners', 'servers', 'alembic_version', 'oauth_clients')"
	for _, statement := range rows(tb, source, "SELECT sql"+core) {
		statement = strings.ReplaceAll(foreignKey.ReplaceAllString(statement, ""), `"`, "")
		if d.Engine == "postgresql" {
			statement = strings.NewReplacer("DATETIME", "TIMESTAMP WITHOUT TIME ZONE", "BLOB", "BYTEA").Replace(statement)
		}
		d.Exec(tb, database, statement)
	}
	copyRows(tb, d, database, source, rows(tb, source, "SELECT name"+core))
	return database
}

// TestEverySchema reads a database of every version of JupyterHub's schema.
func TestEverySchema(t *testing.T) {
	paths, err := filepath.Glob("../../internal/collect/hubdb/testdata/*-*.sqlite.gz")
	must(t, err)
	if len(paths) < 13 {
		t.Fatalf("only the databases %v", paths)
	}
	all := both(t)
	for _, packed := range paths {
		name := strings.TrimSuffix(filepath.Base(packed), ".sqlite.gz")
		t.Run(name, func(t *testing.T) {
			path := fixture(t, name)
			db, err := sql.Open("sqlite", path)
			must(t, err)
			_, err = db.Exec("UPDATE users SET name = name || id") // MariaDB's collation takes some names for the same
			must(t, err)
			must(t, db.Close())
			want := read(t, "sqlite:///"+path)
			for _, d := range all {
				got := read(t, d.URL(drivers[d.Engine], reader, readerPassword, makeTables(t, d, path)))
				if diff := cmp.Diff(want, got, sameFacts, cmpopts.IgnoreFields(facts.Database{}, "Tables")); diff != "" || len(got.Users) == 0 {
					t.Errorf("(-SQLite +%s):\n%s", d.Engine, diff)
				}
			}
		})
	}
}

// TestConstraints: an index makes a column unique only if it is whole, valid
// and of that column alone.
func TestConstraints(t *testing.T) {
	type constraints struct{ cookieNotNull, cookieUnique, nameUnique bool }
	none := []string{"CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(255), admin SMALLINT, cookie_id VARCHAR(255))", "CREATE TABLE servers (id INTEGER)",
		"CREATE TABLE spawners (id INTEGER, user_id INTEGER, server_id INTEGER, name VARCHAR(255), state TEXT)", "INSERT INTO users VALUES (1, 'a', 1, 'c'), (2, 'b', 0, 'c')"}
	for _, d := range both(t) {
		for statement, want := range map[string]constraints{
			"SELECT 1":                                                     {},
			"CREATE UNIQUE INDEX i ON users (name)":                        {nameUnique: true},
			"CREATE UNIQUE INDEX i ON users (name, id)":                    {},
			"CREATE UNIQUE INDEX i ON users (cookie_id, name)":             {},
			"CREATE INDEX i ON users (name)":                               {},
			"pg: CREATE UNIQUE INDEX i ON users (name) INCLUDE (admin)":    {nameUnique: true},
			"pg: CREATE UNIQUE INDEX i ON users (name) WHERE id > 1":       {},
			"pg: CREATE UNIQUE INDEX i ON users (lower(name))":             {},
			"pg: CREATE UNIQUE INDEX CONCURRENTLY i ON users (cookie_id)":  {}, // fails, and leaves an index that is not valid
			"pg: ALTER TABLE users ALTER cookie_id SET NOT NULL":           {cookieNotNull: true},
			"my: ALTER TABLE users MODIFY cookie_id VARCHAR(255) NOT NULL": {cookieNotNull: true},
			"my: CREATE UNIQUE INDEX i ON users (name(10))":                {nameUnique: true},
		} {
			engine, statement, found := strings.Cut(statement, ": ")
			if !found {
				engine, statement = "", engine
			}
			if found && engine != map[string]string{"postgresql": "pg", "mysql": "my"}[d.Engine] {
				continue
			}
			t.Run(d.Engine+" "+statement, func(t *testing.T) {
				database := d.NewDatabase(t)
				d.Exec(t, database, none...)
				// Its error, of the index that cannot be, is part of the case.
				_, err := d.Admin(t, database).Exec(statement)
				if (err != nil) != strings.Contains(statement, "CONCURRENTLY") {
					t.Fatal(err)
				}
				r := read(t, d.URL(drivers[d.Engine], reader, readerPassword, database))
				if got := (constraints{r.Database.CookieNotNull, r.Database.CookieUnique, r.Database.NameUnique}); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				if u := r.Users; len(u) != 2 || !u[0].Admin || u[1].Admin || u[1].CookieSharedWith != 1 || !u[1].CookieHandMade {
					t.Errorf("%+v", u)
				}
			})
		}
	}
}

// TestOutOfSight: tables that this user does not find are not called lost.
func TestOutOfSight(t *testing.T) {
	d := servers.StartPostgres(t)
	makeReader(t, d)
	url := func(database, path string) string {
		u := d.URL("psycopg2", reader, readerPassword, database)
		if path != "" {
			u += "?options=-csearch_path%3D" + path
		}
		return u
	}
	moved := loadHub(t, d)
	d.Exec(t, moved, "CREATE SCHEMA hub", "ALTER TABLE users SET SCHEMA hub", "ALTER TABLE spawners SET SCHEMA hub", "ALTER TABLE servers SET SCHEMA hub")
	wantFailure(t, url(moved, ""), readerPassword, facts.CauseMissing, "add ?options=-csearch_path%3Dhub to the URL")
	wantFailure(t, url(moved, "nosuch"), readerPassword, facts.CauseMissing, "no schema of the search path (nosuch)")
	if r := read(t, url(moved, "hub,public")); len(r.Users) != dumped[d.Engine] || len(r.Database.Damage) > 0 {
		t.Errorf("%v: %v", r.Items(), r.Database.Damage)
	}
	// That somebody else's schema has users does not hide that one's own are gone.
	if r := read(t, url(moved, "public")); len(r.Database.Damage) != 1 || r.Database.Damage[0].Kind != facts.DamageTableMissing {
		t.Errorf("%v", r.Database.Damage)
	}
	closed := loadHub(t, d)
	d.Exec(t, closed, "CREATE ROLE stranger LOGIN PASSWORD 'hunter2'", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO stranger", "REVOKE USAGE ON SCHEMA public FROM PUBLIC")
	wantFailure(t, d.URL("psycopg2", "stranger", "hunter2", closed), "hunter2", facts.CauseForbidden, "GRANT USAGE ON SCHEMA")

	hidden := loadHub(t, d)
	d.Exec(t, hidden, "ALTER TABLE users ENABLE ROW LEVEL SECURITY", "CREATE POLICY few ON users USING (id < 3)")
	wantFailure(t, url(hidden, ""), readerPassword, facts.CauseForbidden, "row-level security")

	view := loadHub(t, d)
	d.Exec(t, view, "ALTER TABLE users RENAME TO people", "CREATE VIEW users AS SELECT * FROM people")
	wantFailure(t, url(view, ""), readerPassword, facts.CauseUnreadable, "no table but a view")
}

// TestNoSnapshot refuses what MariaDB cannot read as of one moment.
func TestNoSnapshot(t *testing.T) {
	d := servers.StartMariaDB(t)
	makeReader(t, d)
	for statement, says := range map[string]string{
		"CREATE TABLE alembic_version (version_num VARCHAR(32)) ENGINE=MyISAM": "ALTER TABLE alembic_version ENGINE=InnoDB",
		"CREATE VIEW alembic_version AS SELECT 'x' AS version_num":             "no table but a VIEW",
	} {
		database := loadHub(t, d)
		d.Exec(t, database, "DROP TABLE alembic_version", statement)
		wantFailure(t, d.URL("pymysql", reader, readerPassword, database), readerPassword, facts.CauseUnreadable, says)
	}
}

// TestCollation: values that MariaDB takes for the same are the same to a hub.
func TestCollation(t *testing.T) {
	for _, d := range both(t) {
		database := loadHub(t, d)
		d.Exec(t, database, dropCookieConstraints[d.Engine]...)
		d.Exec(t, database, "UPDATE users SET cookie_id = 'AB' WHERE id = 2", "UPDATE users SET cookie_id = 'ab' WHERE id = 3", "UPDATE users SET cookie_id = '  ' WHERE id = 4")
		r := read(t, d.URL(drivers[d.Engine], reader, readerPassword, database))
		want := []facts.CookieState{facts.CookieUnique, facts.CookieUnique, facts.CookieUnique}
		if d.Engine == "mysql" {
			want = []facts.CookieState{facts.CookieShared, facts.CookieShared, facts.CookieEmpty}
		}
		for i, u := range r.Users[1:4] {
			if u.Cookie != want[i] || (u.Cookie == facts.CookieShared) != (u.CookieSharedWith == 2) {
				t.Errorf("%s: %+v, want %s", d.Engine, u, want[i])
			}
		}
	}
}

// TestForeignValues are types and values that migrations and hands leave.
func TestForeignValues(t *testing.T) {
	pg := servers.StartPostgres(t)
	makeReader(t, pg)
	database := loadHub(t, pg)
	pg.Exec(t, database, "ALTER TABLE users ALTER admin TYPE bigint USING admin::int", "ALTER TABLE users ALTER created TYPE timestamptz USING created AT TIME ZONE 'UTC'",
		"ALTER ROLE reader SET timezone = 'Asia/Tokyo'", "ALTER ROLE reader SET datestyle = 'German'", "ALTER ROLE reader SET search_path = public",
		"ALTER TABLE spawners ALTER state TYPE jsonb USING state::jsonb", "ALTER TABLE users ALTER id TYPE bigint")
	intact := loadHub(t, pg)
	changed := read(t, pg.URL("psycopg2", reader, readerPassword, database))
	if diff := cmp.Diff(read(t, pg.URL("psycopg2", reader, readerPassword, intact)), changed, sameFacts); diff != "" {
		t.Errorf("other types (-usual +other):\n%s", diff)
	}

	long := `{"pod_name": "p", "pvc_name": "claim-x", "filler": "` + strings.Repeat("é", 1<<20) + `"}`
	pg.Exec(t, intact, "UPDATE users SET last_activity = 'infinity', created = '0044-03-15 BC' WHERE id = 2", "UPDATE spawners SET state = "+quoted(long)+" WHERE id = 1",
		"UPDATE spawners SET state = "+quoted("["+strings.Repeat(" ", 1<<20))+" WHERE id = 2")
	r := read(t, pg.URL("psycopg2", reader, readerPassword, intact))
	if u := r.Users[1]; u.BrokenTimes != "created,last_activity" || !u.LastActivity.IsZero() || !u.Created.IsZero() {
		t.Errorf("%+v", u)
	}
	if s := r.Spawners[0].State; s != (facts.SpawnerState{Form: "object", PodName: "p", PVCName: "claim-x"}) {
		t.Errorf("a long state: %+v", s)
	}
	if s := r.Spawners[1].State; s.Form != "broken" {
		t.Errorf("a long state that is no object: %+v", s)
	}

	raw := "raw"
	pg.Exec(t, "", "CREATE DATABASE "+raw+" ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
	pg.Exec(t, raw, "CREATE TABLE users (id INTEGER, name TEXT, cookie_id TEXT)", "CREATE TABLE servers (id INTEGER)", "CREATE TABLE spawners (id INTEGER, user_id INTEGER, server_id INTEGER, name TEXT, state TEXT)",
		`INSERT INTO users VALUES (1, E'a\xffb', 'c')`)
	if r := read(t, pg.URL("psycopg2", reader, readerPassword, raw)); r.Users[0].Name != "a\uFFFDb" {
		t.Errorf("text that is no UTF-8: %q", r.Users[0].Name)
	}

	maria := servers.StartMariaDB(t)
	makeReader(t, maria)
	database = loadHub(t, maria)
	before := read(t, maria.URL("pymysql", reader, readerPassword, database))
	maria.Exec(t, database, "SET sql_mode = ''", "SET time_zone = '+09:00'", "ALTER TABLE users MODIFY created TIMESTAMP NULL", "SET GLOBAL time_zone = '+05:00'",
		"UPDATE users SET last_activity = '0000-00-00 00:00:00' WHERE id = 2")
	r = read(t, maria.URL("pymysql", reader, readerPassword, database))
	if u := r.Users[1]; u.BrokenTimes != "last_activity" || !u.LastActivity.IsZero() {
		t.Errorf("%+v", u)
	}
	if was, is := before.Users[2].Created, r.Users[2].Created; fmt.Sprint(was.Add(-9*3600e9)) != fmt.Sprint(is) { // the conversion took it for Tokyo's
		t.Errorf("a timestamp is %s, want 9 hours before %s", is, was)
	}
}
