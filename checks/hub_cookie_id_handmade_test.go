package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubCookieIDHandmade(t *testing.T) { testCheck(t, hubCookieIDHandmadeCases) }

// handMade marks the cookie_id of the users with these indexes; none means all.
func handMade(h *facts.Hub, users ...int) {
	if len(users) == 0 {
		for i := range h.Users {
			users = append(users, i)
		}
	}
	for _, i := range users {
		h.Users[i].CookieHandMade = true
	}
}

var hubCookieIDHandmadeCases = cases{
	check: hubCookieIDHandmade,
	fires: []damage{
		{
			name:    "a few rows",
			change:  changed(func(h *facts.Hub) { handMade(h, 2, 5, 6) }),
			want:    outcomes{"hub-cookie-id-handmade": "fail info 3"},
			summary: "3 of 10 users have a cookie_id that JupyterHub did not make",
		},
		{
			name:    "the whole table",
			change:  changed(func(h *facts.Hub) { handMade(h) }),
			want:    outcomes{"hub-cookie-id-handmade": "fail info 10"},
			summary: "all 10 users have a cookie_id that JupyterHub did not make: the whole table users was written by hand or by a tool",
		},
	},
	mustNotFire: []damage{{
		name: "absent and shared values are other checks'",
		change: func(s *facts.Snapshot) {
			handMade(hubOf(s), 0, 1, 2, 3)
			hubOf(s).Users[0].Cookie = facts.CookieNull
			hubOf(s).Users[1].Cookie = facts.CookieEmpty
			for i := 2; i < 4; i++ {
				hubOf(s).Users[i].Cookie, hubOf(s).Users[i].CookieSharedWith = facts.CookieShared, 3
			}
		},
		want: outcomes{"hub-cookie-id-null": "fail critical 2", "hub-cookie-id-duplicate": "fail critical 2"},
	}},
	boundary: []damage{
		{
			name:    "one user",
			change:  changed(func(h *facts.Hub) { handMade(h, 9) }),
			want:    outcomes{"hub-cookie-id-handmade": "fail info 1"},
			summary: "1 of 10 users has a cookie_id that JupyterHub did not make",
		},
		{
			name: "what could be read of a damaged table is judged",
			change: func(s *facts.Snapshot) {
				handMade(hubOf(s), 0)
				hubOf(s).UsersRead = facts.Partial
			},
			want:    usersUnknown(outcomes{"hub-cookie-id-handmade": "fail info 1"}),
			summary: "1 of 10 users has a cookie_id that JupyterHub did not make (incomplete: the table users is damaged: 10 rows could be read, others may be missing)",
		},
	},
	sourceFailed: []damage{{
		name:    "database not reachable",
		change:  failed(facts.HubDB(world.HubName)),
		want:    databaseUnknown(nil),
		summary: "source hubdb/datahub could not be read: gave up after 30s",
	}},
}
