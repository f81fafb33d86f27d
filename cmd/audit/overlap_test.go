package main

import (
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/internal/world"
)

// TestRunsAtOnce starts several processes at the same moment over one history:
// each run is recorded, each incident opens once, and each is told once.
func TestRunsAtOnce(t *testing.T) {
	incident := world.Nectar2023()
	want := len(incident.Stages[1].Finds)
	stageDir, err := filepath.Abs(filepath.Join("..", "..", "testdata", incident.Name, incident.Folder(1)))
	if err != nil {
		t.Fatal(err)
	}
	slack, pagerduty, receivers := fakeReceivers(t)
	historyFile := filepath.Join(t.TempDir(), "history.db")
	cfg := stageConfig(t, stageDir, historyFile, receivers)
	const runs = 5
	var wait sync.WaitGroup
	for i := range runs {
		at := incident.Stages[1].At.Add(time.Duration(i) * time.Second).Format(time.RFC3339)
		wait.Go(func() {
			out, err := exec.CommandContext(t.Context(), "audit", "now", "--config", cfg, "--at", at, "--output", "json").CombinedOutput()
			if code := err.(*exec.ExitError).ExitCode(); code != exitFindings {
				t.Errorf("a run left with %d:\n%s", code, out)
			}
		})
	}
	wait.Wait()
	store, err := history.Open(t.Context(), history.Location{URL: "sqlite:" + historyFile})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	recorded, err := store.Runs(t.Context(), "", 100)
	if err != nil || len(recorded) != runs {
		t.Errorf("the history has %d runs, %v: want %d", len(recorded), err, runs)
	}
	known, err := store.Incidents(t.Context(), "", false)
	if err != nil || len(known) != want {
		t.Errorf("the history has incidents %v, %v: want %d", known, err, want)
	}
	if n := len(slack.Posts()); n != want {
		t.Errorf("%d Slack messages, want %d", n, want)
	}
	if n := len(pagerduty.Events()); n != want {
		t.Errorf("%d PagerDuty events, want %d", n, want)
	}
}
