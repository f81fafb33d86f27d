package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestKilledAnywhere kills the real process at random moments of runs that open
// incidents, and then lets one run finish: the history is whole, each incident
// is there once, everybody was told, and PagerDuty opened each exactly once.
func TestKilledAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("dozens of processes; make test runs it")
	}
	incident := world.Nectar2023()
	stageDir, err := filepath.Abs(filepath.Join("..", "..", "testdata", incident.Name, incident.Folder(1)))
	if err != nil {
		t.Fatal(err)
	}
	want := len(incident.Stages[1].Finds)
	random := rand.New(rand.NewPCG(2023, 221))
	killRound(t, stageDir, want, incident.Stages[1].At, nil) // warms the file cache
	start := time.Now()
	killRound(t, stageDir, want, incident.Stages[1].At, nil)
	whole := time.Since(start)
	for range 15 {
		var kills []time.Duration
		for range 1 + random.IntN(4) {
			kills = append(kills, time.Duration(random.Int64N(int64(whole))))
		}
		killRound(t, stageDir, want, incident.Stages[1].At, kills)
	}
}

// killRound starts over with a new history and new receivers, kills one run
// after each of the given times, and checks what a last, undisturbed run leaves.
func killRound(t *testing.T, stageDir string, want int, at time.Time, kills []time.Duration) {
	t.Helper()
	slack, pagerduty, receivers := fakeReceivers(t)
	historyFile := filepath.Join(t.TempDir(), "history.db")
	cfg := stageConfig(t, stageDir, historyFile, receivers)
	run := func(ctx context.Context, at time.Time) ([]byte, error) {
		return exec.CommandContext(ctx, "audit", "now", "--config", cfg, "--at", at.Format(time.RFC3339), "--output", "json").Output()
	}
	for i, after := range kills {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, _ = run(ctx, at.Add(time.Duration(i)*time.Minute)) // killed, or done before
		cancel()
	}
	out, err := run(t.Context(), at.Add(time.Hour))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFindings {
		t.Fatalf("after kills at %v the next run ended with %v", kills, err)
	}
	// That two runs were recorded and killed before they sent anything is told, too.
	const unsent = "audit-notify-failed"
	r := parseReport(t, string(out))
	r.Incidents = slices.DeleteFunc(r.Incidents, func(i incidentReport) bool { return i.Check == unsent && len(kills) > 1 })
	if len(r.Incidents) != want {
		t.Errorf("after kills at %v the run has incidents %v, want %d", kills, r.Incidents, want)
	}
	store, err := history.Open(t.Context(), history.Location{URL: "sqlite:" + historyFile})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	known, err := store.Incidents(t.Context(), "", false)
	known = slices.DeleteFunc(known, func(i verdict.Incident) bool { return i.Check == unsent && len(kills) > 1 })
	if err != nil || len(known) != want {
		t.Errorf("after kills at %v the history has incidents %v, %v: want %d", kills, known, err, want)
	}
	alerts := map[string]bool{}
	for _, e := range pagerduty.Events() {
		a, aside := pagerduty.Alert(e.DedupKey), e.DedupKey == "hubaudit-"+verdict.Fingerprint("", "", unsent)
		if !aside {
			alerts[e.DedupKey] = true
		}
		if aside && len(kills) < 2 || !aside && !a.Open || a.Incidents != 1 {
			t.Errorf("after kills at %v PagerDuty has %+v, want it open and opened once", kills, a)
		}
	}
	if len(alerts) != want || len(slack.Posts()) < want {
		t.Errorf("after kills at %v there are %d alerts and %d Slack messages, want %d", kills, len(alerts), len(slack.Posts()), want)
	}
}
