package history

import (
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

var fingerprintA = verdict.Fingerprint(cluster, world.HubName, "a")

// incident is the one of check "a", opened three hours before the world's noon.
func incident(change func(*verdict.Incident)) verdict.Incident {
	earlier := world.Now.Add(-3 * time.Hour)
	inc := verdict.Incident{ID: 7, Fingerprint: fingerprintA, Cluster: cluster, Hub: world.HubName, Check: "a", State: verdict.Ongoing,
		Outcome: verdict.Fail, Severity: verdict.Warning, Summary: "3 users", Count: 3, OpenedAt: earlier, FailingSince: earlier, FailingRuns: 4}
	if change != nil {
		change(&inc)
	}
	return inc
}

func pendingSince(ago time.Duration, runs int) verdict.Incident {
	return incident(func(inc *verdict.Incident) {
		inc.State, inc.OpenedAt, inc.FailingSince, inc.FailingRuns = verdict.Pending, time.Time{}, world.Now.Add(-ago), runs
	})
}

func resolvedAgo(ago time.Duration) verdict.Incident {
	return incident(func(inc *verdict.Incident) {
		inc.ID, inc.State, inc.Outcome, inc.CleanRuns = 5, verdict.Resolved, verdict.Pass, 2
		inc.ResolvedAt, inc.Reason, inc.Reopened = world.Now.Add(-ago), reasonHolds, 1
	})
}

// worse is what the failing verdict of the tests makes of an incident.
func worse(change func(*verdict.Incident)) func(*verdict.Incident) {
	return func(inc *verdict.Incident) {
		inc.Outcome, inc.Severity, inc.Summary, inc.Count = verdict.Fail, verdict.Critical, "30 users", 30
		inc.Silence, inc.ExplainedBy, inc.Because = "silence 3", "cause", "as a is gone"
		inc.FailingRuns++
		if change != nil {
			change(inc)
		}
	}
}

func TestAdvance(t *testing.T) {
	now := world.Now
	fail, disabled := judged("a", verdict.Fail), judged("a", verdict.Skipped)
	fail.Severity, fail.Summary, fail.Count = verdict.Critical, "30 users", 30
	fail.Silence, fail.ExplainedBy, fail.Because = "silence 3", "cause", "as a is gone"
	disabled.Disabled = true
	pass, unknown, skipped := judged("a", verdict.Pass), judged("a", verdict.Unknown), judged("a", verdict.Skipped)
	patient := func(runs int, d time.Duration) Rules {
		return Rules{Patience: func(check, hub string) verdict.Patience {
			if check != "a" || hub != world.HubName {
				t.Errorf("patience of %s for %s", check, hub)
			}
			return verdict.Patience{Runs: runs, For: d}
		}, ReopenWithin: time.Hour}
	}
	begun := func(state verdict.IncidentState, opened time.Time) verdict.Incident {
		return incident(worse(func(inc *verdict.Incident) {
			inc.ID, inc.Cluster, inc.State, inc.OpenedAt, inc.FailingSince, inc.FailingRuns = 0, "", state, opened, now, 1
		}))
	}
	reopened := func(change func(*verdict.Incident)) verdict.Incident {
		return incident(worse(func(inc *verdict.Incident) {
			inc.ID, inc.State, inc.Reopened, inc.FailingSince, inc.FailingRuns = 5, verdict.Opened, 2, now, 1
			change(inc)
		}))
	}
	same := func(*verdict.Incident) {}
	open := incident(nil)
	clean := incident(func(inc *verdict.Incident) { inc.CleanRuns = 1 })

	for name, c := range map[string]struct {
		rules   Rules
		open    []verdict.Incident
		over    []verdict.Incident
		verdict verdict.Verdict
		want    []verdict.Incident
		gone    []int64
	}{
		"fail opens":                    {verdict: fail, want: []verdict.Incident{begun(verdict.Opened, now)}},
		"pass opens nothing":            {verdict: pass},
		"unknown opens nothing":         {verdict: unknown},
		"skipped opens nothing":         {verdict: skipped},
		"disabled opens nothing":        {verdict: disabled},
		"another check's is left alone": {open: []verdict.Incident{open}, verdict: judged("b", verdict.Pass)},
		"fail continues":                {open: []verdict.Incident{open}, verdict: fail, want: []verdict.Incident{incident(worse(nil))}},
		"fail clears a silence that ended": {open: []verdict.Incident{incident(worse(nil))}, verdict: judged("a", verdict.Fail),
			want: []verdict.Incident{incident(func(inc *verdict.Incident) {
				inc.Severity, inc.Summary, inc.Count, inc.FailingRuns = verdict.Error, "a is violated", 1, 6
			})}},
		"unknown leaves it open, and silenced": {open: []verdict.Incident{incident(worse(nil))}, verdict: unknown,
			want: []verdict.Incident{incident(worse(func(inc *verdict.Incident) { inc.Outcome = verdict.Unknown }))}},
		"skipped leaves it open": {open: []verdict.Incident{open}, verdict: skipped,
			want: []verdict.Incident{incident(func(inc *verdict.Incident) { inc.Outcome = verdict.Skipped })}},
		"pass resolves": {open: []verdict.Incident{open}, verdict: pass, want: []verdict.Incident{incident(func(inc *verdict.Incident) {
			inc.State, inc.Outcome, inc.CleanRuns, inc.ResolvedAt, inc.Reason = verdict.Resolved, verdict.Pass, 1, now, "the invariant holds again"
		})}},
		"disabling resolves": {rules: Rules{ResolveAfter: 9}, open: []verdict.Incident{open}, verdict: disabled,
			want: []verdict.Incident{incident(func(inc *verdict.Incident) {
				inc.State, inc.Outcome, inc.ResolvedAt, inc.Reason = verdict.Resolved, verdict.Skipped, now, "the check was disabled"
			})}},

		"one pass of two": {rules: Rules{ResolveAfter: 2}, open: []verdict.Incident{open}, verdict: pass,
			want: []verdict.Incident{incident(func(inc *verdict.Incident) { inc.Outcome, inc.CleanRuns = verdict.Pass, 1 })}},
		"two passes of two": {rules: Rules{ResolveAfter: 2}, open: []verdict.Incident{clean}, verdict: pass,
			want: []verdict.Incident{incident(func(inc *verdict.Incident) {
				inc.State, inc.Outcome, inc.CleanRuns, inc.ResolvedAt, inc.Reason = verdict.Resolved, verdict.Pass, 2, now, reasonHolds
			})}},
		"unknown between passes": {rules: Rules{ResolveAfter: 2}, open: []verdict.Incident{clean}, verdict: unknown,
			want: []verdict.Incident{incident(func(inc *verdict.Incident) { inc.Outcome, inc.CleanRuns = verdict.Unknown, 1 })}},
		"fail between passes": {rules: Rules{ResolveAfter: 2}, open: []verdict.Incident{clean}, verdict: fail,
			want: []verdict.Incident{incident(worse(func(inc *verdict.Incident) { inc.FailingRuns = 1 }))}},

		"first of three runs": {rules: patient(3, 0), verdict: fail, want: []verdict.Incident{begun(verdict.Pending, time.Time{})}},
		"second of three":     {rules: patient(3, 0), open: []verdict.Incident{pendingSince(time.Hour, 1)}, verdict: fail, want: []verdict.Incident{with(pendingSince(time.Hour, 1), worse(nil))}},
		"third of three": {rules: patient(3, 0), open: []verdict.Incident{pendingSince(time.Hour, 2)}, verdict: fail,
			want: []verdict.Incident{with(pendingSince(time.Hour, 2), worse(func(inc *verdict.Incident) { inc.State, inc.OpenedAt = verdict.Opened, now }))}},
		"too soon": {rules: patient(0, time.Hour), open: []verdict.Incident{pendingSince(time.Hour-time.Second, 9)}, verdict: fail,
			want: []verdict.Incident{with(pendingSince(time.Hour-time.Second, 9), worse(nil))}},
		"long enough": {rules: patient(0, time.Hour), open: []verdict.Incident{pendingSince(time.Hour, 9)}, verdict: fail,
			want: []verdict.Incident{with(pendingSince(time.Hour, 9), worse(func(inc *verdict.Incident) { inc.State, inc.OpenedAt = verdict.Opened, now }))}},
		"long enough, too few runs": {rules: patient(3, time.Minute), open: []verdict.Incident{pendingSince(time.Hour, 1)}, verdict: fail,
			want: []verdict.Incident{with(pendingSince(time.Hour, 1), worse(nil))}},
		"unknown while pending":    {rules: patient(3, 0), open: []verdict.Incident{pendingSince(time.Hour, 2)}, verdict: unknown},
		"pass while pending":       {rules: patient(3, 0), open: []verdict.Incident{pendingSince(time.Hour, 2)}, verdict: pass, gone: []int64{7}},
		"disabled while pending":   {rules: patient(3, 0), open: []verdict.Incident{pendingSince(time.Hour, 2)}, verdict: disabled, gone: []int64{7}},
		"less patience than there": {open: []verdict.Incident{pendingSince(0, 1)}, verdict: fail, want: []verdict.Incident{with(pendingSince(0, 1), worse(func(inc *verdict.Incident) { inc.State, inc.OpenedAt = verdict.Opened, now }))}},
		"pending, clock set back": {rules: patient(0, time.Hour), open: []verdict.Incident{pendingSince(-24*time.Hour, 9)}, verdict: fail,
			want: []verdict.Incident{with(pendingSince(0, 9), worse(nil))}},

		"reopened":             {rules: patient(0, 0), over: []verdict.Incident{resolvedAgo(time.Hour)}, verdict: fail, want: []verdict.Incident{reopened(same)}},
		"reopened at once":     {rules: patient(0, 0), over: []verdict.Incident{resolvedAgo(0)}, verdict: fail, want: []verdict.Incident{reopened(same)}},
		"too late to reopen":   {rules: patient(0, 0), over: []verdict.Incident{resolvedAgo(time.Hour + time.Second)}, verdict: fail, want: []verdict.Incident{begun(verdict.Opened, now)}},
		"resolved tomorrow":    {rules: patient(0, 0), over: []verdict.Incident{resolvedAgo(-24 * time.Hour)}, verdict: fail, want: []verdict.Incident{begun(verdict.Opened, now)}},
		"never reopened":       {over: []verdict.Incident{resolvedAgo(0)}, verdict: fail, want: []verdict.Incident{begun(verdict.Opened, now)}},
		"patience to reopen":   {rules: patient(2, 0), over: []verdict.Incident{resolvedAgo(0)}, verdict: fail, want: []verdict.Incident{begun(verdict.Pending, time.Time{})}},
		"pass after resolving": {rules: patient(0, 0), over: []verdict.Incident{resolvedAgo(0)}, verdict: pass},
		"reopened after patience": {rules: patient(3, 0), open: []verdict.Incident{pendingSince(2*time.Hour, 2)}, over: []verdict.Incident{resolvedAgo(3 * time.Hour)},
			verdict: fail, gone: []int64{7}, want: []verdict.Incident{reopened(func(inc *verdict.Incident) {
				inc.FailingSince, inc.FailingRuns = now.Add(-2*time.Hour), 3
			})}},
	} {
		t.Run(name, func(t *testing.T) {
			was := standing{open: map[string]verdict.Incident{}, over: map[string]verdict.Incident{}}
			for _, inc := range c.open {
				was.open[inc.Fingerprint] = inc
			}
			for _, inc := range c.over {
				was.over[inc.Fingerprint] = inc
			}
			touched, gone := c.rules.advance(was, []verdict.Verdict{c.verdict}, now)
			diff(t, c.want, touched)
			diff(t, c.gone, gone)
		})
	}
}

func with(inc verdict.Incident, change func(*verdict.Incident)) verdict.Incident {
	change(&inc)
	return inc
}
