package checks

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubTimeImpossible(t *testing.T) { testCheck(t, hubTimeImpossibleCases) }

// lastSeen sets when user 3 was active.
func lastSeen(at time.Time) func(h *facts.Hub) {
	return func(h *facts.Hub) { h.Users[2].LastActivity = at }
}

var hubTimeImpossibleCases = cases{
	check: hubTimeImpossible,
	fires: []damage{
		{
			name:    "active in the future",
			change:  changed(lastSeen(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))),
			want:    outcomes{"hub-time-impossible": "fail warning 1"},
			summary: `last_activity of user "student-0003" (id 3) is 2099-01-01 00:00 UTC, in the future; up to 1 day ahead is expected`,
		},
		{
			name:    "a user's time that the hub cannot read",
			change:  changed(func(h *facts.Hub) { h.Users[2].BrokenTimes = "created" }),
			want:    outcomes{"hub-time-impossible": "fail error 1"},
			summary: `created of user "student-0003" (id 3) is no time as the hub writes it (2026-11-20 12:00:00.000000): the hub fails at its next start`,
		},
		{
			name:    "a stopped server's time that the hub cannot read",
			change:  changed(func(h *facts.Hub) { server(h, 3, "").BrokenTimes = "started" }),
			want:    outcomes{"hub-time-impossible": "fail warning 1"},
			summary: `started of the default server of user "student-0003" (id 3) is no time as the hub writes it (2026-11-20 12:00:00.000000): the server cannot be started, and no list of all users can be had`,
		},
		{
			name: "many",
			change: changed(func(h *facts.Hub) {
				h.Users[2].BrokenTimes = "created, last_activity"
				server(h, 5, "").BrokenTimes = "last_activity"
				server(h, 3, "").BrokenTimes = "started"
				h.Users[4].Created = time.Unix(0, 0).UTC()
			}),
			want:    outcomes{"hub-time-impossible": "fail error 5"},
			summary: "5 times of users and servers cannot be read or true, and the hub fails at its next start for 3 of them",
		},
		{
			name: "a server's times",
			change: changed(func(h *facts.Hub) {
				server(h, 5, "").Started = world.Now.AddDate(1, 0, 0)
				server(h, 10, "lab").LastActivity = time.Unix(1, 0).UTC()
			}),
			want:    outcomes{"hub-time-impossible": "fail warning 2"},
			summary: "2 times of users and servers cannot be true",
		},
	},
	mustNotFire: []damage{
		{
			name: "no times at all",
			change: changed(func(h *facts.Hub) {
				for i := range h.Users {
					h.Users[i].Created, h.Users[i].LastActivity = time.Time{}, time.Time{}
				}
				for i := range h.Spawners {
					h.Spawners[i].LastActivity = time.Time{}
				}
			}),
		},
		{
			name: "an upgrade from before 0.9 gave everyone one created",
			change: changed(func(h *facts.Hub) {
				for i := range h.Users {
					h.Users[i].Created = world.Now.Add(-time.Hour)
					h.Users[i].LastActivity = world.Now.AddDate(-9, 0, -i)
				}
			}),
		},
		{name: "a local time by mistake", change: changed(lastSeen(world.Now.Add(14 * time.Hour)))},
	},
	boundary: []damage{
		{name: "a day ahead", change: changed(lastSeen(world.Now.Add(24 * time.Hour)))},
		{
			name:    "a minute more",
			change:  changed(lastSeen(world.Now.Add(24*time.Hour + time.Minute))),
			want:    outcomes{"hub-time-impossible": "fail warning 1"},
			summary: `last_activity of user "student-0003" (id 3) is 2026-11-21 12:01 UTC, in the future; up to 1 day ahead is expected`,
		},
		{name: "a day before the user was created", change: changed(func(h *facts.Hub) { lastSeen(h.Users[2].Created.Add(-24 * time.Hour))(h) })},
		{
			name:    "more than a day before",
			change:  changed(func(h *facts.Hub) { lastSeen(h.Users[2].Created.Add(-25 * time.Hour))(h) }),
			want:    outcomes{"hub-time-impossible": "fail info 1"},
			summary: `last_activity of user "student-0003" (id 3) is 2026-06-19 11:03 UTC, before the user was created at 2026-06-20 12:03 UTC`,
		},
		{name: "the tolerance is set", change: changed(lastSeen(world.Now.Add(40 * time.Hour))), values: map[string]any{"tolerance": "48h"}},
		{name: "when JupyterHub was born", change: changed(func(h *facts.Hub) { h.Users[0].Created = jupyterHubBorn })},
	},
	sourceFailed: []damage{
		{
			name:    "database not reachable",
			change:  failed(facts.HubDB(world.HubName)),
			want:    databaseUnknown(nil),
			summary: "source hubdb/datahub could not be read: gave up after 30s",
		},
		{
			name: "spawners damaged",
			change: rowsOnly(func(h *facts.Hub) {
				lastSeen(world.Now.AddDate(5, 0, 0))(h)
				h.SpawnersRead = facts.Partial
			}),
			want:    serversUnknown(outcomes{"pod-unknown-to-hub": "unknown", "pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown", "hub-time-impossible": "fail warning 1"}),
			summary: `last_activity of user "student-0003" (id 3) is 2031-11-20 12:00 UTC, in the future; up to 1 day ahead is expected (incomplete: the tables spawners and servers are damaged: 11 rows of spawners could be read, others may be missing)`,
		},
	},
}

// Both times of a user and a server are looked at, each on its own.
func TestEveryTimeIsJudged(t *testing.T) {
	s := healthy()
	future := world.Now.AddDate(1, 0, 0)
	h := hubOf(s)
	h.Users[2].Created, h.Users[2].LastActivity = future, future
	server(h, 3, "").Started, server(h, 3, "").LastActivity = future, future
	var columns []string
	for _, f := range verdictOf(t, s, hubTimeImpossible).Findings {
		columns = append(columns, f.Details["column"])
	}
	slices.Sort(columns)
	if want := []string{"spawners.last_activity", "spawners.started", "users.created", "users.last_activity"}; !slices.Equal(columns, want) {
		t.Errorf("got %q, want %q", columns, want)
	}
}
