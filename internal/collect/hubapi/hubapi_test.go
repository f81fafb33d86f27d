package hubapi

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
)

// TestFacts follows one user with running, starting, stopping and stopped
// servers into the facts.
func TestFacts(t *testing.T) {
	f := newFake(0)
	f.names = []string{"bob", "alice"}
	f.model = func(m map[string]any) {
		if m["name"] == "bob" {
			m["servers"] = map[string]any{}
			return
		}
		m["admin"], m["last_activity"] = true, "2026-11-02T09:10:11.5Z"
		m["servers"] = map[string]any{
			"":      map[string]any{"ready": true, "pending": nil, "started": "2026-11-02T08:00:00Z", "state": map[string]any{"pod_name": "jupyter-alice", "namespace": "jhub", "pvc_name": "claim-alice", "kubespawner_version": "7.0.0", "more": []int{1}}},
			"start": map[string]any{"ready": false, "pending": "spawn", "started": "2026-11-02T09:00:00Z", "state": nil},
			"halt":  map[string]any{"ready": true, "pending": "stop", "state": map[string]any{}},
			"old":   map[string]any{"ready": false, "pending": nil, "last_activity": "2026-11-02T08:00:00Z", "state": map[string]any{"pod_name": 7, "pvc_name": nil}},
			"odd":   map[string]any{"ready": false, "pending": nil, "last_activity": "2026-11-02T08:00:00Z", "state": "text"},
			"never": map[string]any{"ready": false, "pending": nil, "last_activity": nil, "state": map[string]any{"pod_name": "jupyter-alice--never"}},
		}
	}
	api, err := read(t, f)
	if err != nil {
		t.Fatal(err)
	}
	day := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	created := day("2026-09-01T08:00:00.123456Z")
	want := facts.API{Location: api.Location, Version: "5.2.1", UsersRead: facts.Complete, SpawnersRead: facts.Complete, StatesRead: true,
		Users: []facts.User{{ID: -1, Name: "alice", Admin: true, Created: created, LastActivity: day("2026-11-02T09:10:11.5Z")},
			{ID: -2, Name: "bob", Created: created}},
		Spawners: []facts.Spawner{
			{ID: -1, UserID: -1, ServerID: -1, Started: day("2026-11-02T08:00:00Z"), State: facts.SpawnerState{Form: "object", PodName: "jupyter-alice", Namespace: "jhub", PVCName: "claim-alice", KubeSpawnerVersion: "7.0.0"}},
			{ID: -2, UserID: -1, ServerID: -2, Name: "halt", State: facts.SpawnerState{Form: "empty"}},
			{ID: -3, UserID: -1, Name: "never"},
			{ID: -4, UserID: -1, Name: "odd", LastActivity: day("2026-11-02T08:00:00Z"), State: facts.SpawnerState{Form: "broken"}},
			{ID: -5, UserID: -1, Name: "old", LastActivity: day("2026-11-02T08:00:00Z"), State: facts.SpawnerState{Form: "object"}},
			{ID: -6, UserID: -1, ServerID: -6, Name: "start", Started: day("2026-11-02T09:00:00Z")},
		}}
	if diff := cmp.Diff(want, api); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := Limits(api); got != "" {
		t.Errorf("a token that sees all is limited: %s", got)
	}
}

// TestScopes: what a token may not see is not taken for what is not there.
func TestScopes(t *testing.T) {
	without := func(key string, only ...string) func(map[string]any) {
		return func(m map[string]any) {
			if len(only) > 0 && !slices.Contains(only, m["name"].(string)) {
				return
			}
			if key == "servers" {
				delete(m, key)
				return
			}
			for _, s := range m["servers"].(map[string]any) {
				delete(s.(map[string]any), key)
			}
		}
	}
	base := []string{listUsers, readUsers}
	for name, c := range map[string]struct {
		version  string
		users    int
		scopes   []string
		model    func(map[string]any)
		spawners facts.Completeness
		states   bool
		limits   string
	}{
		"all":                      {"5.2.1", 3, append(base, readServers, readState), nil, facts.Complete, true, ""},
		"all, nobody there":        {"5.2.1", 0, append(base, readServers, readState), nil, facts.Complete, true, ""},
		"no servers":               {"5.2.1", 3, base, without("servers"), facts.None, false, "no servers are seen: give the token the scope read:servers"},
		"no servers, nobody there": {"5.2.1", 0, base, nil, facts.None, false, "no servers are seen: give the token the scope read:servers"},
		"no state":                 {"5.2.1", 3, append(base, readServers), without("state"), facts.Complete, false, "which claim a server mounts is not seen: give the token the scope admin:server_state"},
		"no state, no server": {"5.2.1", 3, append(base, readServers), func(m map[string]any) { m["servers"] = map[string]any{} }, facts.Complete, false,
			"which claim a server mounts is not seen: give the token the scope admin:server_state"},
		"one user's servers": {"5.2.1", 3, append(base, readServers+"!user=user-00001", readState), without("servers", "user-00000", "user-00002"), facts.Partial, true,
			"some servers are not seen: give the token the scope read:servers without a filter"},
		"one user's state": {"5.2.1", 3, append(base, readServers, readState+"!user=user-00001"), without("state", "user-00000"), facts.Complete, false,
			"which claim a server mounts is not seen: give the token the scope admin:server_state"},
		"JupyterHub 2":           {"2.3.1", 3, append(base, readServers, readState), nil, facts.Partial, true, "JupyterHub 2.3.1 shows no stopped servers: they are known from JupyterHub 3 on"},
		"an admin before scopes": {"1.5.0", 3, nil, nil, facts.Partial, true, "JupyterHub 1.5.0 shows no stopped servers: they are known from JupyterHub 3 on"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(c.users)
			f.version, f.scopes, f.model = c.version, c.scopes, c.model
			api, err := read(t, f)
			if err != nil {
				t.Fatal(err)
			}
			if api.UsersRead != facts.Complete || api.SpawnersRead != c.spawners || api.StatesRead != c.states {
				t.Errorf("users %s, servers %s, states %v; want complete, %s, %v", api.UsersRead, api.SpawnersRead, api.StatesRead, c.spawners, c.states)
			}
			if got := Limits(api); got != c.limits {
				t.Errorf("the limits are %q, want %q", got, c.limits)
			}
		})
	}
}

// TestTokensThatMayNotList: the message names just what is missing.
func TestTokensThatMayNotList(t *testing.T) {
	for name, c := range map[string]struct {
		scopes []string
		words  []string
	}{
		"nothing":       {[]string{}, []string{`the token of service "hubaudit" lacks list:users and read:users; give its service a role`}},
		"names only":    {[]string{listUsers, "read:users:name"}, []string{"lacks read:users; give"}},
		"one group":     {[]string{listUsers + "!group=physics", readUsers}, []string{"lacks list:users (it has it for some only: list:users!group=physics)"}},
		"not some read": {[]string{listUsers, readUsers + "!user=a\x00"}, []string{"lacks read:users (it has it for some only: read:users!user=a\uFFFD)"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(613)
			f.scopes = c.scopes
			_, err := read(t, f)
			wantFailure(t, err, facts.CauseForbidden, append(c.words, "c.JupyterHub.load_roles", "hub.loadRoles")...)
		})
	}
}
