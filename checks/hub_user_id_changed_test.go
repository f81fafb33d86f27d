package checks

import (
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubUserIDChanged(t *testing.T) { testCheck(t, hubUserIDChangedCases) }

var hubUserIDChangedCases = cases{
	check: hubUserIDChanged,
	fires: []damage{
		{
			name:    "everybody back under a lower id",
			change:  since(facts.Changes{Before: 300, HighestID: 300}, renumbered(3, 200)),
			want:    outcomes{"hub-user-id-changed": "fail error 3"},
			summary: "since the run of 2026-11-20 11:00 UTC: 3 users with another id",
		},
		{
			name: "claims are named after the ids",
			change: all(since(facts.Changes{Before: 10, HighestID: 10}, renumbered(1, 200)), func(s *facts.Snapshot) {
				hubOf(s).KubeSpawner.PVCNameTemplate = "claim-{username}-{userid}"
			}),
			values: map[string]any{"minUsers": 1},
			want:   outcomes{"hub-user-id-changed": "fail error 1"},
			// The message itself is in TestHubUserIDChangedFindings.
			summary: "since the run of 2026-11-20 11:00 UTC: 1 user with another id",
		},
		{
			name: "ids in the middle are other people's",
			change: since(facts.Changes{Before: 10, HighestID: 10}, func(s *facts.Snapshot, c *facts.Changes) {
				for i := range 3 {
					u := &hubOf(s).Users[i]
					c.Vanished = append(c.Vanished, facts.Member{Name: fmt.Sprintf("former-%d", i), ID: u.ID, Created: u.Created.AddDate(0, -3, 0)})
					c.Appeared = append(c.Appeared, facts.Member{Name: u.Name, ID: u.ID, Created: u.Created})
				}
			}),
			want:    outcomes{"hub-user-id-changed": "fail error 3"},
			summary: "since the run of 2026-11-20 11:00 UTC: 3 users under an id that was somebody else's",
		},
		{
			name:    "an old copy is back: the newest users are gone, their claims are not",
			change:  since(facts.Changes{Before: 14, HighestID: 14}, newest(4, true)),
			want:    outcomes{"pvc-orphaned": "fail info 4", "hub-user-id-changed": "fail error 1", "hub-owner-missing": "fail info 4"},
			summary: "since the run of 2026-11-20 11:00 UTC: the highest id is 10 and was 14: the newest 4 users are gone, and 4 of them still have claims, which the hub deletes with a user",
		},
		{
			name: "an old copy is back: deleted users returned",
			change: since(facts.Changes{Before: 7, HighestID: 10}, func(s *facts.Snapshot, c *facts.Changes) {
				for _, u := range hubOf(s).Users[2:5] {
					c.Appeared = append(c.Appeared, facts.Member{Name: u.Name, ID: u.ID, Created: u.Created})
				}
			}),
			want:    outcomes{"hub-user-id-changed": "fail error 3"},
			summary: "since the run of 2026-11-20 11:00 UTC: 3 users back from the past",
		},
		{
			name: "2017: a table built by hand, dots became hyphens",
			change: since(facts.Changes{Before: 10, HighestID: 10}, func(s *facts.Snapshot, c *facts.Changes) {
				for i := range hubOf(s).Users {
					u := &hubOf(s).Users[i]
					u.Created = time.Time{}
					c.Vanished = append(c.Vanished, facts.Member{Name: fmt.Sprintf("student.%04d", u.ID), ID: u.ID})
					c.Appeared = append(c.Appeared, facts.Member{Name: u.Name, ID: u.ID})
				}
				world.Settle(s)
			}),
			want:    outcomes{"hub-user-id-changed": "fail warning 10", "hub-user-count-drift": "fail error 1"},
			summary: "since the run of 2026-11-20 11:00 UTC: 10 users under another name",
		},
		{
			name: "many deleted and added again",
			change: since(facts.Changes{Before: 10, HighestID: 10}, func(s *facts.Snapshot, c *facts.Changes) {
				readded(s, c, 10)
			}),
			want:    outcomes{"hub-user-id-changed": "fail warning 10"},
			summary: "since the run of 2026-11-20 11:00 UTC: 10 users deleted and added again",
		},
		{
			name: "no claims to see, and many of the newest are gone",
			change: all(since(facts.Changes{Before: 30, HighestID: 30}, newest(20, false)), func(s *facts.Snapshot) {
				hubOf(s).KubeSpawner.DeletePVC = false
			}),
			want:    outcomes{"hub-user-id-changed": "fail warning 1"},
			summary: "since the run of 2026-11-20 11:00 UTC: the highest id is 10 and was 30: the newest 20 users are gone, deleted or lost with the return of an older copy",
		},
		{
			name: "the history keeps hashes",
			change: since(facts.Changes{Before: 30, HighestID: 30, Hashed: true}, func(s *facts.Snapshot, c *facts.Changes) {
				newest(20, false)(s, c)
				renumbered(3, 200)(s, c)
			}),
			want: outcomes{"hub-user-id-changed": "fail error 4"},
			summary: "since the run of 2026-11-20 11:00 UTC: 3 users with another id; " +
				"the highest id is 10 and was 30: the newest 20 users are gone, deleted or lost with the return of an older copy",
		},
	},
	mustNotFire: []damage{
		{name: "nothing changed", change: since(facts.Changes{Before: 10, HighestID: 10}, nil), want: comparedIDs},
		{name: "the first users of a hub", change: since(facts.Changes{}, func(s *facts.Snapshot, c *facts.Changes) { c.Appeared = members(s) }), want: comparedIDs},
		{
			name: "growth, with the gaps of a sequence",
			change: since(facts.Changes{Before: 4, HighestID: 4}, func(s *facts.Snapshot, c *facts.Changes) {
				for i := 4; i < 10; i++ {
					hubOf(s).Users[i].Created = s.Now.Add(-30 * time.Minute)
				}
				c.Appeared = members(s)[4:]
			}),
			want: comparedIDs,
		},
		{
			name: "two deleted and added again, two renamed by an admin",
			change: since(facts.Changes{Before: 10, HighestID: 8}, func(s *facts.Snapshot, c *facts.Changes) {
				renumbered(2, -5)(s, c)
				for i, m := range members(s)[4:6] {
					c.Renamed = append(c.Renamed, facts.Renamed{Was: facts.Member{Name: fmt.Sprintf("before-%d", i), ID: m.ID, Created: m.Created}, Now: m})
				}
			}),
			want: comparedIDs,
		},
		{
			name: "nine deleted and added again with the next ids",
			change: since(facts.Changes{Before: 10, HighestID: 10}, func(s *facts.Snapshot, c *facts.Changes) {
				readded(s, c, 9)
			}),
			want: comparedIDs,
		},
		{
			name: "SQLite gives the ids of the deleted newest users to new ones",
			change: since(facts.Changes{Before: 10, HighestID: 10}, func(s *facts.Snapshot, c *facts.Changes) {
				for i := 6; i < 10; i++ {
					u := &hubOf(s).Users[i]
					c.Vanished = append(c.Vanished, facts.Member{Name: fmt.Sprintf("former-%d", i), ID: u.ID, Created: u.Created})
					u.Created = s.Now.Add(-30 * time.Minute)
					c.Appeared = append(c.Appeared, facts.Member{Name: u.Name, ID: u.ID, Created: u.Created})
				}
				world.Settle(s)
			}),
			want: comparedIDs,
		},
		{name: "the newest users deleted with their claims", change: since(facts.Changes{Before: 60, HighestID: 60}, newest(50, false)), want: comparedIDs},
		{
			name: "older users deleted at the end of term",
			change: since(facts.Changes{Before: 60, HighestID: 10}, func(s *facts.Snapshot, c *facts.Changes) {
				for i := range 50 {
					c.Vanished = append(c.Vanished, facts.Member{Name: fmt.Sprintf("former-%d", i), ID: int64(-i)})
				}
			}),
			want: comparedIDs,
		},
		{
			name: "users moved here from another hub, with their times",
			change: since(facts.Changes{Before: 5, HighestID: 5}, func(s *facts.Snapshot, c *facts.Changes) {
				c.Appeared = members(s)[5:]
			}),
			want: comparedIDs,
		},
		{
			name: "the clock of the hub is behind",
			change: since(facts.Changes{Before: 7, HighestID: 10}, func(s *facts.Snapshot, c *facts.Changes) {
				for i := 2; i < 5; i++ {
					hubOf(s).Users[i].Created = c.At.Add(-5 * time.Minute)
				}
				c.Appeared = members(s)[2:5]
				world.Settle(s)
			}),
			want: comparedIDs,
		},
		{
			name:    "work on the database that was announced",
			change:  since(facts.Changes{Before: 10, HighestID: 300}, renumbered(10, 200)),
			expect:  []Window{{From: world.Now.Add(-time.Hour), To: world.Now.Add(time.Hour), Reason: "move to PostgreSQL"}},
			summary: "a change is expected until 2026-11-20 13:00 UTC: move to PostgreSQL",
		},
		{
			name:    "the earlier run had its users from the REST API",
			change:  since(facts.Changes{Before: 10}, nil),
			summary: "the run of 2026-11-20 11:00 UTC knew no ids",
		},
		{name: "no earlier run", change: func(*facts.Snapshot) {}, summary: "no earlier good run to compare with"},
	},
	boundary: []damage{
		{name: "two users with other ids", change: since(facts.Changes{Before: 300, HighestID: 300}, renumbered(2, 200)), want: comparedIDs},
		{
			name: "two are too many here", change: since(facts.Changes{Before: 300, HighestID: 300}, renumbered(2, 200)),
			values: map[string]any{"minUsers": 2}, want: outcomes{"hub-user-id-changed": "fail error 2"},
			summary: "since the run of 2026-11-20 11:00 UTC: 2 users with another id",
		},
		{name: "two of the newest left their claims", change: since(facts.Changes{Before: 12, HighestID: 12}, newest(2, true)),
			want: outcomes{"pvc-orphaned": "fail info 2", "hub-user-id-changed": "pass", "hub-owner-missing": "fail info 2"}},
		{
			name: "as many of the newest as a course has",
			change: all(since(facts.Changes{Before: 29, HighestID: 29}, newest(19, false)), func(s *facts.Snapshot) {
				hubOf(s).KubeSpawner.DeletePVC = false
			}),
			want: comparedIDs,
		},
	},
	sourceFailed: []damage{
		{
			name:    "the history not readable",
			change:  failed(facts.History),
			want:    unknownWithout(facts.History, nil),
			summary: "source history could not be read: gave up after 30s",
		},
		{
			name:   "claims not readable, and some of the newest are gone",
			change: all(since(facts.Changes{Before: 14, HighestID: 14}, newest(4, true)), failed(facts.KubeClaims)),
			want:   unknownWithout(facts.KubeClaims, outcomes{"hub-user-id-changed": "unknown"}),
			summary: "the highest id is 10 and was 14: the newest 4 users are gone, deleted or lost with the return of an older copy: " +
				"source kube/claims could not be read, which tells these apart",
		},
		{
			name:   "claims not readable, and nobody is gone",
			change: all(since(facts.Changes{Before: 10, HighestID: 10}, nil), failed(facts.KubeClaims)),
			want:   unknownWithout(facts.KubeClaims, comparedIDs),
		},
		{
			name:    "half of the users read",
			change:  func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial },
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
	},
}

// comparedIDs is the verdict where there is an earlier run.
var comparedIDs = outcomes{"hub-user-id-changed": "pass"}

// since gives the world an earlier run, an hour ago, with what changed since.
func since(c facts.Changes, change func(*facts.Snapshot, *facts.Changes)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		past := c
		past.Run, past.At = "20261120T110000Z-7", s.Now.Add(-time.Hour)
		if change != nil {
			change(s, &past)
		}
		s.Past.Changes = map[string]*facts.Changes{world.HubName: &past}
	}
}

