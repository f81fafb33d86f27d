package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// recorded writes a world's files with a configuration and returns the flags
// that read it.
func recorded(t *testing.T, s *facts.Snapshot, version, kubespawner string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := world.WriteDatabase(filepath.Join(dir, "jupyterhub.sqlite"), s.Hubs[0], version); err != nil {
		t.Fatal(err)
	}
	if err := world.WriteDump(filepath.Join(dir, "dump"), s); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "hubaudit.yaml")
	text := fmt.Sprintf("hubs:\n  - name: %s\n    namespace: %s\n    database: sqlite:///jupyterhub.sqlite\n    kubespawner: {%s}\ncluster: {dump: dump}\n",
		s.Hubs[0].Name, s.Hubs[0].Namespace, kubespawner)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"predict", "--config", config, "--at", s.Now.Format(time.RFC3339)}
}

// predicted is the part of the JSON that tests look at.
type predicted struct {
	Hubs   []struct{ Hub, Unknown string }
	Starts []struct{ User, Server, Claim, Outcome, Data, Cause, Today string }
}

func predictJSON(t *testing.T, flags ...string) (int, predicted) {
	t.Helper()
	status, out, errOut := runAudit(t, append(flags, "--output", "json")...)
	var p predicted
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, errOut)
	}
	return status, p
}

// TestPredictUpgrade: the upgrade from chart 3.3.8 to 4.4.0 takes their homes
// from exactly these, read from files as a real hub's are.
func TestPredictUpgrade(t *testing.T) {
	flags := recorded(t, world.AgedBefore(), "4.1.6", "")
	status, p := predictJSON(t, append(flags, "--chart", "4.4.0")...)
	if status != exitFindings {
		t.Errorf("status %d", status)
	}
	got := map[string]string{}
	for _, s := range p.Starts {
		if s.Outcome != "same" && s.Today == "same" {
			got[s.User+"/"+s.Server] = s.Outcome + " " + s.Cause + " " + s.Data
		}
	}
	want := map[string]string{
		"cem/lab": "empty unreachable claim-cemlab", "jo/lab": "empty unreachable claim-jolab", "kim/exp-1": "empty unreachable claim-kimexp-2d1",
		"eli@example.org/": "empty running claim-eli-40example-2eorg", "finn@example.org/": "empty running claim-finn-40example-2eorg",
		"gia@example.org/": "empty running claim-gia-40example-2eorg", "lou-lou/": "empty running claim-lou-2dlou"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who loses a home by the upgrade (-want +got):\n%s", diff)
	}
	status, out, errOut := runAudit(t, append(flags, "--chart", "4.4.0")...)
	if status != exitFindings || !strings.Contains(out, "empty home") || errOut != "" {
		t.Errorf("status %d\n%s\n%s", status, out, errOut)
	}
}

// TestPredictStopped: who stops the running servers before the upgrade, as the
// command says, loses none of them.
func TestPredictStopped(t *testing.T) {
	l := world.AgedLife()
	for _, user := range []string{"eli@example.org", "finn@example.org", "gia@example.org", "lou-lou"} {
		l.Stop(user, "")
	}
	world.FitSchema(l.Hub, "4.1.6")
	_, p := predictJSON(t, append(recorded(t, l.End(world.Now), "4.1.6", ""), "--chart", "4.4.0")...)
	for _, s := range p.Starts {
		if s.Cause == "running" {
			t.Errorf("%+v", s)
		}
	}
}

// TestPredictSQL: the printed statements, run on the hub's database while it
// is stopped for the upgrade, bring everybody's files back but those of the two
// who are given one home.
func TestPredictSQL(t *testing.T) {
	flags := append(recorded(t, world.AgedBefore(), "4.1.6", ""), "--chart", "4.4.0")
	dir := filepath.Dir(flags[2])
	runAudit(t, append(flags, "--output", "sql="+filepath.Join(dir, "fix.sql"))...)
	db, err := sql.Open("sqlite", filepath.Join(dir, "jupyterhub.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), read(t, filepath.Join(dir, "fix.sql"))); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, p := predictJSON(t, flags...)
	for _, s := range p.Starts {
		if s.Outcome != "same" && s.User != "jolab" {
			t.Errorf("%+v", s)
		}
	}
}
