package checks

import (
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubSourceDisagree(t *testing.T) { testCheck(t, hubSourceDisagreeCases) }

var hubSourceDisagreeCases = cases{
	check: hubSourceDisagree,
	fires: []damage{
		{
			name: "2017: the file was emptied under the running hub",
			change: forget(underRunningHub(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName)
			})),
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-source-disagree": "fail critical 1", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped",
				"hub-owner-missing": "skipped"},
			summary: "the database has 0 users, and the REST API of the running hub lists 10, of whom 10 are not in it: " +
				replacedFile,
		},
		{
			name: "a new file in which three are users, while the API's list was cut short",
			change: forget(underRunningHub(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0001", "student-0002", "student-0003")
				hubOf(s).API.UsersRead = facts.Partial
			})),
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-source-disagree": "fail critical 1", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped",
				"hub-owner-missing": "skipped"},
			summary: "the database has 3 users, and the REST API of the running hub lists 10, of whom 7 are not in it: " +
				replacedFile,
		},
		{
			name: "not one user in both",
			change: changeAPI(func(api *facts.API) {
				for i := range api.Users {
					api.Users[i].Name = fmt.Sprintf("teacher-%d", i)
				}
			}),
			want: outcomes{"hub-source-disagree": "fail critical 1"},
			summary: "the database has 10 users, and the REST API of the running hub lists 10, of whom 10 are not in it: " +
				replacedFile,
		},
		{
			name: "a database server without the users of the hub",
			change: forget(underRunningHub(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0001")
				hubOf(s).Database.Engine = "postgresql"
			})),
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-source-disagree": "fail critical 1", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped", "hub-db-volume-full": "skipped",
				"hub-owner-missing": "skipped"},
			summary: "the database has 1 user, and the REST API of the running hub lists 10, of whom 9 are not in it: " +
				"it was emptied, or the hub works on another database than the audit reads",
		},
		{
			name:   "users whom the hub does not list",
			change: changeAPI(func(api *facts.API) { api.Users = api.Users[:5] }),
			want:   outcomes{"hub-source-disagree": "fail error 1"},
			summary: "5 users are in the database and not listed by the REST API, the same users are expected in both: " +
				`"student-0006", "student-0007", "student-0008" and 2 more`,
		},
		{
			name: "users whom only the hub lists, and others whom only the database has",
			change: changeAPI(func(api *facts.API) {
				for i := range 4 {
					api.Users[i].Name = fmt.Sprintf("teacher-%d", i)
				}
			}),
			want: outcomes{"hub-source-disagree": "fail error 2"},
			summary: "4 users are listed by the REST API and not in the database, the same users are expected in both: " +
				`"teacher-0", "teacher-1", "teacher-2" and 1 more (and 1 difference more)`,
		},
		{
			name:   "a claim that the hub believes to be another",
			change: changeAPI(func(api *facts.API) { api.Spawners[1].State.PVCName = "claim-other" }),
			want:   outcomes{"hub-source-disagree": "fail error 1"},
			summary: `user "student-0002"'s default server is on claim "claim-student-0002" in the database and on "claim-other" ` +
				"for the running hub, the same is expected: it will write its own over the other",
		},
		{
			name:   "servers that run for the database only",
			change: apiStopped,
			values: map[string]any{"maxServers": 1},
			want:   outcomes{"hub-source-disagree": "fail warning 1"},
			summary: "2 of 2 running servers run only for the database or only for the REST API, the same is expected in both: " +
				`user "student-0005"'s default server, user "student-0010"'s default server`,
		},
		{
			name:   "2017, seen in what the hub counts itself",
			change: forget(inTurn(noAPI(10), func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) })),
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-source-disagree": "fail critical 1", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped",
				"hub-owner-missing": "skipped"},
			summary: "the database has 0 users, and the running hub itself counted 10 on 2026-11-20 11:59 UTC (jupyterhub_total_users), at most as many are expected: " + replacedFile,
		},
		{
			name: "users removed from the database of a running hub", change: noAPI(17), want: outcomes{"hub-source-disagree": "fail error 1"},
			summary: countedMore("17"),
		},
		{
			name:    "the API's list cut short, and the hub counts more",
			change:  changeAPI(func(api *facts.API) { api.Users, api.UsersRead = api.Users[:5], facts.Partial }, func(h *facts.Hub) { h.MetricUsers = 17 }),
			want:    outcomes{"hub-source-disagree": "fail error 1"},
			summary: countedMore("17") + " (incomplete: the REST API's list of users is not complete: 5 users could be read)",
		},
	},
	mustNotFire: []damage{
		{name: "deleted between the two reads", change: changeAPI(func(api *facts.API) { api.Users = api.Users[3:] })},
		{name: "some culled between the two reads", change: apiStopped},
		{
			name: "a class added between the two reads",
			change: changeAPI(func(api *facts.API) {
				for i := range 30 {
					api.Users = append(api.Users, facts.User{ID: int64(-100 - i), Name: fmt.Sprintf("new-%d", i), Created: world.Now.Add(-time.Minute)})
				}
			}),
		},
		{
			name: "names that a hub refuses",
			change: changeAPI(func(api *facts.API) {
				api.Users = api.Users[6:]
			}, func(h *facts.Hub) {
				for i, name := range []string{"", " a", "b ", "c/d", "/", "\te"} {
					h.Users[i].Name = name
				}
			}),
			want: outcomes{"hub-user-name-refused": "fail error 6"},
		},
		{
			name: "a first start that has its claim for one of the two",
			change: changeAPI(nil, func(h *facts.Hub) {
				h.Spawners[1].State = facts.SpawnerState{}
			}),
		},
		{
			name: "a token that sees neither servers nor claims",
			change: changeAPI(func(api *facts.API) {
				api.Spawners, api.SpawnersRead, api.StatesRead = nil, facts.None, false
			}),
			values: map[string]any{"maxServers": 0},
		},
		{
			name:   "servers that are just starting",
			change: changeAPI(func(api *facts.API) { stopAll(api.Spawners) }, func(h *facts.Hub) { startedAt(h.Spawners, world.Now.Add(-time.Minute)) }),
			values: map[string]any{"maxServers": 0},
		},
		{name: "the hub has no REST API configured, and counts as many", change: noAPI(10)},
		{name: "the hub counts fewer, without those whom it refuses", change: noAPI(1)},
		{name: "the hub counts wrongly, and its REST API lists the same users as the database", change: func(s *facts.Snapshot) { hubOf(s).MetricUsers = 40 }},
		{
			name: "nothing shows what the hub works on", change: inTurn(noAPI(0), func(s *facts.Snapshot) { hubOf(s).MetricUsersAt = time.Time{} }),
			want:    outcomes{"hub-source-disagree": "skipped"},
			summary: "nothing shows what the running hub works on: its REST API is not configured, and Prometheus has no jupyterhub_total_users of it alone",
		},
	},
	boundary: []damage{
		{name: "the hub counts as many more as may be", change: noAPI(13)},
		{name: "and one more", change: noAPI(14), want: outcomes{"hub-source-disagree": "fail error 1"}, summary: countedMore("14")},
		{
			name: "a count as old as is looked at", change: inTurn(noAPI(14), countedAt(10*time.Minute)), want: outcomes{"hub-source-disagree": "fail error 1"},
			summary: "the database has 10 users, and the running hub itself counted 14 on 2026-11-20 11:50 UTC (jupyterhub_total_users), at most as many are expected: " + removedRows,
		},
		{
			name: "an older count", change: inTurn(noAPI(14), countedAt(10*time.Minute+time.Second)), want: outcomes{"hub-source-disagree": "skipped"},
			summary: "what the hub itself counts was last seen on 2026-11-20 11:49 UTC, which is too old to compare",
		},
		{
			name: "one user more than may be", change: changeAPI(func(api *facts.API) { api.Users = api.Users[4:] }),
			want: outcomes{"hub-source-disagree": "fail error 1"},
			summary: "4 users are in the database and not listed by the REST API, the same users are expected in both: " +
				`"student-0001", "student-0002", "student-0003" and 1 more`,
		},
		{name: "as large a share as may be", change: changeAPI(func(api *facts.API) { api.Users = api.Users[4:] }), values: map[string]any{"maxPercent": 40}},
		{name: "as new as is left out", change: changeAPI(nil, createdAt(10*time.Minute))},
		{
			name: "a second older", change: changeAPI(nil, createdAt(10*time.Minute+time.Second)),
			want: outcomes{"hub-source-disagree": "fail error 1"},
			summary: "4 users are in the database and not listed by the REST API, the same users are expected in both: " +
				`"new-0", "new-1", "new-2" and 1 more`,
		},
		{
			name: "as new as servers may be", values: map[string]any{"maxServers": 0, "maxServersPercent": 0},
			change: changeAPI(func(api *facts.API) { stopAll(api.Spawners) }, func(h *facts.Hub) { startedAt(h.Spawners, world.Now.Add(-10*time.Minute)) }),
		},
		{
			name: "servers as old as counts", values: map[string]any{"maxServers": 1},
			change: changeAPI(func(api *facts.API) { stopAll(api.Spawners) }, func(h *facts.Hub) { startedAt(h.Spawners, world.Now.Add(-10*time.Minute-time.Second)) }),
			want:   outcomes{"hub-source-disagree": "fail warning 1"},
			summary: "2 of 2 running servers run only for the database or only for the REST API, the same is expected in both: " +
				`user "student-0005"'s default server, user "student-0010"'s default server`,
		},
		{
			name:   "two users of a tiny hub whose database is empty",
			change: forget(tiny(2)),
			want:   tinyWant(outcomes{"pod-unknown-to-hub": "fail warning 2", "hub-source-disagree": "fail critical 1", "backup-target-unset": "skipped"}),
			summary: "the database has 0 users, and the REST API of the running hub lists 2, of whom 2 are not in it: " +
				replacedFile,
		},
		{name: "the only user deleted between the two reads", change: forget(tiny(1)), want: tinyWant(outcomes{"pod-unknown-to-hub": "fail warning 2", "backup-target-unset": "skipped"})},
	},
	sourceFailed: []damage{
		{
			name: "no REST API, and Prometheus not readable", change: inTurn(noAPI(0), countedAt(0), failed(facts.Prometheus)),
			want:    unknownWithout(facts.Prometheus, outcomes{"hub-source-disagree": "unknown"}),
			summary: "source prometheus could not be read: gave up after 30s",
		},
		{name: "REST API read, and Prometheus not", change: inTurn(countedAt(0), failed(facts.Prometheus)), want: unknownWithout(facts.Prometheus, nil)},
		{
			name: "half of the users read, and no REST API", change: inTurn(noAPI(10), func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial }),
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
		{
			name:    "REST API not readable",
			change:  failed(facts.HubAPI(world.HubName)),
			want:    unknownWithout(facts.HubAPI(world.HubName), nil),
			summary: "source hubapi/datahub could not be read: gave up after 30s",
		},
		{
			name:    "database not readable",
			change:  failed(facts.HubDB(world.HubName)),
			want:    databaseUnknown(nil),
			summary: "source hubdb/datahub could not be read: gave up after 30s",
		},
		{
			name:    "half of the users read",
			change:  func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial },
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
		{
			name:    "the API's list cut short",
			change:  changeAPI(func(api *facts.API) { api.Users, api.UsersRead = api.Users[:5], facts.Partial }),
			want:    outcomes{"hub-source-disagree": "unknown"},
			summary: "the REST API's list of users is not complete: 5 users could be read",
		},
	},
}

