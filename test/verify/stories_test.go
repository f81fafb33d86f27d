package verify

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/verdict"
)

// story is what happened to a hub and its copies.
type story struct {
	name string
	// only is the engine that it is of; "" for all.
	only string
	// copy makes the copy of a hub, which may still be changed for it; the engine's
	// first way if nil. After comes what happened to the hub since.
	copy  func(t *testing.T, hub live) []byte
	after func(t *testing.T, hub live)
	// at is when the copy was made; made if zero. Before is audited earlier, with
	// a good copy.
	at     time.Time
	before bool
	// want are the outcomes of the checks of copies that do not pass, and says
	// parts of what backup-restore-mismatch says, or without a finding the table.
	want map[string]string
	says []string
}

// stories tell how an operator gets to read what an audit thinks of a copy.
func stories(t *testing.T, hub live) {
	for _, s := range allStories() {
		if s.only != "" && s.only != engineName(hub) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.check(t, hub.clone(t))
		})
	}
}

func engineName(hub live) string {
	if hub.server == nil {
		return hubdb.SQLite
	}
	return hub.server.Engine
}

func (c *story) check(t *testing.T, hub live) {
	s := newSite(t, hub)
	if c.before {
		s.put(t, "nightly", "jupyterhub", hub.dump(t), made.Add(-24*time.Hour))
		s.auditAt(t, now.Add(-24*time.Hour))
	}
	at := c.at
	if at.IsZero() {
		at = made
	}
	b := hub.dump(t)
	if c.copy != nil {
		b = c.copy(t, hub)
	}
	if c.after != nil {
		c.after(t, hub)
	}
	s.put(t, "nightly", "jupyterhub", b, at)
	a := s.audit(t)
	for _, check := range tested {
		v := a.of(t, check)
		got, want := string(v.Outcome), c.want[check]
		if v.Outcome == verdict.Fail {
			got += " " + string(v.Severity)
		}
		if want == "" {
			want = string(verdict.Pass)
		}
		if got != want {
			t.Errorf("%s: %s, want %s: %s", check, got, want, v.Summary)
		}
	}
	v, row := a.of(t, "backup-restore-mismatch"), a.location(t, "nightly")
	text := v.Summary + "\n" + row.Trouble
	for i := range v.Findings {
		text += "\n" + v.Findings[i].Message
	}
	for _, part := range c.says {
		if !strings.Contains(text, part) {
			t.Errorf("does not say %q: %s", part, text)
		}
	}
	t.Logf("%s\n%s\n%+v", v.Outcome, text, row)
}

// clone is the hub once more, for a story to change.
func (l live) clone(tb testing.TB) live {
	tb.Helper()
	if l.server == nil {
		return l.copyOf(tb)
	}
	c := empty(tb, l.server)
	if l.server.Engine == hubdb.PostgreSQL {
		run(tb, l.dump(tb), "psql", c.client("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")...)
	} else {
		run(tb, l.dump(tb), "mariadb", c.client()...)
	}
	return c
}

// dump is a good copy.
func (l live) dump(tb testing.TB, args ...string) []byte {
	tb.Helper()
	switch {
	case l.server == nil:
		return l.sqliteCopy(tb, ".backup '%s'")
	case l.server.Engine == hubdb.PostgreSQL:
		return run(tb, nil, "pg_dump", l.client(args...)...)
	}
	return run(tb, nil, "mariadb-dump", l.client(args...)...)
}

// changed is a copy of a clone with other rows.
func changed(statements ...string) func(*testing.T, live) []byte {
	return func(t *testing.T, hub live) []byte {
		c := hub.clone(t)
		c.exec(t, statements...)
		return c.dump(t)
	}
}

func then(statements ...string) func(*testing.T, live) {
	return func(t *testing.T, hub live) { hub.exec(t, statements...) }
}

var (
	critical = map[string]string{"backup-restore-mismatch": "fail critical", "backup-hub-db-missing": "skipped"}
	wrong    = map[string]string{"backup-restore-mismatch": "fail critical"}
)

