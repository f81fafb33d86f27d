package checks

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
)

// comparison is in what a hub's database and its REST API differ, without what
// is too new for both to have.
type comparison struct {
	inDatabase, inAPI int // users
	// onlyDatabase and onlyAPI are names, quoted and in order.
	onlyDatabase, onlyAPI []string
	// oneRuns are servers that run only for one of the two, running counts all
	// that run for any.
	oneRuns []string
	running int
	homes   []twoHomes
}

// twoHomes is a server whose claim differs.
type twoHomes struct {
	user          *facts.User
	server        attribution.Owner
	database, api string // claims
}

// replaced tells whether most of those whom the hub knows are not in the
// database. Some may have been deleted between the reads, but not everybody.
func (c *comparison) replaced(beyondTolerance bool) bool {
	return 2*len(c.onlyAPI) > c.inAPI && (beyondTolerance || c.inDatabase == 0 && len(c.onlyAPI) > 1)
}

func (in *Input) compareSources() *comparison {
	h, newest := in.Hub, in.Now.Add(-in.Duration("grace"))
	c := &comparison{inDatabase: len(h.Users), inAPI: len(h.API.Users)}
	c.onlyDatabase = onlyIn(h.Users, h.API.Users, newest)
	c.onlyAPI = onlyIn(h.API.Users, h.Users, newest)
	c.compareServers(h, newest)
	return c
}

// onlyIn has the users of one list, made before the given time, whose names the
// other does not have. A running hub leaves names alone that it refuses.
func onlyIn(users, others []facts.User, newest time.Time) []string {
	names := make(map[string]bool, len(others))
	for i := range others {
		names[others[i].Name] = true
	}
	var only []string
	for i := range users {
		if u := &users[i]; !names[u.Name] && u.Created.Before(newest) && refused(u.Name) == "" {
			only = append(only, fmt.Sprintf("%q", u.Name))
		}
	}
	slices.Sort(only)
	return slices.Compact(only)
}

// compareServers holds the servers against each other of users whom both have.
func (c *comparison) compareServers(h *facts.Hub, newest time.Time) {
	usersOfAPI := make(map[int64]*facts.User, len(h.API.Users))
	byName := make(map[string]bool, len(h.API.Users))
	for i := range h.API.Users {
		u := &h.API.Users[i]
		usersOfAPI[u.ID], byName[u.Name] = u, true
	}
	servers := make(map[attribution.Owner]*facts.Spawner, len(h.API.Spawners))
	for i := range h.API.Spawners {
		sp := &h.API.Spawners[i]
		if u := usersOfAPI[sp.UserID]; u != nil {
			servers[attribution.Owner{User: u.Name, Server: sp.Name}] = sp
		}
	}
	users := make(map[int64]*facts.User, len(h.Users))
	for i := range h.Users {
		users[h.Users[i].ID] = &h.Users[i]
	}
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		u := users[sp.UserID]
		if u == nil || !byName[u.Name] {
			continue
		}
		key := attribution.Owner{User: u.Name, Server: sp.Name}
		other := servers[key]
		c.compareServer(key, sp, other, newest)
		if other != nil && sp.State.PVCName != "" && other.State.PVCName != "" && sp.State.PVCName != other.State.PVCName {
			c.homes = append(c.homes, twoHomes{u, key, sp.State.PVCName, other.State.PVCName})
		}
	}
	slices.Sort(c.oneRuns)
}

// compareServer notes whether a server runs for one of the two only. other is
// nil where the API does not show it.
func (c *comparison) compareServer(key attribution.Owner, sp, other *facts.Spawner, newest time.Time) {
	if other == nil {
		other = &facts.Spawner{}
	}
	here, there := sp.ServerID != 0, other.ServerID != 0
	if here || there {
		c.running++
	}
	for _, one := range []struct {
		alone   bool
		started time.Time
	}{{here && !there, sp.Started}, {there && !here, other.Started}} {
		if one.alone && !one.started.IsZero() && one.started.Before(newest) {
			c.oneRuns = append(c.oneRuns, key.String())
		}
	}
}
