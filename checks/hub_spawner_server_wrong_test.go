package checks

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubSpawnerServerWrong(t *testing.T) { testCheck(t, hubSpawnerServerWrongCases) }

// addressless takes the address from the row of a running server that was
// started some time ago.
func addressless(age time.Duration) func(h *facts.Hub) {
	return func(h *facts.Hub) {
		server(h, 5, "").Started = world.Now.Add(-age)
		h.Servers[0].IP = ""
	}
}

var hubSpawnerServerWrongCases = cases{
	check: hubSpawnerServerWrong,
	fires: []damage{
		{
			name:    "two users on one row",
			change:  changed(func(h *facts.Hub) { server(h, 10, "").ServerID = 2 }),
			want:    outcomes{"hub-spawner-server-wrong": "fail error 2"},
			summary: "2 servers share an address with another",
		},
		{
			name:    "a row that does not exist",
			change:  changed(func(h *facts.Hub) { server(h, 5, "").ServerID = 99 }),
			want:    outcomes{"hub-spawner-server-wrong": "fail warning 1"},
			summary: `the default server of user "student-0005" (id 5) is running on row 99 of servers, which does not exist: the hub takes it for stopped while its pod runs on`,
		},
		{
			name:    "no address long after the start",
			change:  changed(addressless(90 * time.Minute)),
			want:    outcomes{"hub-spawner-server-wrong": "fail warning 1"},
			summary: `the default server of user "student-0005" (id 5) has been running since 2026-11-20 10:30 UTC and row 2 of servers has no address for it, one is expected`,
		},
		{
			name: "everything at once",
			change: changed(func(h *facts.Hub) {
				server(h, 1, "").ServerID, server(h, 2, "").ServerID = 99, 99
				addressless(time.Hour)(h)
			}),
			want:    outcomes{"hub-spawner-server-wrong": "fail error 5"},
			summary: "2 servers share an address with another; 2 servers point at no row of servers; 1 server has no address",
		},
	},
	mustNotFire: []damage{
		{
			name: "rows of servers that nobody points at",
			change: changed(func(h *facts.Hub) {
				h.Servers = append(h.Servers, facts.Server{ID: 50, IP: "0.0.0.0", Port: 8000}, facts.Server{ID: 51})
			}),
		},
		{
			name: "several servers of one user on one claim",
			change: changed(func(h *facts.Hub) {
				h.Servers = append(h.Servers, facts.Server{ID: 60, IP: "10.0.0.60", Port: 8888})
				lab := server(h, 10, "lab")
				lab.ServerID, lab.Started = 60, world.Now.Add(-time.Hour)
			}),
		},
		{
			name: "the two rows of one server",
			change: rowsOnly(func(h *facts.Hub) {
				again(h, 5, "", func(sp *facts.Spawner) { sp.ServerID, sp.Started, sp.State = 2, world.Now, h.Spawners[4].State })
			}),
			want: outcomes{"hub-spawner-duplicate": "fail warning 1"},
		},
		{
			name: "a start that was broken off is reported once",
			change: changed(func(h *facts.Hub) {
				addressless(time.Hour)(h)
				server(h, 5, "").State = facts.SpawnerState{}
			}),
			want: outcomes{"hub-spawner-state-broken": "fail warning 1"},
		},
		{
			name: "hooks before a start: no time yet",
			change: changed(func(h *facts.Hub) {
				addressless(0)(h)
				server(h, 5, "").Started = time.Time{}
			}),
		},
	},
	boundary: []damage{
		{name: "as long as a start may take", change: changed(addressless(10 * time.Minute))},
		{
			name:    "a second longer",
			change:  changed(addressless(10*time.Minute + time.Second)),
			want:    outcomes{"hub-spawner-server-wrong": "fail warning 1"},
			summary: `the default server of user "student-0005" (id 5) has been running since 2026-11-20 11:49 UTC and row 2 of servers has no address for it, one is expected`,
		},
		{name: "more time is allowed", change: changed(addressless(20 * time.Minute)), values: map[string]any{"startGrace": "30m"}},
	},
	sourceFailed: []damage{
		{
			name: "servers damaged: a row may exist and be unread",
			change: rowsOnly(func(h *facts.Hub) {
				h.Servers, h.SpawnersRead = h.Servers[:1], facts.Partial
			}),
			want:    serversUnknown(outcomes{"pod-unknown-to-hub": "unknown", "pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown"}),
			summary: "the tables spawners and servers are damaged: 11 rows of spawners could be read, others may be missing",
		},
		{
			name: "no table spawners",
			change: rowsOnly(func(h *facts.Hub) {
				h.Spawners, h.Servers, h.SpawnersRead = nil, nil, facts.None
			}),
			want:    serversUnknown(outcomes{"pod-unknown-to-hub": "unknown", "pvc-misrouted": "unknown", "pvc-orphaned": "unknown", "pvc-owner-mismatch": "unknown"}),
			summary: "the database has no table spawners that could be read",
		},
		{
			name:    "a hub without a database to read",
			change:  apiOnly(func(*facts.Hub) {}),
			want:    apiOnlyWant(nil),
			summary: "source hubdb/datahub is absent: the cluster has no such API",
		},
	},
}

// Everyone who is sent to another's notebook is named with whom.
func TestSharersAreNamed(t *testing.T) {
	s := healthy()
	server(hubOf(s), 10, "").ServerID = 2
	var messages []string
	for _, f := range verdictOf(t, s, hubSpawnerServerWrong).Findings {
		messages = append(messages, f.Message)
	}
	want := []string{
		`the default server of user "student-0005" (id 5) is on row 2 of servers (jupyter-student-0005.datahub:8888) together with the default server of user "student-0010" (id 10), a row of its own is expected: both lead to one notebook`,
		`the default server of user "student-0010" (id 10) is on row 2 of servers (jupyter-student-0005.datahub:8888) together with the default server of user "student-0005" (id 5), a row of its own is expected: both lead to one notebook`,
	}
	if !slices.Equal(messages, want) {
		t.Errorf("got %q", messages)
	}
}
