package collect

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// hubWithAPI answers as a hub with two users does, one of whom has a server. Its
// token has the scopes.
func hubWithAPI(t *testing.T, scopes ...string) string {
	t.Helper()
	quoted := `"` + strings.Join(scopes, `", "`) + `"`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hub/api/":
			fmt.Fprint(w, `{"version": "5.2.1"}`)
		case "/hub/api/user":
			fmt.Fprintf(w, `{"kind": "service", "name": "audit", "scopes": [%s]}`, quoted)
		case "/hub/api/users":
			fmt.Fprint(w, `{"items": [{"name": "zoe", "servers": {}}, {"name": "ann", "servers": {"": {"ready": true, "state": {"pvc_name": "claim-ann"}}}}],
				"_pagination": {"offset": 0, "limit": 200, "total": 2, "next": null}}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/hub/api"
}

var allScopes = []string{"list:users", "read:users", "read:servers", "admin:server_state"}

// TestWhereUsersComeFrom has each combination of a hub's database and REST API.
func TestWhereUsersComeFrom(t *testing.T) {
	t.Setenv("HUB_TOKEN", "0123456789abcdef")
	const noDatabase, badDatabase = "", "    database: sqlite:///gone.sqlite\n"
	const database = "    database: sqlite:///hub.sqlite\n"
	noAPI := ""
	api := "    api: {url: '" + hubWithAPI(t, allScopes...) + "', token: '${HUB_TOKEN}'}\n"
	badAPI := "    api: {url: '" + hubWithAPI(t) + "', token: '${HUB_TOKEN}'}\n"
	noToken := strings.Replace(api, "token: '${HUB_TOKEN}'", "tokenFile: gone", 1)
	limited := "    api: {url: '" + hubWithAPI(t, allScopes[:3]...) + "', token: '${HUB_TOKEN}'}\n"
	for name, c := range map[string]struct {
		database, api string
		from          string // "" for the database
		users         int
		read          facts.Completeness
		status        facts.Status // of the API
		detail        string
	}{
		"database only":             {database, noAPI, "", 10, facts.Complete, facts.Absent, "not configured"},
		"both":                      {database, api, "", 10, facts.Complete, facts.OK, ""},
		"API only":                  {noDatabase, api, facts.HubAPI("datahub"), 2, facts.Complete, facts.OK, ""},
		"database lost":             {badDatabase, api, facts.HubAPI("datahub"), 2, facts.Complete, facts.OK, ""},
		"API lost":                  {database, badAPI, "", 10, facts.Complete, facts.Failed, "lacks list:users and read:users"},
		"both lost":                 {badDatabase, badAPI, "", 0, "", facts.Failed, "lacks list:users"},
		"API only, lost":            {noDatabase, badAPI, facts.HubAPI("datahub"), 0, "", facts.Failed, "lacks list:users"},
		"API only, without a token": {noDatabase, noToken, facts.HubAPI("datahub"), 0, "", facts.Failed, "the token for the hub's REST API cannot be read"},
		"API only, limited":         {noDatabase, limited, facts.HubAPI("datahub"), 2, facts.Complete, facts.OK, "give the token the scope admin:server_state"},
	} {
		t.Run(name, func(t *testing.T) {
			s := gather(t, write(t, world.Healthy(world.Small), func(text string) string {
				return strings.Replace(text, database, c.database+c.api, 1)
			}))
			hub, src := s.Hubs[0], s.Source(facts.HubAPI("datahub"))
			if hub.UsersFrom != c.from || len(hub.Users) != c.users || hub.UsersRead != c.read || hub.SpawnersRead != c.read {
				t.Errorf("%d users from %q: %q, servers %q", len(hub.Users), hub.UsersFrom, hub.UsersRead, hub.SpawnersRead)
			}
			if src.Status != c.status || !strings.Contains(src.Detail, c.detail) || c.detail == "" && src.Detail != "" {
				t.Errorf("the API is %s: %q", src.Status, src.Detail)
			}
			if c.status == facts.OK && (src.Items["users"] != 2 || src.Items["spawners"] != 1 || len(hub.API.Users) != 2) {
				t.Errorf("%v read, %d kept", src.Items, len(hub.API.Users))
			}
			want := allSources
			if c.api != noAPI {
				want++
			}
			if len(s.Sources) != want {
				t.Errorf("%d sources, want %d", len(s.Sources), want)
			}
			if c.from != "" && c.status == facts.OK && (hub.Users[0].Name != "ann" || hub.Spawners[0].UserID != hub.Users[0].ID || hub.StatesRead != (name != "API only, limited") || hub.Servers != nil) {
				t.Errorf("users %v, servers %v, states %v", hub.Users, hub.Spawners, hub.StatesRead)
			}
		})
	}
}
