package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubUserNameRefused(t *testing.T) { testCheck(t, hubUserNameRefusedCases) }

// addUsers adds users of these names, who never started a server.
func addUsers(names ...string) func(h *facts.Hub) {
	return func(h *facts.Hub) {
		for _, name := range names {
			h.Users = append(h.Users, facts.User{ID: int64(len(h.Users) + 1), Name: name,
				Created: world.Now.AddDate(0, -1, 0), Cookie: facts.CookieUnique})
		}
	}
}

var hubUserNameRefusedCases = cases{
	check: hubUserNameRefused,
	fires: []damage{
		{
			name:    "an empty name",
			change:  changed(addUsers("")),
			want:    outcomes{"hub-user-name-refused": "fail error 1"},
			summary: `the name of user "" (id 11) is empty: the hub refuses it, and its owner cannot log in`,
		},
		{
			name:    "a leading blank, and the owner came back",
			change:  changed(addUsers(" Student-0003")),
			want:    outcomes{"hub-user-name-refused": "fail error 1"},
			summary: `the name of user " Student-0003" (id 11) begins or ends with a blank: the hub refuses it, and its owner is given a new account; there is already user "student-0003" (id 3)`,
		},
		{
			name:    "seen through the REST API",
			change:  apiOnly(addUsers("uni/alice")),
			want:    apiOnlyWant(outcomes{"hub-user-name-refused": "fail error 1"}),
			summary: `the name of user "uni/alice" holds a slash: the hub refuses it, and its owner cannot log in`,
		},
		{
			name:    "several",
			change:  changed(addUsers("a/b", "c\t", "\u00a0d", "e\u3000", "\x1cf")),
			want:    outcomes{"hub-user-name-refused": "fail error 5"},
			summary: "5 of 15 users have names that the hub refuses: nobody can log in as them",
		},
	},
	mustNotFire: []damage{{
		name:   "addresses, capitals, dots, blanks inside and any alphabet",
		change: changed(addUsers("User@Example.com", "dot.", "carol ann", "мария", "李雷", "🧪.lab", "-dash", "o'brien", "pct%41", `back\slash`, "x\u200b")),
	}},
	boundary: []damage{
		{name: "a blank inside", change: changed(addUsers("a b"))},
		{
			name:    "a blank at the end",
			change:  changed(addUsers("ab ")),
			want:    outcomes{"hub-user-name-refused": "fail error 1"},
			summary: `the name of user "ab " (id 11) begins or ends with a blank: the hub refuses it, and its owner is given a new account`,
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
			name:    "users damaged",
			change:  rowsOnly(func(h *facts.Hub) { h.UsersRead = facts.Partial }),
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
	},
}
