// Package hubapi reads a hub's users and servers through its REST API, with a
// service's token: for a hub whose database cannot be reached, and as a second
// view beside the database.
//
// The hub cuts its list of users into pages, silently for a client that does
// not ask for pages in the right way, and the list may change between two of
// them. What Read returns is therefore either every user that the hub had
// while the list was read, or an error: a list whose end is not proven is
// never taken for a small hub.
package hubapi

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"hubaudit/internal/facts"
)

// Options say which API to read, and as whom.
type Options struct {
	// URL is the API's, ending in /hub/api.
	URL string
	// Token is a service's; it never appears in an error.
	Token string
	// CAFile holds the certificates to trust besides the system's, in PEM; may
	// be empty.
	CAFile string
	// UserAgent names the audit to the hub.
	UserAgent string
}

// Read reads the hub's version, users and servers. Its errors are made by
// source.Failed. A token that may not see servers or their state is no error:
// SpawnersRead and StatesRead tell, and Limits says it in words.
func Read(ctx context.Context, o Options) (facts.API, error) {
	c, err := connect(o)
	if err != nil {
		return facts.API{}, err
	}
	defer c.close()
	return c.read(ctx)
}

func (c *client) read(ctx context.Context) (facts.API, error) {
	var err error
	api := facts.API{Location: c.base.String()}
	if api.Version, err = c.version(ctx); err != nil {
		return api, err
	}
	rights, err := c.rights(ctx)
	if err != nil {
		return api, err
	}
	l, err := c.list(ctx, api.Version)
	if err != nil {
		return api, err
	}
	l.fill(&api)
	rights.restrict(&api)
	return api, nil
}

// Limits says in one line what the token or the hub's version kept from the
// audit, "" if nothing.
func Limits(api facts.API) string {
	var limits []string
	switch {
	case api.SpawnersRead == facts.None:
		limits = append(limits, "no servers are seen: give the token the scope read:servers")
	case api.SpawnersRead == facts.Partial && major(api.Version) < showsStopped:
		limits = append(limits, "JupyterHub "+api.Version+" shows no stopped servers: they are known from JupyterHub 3 on")
	case api.SpawnersRead == facts.Partial:
		limits = append(limits, "some servers are not seen: give the token the scope read:servers without a filter")
	}
	if !api.StatesRead && api.SpawnersRead != facts.None {
		limits = append(limits, "which claim a server mounts is not seen: give the token the scope admin:server_state")
	}
	return strings.Join(limits, "; ")
}

// Majors of JupyterHub that brought something this package relies on.
const (
	pages        = 2 // lists in pages
	showsStopped = 3 // include_stopped_servers
)

// major is the first number of a version, 0 if it has none.
func major(version string) int {
	first, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

// fill makes facts of the list: users by name, servers by user and name,
// numbered downwards from -1 since the API tells no ids.
func (l *list) fill(api *facts.API) {
	slices.SortFunc(l.users, func(a, b user) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), a.Created.Compare(b.Created))
	})
	api.UsersRead = facts.Complete
	api.Users = make([]facts.User, 0, len(l.users))
	api.StatesRead = true
	hidden := 0 // users whose servers are not shown
	for i := range l.users {
		u := &l.users[i]
		u.ID = -int64(i + 1)
		api.Users = append(api.Users, u.User)
		if !u.serversShown {
			hidden++
		}
		for _, sp := range u.servers {
			sp.UserID, sp.ID = u.ID, -int64(len(api.Spawners)+1)
			if sp.active {
				sp.ServerID = sp.ID
			}
			api.StatesRead = api.StatesRead && sp.stateShown
			api.Spawners = append(api.Spawners, sp.Spawner)
		}
	}
	switch {
	case hidden == 0 && major(api.Version) >= showsStopped:
		api.SpawnersRead = facts.Complete
	case hidden > 0 && hidden == len(l.users):
		api.SpawnersRead, api.StatesRead = facts.None, false
	default:
		api.SpawnersRead = facts.Partial
	}
}
