package world_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/checks"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// realDatabases are databases of real hubs and of each version's own models,
// all healthy, with what the checks must say of them nonetheless: a database
// that began with 0.7 lacks constraints.
var realDatabases = map[string]map[string]string{
	"schema-0.7.2":            {},
	"schema-0.8.1":            {},
	"schema-0.9.6":            {},
	"schema-1.5.1":            {},
	"schema-2.3.1":            {},
	"schema-3.1.1":            {},
	"schema-4.1.6":            {},
	"schema-5.5.1":            {},
	"schema-6.0.0b2":          {},
	"migrated-0.7.2-to-5.5.1": {"hub-cookie-constraint-missing": "fail warning"},
	"hub-3.0.0":               {},
	"hub-5.5.1":               {},
	"hub-6.0.0b2":             {},
}

// realNow is soon after the last of them was made.
var realNow = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)

// TestRealDatabases reads every one and judges it by every check that a
// database alone can tell: nothing normal may be reported.
func TestRealDatabases(t *testing.T) {
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const folder = "../collect/hubdb/testdata"
	files, err := filepath.Glob(filepath.Join(folder, "*.sqlite.gz"))
	if err != nil || len(files) != len(realDatabases) {
		t.Fatalf("%d databases of %d (%v)", len(files), len(realDatabases), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sqlite.gz")
		t.Run(name, func(t *testing.T) {
			want, known := realDatabases[name]
			if !known {
				t.Fatal("it is not listed")
			}
			found := map[string]string{}
			passed := 0
			for _, v := range checks.Judge(suite, onlyDatabase(t, unzip(t, file))) {
				if !strings.HasPrefix(v.Check, "hub-") {
					continue
				}
				switch v.Outcome {
				case verdict.Pass:
					passed++
				case verdict.Fail:
					found[v.Check] = "fail " + string(v.Severity)
					t.Logf("%s: %s", v.Check, v.Summary)
				case verdict.Unknown:
					found[v.Check] = "unknown"
					t.Logf("%s: %s", v.Check, v.Summary)
				}
			}
			if diff := cmp.Diff(want, found, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("verdicts that are no pass (-want +got):\n%s", diff)
			}
			if passed < 5 {
				t.Errorf("only %d checks could tell", passed)
			}
		})
	}
}

// onlyDatabase is a snapshot of one hub of which nothing but the database is
// configured.
func onlyDatabase(t *testing.T, content []byte) *facts.Snapshot {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jupyterhub.sqlite"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := hubdb.Read(context.Background(), hubdb.Options{URL: "sqlite:///jupyterhub.sqlite", BaseDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	hub := &facts.Hub{Name: world.HubName, Namespace: world.Namespace, Database: r.Database, UsersRead: r.UsersRead, SpawnersRead: r.SpawnersRead,
		StatesRead: true, Users: r.Users, Spawners: r.Spawners, Servers: r.Servers,
		KubeSpawner: facts.KubeSpawner{PVCNameTemplate: "claim-{user_server}", SlugScheme: "safe", RememberPVCName: true}}
	return &facts.Snapshot{Now: realNow, Hubs: []*facts.Hub{hub}, Sources: []facts.Source{
		{Name: facts.HubDB(hub.Name), Status: facts.OK, Items: r.Items()}, {Name: facts.History, Status: facts.OK}}}
}
