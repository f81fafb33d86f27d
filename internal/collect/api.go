package collect

import (
	"context"
	"fmt"
	"slices"

	"hubaudit/internal/collect/hubapi"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// hubAPI reads the REST API of the hub with that number in the configuration,
// if it names one. A hub without one has no such source: nothing is missing.
func (g *gatherer) hubAPI(i int) {
	c, hub := &g.cfg.Hubs[i], g.snapshot.Hubs[i]
	if c.API == nil {
		return
	}
	g.readOne(facts.HubAPI(c.Name), func(ctx context.Context) (map[string]int, func(), error) {
		token, err := g.cfg.Secret(fmt.Sprintf("hubs[%d].api.token", i), c.API.Token, c.API.TokenFile)
		if err != nil {
			return nil, func() {}, source.Failed(facts.CauseMissing, err, "the token for the hub's REST API cannot be read")
		}
		api, err := hubapi.Read(ctx, hubapi.Options{URL: c.API.URL, Token: token, CAFile: g.cfg.Path(c.API.CAFile), UserAgent: g.o.UserAgent})
		return map[string]int{"users": len(api.Users), "spawners": len(api.Spawners)}, func() { hub.API = api }, err
	})
}

// usersFromAPI decides where each hub's users come from: its database, unless
// that was not read and the REST API was, or is all there is.
func (g *gatherer) usersFromAPI() {
	s := g.snapshot
	for i, hub := range s.Hubs {
		if g.cfg.Hubs[i].API == nil {
			continue
		}
		api := facts.HubAPI(hub.Name)
		at := slices.IndexFunc(s.Sources, func(src facts.Source) bool { return src.Name == api })
		read := s.Sources[at].Status == facts.OK
		if read {
			s.Sources[at].Detail = hubapi.Limits(hub.API)
		}
		database := s.Source(facts.HubDB(hub.Name)).Status
		if database == facts.OK || database == facts.Failed && !read {
			continue
		}
		hub.UsersFrom = api
		hub.Users, hub.Spawners, hub.Servers = hub.API.Users, hub.API.Spawners, nil
		hub.UsersRead, hub.SpawnersRead, hub.StatesRead = hub.API.UsersRead, hub.API.SpawnersRead, hub.API.StatesRead
	}
}
