package dumps

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/test/servers"
)

// TestDumps makes each kind of dump of a real hub's databases, loads it, restores
// it, and breaks it.
func TestDumps(t *testing.T) {
	postgres, mariaDB := servers.StartPostgres(t), servers.StartMariaDB(t)
	makeUser(t, postgres)
	makeUser(t, mariaDB)
	addShops(t, postgres)
	addShops(t, mariaDB)
	for i, d := range dumps(t, makeHub(t, postgres), makeHub(t, mariaDB), makeHub(t, nil)) {
		t.Run(d.name, func(t *testing.T) {
			if folder := os.Getenv("HUBAUDIT_KEEP_DUMPS"); folder != "" {
				must(t, os.WriteFile(filepath.Join(folder, strings.ReplaceAll(d.name, "/", "_")), d.text, 0o600))
			}
			d.checkLoad(t)
			if d.server != nil {
				d.checkRestore(t)
			}
			if t.Failed() {
				return
			}
			random := rand.New(rand.NewPCG(2026, uint64(i)))
			d.cutOff(t, random)
			d.flip(t, random)
		})
	}
}

func (d dump) checkLoad(t *testing.T) {
	t.Helper()
	report, got := d.load(t)
	if report.Complete == d.openEnd || report.Fault != "" || d.openEnd == (report.Detail == "") {
		t.Errorf("the report: %+v", report)
	}
	if report.Tables["users"] != len(d.facts.Users) || report.Tables["spawners"] != len(d.facts.Spawners) {
		t.Errorf("rows: %v", report.Tables)
	}
	if diff := cmp.Diff(d.facts, got, sameHub); diff != "" {
		t.Errorf("(-live +loaded):\n%s", diff)
	}
}

func (d dump) checkRestore(t *testing.T) {
	t.Helper()
	_, url := newDatabase(t, d.server)
	report, err := restore(t, d.text, d.format(t), url)
	must(t, err)
	if report.Complete == d.openEnd || report.Fault != "" {
		t.Fatalf("the report: %+v", report)
	}
	if report.Tables["users"] != len(d.facts.Users) || report.Tables["spawners"] != len(d.facts.Spawners) {
		t.Errorf("rows: %v", report.Tables)
	}
	if diff := cmp.Diff(d.facts, read(t, url), sameHub); diff != "" {
		t.Errorf("(-live +restored):\n%s", diff)
	}
}