func allStories() []story {
	lastNight := made.Add(-24 * time.Hour)
	return []story{
		{name: "no bytes", only: hubdb.SQLite, copy: func(*testing.T, live) []byte { return nil }, want: map[string]string{"backup-restore-mismatch": "skipped", "backup-hub-db-missing": "fail critical"}},
		{name: "gzip of nothing", only: hubdb.SQLite, copy: func(t *testing.T, _ live) []byte { return run(t, nil, "gzip", "-c") }, want: critical, says: []string{"is empty"}},
		{name: "an error page", only: hubdb.SQLite, copy: func(*testing.T, live) []byte { return []byte("<html><body>503 Service Unavailable</body></html>") }, want: critical, says: []string{"is no database"}},
		{name: "the schema only", only: hubdb.PostgreSQL, copy: schemaOnly("--schema-only"), want: wrong, says: []string{"no user in them", "the schema only"}},
		{name: "the tables only", only: hubdb.MySQL, copy: schemaOnly("--no-data"), want: wrong, says: []string{"no user in them", "the schema only"}},
		{name: "the end is missing", copy: func(t *testing.T, hub live) []byte { b := hub.dump(t); return b[:len(b)*2/3] }, want: critical, says: []string{"ends in the middle"}},
		{name: "yesterday's under today's name, and the hub was used", after: then(
			addUser(9001, "newcomer", made.Add(-12*time.Hour)), "UPDATE spawners SET last_activity = '"+stamp(made.Add(-time.Minute))+"'"),
			copy: func(t *testing.T, hub live) []byte { return asOf(t, hub, lastNight) },
			want: map[string]string{"backup-restore-mismatch": "fail error"}, says: []string{"older content than its time says"}},
		{name: "another hub's", copy: changed("UPDATE users SET name = replace(name, 'student', 'pupil'), created = '" + stamp(made.Add(-90*24*time.Hour)) + "'"),
			want: wrong, says: []string{"of another hub"}},
		{name: "users are missing", copy: changed("DELETE FROM spawners WHERE user_id IN (51, 52, 53)", "DELETE FROM users WHERE id IN (51, 52, 53)"), want: wrong, says: []string{"lacks 3 users"}},
		{name: "ids of a rescue", copy: nil, after: renumber, want: wrong, says: []string{"other ids"}},
		{name: "a reset hub", after: reset, before: true, want: map[string]string{"backup-restore-mismatch": "skipped"}, says: []string{"is whole by itself"}},
		{name: "a reset hub without history", after: reset},
		{name: "a wiped hub", after: wipe, before: true},
		{name: "users came during the backup", after: then(addUser(9001, "early", made.Add(-time.Second)), addUser(9002, "late", made.Add(time.Second)))},
		{name: "users were deleted since", after: then("DELETE FROM spawners WHERE user_id IN (151, 152, 153, 154)", "DELETE FROM users WHERE id IN (151, 152, 153, 154)")},
		{name: "nobody was there for weeks", at: now.Add(-time.Hour), copy: func(t *testing.T, hub live) []byte { quiet(t, hub); return hub.dump(t) }},
		{name: "the storage's clock is ahead", only: hubdb.SQLite, at: now.Add(4 * time.Minute)},
		{name: "the storage's clock is behind", only: hubdb.SQLite, at: made.Add(-100 * time.Minute)},
		{name: "before an upgrade", copy: changed("UPDATE alembic_version SET version_num = '833da8570507'")},
		{name: "renamed since, as the history knows", before: true, after: then("UPDATE users SET name = 'married' WHERE id = 60")},
		{name: "renamed since, without a history", after: then("UPDATE users SET name = 'married' WHERE id = 60")},
		{name: "another name, as the history knows", before: true, copy: changed("UPDATE users SET name = 'nobody', last_activity = '" + stamp(now) + "' WHERE id = 60"), want: wrong, says: []string{"under names that they did not have"}},
		{name: "another letter", copy: changed("UPDATE users SET name = replace(name, 'student', 'ttudent') WHERE id = 60"),
			want: map[string]string{"backup-restore-mismatch": "fail warning"}, says: []string{"differs in one letter"}},
		{name: "torn", only: hubdb.SQLite, copy: torn, want: critical, says: []string{"is torn"}},
		{name: "without its log", only: hubdb.SQLite, copy: withoutLog, want: wrong, says: []string{"lacks 1 user", "without its write-ahead log"}},
	}
}

