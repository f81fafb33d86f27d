package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubCookieConstraintMissing(t *testing.T) {
	testCheck(t, hubCookieConstraintMissingCases)
}

func constraints(notNull, unique bool, more func(d *facts.Database)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		d := &hubOf(s).Database
		d.CookieNotNull, d.CookieUnique = notNull, unique
		more(d)
	}
}

func asItIs(*facts.Database) {}

var hubCookieConstraintMissingCases = cases{
	check: hubCookieConstraintMissing,
	fires: []damage{
		{
			name:    "a database of 0.7, upgraded since",
			change:  constraints(false, false, func(d *facts.Database) { d.Tables = []string{"alembic_version", "spawners", "users"} }),
			want:    outcomes{"hub-cookie-constraint-missing": "fail warning 1"},
			summary: "users.cookie_id is not UNIQUE and not NOT NULL, NOT NULL and UNIQUE are expected: nothing keeps users from sharing one",
		},
		{
			name:    "a revision of 0.8 and later without the table spawners",
			change:  constraints(false, false, func(d *facts.Database) { d.Tables = []string{"users"} }),
			want:    outcomes{"hub-cookie-constraint-missing": "fail warning 1"},
			summary: "users.cookie_id is not UNIQUE and not NOT NULL, NOT NULL and UNIQUE are expected: nothing keeps users from sharing one",
		},
	},
	mustNotFire: []damage{
		{name: "JupyterHub 0.7 itself", change: ofVersion("0.7.2", "")},
		{name: "JupyterHub 0.7 with its revision noted", change: withRevisions("0.7.2", "af4cbdb2d13c")},
	},
	boundary: []damage{
		{
			name:    "only UNIQUE is missing",
			change:  constraints(true, false, asItIs),
			want:    outcomes{"hub-cookie-constraint-missing": "fail warning 1"},
			summary: "users.cookie_id is not UNIQUE, NOT NULL and UNIQUE are expected: nothing keeps users from sharing one",
		},
		{
			name:    "only NOT NULL is missing",
			change:  constraints(false, true, asItIs),
			want:    outcomes{"hub-cookie-constraint-missing": "fail info 1"},
			summary: "users.cookie_id is UNIQUE and not NOT NULL, NOT NULL and UNIQUE are expected: nothing keeps a user from having none",
		},
		{
			name: "no such column",
			change: constraints(false, false, func(d *facts.Database) {
				d.Columns = map[string][]string{"users": {"id", "name"}}
			}),
			want:    outcomes{"hub-cookie-constraint-missing": "skipped", "hub-db-schema-mismatch": "fail error 1"},
			summary: "the table users has no column cookie_id",
		},
		{
			name: "a damaged table",
			change: func(s *facts.Snapshot) {
				constraints(true, false, asItIs)(s)
				hubOf(s).UsersRead = facts.Partial
			},
			want:    usersUnknown(outcomes{"hub-cookie-constraint-missing": "fail warning 1"}),
			summary: "users.cookie_id is not UNIQUE, NOT NULL and UNIQUE are expected: nothing keeps users from sharing one (incomplete: the table users is damaged: 10 rows could be read, others may be missing)",
		},
	},
	sourceFailed: []damage{
		{
			name:    "database not reachable",
			change:  failed(facts.HubDB(world.HubName)),
			want:    databaseUnknown(nil),
			summary: "source hubdb/datahub could not be read: gave up after 30s",
		},
		{
			name: "no table users",
			change: func(s *facts.Snapshot) {
				constraints(false, false, asItIs)(s)
				hubOf(s).Users, hubOf(s).Spawners, hubOf(s).UsersRead = nil, nil, facts.None
			},
			want:    usersUnknown(nil),
			summary: "the database has no table users that could be read",
		},
	},
}