func members(s *facts.Snapshot) []facts.Member {
	var all []facts.Member
	for _, u := range hubOf(s).Users {
		all = append(all, facts.Member{Name: u.Name, ID: u.ID, Created: u.Created})
	}
	return all
}

// renumbered are the first n users, whose ids differed by so much.
func renumbered(n int, by int64) func(*facts.Snapshot, *facts.Changes) {
	return func(s *facts.Snapshot, c *facts.Changes) {
		for _, m := range members(s)[:n] {
			c.Renumbered = append(c.Renumbered, facts.Renumbered{Name: m.Name, Was: m.ID + by, Now: m.ID, Created: m.Created, CreatedNow: m.Created})
		}
	}
}

// readded deletes the first n users and adds them again, with the next ids.
func readded(s *facts.Snapshot, c *facts.Changes, n int) {
	h := hubOf(s)
	for i := range n {
		u := &h.Users[i]
		was := *u
		u.ID, u.Created = c.HighestID+was.ID, s.Now.Add(-20*time.Minute)
		c.Renumbered = append(c.Renumbered, facts.Renumbered{Name: u.Name, Was: was.ID, Now: u.ID, Created: was.Created, CreatedNow: u.Created})
		for j := range h.Spawners {
			if h.Spawners[j].UserID == was.ID {
				h.Spawners[j].UserID = u.ID
			}
		}
	}
	world.Settle(s)
}

