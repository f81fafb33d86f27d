package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubCookieIDDuplicate(t *testing.T) { testCheck(t, hubCookieIDDuplicateCases) }

var hubCookieIDDuplicateCases = cases{
	check: hubCookieIDDuplicate,
	fires: []damage{
		{
			name:    "one value for everybody",
			change:  func(s *facts.Snapshot) { world.ShareCookies(s, world.HubName) },
			want:    outcomes{"hub-cookie-id-duplicate": "fail critical 10", "hub-cookie-constraint-missing": "fail warning 1"},
			summary: `10 of 10 users share 1 cookie_id with others: all of them are logged in as user "student-0001" (id 1)`,
		},
		{
			name: "two groups",
			change: func(s *facts.Snapshot) {
				world.ShareCookies(s, world.HubName, 2, 3)
				world.ShareCookies(s, world.HubName, 5, 6, 7)
			},
			want:    outcomes{"hub-cookie-id-duplicate": "fail critical 5", "hub-cookie-constraint-missing": "fail warning 1"},
			summary: "5 of 10 users share 2 cookie_ids with others",
		},
	},
	mustNotFire: []damage{{
		name: "the same user twice in the list of servers",
		change: func(s *facts.Snapshot) {
			hubOf(s).Spawners = append(hubOf(s).Spawners, facts.Spawner{ID: 99, UserID: 1})
		},
		want: outcomes{"hub-spawner-duplicate": "fail warning 1"},
	}},
	boundary: []damage{
		{
			name:    "two users",
			change:  func(s *facts.Snapshot) { world.ShareCookies(s, world.HubName, 4, 9) },
			want:    outcomes{"hub-cookie-id-duplicate": "fail critical 2", "hub-cookie-constraint-missing": "fail warning 1"},
			summary: `2 of 10 users share 1 cookie_id with others: all of them are logged in as user "student-0004" (id 4)`,
		},
		{
			name: "several empty ones are the other check's",
			change: func(s *facts.Snapshot) {
				hubOf(s).Users[0].Cookie, hubOf(s).Users[1].Cookie = facts.CookieEmpty, facts.CookieEmpty
			},
			want: outcomes{"hub-cookie-id-null": "fail critical 2"},
		},
	},
	sourceFailed: []damage{{
		name: "the users table is unreadable",
		change: func(s *facts.Snapshot) {
			hubOf(s).Users, hubOf(s).UsersRead = nil, facts.None
			hubOf(s).Spawners = nil
		},
		want:    usersUnknown(nil),
		summary: "the database has no table users that could be read",
	}},
}
