package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubCookieIDNull(t *testing.T) { testCheck(t, hubCookieIDNullCases) }

var hubCookieIDNullCases = cases{
	check: hubCookieIDNull,
	fires: []damage{
		{
			name:    "a users table rebuilt by hand",
			change:  func(s *facts.Snapshot) { world.NullCookies(s, world.HubName) },
			want:    outcomes{"hub-cookie-id-null": "fail critical 10", "hub-cookie-constraint-missing": "fail warning 1"},
			summary: "10 of 10 users have no cookie_id",
		},
		{
			name:    "an empty text is no cookie_id",
			change:  func(s *facts.Snapshot) { hubOf(s).Users[3].Cookie = facts.CookieEmpty },
			want:    outcomes{"hub-cookie-id-null": "fail critical 1"},
			summary: "1 of 10 users has no cookie_id",
		},
	},
	mustNotFire: []damage{{
		name: "Bob and bob, and the constraint missing",
		change: func(s *facts.Snapshot) {
			h := hubOf(s)
			h.Users = append(h.Users, facts.User{ID: 11, Name: "Bob", Cookie: facts.CookieUnique}, facts.User{ID: 12, Name: "bob", Cookie: facts.CookieUnique})
			h.Database.CookieNotNull, h.Database.CookieUnique = false, false
		},
		want: outcomes{"hub-cookie-constraint-missing": "fail warning 1"},
	}},
	boundary: []damage{
		{
			name:    "one user",
			change:  func(s *facts.Snapshot) { world.NullCookies(s, world.HubName, 7) },
			want:    outcomes{"hub-cookie-id-null": "fail critical 1", "hub-cookie-constraint-missing": "fail warning 1"},
			summary: "1 of 10 users has no cookie_id",
		},
		{
			name: "what could be read of a damaged table is judged",
			change: func(s *facts.Snapshot) {
				world.NullCookies(s, world.HubName, 1, 2)
				hubOf(s).UsersRead = facts.Partial
			},
			want:    usersUnknown(outcomes{"hub-cookie-id-null": "fail critical 2", "hub-cookie-constraint-missing": "fail warning 1"}),
			summary: "2 of 10 users have no cookie_id (incomplete: the table users is damaged: 10 rows could be read, others may be missing)",
		},
	},
	sourceFailed: []damage{{
		name:    "database not reachable",
		change:  failed(facts.HubDB(world.HubName)),
		want:    databaseUnknown(nil),
		summary: "source hubdb/datahub could not be read: gave up after 30s",
	}},
}
