package checks

import (
	"maps"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// changed changes rows of the hub, in its database and so in its REST API.
func changed(change func(h *facts.Hub)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		change(hubOf(s))
		world.Settle(s)
	}
}

// apiOnly makes the hub one without a database to read, whose users and servers
// are known from its REST API.
func apiOnly(change func(h *facts.Hub)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		changed(change)(s)
		absent(facts.HubDB(world.HubName))(s)
		h := hubOf(s)
		h.UsersFrom = facts.HubAPI(h.Name)
		h.Users, h.Spawners, h.Servers = h.API.Users, h.API.Spawners, nil
		h.UsersRead, h.SpawnersRead, h.StatesRead = h.API.UsersRead, h.API.SpawnersRead, h.API.StatesRead
		h.Database = facts.Database{}
	}
}

// server returns the row of a user's server.
func server(h *facts.Hub, user int64, name string) *facts.Spawner {
	for i := range h.Spawners {
		if sp := &h.Spawners[i]; sp.UserID == user && sp.Name == name {
			return sp
		}
	}
	panic("no server " + name)
}

// needServers are the checks that cannot pass while the table spawners could
// not be read to the end.
var needServers = []string{"hub-spawner-duplicate", "hub-spawner-state-broken", "hub-spawner-server-wrong", "hub-time-impossible",
	"pvc-legacy-forgotten", "pvc-legacy-unreachable", "pvc-state-missing-claim", "pvc-name-collision"}

// serversUnknown are the verdicts that a damaged table spawners costs.
func serversUnknown(more outcomes) outcomes {
	want := outcomes{}
	for _, id := range needServers {
		want[id] = "unknown"
	}
	maps.Copy(want, more)
	return want
}

// apiOnlyWant are the verdicts that a hub without a database to read has.
func apiOnlyWant(more outcomes) outcomes {
	want := outcomes{"hub-db-ephemeral": "skipped"} // nothing tells where the database is
	for _, c := range Registry {
		if c.Scope == PerHub && slices.Contains(c.Needs, HubDatabase) {
			want[c.ID] = "skipped"
		}
	}
	maps.Copy(want, more)
	return want
}