func schemaOnly(option string) func(*testing.T, live) []byte {
	return func(t *testing.T, hub live) []byte { return hub.dump(t, option) }
}

// renumber gives everybody another id, as a database that was put together anew.
func renumber(t *testing.T, hub live) {
	fks := map[string][]string{hubdb.SQLite: nil, hubdb.MySQL: {"SET foreign_key_checks = 0"},
		hubdb.PostgreSQL: {"ALTER TABLE spawners DROP CONSTRAINT fk_spawners_user_id_users"}}[engineName(hub)]
	hub.exec(t, "DELETE FROM user_role_map", "DELETE FROM user_group_map", "DELETE FROM api_tokens", "DELETE FROM oauth_codes")
	hub.exec(t, append(fks, "UPDATE users SET id = 100000 - id", "UPDATE spawners SET user_id = 100000 - user_id")...)
}

// wipe empties the tables, as when a hub starts on a new database.
func wipe(t *testing.T, hub live) {
	hub.exec(t, "DELETE FROM user_role_map", "DELETE FROM user_group_map", "DELETE FROM api_tokens", "DELETE FROM oauth_codes", "DELETE FROM spawners", "DELETE FROM servers", "DELETE FROM users")
}

// reset also has the first users come back.
func reset(t *testing.T, hub live) {
	wipe(t, hub)
	var back []string
	for i := range 12 {
		back = append(back, addUser(i+1, fmt.Sprintf("student-%03d@example.org", 40+i), now.Add(-time.Hour)))
	}
	hub.exec(t, back...)
}

// quiet moves all that happened three weeks further into the past.
func quiet(t *testing.T, hub live) {
	limit := stamp(made.Add(-21 * 24 * time.Hour))
	hub.exec(t, "UPDATE users SET created = '"+limit+"' WHERE created > '"+limit+"'", "UPDATE users SET last_activity = '"+limit+"' WHERE last_activity > '"+limit+"'",
		"UPDATE spawners SET last_activity = '"+limit+"'", "UPDATE spawners SET started = '"+limit+"' WHERE started IS NOT NULL")
}

// torn is the first half of the file from before a large change, and the second
// from after it.
func torn(t *testing.T, hub live) []byte {
	was := hub.file(t)
	hub.exec(t, "DELETE FROM spawners WHERE id > 5", "DELETE FROM users WHERE id BETWEEN 20 AND 120")
	b := hub.file(t)
	if len(b) != len(was) {
		t.Fatalf("the file had %d bytes and has %d", len(was), len(b))
	}
	half := len(was) / 2 / 4096 * 4096
	return append(bytes.Clone(was[:half]), b[half:]...)
}

// asOf is a copy as it was at an earlier time.
func asOf(t *testing.T, hub live, at time.Time) []byte {
	limit := "'" + stamp(at) + "'"
	later := "(SELECT id FROM users WHERE created > " + limit + ")"
	return changed("DELETE FROM user_role_map WHERE user_id IN "+later, "DELETE FROM spawners WHERE user_id IN "+later, "DELETE FROM users WHERE created > "+limit,
		"UPDATE users SET last_activity = "+limit+" WHERE last_activity > "+limit, "UPDATE spawners SET started = NULL, server_id = NULL, last_activity = "+limit)(t, hub)
}

// withoutLog is a plain copy of a file whose newest rows are in its log.
func withoutLog(t *testing.T, hub live) []byte {
	db := hub.open(t)
	t.Cleanup(func() { must(t, db.Close()) })
	db.SetMaxOpenConns(1)
	for _, s := range []string{"PRAGMA journal_mode = wal", "PRAGMA wal_autocheckpoint = 0", "UPDATE users SET last_activity = '" + stamp(made.Add(-5*time.Minute)) + "' WHERE id = 1",
		addUser(9001, "in-the-log", made.Add(-2*time.Hour)), addUser(9002, "in-the-log-too", made.Add(-30*time.Minute))} {
		_, err := db.ExecContext(t.Context(), s)
		must(t, err)
	}
	if _, err := os.Stat(filepath.Clean(hub.database + "-wal")); err != nil {
		t.Fatal(err)
	}
	return hub.file(t)
}