const replacedFile = "the file was replaced under the running hub, which then still holds the old one open, or it is not this hub's; " +
	"do not stop or restart the hub before you know"

const removedRows = "users were removed from the database while the hub ran, or it is not this hub's"

func countedMore(users string) string {
	return "the database has 10 users, and the running hub itself counted " + users + " on 2026-11-20 11:59 UTC (jupyterhub_total_users), at most as many are expected: " + removedRows
}

// noAPI leaves the hub without a REST API, and has it count so many users.
func noAPI(counts int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		hubOf(s).API = facts.API{}
		hubOf(s).MetricUsers = counts
		absent(facts.HubAPI(world.HubName))(s)
	}
}

// countedAt has the hub's own count be so old; 0 stands for none.
func countedAt(ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		hubOf(s).MetricUsersAt = time.Time{}
		if ago > 0 {
			hubOf(s).MetricUsersAt = s.Now.Add(-ago)
		}
	}
}

// underRunningHub changes the database under a hub that goes on with what it
// had; what is changed in the API on the way stays too.
func underRunningHub(change func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		api := hubOf(s).API
		change(s)
		read := hubOf(s).API.UsersRead
		hubOf(s).API = api
		hubOf(s).API.UsersRead = read
	}
}

// changeAPI changes the database and what the API showed of it before.
func changeAPI(change func(*facts.API), database ...func(*facts.Hub)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		h := hubOf(s)
		for _, d := range database {
			d(h)
		}
		if change != nil {
			change(&h.API)
		}
	}
}

