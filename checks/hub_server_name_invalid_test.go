package checks

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
)

func TestHubServerNameInvalid(t *testing.T) { testCheck(t, hubServerNameInvalidCases) }

// onSix makes the hub one of JupyterHub 6, whose user 3 has a stopped server of
// that name and state.
func onSix(name string, state facts.SpawnerState, more func(h *facts.Hub)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		h := hubOf(s)
		again(h, 3, name, func(sp *facts.Spawner) { sp.State = state })
		ofVersion("6.0.0b2", "6.0.0")(s)
		more(h)
	}
}

func asBefore(*facts.Hub) {}

var (
	remembered = facts.SpawnerState{Form: "object", PodName: "jupyter-student-0003--my-lab", PVCName: "claim-student-0003"}
	podOnly    = facts.SpawnerState{Form: "object", PodName: "jupyter-student-0003--my-lab"}
)

const (
	brokenRule = `server "My Lab" of user "student-0003" (id 3) breaks the rule for names since JupyterHub 6 (up to 30 of a-z, 0-9 and single hyphens, a letter first)`
	costsClaim = brokenRule + "; its claim is not remembered, and after a renaming it would mount a new one"
)

var hubServerNameInvalidCases = cases{
	check: hubServerNameInvalid,
	fires: []damage{
		{
			name:    "the claim is not remembered",
			change:  onSix("My Lab", podOnly, asBefore),
			want:    outcomes{"hub-server-name-invalid": "fail warning 1"},
			summary: costsClaim,
		},
		{
			name:    "the claim is remembered",
			change:  onSix("My Lab", remembered, asBefore),
			want:    outcomes{"hub-server-name-invalid": "fail info 1"},
			summary: brokenRule + `; its claim "claim-student-0003" is remembered`,
		},
		{
			name:    "the claim is noted, and the hub does not heed it",
			change:  onSix("My Lab", remembered, func(h *facts.Hub) { h.KubeSpawner.RememberPVCName = false }),
			want:    outcomes{"hub-server-name-invalid": "fail warning 1", "pvc-legacy-unreachable": "fail critical 1"},
			summary: brokenRule + `; its claim "claim-student-0003" is noted but remember_pvc_name is off, and after a renaming it would mount a new one`,
		},
		{
			name:    "all servers of a user share a claim",
			change:  onSix("My Lab", podOnly, func(h *facts.Hub) { h.KubeSpawner.PVCNameTemplate = "claim-{username}" }),
			want:    outcomes{"hub-server-name-invalid": "fail info 1"},
			summary: brokenRule + "; the name of its claim does not depend on it",
		},
		{
			name: "several",
			change: onSix("My Lab", podOnly, func(h *facts.Hub) {
				again(h, 4, "2fast", func(sp *facts.Spawner) { sp.State = remembered })
			}),
			want:    outcomes{"hub-server-name-invalid": "fail warning 2", "pvc-name-collision": "fail critical 1"},
			summary: "2 servers have names that JupyterHub 6 does not accept; a new name would cost 1 their claim",
		},
	},
	mustNotFire: []damage{
		{
			name:    "JupyterHub 5 takes almost any name",
			change:  changed(func(h *facts.Hub) { again(h, 3, "My Lab", untouched) }),
			summary: "the hub runs JupyterHub 5.5.1: the rule for the names of servers came with JupyterHub 6",
		},
		{
			name: "JupyterHub 5 by its schema",
			change: func(s *facts.Snapshot) {
				changed(func(h *facts.Hub) { again(h, 3, "My Lab", untouched) })(s)
				hubOf(s).API.Version = ""
			},
			summary: "the schema revision 4621fec11365 is from before JupyterHub 6: the rule for the names of servers came with JupyterHub 6",
		},
		{name: "a good name", change: onSix("my-lab2", podOnly, asBefore), want: outcomes{"hub-server-name-invalid": "pass"}},
	},
	boundary: []damage{
		{name: "30 characters", change: onSix(strings.Repeat("x", 30), podOnly, asBefore), want: outcomes{"hub-server-name-invalid": "pass"}},
		{
			name:   "31 characters",
			change: onSix(strings.Repeat("x", 31), podOnly, asBefore),
			want:   outcomes{"hub-server-name-invalid": "fail warning 1"},
			summary: `server "` + strings.Repeat("x", 31) + `" of user "student-0003" (id 3) breaks the rule for names since JupyterHub 6 (up to 30 of a-z, 0-9 and single hyphens, a letter first)` +
				"; its claim is not remembered, and after a renaming it would mount a new one",
		},
		{
			name:    "a schema on the way to 6, and no version",
			change:  onSix("My Lab", podOnly, func(h *facts.Hub) { h.API.Version, h.Database.Revisions = "", []string{"be8ecf03ddac"} }),
			want:    outcomes{"hub-server-name-invalid": "fail warning 1", "hub-db-schema-mismatch": "fail error 2"},
			summary: costsClaim,
		},
	},
	sourceFailed: []damage{
		{
			name:   "the token may not see states",
			change: onSix("My Lab", facts.SpawnerState{}, func(h *facts.Hub) { h.StatesRead = false }),
			want: outcomes{"pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown", "hub-server-name-invalid": "fail warning 1",
				"pvc-legacy-forgotten": "unknown", "pvc-legacy-unreachable": "unknown", "pvc-state-missing-claim": "unknown", "pvc-name-collision": "unknown", "hub-spawner-state-broken": "unknown"},
			summary: brokenRule + "; whether its claim is remembered could not be seen (incomplete: the states of the servers were not shown: give the token of the REST API the scope admin:server_state)",
		},
		{
			name:    "spawners damaged",
			change:  onSix("my-lab", podOnly, func(h *facts.Hub) { h.SpawnersRead = facts.Partial }),
			want:    serversUnknown(outcomes{"pod-unknown-to-hub": "unknown", "pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown", "hub-server-name-invalid": "unknown"}),
			summary: "the tables spawners and servers are damaged: 12 rows of spawners could be read, others may be missing",
		},
	},
}

func TestValidServerName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "gpu": true, "a-b-c": true, "x9": true, "a-1": true,
		"": false, "9x": false, "-a": false, "a-": false, "a--b": false, "A": false, "a_b": false, "a.b": false, "a b": false, "é": false, "a\n": false,
	} {
		if got := validServerName(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}
