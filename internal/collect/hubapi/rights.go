package hubapi

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/collect/web"
	"hubaudit/internal/facts"
)

// Scopes of a token. Without the first two there is no list to trust; the
// others widen what is seen.
const (
	listUsers   = "list:users"
	readUsers   = "read:users"
	readServers = "read:servers"
	readState   = "admin:server_state"
)

// remedy ends the message of whatever a token is refused.
const remedy = "give its service a role with the scopes list:users, read:users, read:servers and admin:server_state, " +
	"by c.JupyterHub.load_roles in jupyterhub_config.py or hub.loadRoles in Zero to JupyterHub's values"

// rights is what the hub says of the token.
type rights struct {
	kind, name string
	// scopes are all that the token has, those that others imply included; told
	// is false before JupyterHub 2, which has admins instead.
	scopes []string
	told   bool
}

// rights asks the hub who the token is, and refuses one that could see only a
// part of the users: its list would look whole.
func (c *client) rights(ctx context.Context) (rights, error) {
	var who struct {
		Kind   string   `json:"kind"`
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
	}
	err := c.get(ctx, request{what: "ask who the token is", path: "user", decode: into(&who)})
	if isStatus(err, 404) { // before JupyterHub 0.8
		return rights{}, nil
	}
	if err != nil {
		return rights{}, c.explain(err)
	}
	r := rights{kind: who.Kind, name: who.Name, scopes: who.Scopes, told: who.Scopes != nil}
	var missing []string
	for _, scope := range []string{listUsers, readUsers} {
		if r.told && !slices.Contains(r.scopes, scope) {
			missing = append(missing, scope+r.filtered(scope))
		}
	}
	if len(missing) > 0 {
		return r, source.Failed(facts.CauseForbidden, nil, "may not list the users at %s: the token of %s lacks %s; %s",
			c.base, r.owner(), strings.Join(missing, " and "), remedy)
	}
	return r, nil
}

func (r rights) owner() string {
	return strings.TrimSpace(fmt.Sprintf("%s %q", web.Clean(r.kind), web.Clean(r.name)))
}

// filtered says that a scope is there, but for some users or servers only.
func (r rights) filtered(scope string) string {
	for _, have := range r.scopes {
		if strings.HasPrefix(have, scope+"!") {
			return " (it has it for some only: " + web.Clean(have) + ")"
		}
	}
	return ""
}

// restrict takes back what the list alone would claim: that of a hub without
// servers, or of a token with a filter that lets all present ones through,
// does not show what the token may not see.
func (r rights) restrict(api *facts.API) {
	if !r.told {
		return
	}
	if !slices.Contains(r.scopes, readServers) {
		api.SpawnersRead = facts.Partial
		if len(api.Spawners) == 0 {
			api.SpawnersRead = facts.None
		}
	}
	if api.SpawnersRead == facts.None || !slices.Contains(r.scopes, readState) {
		api.StatesRead = false
	}
}
