package checks

import (
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/world"
)

func TestHubUserTwin(t *testing.T) { testCheck(t, hubUserTwinCases) }

const (
	hour = time.Hour
	days = 24 * time.Hour
	janu = "jan\u00fcsz"  // one letter
	jan2 = "janu\u0308sz" // the same in two
)

var hubUserTwinCases = cases{
	check: hubUserTwin,
	fires: []damage{
		{
			name:   "a dot became a hyphen",
			change: twinned("jane.doe", "jane-doe", 3*days),
			want:   outcomes{"hub-user-twin": "fail warning 1"},
			summary: `"jane-doe" (id 101, since 2026-11-17) looks like the second account of "jane.doe" (id 1, since 2026-06-20), ` +
				`last active on 2026-11-16: the names differ only in '-' and '.', one account each is expected`,
		},
		{
			name: "of the second account's claim only the label tells",
			change: all(twinned("jane.doe", "jane-doe", 3*days), func(s *facts.Snapshot) {
				renameClaim(s, "claim-jane-doe", "claim-of-101")
				c := claimNamed(s, "claim-of-101")
				c.User, c.HasUser, c.LabelUser = "", false, "jane-doe"
			}),
			want: outcomes{"hub-user-twin": "fail warning 1"},
			summary: `"jane-doe" (id 101, since 2026-11-17) looks like the second account of "jane.doe" (id 1, since 2026-06-20), ` +
				`last active on 2026-11-16: the names differ only in '-' and '.', one account each is expected`,
		},
		{
			name: "2017: dots became hyphens for several, without times in the database",
			change: all(twinned("a.b", "a-b", 3*days), twinned("c.d", "c-d", 2*days), twinned("e_f.g", "e-f-g", 1*days),
				func(s *facts.Snapshot) {
					for i := range hubOf(s).Users {
						hubOf(s).Users[i].Created = time.Time{}
					}
					world.Settle(s)
				}),
			want:    outcomes{"hub-user-twin": "fail error 3"},
			summary: "3 users look like second accounts of users under another name; the names differ only: 2 in '-' and '.', 1 in '-' and '.' and '_'",
		},
		{
			name:    "the domain was cut off",
			change:  all(twinned("ann@u.edu", "ann", 3*days), twinned("bob@u.edu", "bob", 2*days), twinned("cy@u.edu", "cy", 9*hour)),
			want:    outcomes{"hub-user-twin": "fail error 3"},
			summary: "3 users look like second accounts of users under another name; the names differ only: 3 in the domain \"u.edu\"",
		},
		{
			name:   "the domain was added, and a capital",
			change: twinned("jane", "Jane@u.edu", 3*days),
			want:   outcomes{"hub-user-twin": "fail warning 1"},
			summary: `"Jane@u.edu" (id 101, since 2026-11-17) looks like the second account of "jane" (id 1, since 2026-06-20), ` +
				`last active on 2026-11-16: the names differ only in the domain "u.edu" and case, one account each is expected`,
		},
		{
			name:    "capitals were folded for several, and one dot",
			change:  all(twinned("Ann", "ann", 3*days), twinned("Bob", "bob", 2*days), twinned("Cy", "cy", 1*days), twinned("d.e", "d-e", 1*days)),
			want:    outcomes{"hub-user-twin": "fail error 4"},
			summary: "4 users look like second accounts of users under another name; the names differ only: 3 in case, 1 in '-' and '.'",
		},
		{
			name:    "the Unicode form changed for several",
			change:  all(twinned(janu, jan2, 3*days), twinned(janu+"1", jan2+"1", 2*days), twinned("\uff41nn", "ann", 1*days)),
			want:    outcomes{"hub-user-twin": "fail error 3"},
			summary: "3 users look like second accounts of users under another name; the names differ only: 3 in Unicode form",
		},
		{
			name:   "the Unicode form is told apart in the message",
			change: twinned(janu+".x", jan2+"-x", 3*days),
			want:   outcomes{"hub-user-twin": "fail warning 1"},
			summary: `"janu\u0308sz-x" (id 101, since 2026-11-17) looks like the second account of "jan\u00fcsz.x" (id 1, since 2026-06-20), ` +
				`last active on 2026-11-16: the names differ only in '-' and '.' and Unicode form, one account each is expected`,
		},
		{
			name: "a third account after the second",
			change: all(twinned("a.b", "a-b", 30*days), func(s *facts.Snapshot) {
				setActive(s, "a-b", s.Now.Add(-4*days))
				addAccount(s, 102, "a_b", s.Now.Add(-3*days))
			}),
			want:    outcomes{"hub-user-twin": "fail warning 2"},
			summary: "2 users look like second accounts of users under another name; the names differ only: 1 in '-' and '.', 1 in '-' and '_'",
		},
		{
			name:   "an address rebuilt from the name of its claim",
			change: twinned("jane-u-edu", "jane@u.edu", 3*days),
			want:   outcomes{"hub-user-twin": "fail warning 1"},
			summary: `"jane@u.edu" (id 101, since 2026-11-17) looks like the second account of "jane-u-edu" (id 1, since 2026-06-20), ` +
				`last active on 2026-11-16: the names differ only in '-' and '.' and '@', one account each is expected`,
		},
		{
			name:   "a name with a blank in front, which a hub refuses",
			change: twinned(" jane", "jane", 3*days),
			want:   outcomes{"hub-user-twin": "fail warning 1", "hub-user-name-refused": "fail error 1"},
			summary: `"jane" (id 101, since 2026-11-17) looks like the second account of " jane" (id 1, since 2026-06-20), ` +
				`last active on 2026-11-16: the names differ only in blanks around it, one account each is expected`,
		},
		{
			name: "rebuilt by hand: nobody was ever active, but has a claim",
			change: all(twinned("jane-doe", "jane.doe", 3*days), func(s *facts.Snapshot) {
				setActive(s, "jane-doe", time.Time{})
			}),
			want: outcomes{"hub-user-twin": "fail warning 1"},
			summary: `"jane.doe" (id 101, since 2026-11-17) looks like the second account of "jane-doe" (id 1, since 2026-06-20), ` +
				`which was never active: the names differ only in '-' and '.', one account each is expected`,
		},
		{
			name:    "no cluster to see: several",
			change:  all(twinned("a.b", "a-b", 3*days), twinned("c.d", "c-d", 2*days), twinned("e.f", "e-f", 1*days), withoutClaims),
			want:    claimsSkipped(outcomes{"hub-user-twin": "fail warning 3"}),
			summary: "3 users look like second accounts of users under another name; the names differ only: 3 in '-' and '.'",
		},
		{
			name:   "no cluster to see: one",
			change: all(twinned("a.b", "a-b", 3*days), withoutClaims),
			want:   claimsSkipped(outcomes{"hub-user-twin": "fail info 1"}),
			summary: `"a-b" (id 101, since 2026-11-17) looks like the second account of "a.b" (id 1, since 2026-06-20), ` +
				`last active on 2026-11-16: the names differ only in '-' and '.', one account each is expected`,
		},
	},
	mustNotFire: []damage{
		{name: "Bob and bob", change: twinned("Bob", "bob", 3*days)},
		{name: "two pairs of capitals", change: all(twinned("Bob", "bob", 3*days), twinned("Ann", "ann", 3*days))},
		{name: "one name in two Unicode forms", change: twinned(janu, jan2, 3*days)},
		{name: "addresses of two domains", change: twinned("bob@a.edu", "bob@b.edu", 3*days)},
		{
			name: "a name and addresses of two domains",
			change: all(twinned("bob", "bob@a.edu", 3*days), func(s *facts.Snapshot) {
				addAccount(s, 102, "bob@b.edu", s.Now.Add(-2*days))
			}),
		},
		{name: "names that differ in a letter more", change: twinned("jdoe", "j.doe", 3*days)},
		{name: "names of nothing but symbols", change: twinned("..", "--", 3*days)},
		{
			name: "both in use",
			change: all(twinned("a.b", "a-b", 30*days), func(s *facts.Snapshot) {
				setActive(s, "a.b", s.Now.Add(-hour))
			}),
		},
		{name: "namesakes of two generations", change: all(twinned("a.b", "a-b", 3*days), func(s *facts.Snapshot) {
			setActive(s, "a.b", s.Now.AddDate(-1, 0, 0))
		})},
		{name: "old news", change: twinned("a.b", "a-b", 100*days)},
		{
			name:   "the second account has no claim",
			change: all(twinned("a.b", "a-b", 3*days), func(s *facts.Snapshot) { world.RemoveClaim(s, world.Namespace, "claim-a-b") }),
		},
		{
			name:   "the first account's claim is being deleted",
			change: all(twinned("a.b", "a-b", 3*days), func(s *facts.Snapshot) { claimNamed(s, "claim-student-0001").Deleting = s.Now }),
		},
		{
			name: "the second account was given the claim of the first",
			change: all(twinned("a.b", "a-b", 3*days), func(s *facts.Snapshot) {
				world.RemoveClaim(s, world.Namespace, "claim-a-b")
				h := hubOf(s)
				h.Spawners[0].State = facts.SpawnerState{}
				h.Spawners = append(h.Spawners, facts.Spawner{ID: 200, UserID: 101,
					State: facts.SpawnerState{Form: "object", PodName: "p", PVCName: "claim-student-0001"}})
				world.Settle(s)
			}),
		},
		{
			name: "upgraded from before 0.9: all users created at once, all in use since",
			change: all(twinned("a.b", "a-b", 120*days), func(s *facts.Snapshot) {
				for i := range hubOf(s).Users {
					hubOf(s).Users[i].Created = s.Now.Add(-60 * days)
				}
				setActive(s, "a.b", s.Now.Add(-90*days))
				world.Settle(s)
			}),
		},
		{
			name: "no cluster to see, and the first account was never used",
			change: all(twinned("a.b", "a-b", 3*days), func(s *facts.Snapshot) {
				setActive(s, "a.b", time.Time{})
			}, withoutClaims),
			want: claimsSkipped(nil),
		},
	},
	boundary: append([]damage{
		{name: "the gap is the longest", change: all(twinned("a.b", "a-b", 3*days), activeBefore("a.b", 3*days+180*days)),
			want: outcomes{"hub-user-twin": "fail warning 1"}, summary: twinSummary("a-b", "a.b", "2026-05-21")},
		{name: "a second longer", change: all(twinned("a.b", "a-b", 3*days), activeBefore("a.b", 3*days+180*days+time.Second))},
		{name: "the overlap is the longest", change: all(twinned("a.b", "a-b", 3*days), activeBefore("a.b", 2*days)),
			want: outcomes{"hub-user-twin": "fail warning 1"}, summary: twinSummary("a-b", "a.b", "2026-11-18")},
		{name: "a second more", change: all(twinned("a.b", "a-b", 3*days), activeBefore("a.b", 2*days-time.Second))},
		{name: "as old as may be", change: twinned("a.b", "a-b", 90*days), want: outcomes{"hub-user-twin": "fail warning 1"},
			summary: `"a-b" (id 101, since 2026-08-22) looks like the second account of "a.b" (id 1, since 2026-06-20), ` +
				`last active on 2026-08-21: the names differ only in '-' and '.', one account each is expected`},
		{name: "a second older", change: twinned("a.b", "a-b", 90*days+time.Second)},
		{name: "the first was there a day before", change: all(twinned("a.b", "a-b", 3*days), createdBefore("a.b", 4*days)),
			want: outcomes{"hub-user-twin": "fail warning 1"},
			summary: `"a-b" (id 101, since 2026-11-17) looks like the second account of "a.b" (id 1, since 2026-11-16), ` +
				`last active on 2026-11-16: the names differ only in '-' and '.', one account each is expected`},
		{name: "a second less", change: all(twinned("a.b", "a-b", 3*days), createdBefore("a.b", 4*days-time.Second))},
	}, twinsWithin()...),
	sourceFailed: []damage{
		{
			name:    "claims not readable",
			change:  all(twinned("a.b", "a-b", 3*days), failed(facts.KubeClaims)),
			want:    claimsUnknown(),
			summary: "source kube/claims could not be read: gave up after 30s",
		},
		{
			name: "half of the users read",
			change: func(s *facts.Snapshot) {
				hubOf(s).UsersRead = facts.Partial
			},
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
		{
			name: "nothing tells when the second account came",
			change: all(twinned("a.b", "a-b", 3*days), twinned("Bob", "bob", 3*days), withoutClaims, func(s *facts.Snapshot) {
				for i := range hubOf(s).Users {
					hubOf(s).Users[i].Created = time.Time{}
				}
				setActive(s, "a-b", s.Now)
				world.Settle(s)
			}),
			want:    claimsSkipped(outcomes{"hub-user-twin": "skipped"}),
			summary: "1 pair of users with like names: the database does not tell when the second one came, and there is no cluster to look at its claim",
		},
	},
}

// twinsWithin are pairs that differ in case, which are only reported together.
func twinsWithin() []damage {
	pairs := func(last time.Duration) func(*facts.Snapshot) {
		return all(twinned("Ann", "ann", 20*days), twinned("Bob", "bob", 10*days), twinned("Cy", "cy", last))
	}
	return []damage{
		{name: "three within the time", change: pairs(6 * days), want: outcomes{"hub-user-twin": "fail error 3"},
			summary: "3 users look like second accounts of users under another name; the names differ only: 3 in case"},
		{name: "three within a second more", change: pairs(6*days - time.Second)},
		{name: "four are wanted", change: pairs(6 * days), values: map[string]any{"minPairs": 4}},
	}
}

func twinSummary(second, first, active string) string {
	return fmt.Sprintf(`%q (id 101, since 2026-11-17) looks like the second account of %q (id 1, since 2026-06-20), `+
		`last active on %s: the names differ only in '-' and '.', one account each is expected`, second, first, active)
}

// twinned renames the next user that is still called student to first, whose
// activity then ends, and lets second appear so long ago, a day later, with a
// claim of their own.
func twinned(first, second string, ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range hubOf(s).Users {
			u := &hubOf(s).Users[i]
			if u.ID > 100 || u.Name != fmt.Sprintf("student-%04d", u.ID) {
				continue
			}
			at := s.Now.Add(-ago)
			u.Name, u.LastActivity = first, at.Add(-days)
			addAccount(s, u.ID+100, second, at)
			return
		}
		panic("no student left")
	}
}

