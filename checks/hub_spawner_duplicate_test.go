package checks

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubSpawnerDuplicate(t *testing.T) { testCheck(t, hubSpawnerDuplicateCases) }

// again adds a second row for a server.
func again(h *facts.Hub, user int64, name string, change func(sp *facts.Spawner)) {
	sp := facts.Spawner{ID: 90 + int64(len(h.Spawners)), UserID: user, Name: name}
	change(&sp)
	h.Spawners = append(h.Spawners, sp)
}

func untouched(*facts.Spawner) {}

// rowsOnly leaves the REST API as it was: a hub lists a server once.
func rowsOnly(change func(h *facts.Hub)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { change(hubOf(s)) }
}

var hubSpawnerDuplicateCases = cases{
	check: hubSpawnerDuplicate,
	fires: []damage{
		{
			name:    "an empty row hides the one that remembers the claim",
			change:  rowsOnly(func(h *facts.Hub) { again(h, 3, "", untouched) }),
			want:    outcomes{"hub-spawner-duplicate": "fail warning 1"},
			summary: `the default server of user "student-0003" (id 3) has 2 rows in spawners, one is expected: the hub uses row 101 (stopped, without state) and does not see row 3 (stopped, claim "claim-student-0003")`,
		},
		{
			name:    "an active row without a user",
			change:  rowsOnly(func(h *facts.Hub) { server(h, 5, "").UserID = 0 }),
			want:    outcomes{"hub-spawner-duplicate": "fail error 1"},
			summary: `row 5 of spawners (server "") has no user, an existing user is expected: it counts as running, and the hub fails at its next start`,
		},
		{
			name: "several kinds at once",
			change: rowsOnly(func(h *facts.Hub) {
				again(h, 3, "", untouched)
				again(h, 4, "", untouched)
				again(h, 0, "x", untouched)
				again(h, 77, "x", untouched)
			}),
			want:    outcomes{"hub-spawner-duplicate": "fail warning 4"},
			summary: "2 servers have more than one row in spawners; 2 rows of spawners belong to no user",
		},
	},
	mustNotFire: []damage{
		{
			name: "named servers, and the same names at different users",
			change: changed(func(h *facts.Hub) {
				for user := int64(1); user <= 4; user++ {
					again(h, user, "gpu", untouched)
					again(h, user, "GPU", untouched)
				}
			}),
		},
		{name: "JupyterHub 0.7: one server each, all with id 0", change: changed(func(h *facts.Hub) {
			for i := range h.Spawners {
				h.Spawners[i].ID = 0
			}
		})},
	},
	boundary: []damage{
		{
			name:    "a stopped row of a user who does not exist",
			change:  rowsOnly(func(h *facts.Hub) { again(h, 77, "lab", untouched) }),
			want:    outcomes{"hub-spawner-duplicate": "fail warning 1"},
			summary: `row 101 of spawners (server "lab") belongs to user id 77, who does not exist, an existing user is expected`,
		},
		{
			name: "a user who could not be read is no missing user",
			change: rowsOnly(func(h *facts.Hub) {
				again(h, 77, "lab", untouched)
				h.UsersRead = facts.Partial
			}),
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
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
			name:    "spawners damaged",
			change:  rowsOnly(func(h *facts.Hub) { h.Spawners, h.SpawnersRead = h.Spawners[:4], facts.Partial }),
			want:    serversUnknown(outcomes{"pod-unknown-to-hub": "unknown", "pvc-misrouted": "unknown", "pvc-orphaned": "unknown", "pvc-owner-mismatch": "unknown"}),
			summary: "the tables spawners and servers are damaged: 4 rows of spawners could be read, others may be missing",
		},
	},
}

// Which row may go is what an operator needs to know: never the one that
// runs, never one that remembers something, never all of them.
func TestSpareRows(t *testing.T) {
	empty := &facts.Spawner{ID: 1}
	blank := &facts.Spawner{ID: 2, State: facts.SpawnerState{Form: "empty"}}
	running := &facts.Spawner{ID: 3, ServerID: 8}
	holds := &facts.Spawner{ID: 4, State: facts.SpawnerState{Form: "object", PodName: "p"}}
	for _, c := range []struct {
		rows []*facts.Spawner
		want string
	}{
		{[]*facts.Spawner{empty, holds}, "1"},
		{[]*facts.Spawner{holds, empty, blank}, "1 2"},
		{[]*facts.Spawner{empty, blank}, "1"},
		{[]*facts.Spawner{running, holds}, ""},
		{[]*facts.Spawner{running, blank}, "2"},
	} {
		if got := strings.Join(spareRows(c.rows), " "); got != c.want {
			t.Errorf("rows %s: spare are %q, want %q", rowText(c.rows[0]), got, c.want)
		}
	}
}
