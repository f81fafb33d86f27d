package history

import (
	"time"

	"hubaudit/internal/verdict"
)

// Why an incident was resolved.
const (
	reasonHolds    = "the invariant holds again"
	reasonDisabled = "the check was disabled"
)

// standing is what there was of incidents before a run, by fingerprint.
type standing struct {
	// open are the open ones and the pending ones.
	open map[string]verdict.Incident
	// over are those that were resolved last and may be opened again.
	over map[string]verdict.Incident
}

// advance returns the incidents that verdicts touch, in the order of the
// verdicts: those that they open or begin (without ID), those that go on, those
// that they resolve; and the IDs of pending ones that are nothing any more.
// Those of a check or hub that was not judged stay as they are.
//
// Only passes and a disabled check resolve an incident. A verdict that is
// unknown or skipped is neither a failure nor a pass: it leaves an incident as
// the last failure left it, counts included, and begins none.
func (r Rules) advance(was standing, verdicts []verdict.Verdict, now time.Time) (touched []verdict.Incident, gone []int64) {
	seen := make(map[string]verdict.Outcome, len(verdicts))
	for i := range verdicts {
		seen[verdicts[i].Fingerprint] = verdicts[i].Outcome
	}
	for i := range verdicts {
		v := &verdicts[i]
		inc, known := was.open[v.Fingerprint]
		switch {
		case known && inc.State != verdict.Pending:
			next := r.carryOn(inc, v, now)
			if v.Outcome == verdict.Fail && was.stillExplained(inc, v, seen) {
				next.ExplainedBy, next.Because = inc.ExplainedBy, inc.Because
			}
			touched = append(touched, next)
		case v.Outcome == verdict.Fail:
			inc, opened := r.begin(inc, v, now)
			if last, ok := was.over[v.Fingerprint]; ok && opened && r.reopens(last, inc) {
				if inc.ID != 0 {
					gone = append(gone, inc.ID)
				}
				inc = openAgain(last, inc)
			}
			touched = append(touched, inc)
		case known && (v.Outcome == verdict.Pass || v.Disabled):
			gone = append(gone, inc.ID)
		}
	}
	return touched, gone
}

// stillExplained tells whether a run that could not see, or did not look at, the
// cause of an incident leaves it explained: its cause is still open, and it is no
// worse than when that was seen.
func (s *standing) stillExplained(inc verdict.Incident, v *verdict.Verdict, seen map[string]verdict.Outcome) bool {
	cause, open := s.open[inc.ExplainedBy]
	judged := seen[inc.ExplainedBy] == verdict.Fail || seen[inc.ExplainedBy] == verdict.Pass
	return open && cause.State != verdict.Pending && !judged && v.ExplainedBy == "" && v.Count <= inc.Count && inc.Severity.AtLeast(v.Severity)
}

// carryOn is an open incident after one more verdict.
func (r Rules) carryOn(inc verdict.Incident, v *verdict.Verdict, now time.Time) verdict.Incident {
	inc.State, inc.Outcome = verdict.Ongoing, v.Outcome
	switch {
	case v.Outcome == verdict.Fail:
		if inc.CleanRuns > 0 {
			inc.FailingRuns, inc.CleanRuns = 0, 0
		}
		inc = failed(inc, v)
	case v.Outcome == verdict.Pass:
		inc.CleanRuns++
		if inc.CleanRuns >= r.ResolveAfter {
			inc.State, inc.Reason = verdict.Resolved, reasonHolds
		}
	case v.Disabled:
		inc.State, inc.Reason = verdict.Resolved, reasonDisabled
	}
	if inc.State == verdict.Resolved {
		inc.ResolvedAt = now
		if now.Before(inc.OpenedAt) { // the clock was set back: no span is negative
			inc.ResolvedAt = inc.OpenedAt
		}
	}
	return inc
}

// failed is an incident after one more failing verdict.
func failed(inc verdict.Incident, v *verdict.Verdict) verdict.Incident {
	inc.Outcome, inc.Severity, inc.Summary, inc.Count = v.Outcome, v.Severity, v.Summary, v.Count
	inc.Silence, inc.ExplainedBy, inc.Because = v.Silence, v.ExplainedBy, v.Because
	inc.FailingRuns++
	return inc
}

// begin is a new or pending incident after a failing verdict: opened, if it has
// failed for long enough.
func (r Rules) begin(pending verdict.Incident, v *verdict.Verdict, now time.Time) (inc verdict.Incident, opened bool) {
	inc = pending
	if inc.FailingRuns == 0 {
		inc = verdict.Incident{Fingerprint: v.Fingerprint, Hub: v.Hub, Check: v.Check, State: verdict.Pending, FailingSince: now}
	}
	if now.Before(inc.FailingSince) { // the clock was set back: what it showed before tells nothing
		inc.FailingSince = now
	}
	inc = failed(inc, v)
	var patience verdict.Patience
	if r.Patience != nil {
		patience = r.Patience(v.Check, v.Hub)
	}
	if inc.FailingRuns < patience.Runs || now.Sub(inc.FailingSince) < patience.For {
		return inc, false
	}
	inc.State, inc.OpenedAt = verdict.Opened, now
	return inc, true
}

// reopens tells whether the failures of next began soon enough after last was
// resolved. A time before that is a clock's that was set back.
func (r Rules) reopens(last, next verdict.Incident) bool {
	after := next.FailingSince.Sub(last.ResolvedAt)
	return r.ReopenWithin > 0 && after >= 0 && after <= r.ReopenWithin
}

// openAgain is a resolved incident that goes on with the failures of another.
func openAgain(last, next verdict.Incident) verdict.Incident {
	next.ID, next.Cluster, next.OpenedAt, next.Reopened = last.ID, last.Cluster, last.OpenedAt, last.Reopened+1
	return next
}

// setSince gives every verdict the time at which its incident was opened, if
// it has one that is open.
func setSince(verdicts []verdict.Verdict, incidents []verdict.Incident) {
	since := make(map[string]time.Time, len(incidents))
	for _, inc := range incidents {
		if inc.State != verdict.Resolved {
			since[inc.Fingerprint] = inc.OpenedAt
		}
	}
	for i := range verdicts {
		verdicts[i].Since = nil
		if at, ok := since[verdicts[i].Fingerprint]; ok {
			verdicts[i].Since = &at
		}
	}
}
