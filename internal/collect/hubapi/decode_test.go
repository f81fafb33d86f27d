package hubapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
)

// recorded are real hubs, whose whole list and database were taken at the same
// moment.
var recorded = []string{"hub-3.0.0", "hub-5.5.1"}

func recording(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "hubdb", "testdata", name+".users-api.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSameAsTheDatabase holds a hub's answer against its database.
func TestSameAsTheDatabase(t *testing.T) {
	for _, name := range recorded {
		t.Run(name, func(t *testing.T) {
			p, err := decodePage(bytes.NewReader(recording(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			api := facts.API{Version: strings.TrimPrefix(name, "hub-")}
			(&list{users: p.users}).fill(&api)
			database := readDatabase(t, name)
			want, got := byName(database.Users, database.Spawners), byName(api.Users, api.Spawners)
			if diff := cmp.Diff(want, got); diff != "" || len(got) != len(api.Users) {
				t.Errorf("(-database +api)\n%s", diff)
			}
			if api.UsersRead != facts.Complete || api.SpawnersRead != facts.Complete || !api.StatesRead {
				t.Errorf("users %s, servers %s, states %v", api.UsersRead, api.SpawnersRead, api.StatesRead)
			}
		})
	}
}

// person is what the database and the API both know of a user.
type person struct {
	User    facts.User
	Servers map[string]facts.Spawner
}

func byName(users []facts.User, spawners []facts.Spawner) map[string]person {
	people, names := map[string]person{}, map[int64]string{}
	for _, u := range users {
		names[u.ID] = u.Name
		people[u.Name] = person{Servers: map[string]facts.Spawner{},
			User: facts.User{Name: u.Name, Admin: u.Admin, Created: u.Created, LastActivity: u.LastActivity}}
	}
	for _, s := range spawners {
		owner := names[s.UserID]
		s.ID, s.UserID = 0, 0
		if s.ServerID != 0 {
			s.ServerID = 1
		}
		people[owner].Servers[s.Name] = s
	}
	return people
}

func readDatabase(t *testing.T, name string) hubdb.Result {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join("..", "hubdb", "testdata", name+".sqlite.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hub.sqlite")
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := hubdb.Read(t.Context(), hubdb.Options{URL: "sqlite:///" + file})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPagesThatAreNone(t *testing.T) {
	for body, words := range map[string]string{
		"":                          "EOF",
		"null":                      "neither a list",
		`"users"`:                   "neither a list",
		`{"status": 200}`:           "no items or no _pagination",
		`{"items": []}`:             "no items or no _pagination",
		`{"items": {}}`:             "instead of a list",
		`{"_pagination": null}`:     "lacks offset, limit or total",
		`[null]`:                    "entry 1 of the list is no user",
		`[{"name": "a"}, {}]`:       "entry 2 of the list is no user",
		`[{"name": 7}]`:             "name",
		`[{"name": "a"}`:            "EOF",
		`[] []`:                     "something follows",
		`{"items": [{"name": "a"`:   "EOF",
		`[{"name": "a", "servers":`: "EOF",
		`<html>`:                    "invalid character",
	} {
		_, err := decodePage(strings.NewReader(body))
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", body, err, words)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range recorded {
		f.Add(recording(f, name))
	}
	f.Add([]byte(`{"items": [{"name": "a\u0000\ud800", "servers": {"": {"state": {"pvc_name": "c"}, "pending": "spawn"}, "x": {"state": [1]}}}], "_pagination": {"offset": 0, "limit": 200, "total": 1, "next": null}}`))
	f.Add([]byte(`[{"name": "", "created": "2026-11-22T07:46:48.361916Z", "last_activity": "never", "servers": null}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodePage(bytes.NewReader(body))
		if err != nil {
			if len(p.users) != 0 {
				t.Errorf("users came with the error %v", err)
			}
			return
		}
		var api facts.API
		(&list{users: p.users}).fill(&api)
		if len(api.Users) != len(p.users) {
			t.Fatalf("%d users became %d", len(p.users), len(api.Users))
		}
		for i, u := range api.Users {
			if u.ID != -int64(i+1) || !utf8.ValidString(u.Name) || strings.Contains(u.Name, "\x00") || i > 0 && u.Name < api.Users[i-1].Name {
				t.Fatalf("user %d is %+v", i, u)
			}
		}
		for i, s := range api.Spawners {
			if s.ID != -int64(i+1) || s.UserID >= 0 || s.UserID < -int64(len(api.Users)) || s.ServerID != 0 && s.ServerID != s.ID {
				t.Fatalf("server %d is %+v", i, s)
			}
			if !slices.Contains([]string{"", "empty", "broken", "object"}, s.State.Form) {
				t.Fatalf("server %d has a state %q", i, s.State.Form)
			}
		}
	})
}
