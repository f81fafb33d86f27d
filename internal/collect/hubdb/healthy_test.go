package hubdb

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"

	"github.com/google/go-cmp/cmp"
)

// TestHealthy reads one database of every schema: all rows, no damage, nothing
// written.
func TestHealthy(t *testing.T) {
	tests := []struct {
		name                     string
		users, spawners, servers int
		notNull, unique          bool
		revision                 string
	}{
		{"schema-0.7.2", 10, 10, 7, false, false, ""},
		{"schema-0.8.1", 10, 11, 6, true, true, "3ec6993fe20c"},
		{"schema-0.9.6", 10, 11, 6, true, true, "896818069c98"},
		{"schema-1.5.1", 10, 11, 6, true, true, "4dc2d5a8c53c"},
		{"schema-2.3.1", 10, 11, 6, true, true, "833da8570507"},
		{"schema-3.1.1", 10, 11, 6, true, true, "651f5419b74d"},
		{"schema-4.1.6", 10, 11, 6, true, true, "0eee8c825d24"},
		{"schema-5.5.1", 10, 11, 6, true, true, "4621fec11365"},
		{"schema-6.0.0b2", 10, 11, 6, true, true, "f460b0348206"},
		{"migrated-0.7.2-to-5.5.1", 10, 0, 7, false, false, "4621fec11365"},
		{"hub-3.0.0", 35, 43, 22, true, true, "651f5419b74d"},
		{"hub-5.5.1", 14, 15, 7, true, true, "4621fec11365"},
		{"hub-6.0.0b2", 14, 15, 7, true, true, "f460b0348206"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := fixture(t, tt.name)
			info, err := os.Stat(path)
			must(t, err)
			var r Result
			untouched(t, path, func() { r = read(t, path) })
			want := facts.Database{Engine: "sqlite", Location: path, NameUnique: true, CookieNotNull: tt.notNull,
				CookieUnique: tt.unique, SizeBytes: info.Size(), Modified: info.ModTime().UTC(),
				Tables: ask[string](t, path, "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name"), Columns: columnsOf(t, path)}
			if tt.revision != "" {
				want.Revisions = []string{tt.revision}
			}
			if diff := cmp.Diff(want, r.Database); diff != "" {
				t.Errorf("database (-want +got):\n%s", diff)
			}
			items := map[string]int{"users": tt.users, "spawners": tt.spawners, "servers": tt.servers}
			if diff := cmp.Diff(items, r.Items()); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if r.UsersRead != facts.Complete || r.SpawnersRead != facts.Complete {
				t.Errorf("users read %s, spawners %s", r.UsersRead, r.SpawnersRead)
			}
			for _, u := range r.Users {
				if u.Cookie != facts.CookieUnique || u.CookieSharedWith != 0 || u.CookieHandMade || u.BrokenTimes != "" {
					t.Errorf("user %+v", u)
				}
			}
			for _, s := range r.Spawners {
				if s.BrokenTimes != "" {
					t.Errorf("spawner %+v", s)
				}
			}
		})
	}
}

// columnsOf asks SQLite itself for the columns of the core tables.
func columnsOf(t *testing.T, path string) map[string][]string {
	columns := map[string][]string{}
	for _, name := range []string{"users", "spawners", "servers"} {
		if seen := ask[string](t, path, "SELECT name FROM pragma_table_info('"+name+"') ORDER BY name"); len(seen) > 0 {
			columns[name] = seen
		}
	}
	return columns
}

func TestValuesOfOldestSchema(t *testing.T) {
	r := read(t, fixture(t, "schema-0.7.2"))
	if diff := cmp.Diff(facts.User{ID: 4, Name: "bob", Admin: true, Cookie: facts.CookieUnique,
		LastActivity: time.Date(2017, 5, 8, 17, 1, 2, 345681000, time.UTC)}, r.Users[3]); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]facts.Spawner{
		{UserID: 1, ServerID: 4, State: facts.SpawnerState{Form: "object", PodName: "jupyter-alice-1"}},
		{UserID: 2, State: facts.SpawnerState{Form: "object", PodName: "jupyter-alice-2eb-2"}},
	}, r.Spawners[:2]); diff != "" {
		t.Errorf("spawners (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(facts.Spawner{UserID: 10}, r.Spawners[9]); diff != "" {
		t.Errorf("spawner without state (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(facts.Server{ID: 4, IP: "10.59.31.232", Port: 8888}, r.Servers[3]); diff != "" {
		t.Errorf("server (-want +got):\n%s", diff)
	}
}

type apiUser struct {
	Name         string
	Admin        bool
	Created      time.Time
	LastActivity time.Time `json:"last_activity"`
	Servers      map[string]apiServer
}

type apiServer struct {
	Started      time.Time
	LastActivity time.Time `json:"last_activity"`
	Stopped      bool
	State        map[string]any
}

// TestAgainstHubsOwnAnswer compares what is read with what the same hub said
// of itself over its REST API.
func TestAgainstHubsOwnAnswer(t *testing.T) {
	for _, name := range []string{"hub-3.0.0", "hub-5.5.1"} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join("testdata", name+".users-api.json"))
			must(t, err)
			var want []apiUser
			must(t, json.Unmarshal(b, &want))
			got := asAPI(read(t, fixture(t, name)))
			for i := range want {
				prune(&want[i])
			}
			byName := func(a, b apiUser) int { return strings.Compare(a.Name, b.Name) }
			slices.SortFunc(want, byName)
			slices.SortFunc(got, byName)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("users (-hub +read):\n%s", diff)
			}
		})
	}
}

var stateKeys = []string{"pod_name", "namespace", "pvc_name", "kubespawner_version"}

// prune drops what is no fact here, and default servers that were never
// started: for them the hub answers from memory what it would start.
func prune(u *apiUser) {
	for name, s := range u.Servers {
		for key := range s.State {
			if !slices.Contains(stateKeys, key) {
				delete(s.State, key)
			}
		}
		if len(s.State) == 0 {
			s.State = nil
			u.Servers[name] = s
		}
		if name == "" && s.Stopped && s.LastActivity.IsZero() {
			delete(u.Servers, name)
		}
	}
}

func asAPI(r Result) (users []apiUser) {
	for _, u := range r.Users {
		a := apiUser{Name: u.Name, Admin: u.Admin, Created: u.Created, LastActivity: u.LastActivity, Servers: map[string]apiServer{}}
		for _, s := range r.Spawners {
			if s.UserID != u.ID {
				continue
			}
			state := map[string]any{}
			for i, v := range []string{s.State.PodName, s.State.Namespace, s.State.PVCName, s.State.KubeSpawnerVersion} {
				if v != "" {
					state[stateKeys[i]] = v
				}
			}
			a.Servers[s.Name] = apiServer{Started: s.Started, LastActivity: s.LastActivity, Stopped: s.ServerID == 0, State: state}
		}
		prune(&a)
		users = append(users, a)
	}
	return users
}