func addAccount(s *facts.Snapshot, id int64, name string, created time.Time) {
	h := hubOf(s)
	h.Users = append(h.Users, facts.User{ID: id, Name: name, Created: created, LastActivity: s.Now.Add(-hour), Cookie: facts.CookieUnique})
	world.AddClaim(s, facts.Claim{Name: "claim-" + kubespawner.Safe(name), User: name, HasUser: true, Created: created})
}

func setActive(s *facts.Snapshot, name string, at time.Time) {
	for i := range hubOf(s).Users {
		if hubOf(s).Users[i].Name == name {
			hubOf(s).Users[i].LastActivity = at
		}
	}
	world.Settle(s)
}

func activeBefore(name string, ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { setActive(s, name, s.Now.Add(-ago)) }
}

func createdBefore(name string, ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range hubOf(s).Users {
			if hubOf(s).Users[i].Name == name {
				hubOf(s).Users[i].Created = s.Now.Add(-ago)
			}
		}
		world.Settle(s)
	}
}

// all makes one change of several.
func all(changes ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, change := range changes {
			change(s)
		}
	}
}

// withoutClaims is a run that was given no cluster.
func withoutClaims(s *facts.Snapshot) {
	s.Kube.Claims = nil
	absent(facts.KubeClaims)(s)
}

// claimsSkipped are the verdicts that a cluster costs which is not there.
func claimsSkipped(more outcomes) outcomes {
	want := unknownWithout(facts.KubeClaims, nil)
	for _, c := range Registry {
		for _, need := range c.Needs {
			if need == facts.KubeClaims {
				want[c.ID] = "skipped"
			}
		}
		if want[c.ID] == "unknown" { // only used
			delete(want, c.ID)
		}
	}
	for id, outcome := range more {
		want[id] = outcome
	}
	return want
}
