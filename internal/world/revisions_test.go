package world_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// chain is alembic's, oldest first, with the version whose database ends there,
// "" for where no release stops. alike numbers revisions by what the tables
// users, spawners and servers look like: they are the same from 2.x to 5.x.
var chain = []struct {
	revision, version string
	alike             int
}{
	{"19c0846f6344", "", 1}, {"eeb276e51423", "", 1}, {"af4cbdb2d13c", "0.7.2", 1},
	{"3ec6993fe20c", "0.8.1", 2}, {"1cebaf56856c", "", 2}, {"56cc5a70207e", "", 2},
	{"99a28a4418e1", "", 3}, {"d68c98b66cd4", "", 3}, {"896818069c98", "0.9.6", 3},
	{"4dc2d5a8c53c", "1.5.1", 4},
	{"833da8570507", "2.3.1", 5}, {"651f5419b74d", "3.1.1", 5}, {"0eee8c825d24", "4.1.6", 5},
	{"3c2384c5aae1", "", 5}, {"4621fec11365", "5.5.1", 5}, {"be8ecf03ddac", "", 5}, {"afd65840b69e", "", 5},
	{"ff1860e38070", "", 6}, {"f460b0348206", "6.0.0b2", 7},
}

// Parts of what hub-db-schema-mismatch says.
const (
	brokeOff = "at which no release stops: an upgrade broke off there"
	lies     = "the revision lies"
	early    = "of a later one are there already"
	runsAway = "but no alembic_version: the next hub to start takes its own revision"
	noRow    = "alembic_version has no row"
)

// TestRevisionsOnEverySchema stamps every revision of the chain on a database
// of every version: one where no release stops is an upgrade that broke off,
// and one that the columns contradict is a lie.
func TestRevisionsOnEverySchema(t *testing.T) {
	for _, schema := range chain {
		if schema.version == "" {
			continue
		}
		for _, stamped := range chain {
			t.Run(schema.version+" as "+stamped.revision, func(t *testing.T) {
				var want []string
				if stamped.version == "" {
					want = append(want, brokeOff)
				}
				if stamped.alike > schema.alike {
					want = append(want, lies)
				}
				if stamped.alike < schema.alike {
					want = append(want, early)
				}
				wantMismatch(t, schema.version, want, "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)",
					"DELETE FROM alembic_version", fmt.Sprintf("INSERT INTO alembic_version VALUES ('%s')", stamped.revision))
			})
		}
	}
}

// TestNoRevision: only JupyterHub 0.7 has no alembic_version.
func TestNoRevision(t *testing.T) {
	for _, version := range world.Schemas() {
		if version == "0.7.2" {
			wantMismatch(t, version, nil, "SELECT 1")
			continue
		}
		wantMismatch(t, version, []string{runsAway}, "DROP TABLE alembic_version")
		wantMismatch(t, version, []string{noRow}, "DELETE FROM alembic_version")
	}
}

// wantMismatch judges a database of a version after SQL by
// hub-db-schema-mismatch, whose findings must say just these things.
func wantMismatch(t *testing.T, version string, want []string, statements ...string) {
	t.Helper()
	suite, err := checks.NewSuite(nil, []string{"hub-db-schema-mismatch"})
	if err != nil {
		t.Fatal(err)
	}
	verdicts := checks.Judge(suite, onlyDatabase(t, changedFixture(t, "schema-"+version, statements...)))
	if len(verdicts) != 1 || verdicts[0].Outcome == verdict.Unknown || verdicts[0].Outcome == verdict.Skipped {
		t.Fatalf("%s: %+v", version, verdicts)
	}
	var got []string
	for _, f := range verdicts[0].Findings {
		said := f.Message
		for _, phrase := range []string{brokeOff, lies, early, runsAway, noRow} {
			if strings.Contains(f.Message, phrase) {
				said = phrase
			}
		}
		if f.Severity != verdict.Error {
			said = string(f.Severity) + ": " + said
		}
		got = append(got, said)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: findings (-want +got):\n%s", version, diff)
	}
}

// TestSchemasAreTheRealOnes: what a world writes for a version has that
// version's columns, constraints and revision.
func TestSchemasAreTheRealOnes(t *testing.T) {
	for _, version := range world.Schemas() {
		hub := world.Healthy(world.Small).Hubs[0]
		world.FitSchema(hub, version)
		real := onlyDatabase(t, changedFixture(t, "schema-"+version)).Hubs[0].Database
		type shape struct {
			Columns                                 map[string][]string
			Revisions                               []string
			CookieNotNull, CookieUnique, NameUnique bool
		}
		of := func(d facts.Database) shape {
			return shape{d.Columns, d.Revisions, d.CookieNotNull, d.CookieUnique, d.NameUnique}
		}
		if diff := cmp.Diff(of(real), of(hub.Database)); diff != "" {
			t.Errorf("%s (-real +world):\n%s", version, diff)
		}
	}
}
