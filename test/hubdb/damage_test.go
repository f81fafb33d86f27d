package hubdb_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// damage is an accident that every engine can have. Statements that only some
// engines need or understand are by engine.
type damage struct {
	statements []string
	only       map[string][]string
	// judged is a check that must fail with so many findings.
	judged string
	count  int
}

var (
	dropCookieConstraints = map[string][]string{
		"sqlite": {"CREATE TABLE remade (id INTEGER PRIMARY KEY, name VARCHAR(255) UNIQUE, admin BOOLEAN, created DATETIME, last_activity DATETIME, cookie_id VARCHAR(255), state TEXT, encrypted_auth_state BLOB)",
			"INSERT INTO remade SELECT * FROM users", "DROP TABLE users", "ALTER TABLE remade RENAME TO users"},
		"postgresql": {"ALTER TABLE users ALTER cookie_id DROP NOT NULL", "ALTER TABLE users DROP CONSTRAINT uq_users_cookie_id"},
		"mysql":      {"ALTER TABLE users MODIFY cookie_id VARCHAR(255) NULL", "ALTER TABLE users DROP INDEX uq_users_cookie_id"},
	}
	noForeignKeys = map[string][]string{
		"postgresql": {"SET session_replication_role = replica"}, "mysql": {"SET foreign_key_checks = 0"},
	}
	dropUsers = map[string][]string{
		"sqlite": {"DROP TABLE users"}, "postgresql": {"DROP TABLE users CASCADE"}, "mysql": {"SET foreign_key_checks = 0", "DROP TABLE users"},
	}
)

var damages = map[string]damage{
	"null cookies":            {[]string{"UPDATE users SET cookie_id = NULL WHERE id IN (2, 3)"}, dropCookieConstraints, "hub-cookie-id-null", 2},
	"empty cookies":           {[]string{"UPDATE users SET cookie_id = '' WHERE id IN (2, 3, 4)"}, dropCookieConstraints, "hub-cookie-id-null", 3},
	"shared cookies":          {[]string{"UPDATE users SET cookie_id = '0123456789abcdef0123456789abcdef' WHERE id > 4"}, dropCookieConstraints, "hub-cookie-id-duplicate", 31},
	"no constraints":          {nil, dropCookieConstraints, "", 0},
	"hand-made cookie":        {[]string{"UPDATE users SET cookie_id = 'dummy' WHERE id = 2", "UPDATE users SET cookie_id = upper(cookie_id) WHERE id = 3"}, nil, "", 0},
	"spawners without user":   {[]string{"DELETE FROM users WHERE id IN (2, 3)"}, noForeignKeys, "hub-db-corrupt", 1},
	"spawners without server": {[]string{"DELETE FROM servers WHERE id = (SELECT min(server_id) FROM spawners)"}, noForeignKeys, "hub-db-corrupt", 1},
	"no users":                {[]string{"DELETE FROM users"}, noForeignKeys, "hub-db-corrupt", 1},
	"users dropped":           {nil, dropUsers, "hub-db-corrupt", 1},
	"spawners dropped":        {[]string{"DROP TABLE spawners"}, nil, "hub-db-corrupt", 1},
	"revision gone":           {[]string{"DELETE FROM alembic_version"}, nil, "", 0},
	"revision between":        {[]string{"UPDATE alembic_version SET version_num = '3c2384c5aae1'"}, nil, "", 0},
	"two revisions":           {[]string{"INSERT INTO alembic_version VALUES ('4dc2d5a8c53c')"}, nil, "", 0},
	"states":                  {[]string{"UPDATE spawners SET state = NULL WHERE id = 2", "UPDATE spawners SET state = '{}' WHERE id = 3", "UPDATE spawners SET state = '{broken' WHERE id = 4", "UPDATE spawners SET state = '[1]' WHERE id = 5"}, nil, "", 0},
	"shared server":           {[]string{"UPDATE spawners SET server_id = (SELECT max(id) FROM servers) WHERE server_id IS NOT NULL"}, nil, "", 0},
	"odd names":               {[]string{"UPDATE users SET name = '' WHERE id = 2", "UPDATE users SET name = ' x' WHERE id = 3", "UPDATE users SET name = 'a/b' WHERE id = 4"}, nil, "", 0},
	"no address":              {[]string{"UPDATE servers SET ip = ''", "UPDATE spawners SET user_id = NULL WHERE id = 2"}, nil, "", 0},
	"column dropped":          {[]string{"ALTER TABLE spawners DROP COLUMN state"}, nil, "hub-db-corrupt", 1},
	"times of the past":       {[]string{"UPDATE users SET created = '1970-01-01 00:00:00', last_activity = '2099-01-01 00:00:00' WHERE id = 2", "UPDATE users SET last_activity = NULL WHERE id = 3"}, nil, "", 0},
}

// TestSameDamage does the same harm to the same hub in three engines.
func TestSameDamage(t *testing.T) {
	servers := both(t)
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			source := sqliteHub(t)
			engines := []engine{source}
			for _, s := range servers {
				engines = append(engines, copyHub(t, s, source))
			}
			var want hubdb.Result
			for _, e := range engines {
				e.exec(t, slices.Concat(d.only[e.name], d.statements)...)
				got := read(t, e.url)
				if e.name == "sqlite" {
					want = got
					wantVerdict(t, judge(t, got), d.judged, d.count)
					continue
				}
				if diff := cmp.Diff(withoutWords(want), withoutWords(got), sameFacts); diff != "" {
					t.Errorf("(-SQLite +%s):\n%s", e.name, diff)
				}
				if diff := cmp.Diff(judge(t, want), judge(t, got), sameVerdicts); diff != "" {
					t.Errorf("verdicts (-SQLite +%s):\n%s", e.name, diff)
				}
			}
		})
	}
}

func wantVerdict(t *testing.T, verdicts []verdict.Verdict, check string, count int) {
	t.Helper()
	for _, v := range verdicts {
		if v.Check == check && (v.Outcome != verdict.Fail || v.Count != count) {
			t.Errorf("%s: %s with %d findings, want %d: %s", check, v.Outcome, v.Count, count, v.Summary)
		}
	}
}

// withoutWords leaves out of the damage what only a file can show: traces of
// earlier content.
func withoutWords(r hubdb.Result) hubdb.Result {
	r.Database.Damage = slices.Clone(r.Database.Damage)
	for i, d := range r.Database.Damage {
		r.Database.Damage[i] = facts.Damage{Kind: d.Kind}
	}
	return r
}

// TestEmptyDatabase has no table at all, as after a restore that failed.
func TestEmptyDatabase(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			url := d.URL(drivers[d.Engine], reader, readerPassword, d.NewDatabase(t))
			r := read(t, url)
			if len(r.Database.Damage) != 1 || r.Database.Damage[0].Kind != facts.DamageNoTables || r.UsersRead != facts.None {
				t.Errorf("%+v", r)
			}
			wantVerdict(t, judge(t, r), "hub-db-corrupt", 1)
		})
	}
}