// newest are n users who came after the ten that are there, and are gone; the
// claims of them may still be there.
func newest(n int, withClaims bool) func(*facts.Snapshot, *facts.Changes) {
	return func(s *facts.Snapshot, c *facts.Changes) {
		for i := 1; i <= n; i++ {
			name := fmt.Sprintf("former-%d", i)
			c.Vanished = append(c.Vanished, facts.Member{Name: name, ID: int64(10 + i), Created: s.Now.AddDate(0, 0, -3)})
			if withClaims {
				world.AddClaim(s, facts.Claim{Name: "claim-" + name, User: name, HasUser: true})
			}
		}
	}
}

// A finding says what the id was and is, and what follows from it.
func TestHubUserIDChangedFindings(t *testing.T) {
	s := healthy()
	since(facts.Changes{Before: 20, HighestID: 20}, func(s *facts.Snapshot, c *facts.Changes) {
		hubOf(s).KubeSpawner.PVCNameTemplate = "claim-{username}-{userid}"
		renumbered(1, 10)(s, c)
		m := members(s)
		c.Vanished = []facts.Member{{Name: "ann", ID: 5, Created: m[4].Created.AddDate(-1, 0, 0)}, {Name: "bob", ID: 6}}
		c.Appeared = []facts.Member{m[4], m[5], m[6]}
	})(s)
	suite, err := NewSuite(map[string]Setting{hubUserIDChanged.ID: {Values: map[string]any{"minUsers": 1, "minReplaced": 1}}}, []string{hubUserIDChanged.ID})
	if err != nil {
		t.Fatal(err)
	}
	v := Judge(suite, s)[0]
	for i, want := range []string{
		`"student-0001" has id 1 and had 11 on 2026-11-20, the same is expected; claims are named after the id, so the next start gets an empty home`,
		`id 5 is "student-0005", who is new, and was "ann" on 2026-11-20: ids of users who are gone are not given away below the highest`,
		`"student-0007" (id 7) was created on 2026-06-20 and was not in the database on 2026-11-20: rows of an older copy are back`,
		`id 6 is "student-0006" and was "bob" on 2026-11-20; logins under the former name make a new account`,
	} {
		if i >= len(v.Findings) || v.Findings[i].Message != want {
			t.Errorf("finding %d: got %+v\nwant %s", i, v.Findings, want)
		}
	}
}

// The REST API numbers users for the audit only.
func TestHubUserIDChangedNeedsIDs(t *testing.T) {
	s := healthy()
	hubOf(s).UsersFrom = facts.HubAPI(world.HubName)
	since(facts.Changes{Before: 10, HighestID: 10}, renumbered(5, 10))(s)
	suite, err := NewSuite(nil, []string{hubUserIDChanged.ID})
	if err != nil {
		t.Fatal(err)
	}
	if v := Judge(suite, s)[0]; v.Outcome != "skipped" || v.Summary != "the hub's users come from its REST API, which shows no ids" {
		t.Errorf("%s: %s", v.Outcome, v.Summary)
	}
}