// apiStopped leaves the API without a running server.
func apiStopped(s *facts.Snapshot) { stopAll(hubOf(s).API.Spawners) }

func stopAll(spawners []facts.Spawner) {
	for i := range spawners {
		spawners[i].ServerID = 0
	}
}

func startedAt(spawners []facts.Spawner, at time.Time) {
	for i := range spawners {
		if spawners[i].ServerID != 0 {
			spawners[i].Started = at
		}
	}
}

// createdAt adds four users who were created so long ago.
func createdAt(ago time.Duration) func(*facts.Hub) {
	return func(h *facts.Hub) {
		for i := range 4 {
			h.Users = append(h.Users, facts.User{ID: int64(100 + i), Name: fmt.Sprintf("new-%d", i), Created: world.Now.Add(-ago), Cookie: facts.CookieUnique})
		}
	}
}

// tiny is a hub of so many users whose database is empty.
func tiny(users int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		h := hubOf(s)
		for i := range s.Kube.Claims {
			if c := &s.Kube.Claims[i]; c.HasUser {
				c.Deleting = s.Now
			}
		}
		h.Users, h.Spawners, h.Servers = h.Users[:users], h.Spawners[:users], nil
		world.Settle(s)
		underRunningHub(func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) })(s)
	}
}

func tinyWant(more outcomes) outcomes {
	want := outcomes{"hub-user-count-drift": "skipped"}
	for id, outcome := range more {
		want[id] = outcome
	}
	return want
}
