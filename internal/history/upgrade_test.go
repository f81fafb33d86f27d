package history

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestUpgradeFromVersion1 opens a history that audit 0.1.0 has written: three
// good runs with 1,000 users, two failing ones with 612, an acceptance of
// missing sources, a delivery.
func TestUpgradeFromVersion1(t *testing.T) {
	packed, err := os.ReadFile(filepath.Join("testdata", "v1.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	file, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "h.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	last := world.Now.Add(2 * time.Minute)
	diff(t, map[facts.SeriesKey]facts.Baseline{users: {Value: 1000, Runs: 3, Since: world.Now, Until: last, High: 1000, HighAt: last}}, past(t, s).Baselines)
	if n := len(incidentsOf(t, s, true)); n != 2 {
		t.Errorf("%d open incidents, want 2", n)
	}
	open := incidentsOf(t, s, true)
	for _, inc := range open {
		if !inc.FailingSince.Equal(inc.OpenedAt) || inc.FailingRuns != 1 || inc.CleanRuns != 0 || inc.Reopened != 0 || inc.Silence != "" {
			t.Errorf("incident %+v", inc)
		}
	}
	sent := told(t, s, open[0].ID, open[1].ID)
	if len(sent) != 1 || !sent[0].Sent() || !sent[0].QueuedAt.Equal(sent[0].At) || sent[0].Kind != verdict.DeliveryOpened || sent[0].Tries != 0 {
		t.Errorf("told %+v", sent)
	}
	if runs := past(t, s).Runs; len(runs) != 5 || !runs[4].Complete {
		t.Errorf("runs %+v", runs)
	}
	_, err = s.Diff(t.Context(), cluster, "latest~1", Latest, "")
	wantError(t, err, "neither run", "before 0.2")

	// What it measured can still be accepted, and a new run goes on from it.
	if err := s.Accept(t.Context(), drift(world.HubName)); err != nil {
		t.Fatal(err)
	}
	at := world.Now.Add(4 * time.Minute)
	diff(t, facts.Baseline{Value: 612, Runs: 1, Since: at, Until: at, High: 612, HighAt: at}, past(t, s).Baselines[users])
	recordMoves(t, s, runAt(5, counted(verdict.Pass, 612)), saw(true, crowd(1, 612)...))
	if c := lost(t, s, PlainNames(), crowd(2, 611)...); c == nil || len(c.Vanished) != 1 {
		t.Errorf("changes %+v", c)
	}
	d, err := s.Diff(t.Context(), cluster, "latest~1", Latest, "")
	if err != nil || d.Complete() || d.Hubs[0].Unknown != "run 20261120T120400Z-1 did not look at this hub, or was recorded by a version of audit before 0.2" {
		t.Errorf("%+v, error %v", d, err)
	}
}
