package rescue

import "hubaudit/internal/facts"

// Rows are the planned rows as a hub on a database d would have them: for
// judging what no server has run yet.
func (p *Plan) Rows(d facts.Database) *facts.Hub {
	h := &facts.Hub{Name: p.Hub, Database: d, UsersRead: facts.Complete, SpawnersRead: facts.Complete, StatesRead: true}
	for i := range p.Users {
		u := &p.Users[i]
		h.Users = append(h.Users, facts.User{ID: u.ID, Name: u.Name, Admin: u.Admin, Created: u.Created, LastActivity: u.LastActivity, Cookie: facts.CookieUnique})
		for _, s := range u.Servers {
			sp := facts.Spawner{ID: int64(len(h.Spawners) + 1), UserID: u.ID, Name: s.Name, LastActivity: s.LastActivity}
			if s.Claim != "" {
				sp.State = facts.SpawnerState{Form: "object", Namespace: s.Namespace, PVCName: s.Claim}
			}
			h.Spawners = append(h.Spawners, sp)
		}
	}
	return h
}
