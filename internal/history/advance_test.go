package history

import (
	"math/rand/v2"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestAdvance(t *testing.T) {
	now := world.Now
	earlier := now.Add(-3 * time.Hour)
	fp := verdict.Fingerprint(cluster, world.HubName, "a")
	open := verdict.Incident{ID: 7, Fingerprint: fp, Cluster: cluster, Hub: world.HubName, Check: "a", State: verdict.Opened,
		Outcome: verdict.Fail, Severity: verdict.Warning, Summary: "3 users", Count: 3, OpenedAt: earlier}
	with := func(change func(*verdict.Incident)) []verdict.Incident {
		inc := open
		inc.State = verdict.Ongoing
		change(&inc)
		return []verdict.Incident{inc}
	}
	worse := judged("a", verdict.Fail)
	worse.Severity, worse.Summary, worse.Count = verdict.Critical, "30 users", 30
	disabled := judged("a", verdict.Skipped)
	disabled.Disabled = true

	for name, c := range map[string]struct {
		open    []verdict.Incident
		verdict verdict.Verdict
		want    []verdict.Incident
	}{
		"fail opens": {nil, worse, []verdict.Incident{{Fingerprint: fp, Hub: world.HubName, Check: "a", State: verdict.Opened,
			Outcome: verdict.Fail, Severity: verdict.Critical, Summary: "30 users", Count: 30, OpenedAt: now}}},
		"pass opens nothing":            {nil, judged("a", verdict.Pass), nil},
		"unknown opens nothing":         {nil, judged("a", verdict.Unknown), nil},
		"skipped opens nothing":         {nil, judged("a", verdict.Skipped), nil},
		"disabled opens nothing":        {nil, disabled, nil},
		"another check's is left alone": {[]verdict.Incident{open}, judged("b", verdict.Pass), nil},
		"fail continues": {[]verdict.Incident{open}, worse, with(func(inc *verdict.Incident) {
			inc.Severity, inc.Summary, inc.Count = verdict.Critical, "30 users", 30
		})},
		"unknown leaves it open": {[]verdict.Incident{open}, judged("a", verdict.Unknown),
			with(func(inc *verdict.Incident) { inc.Outcome = verdict.Unknown })},
		"skipped leaves it open": {[]verdict.Incident{open}, judged("a", verdict.Skipped),
			with(func(inc *verdict.Incident) { inc.Outcome = verdict.Skipped })},
		"pass resolves": {[]verdict.Incident{open}, judged("a", verdict.Pass), with(func(inc *verdict.Incident) {
			inc.State, inc.Outcome, inc.ResolvedAt, inc.Reason = verdict.Resolved, verdict.Pass, now, "the invariant holds again"
		})},
		"disabling resolves": {[]verdict.Incident{open}, disabled, with(func(inc *verdict.Incident) {
			inc.State, inc.Outcome, inc.ResolvedAt, inc.Reason = verdict.Resolved, verdict.Skipped, now, "the check was disabled"
		})},
	} {
		t.Run(name, func(t *testing.T) { diff(t, c.want, advance(c.open, []verdict.Verdict{c.verdict}, now)) })
	}
}

// TestRandomRuns holds the history against a model that is a map, over many
// random runs of a few checks.
func TestRandomRuns(t *testing.T) {
	s := newStore(t)
	rng := rand.New(rand.NewPCG(1, 2))
	outcomes := []verdict.Outcome{verdict.Pass, verdict.Fail, verdict.Unknown, verdict.Skipped}
	since := map[string]time.Time{} // check: opened at
	spans := 0
	for minute := range 200 {
		var verdicts []verdict.Verdict
		for _, check := range []string{"a", "b", "c", "d"} {
			if rng.IntN(5) == 0 {
				continue // filtered out of this run
			}
			v := judged(check, outcomes[rng.IntN(len(outcomes))])
			v.Disabled = v.Outcome == verdict.Skipped && rng.IntN(3) == 0
			verdicts = append(verdicts, v)
		}
		run := record(t, s, runAt(minute, verdicts...))
		want := 0
		for _, v := range run.Verdicts {
			_, isOpen := since[v.Check]
			switch {
			case isOpen && (v.Outcome == verdict.Pass || v.Disabled):
				delete(since, v.Check)
				want++
			case !isOpen && v.Outcome == verdict.Fail:
				since[v.Check] = run.StartedAt
				spans++
				want++
			case isOpen:
				want++
			}
			at, isOpen := since[v.Check]
			if isOpen != (v.Since != nil) || isOpen && !v.Since.Equal(at) {
				t.Fatalf("minute %d, check %s: since %v, want %v", minute, v.Check, v.Since, at)
			}
		}
		if len(run.Incidents) != want {
			t.Fatalf("minute %d: %d incidents, want %d", minute, len(run.Incidents), want)
		}
	}
	if n := len(incidentsOf(t, s, true)); n != len(since) {
		t.Errorf("%d open incidents, want %d", n, len(since))
	}
	if n := len(incidentsOf(t, s, false)); n != spans || spans < 20 {
		t.Errorf("%d incidents in all, want %d", n, spans)
	}
}
