package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubSpawnerStateBroken(t *testing.T) { testCheck(t, hubSpawnerStateBrokenCases) }

// state gives a server another state.
func state(user int64, form string) func(*facts.Snapshot) {
	return changed(func(h *facts.Hub) { server(h, user, "").State = facts.SpawnerState{Form: form} })
}

// startedAgo gives a running server no state and another age.
func startedAgo(age time.Duration) func(*facts.Snapshot) {
	return changed(func(h *facts.Hub) {
		server(h, 5, "").State, server(h, 5, "").Started = facts.SpawnerState{}, world.Now.Add(-age)
	})
}

var hubSpawnerStateBrokenCases = cases{
	check: hubSpawnerStateBroken,
	fires: []damage{
		{
			name:    "a running server with broken JSON",
			change:  state(5, "broken"),
			want:    outcomes{"hub-spawner-state-broken": "fail error 1"},
			summary: `the default server of user "student-0005" (id 5) is running and its state is not a JSON object as expected: the hub fails at its next start`,
		},
		{
			name:    "a stopped server with broken JSON",
			change:  state(2, "broken"),
			want:    outcomes{"hub-spawner-state-broken": "fail warning 1"},
			summary: `the default server of user "student-0002" (id 2) has a state that is not a JSON object as expected: it cannot be started, and no list of all users can be had`,
		},
		{
			name:    "a running server without state",
			change:  state(5, ""),
			want:    outcomes{"hub-spawner-state-broken": "fail warning 1"},
			summary: `the default server of user "student-0005" (id 5) has been running since 2026-11-20 10:30 UTC and its state is NULL, its pod and claim are expected there: a restart of the hub may forget it while its pod runs on`,
		},
		{
			name:    "seen through the REST API",
			change:  apiOnly(func(h *facts.Hub) { server(h, 5, "").State = facts.SpawnerState{Form: "empty"} }),
			want:    apiOnlyWant(outcomes{"hub-spawner-state-broken": "fail warning 1"}),
			summary: `the default server of user "student-0005" has been running since 2026-11-20 10:30 UTC and its state is {}, its pod and claim are expected there: a restart of the hub may forget it while its pod runs on`,
		},
		{
			name: "several",
			change: changed(func(h *facts.Hub) {
				server(h, 5, "").State.Form, server(h, 2, "").State.Form = "broken", "broken"
				server(h, 10, "").State = facts.SpawnerState{Form: "empty"}
			}),
			want:    outcomes{"hub-spawner-state-broken": "fail error 3"},
			summary: "2 servers have a state that cannot be read; 1 server runs without state",
		},
	},
	mustNotFire: []damage{
		{
			name: "stopped servers with any state or none",
			change: changed(func(h *facts.Hub) {
				server(h, 1, "").State = facts.SpawnerState{}
				server(h, 2, "").State = facts.SpawnerState{Form: "empty"}
				server(h, 3, "").State = facts.SpawnerState{Form: "object", PodName: "jupyter-student-0003"}
			}),
		},
		{
			name: "a spawn in progress",
			change: changed(func(h *facts.Hub) {
				again(h, 3, "gpu", func(sp *facts.Spawner) {
					sp.ServerID, sp.Started = 40, world.Now.Add(-90*time.Second)
				})
				h.Servers = append(h.Servers, facts.Server{ID: 40})
			}),
		},
		{
			name: "hooks before a start: no time yet",
			change: changed(func(h *facts.Hub) {
				server(h, 5, "").State, server(h, 5, "").Started = facts.SpawnerState{}, time.Time{}
			}),
		},
	},
	boundary: []damage{
		{name: "as long as a start may take", change: startedAgo(10 * time.Minute)},
		{
			name:    "a second longer",
			change:  startedAgo(10*time.Minute + time.Second),
			want:    outcomes{"hub-spawner-state-broken": "fail warning 1"},
			summary: `the default server of user "student-0005" (id 5) has been running since 2026-11-20 11:49 UTC and its state is NULL, its pod and claim are expected there: a restart of the hub may forget it while its pod runs on`,
		},
		{name: "more time is allowed", change: startedAgo(20 * time.Minute), values: map[string]any{"startGrace": "30m"}},
	},
	sourceFailed: []damage{
		{
			name:    "database not reachable",
			change:  failed(facts.HubDB(world.HubName)),
			want:    databaseUnknown(nil),
			summary: "source hubdb/datahub could not be read: gave up after 30s",
		},
		{
			name:   "the token may not see states",
			change: func(s *facts.Snapshot) { hubOf(s).StatesRead = false },
			want: outcomes{"pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown", "hub-spawner-state-broken": "unknown",
				"pvc-legacy-forgotten": "unknown", "pvc-legacy-unreachable": "unknown", "pvc-state-missing-claim": "unknown", "pvc-name-collision": "unknown"},
			summary: "the states of the servers were not shown: give the token of the REST API the scope admin:server_state",
		},
		{
			name: "the REST API does not show all servers",
			change: func(s *facts.Snapshot) {
				apiOnly(func(*facts.Hub) {})(s)
				hubOf(s).SpawnersRead = facts.Partial
			},
			want: apiOnlyWant(outcomes{"pvc-legacy-forgotten": "unknown", "pvc-legacy-unreachable": "unknown", "pvc-state-missing-claim": "unknown", "pvc-name-collision": "unknown",
				"pod-unknown-to-hub": "unknown", "pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown", "hub-spawner-state-broken": "unknown", "hub-time-impossible": "unknown"}),
			summary: "the REST API did not show all servers: that takes JupyterHub 3 or later and a token with the scope read:servers",
		},
	},
}
