package history_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
)

// TestDeadlock: a run that PostgreSQL breaks off for a deadlock with somebody
// else's transaction leaves nothing, and can be recorded again.
func TestDeadlock(t *testing.T) {
	d := startServer(t, "deadlock_timeout=20ms")
	database := newDatabase(t, d)
	s := open(t, at(d, database))
	d.Exec(t, database, "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END'",
		"CREATE TRIGGER wait BEFORE INSERT ON hubaudit.deliveries FOR EACH ROW EXECUTE FUNCTION wait()")
	watcher := d.Admin(t, database)
	other, err := d.Admin(t, database).BeginTx(t.Context(), nil)
	must(t, err)
	_, err = other.ExecContext(t.Context(), "SET LOCAL deadlock_timeout = '1h'; SELECT pg_advisory_xact_lock(1)") // so that the run is the one that notices
	must(t, err)
	crossed := make(chan error, 1)
	crossing := moves()
	plan := crossing.Plan
	crossing.Plan = func(incidents []verdict.Incident, told []verdict.Delivery) verdict.Outbox {
		go func() {
			_, err := other.ExecContext(t.Context(), "LOCK TABLE hubaudit.runs IN EXCLUSIVE MODE")
			crossed <- err
		}()
		for waiting := 0; waiting == 0; {
			must(t, watcher.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted").Scan(&waiting))
		}
		return plan(incidents, told)
	}
	wantError(t, s.Record(t.Context(), run("east", 0), crossing), "record a run in the history postgresql://",
		"deadlock detected", "another transaction was in the way; nothing of this was written: try again")
	must(t, <-crossed)
	must(t, other.Rollback())
	if n := number(t, d, database, "SELECT count(*) FROM hubaudit.runs"); n != 0 {
		t.Errorf("%d runs of the one that was broken off", n)
	}
	must(t, s.Record(t.Context(), run("east", 1), moves()))
	checkWhole(t, d, database, s, 1, 0)
}

// TestServersDiskIsFull has one table lie in /dev/full, to which whoever writes
// finds no space left.
func TestServersDiskIsFull(t *testing.T) {
	d := startServer(t)
	database := newDatabase(t, d)
	must(t, open(t, at(d, database)).Close())
	var folder, table string
	must(t, d.Admin(t, database).QueryRowContext(t.Context(), "SELECT current_setting('data_directory'), pg_relation_filepath('hubaudit.documents')").Scan(&folder, &table))
	table = filepath.Join(folder, table)
	must(t, os.Rename(table, table+".kept"))
	must(t, os.Symlink("/dev/full", table))

	s := open(t, at(d, database))
	wantError(t, s.Record(t.Context(), run("east", 0), moves()), "record a run in the history postgresql://",
		"No space left on device", "make room on the server's disk; nothing of this was written")
	must(t, s.Close())
	if n := number(t, d, database, "SELECT count(*) FROM hubaudit.runs"); n != 0 {
		t.Errorf("%d runs are there without their findings", n)
	}

	must(t, os.Rename(table+".kept", table))
	s = open(t, at(d, database))
	must(t, s.Record(t.Context(), run("east", 1), moves()))
	checkWhole(t, d, database, s, 1, 0)
}

// TestNoConnectionLeft is about servers that have no more connections for anyone,
// or for this role.
func TestNoConnectionLeft(t *testing.T) {
	const most, reserved = 8, 3
	d := startServer(t, "max_connections=8", "superuser_reserved_connections=3")
	database := newDatabase(t, d)
	others := d.Admin(t, database)
	var held []*sql.Conn
	for range most - reserved {
		c, err := others.Conn(t.Context())
		must(t, err)
		held = append(held, c)
	}
	_, err := history.Open(t.Context(), at(d, database))
	wantError(t, err, "open the history postgresql://", "raise max_connections", "pg_stat_activity")
	for _, c := range held {
		must(t, c.Close())
	}
	must(t, others.Close())

	d.Exec(t, "", "ALTER ROLE "+role+" CONNECTION LIMIT 1") // making it takes two
	_, err = history.Open(t.Context(), at(d, database))
	wantError(t, err, "open the history postgresql://", "the CONNECTION LIMIT of role or database")
	d.Exec(t, "", "ALTER ROLE "+role+" CONNECTION LIMIT 2")
	s := open(t, at(d, database))
	must(t, s.Record(t.Context(), run("east", 0), moves()))
}

// TestLeastPrivileges: a role that may make nothing records in tables that
// another role has made, and is told what it lacks.
func TestLeastPrivileges(t *testing.T) {
	d := startServer(t)
	database := newDatabase(t, d)
	must(t, open(t, at(d, database)).Close())
	d.Exec(t, database, "CREATE ROLE worker LOGIN PASSWORD '"+password+"'")
	where := at(d, database)
	where.URL = strings.Replace(where.URL, role, "worker", 1)
	grants := func(rights string) {
		d.Exec(t, database, "REVOKE ALL ON ALL TABLES IN SCHEMA hubaudit FROM worker", "GRANT "+rights+" ON ALL TABLES IN SCHEMA hubaudit TO worker")
	}

	_, err := history.Open(t.Context(), where)
	wantError(t, err, "open the history postgresql://worker@", "GRANT USAGE ON SCHEMA hubaudit")
	d.Exec(t, database, "GRANT USAGE ON SCHEMA hubaudit TO worker")
	grants("SELECT")
	s := open(t, where)
	wantError(t, s.Record(t.Context(), run("east", 0), moves()), "record a run in the history postgresql://worker@", "permission denied",
		"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES", "Nothing of this was written")
	grants("SELECT, INSERT, UPDATE, DELETE")
	for i := range 3 {
		must(t, s.Record(t.Context(), run("east", i), moves()))
		sendAll(t, s)
	}
	checkWhole(t, d, database, s, 3, 0)

	// A newer version of audit has another table to make.
	d.Exec(t, database, "DELETE FROM hubaudit.goose_db_version WHERE version_id > 0")
	_, err = history.Open(t.Context(), where)
	wantError(t, err, "open the history postgresql://worker@", "bring the schema from 0 to ", "the right to make the schema hubaudit and its tables")
}

// sendAll sends what is due under a lease, as a run does.
func sendAll(t *testing.T, s *history.Store) {
	t.Helper()
	lease, err := s.Lease(t.Context(), "east", "notify/r", "test", noon)
	must(t, err)
	defer lease.Release()
	due, err := s.Due(t.Context(), "east", "r", noon)
	must(t, err)
	for _, message := range due {
		message.At = noon
		must(t, s.Sent(t.Context(), "east", message))
	}
}
