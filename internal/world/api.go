package world

import (
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// ServeAPI gives a hub a REST API that shows what its database holds, as a
// token with all scopes sees it. Settle keeps the two alike from then on; a
// test that wants them to differ changes Hub.API afterwards.
func ServeAPI(s *facts.Snapshot, hub string) {
	h := Hub(s, hub)
	h.API.Location = "http://hub." + h.Namespace + ".svc:8081/hub/api"
	Settle(s)
}

func showAPI(h *facts.Hub) {
	h.API = facts.API{Location: h.API.Location, Version: runningVersion(&h.Database),
		UsersRead: facts.Complete, SpawnersRead: facts.Complete, StatesRead: true}
	byID := make(map[int64][]facts.Spawner, len(h.Users))
	for _, sp := range h.Spawners {
		byID[sp.UserID] = append(byID[sp.UserID], sp)
	}
	users := slices.Clone(h.Users)
	slices.SortFunc(users, func(a, b facts.User) int { return strings.Compare(a.Name, b.Name) })
	for i, u := range users {
		shown := facts.User{ID: -int64(i + 1), Name: u.Name, Admin: u.Admin, Created: u.Created, LastActivity: u.LastActivity}
		h.API.Users = append(h.API.Users, shown)
		for _, sp := range byID[u.ID] {
			sp.ID, sp.UserID = -int64(len(h.API.Spawners)+1), shown.ID
			sp.ServerID = min(0, -sp.ServerID)
			h.API.Spawners = append(h.API.Spawners, sp)
		}
	}
}
