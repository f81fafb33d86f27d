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

// advance returns the incidents that verdicts touch, in the order of the
// verdicts: those that they open (without ID), those that go on, those that
// they resolve. open are all open incidents; those of a check or hub that was
// not judged are not returned and stay as they are.
//
// Only a pass or a disabled check resolves an incident. A verdict that is
// unknown or skipped leaves it open, with the severity, summary and count of
// the last failure, and opens none.
func advance(open []verdict.Incident, verdicts []verdict.Verdict, now time.Time) []verdict.Incident {
	byFingerprint := make(map[string]verdict.Incident, len(open))
	for _, inc := range open {
		byFingerprint[inc.Fingerprint] = inc
	}
	var touched []verdict.Incident
	for i := range verdicts {
		v := &verdicts[i]
		inc, isOpen := byFingerprint[v.Fingerprint]
		switch {
		case isOpen:
			touched = append(touched, carryOn(inc, v, now))
		case v.Outcome == verdict.Fail:
			touched = append(touched, verdict.Incident{Fingerprint: v.Fingerprint, Hub: v.Hub, Check: v.Check,
				State: verdict.Opened, Outcome: v.Outcome, Severity: v.Severity, Summary: v.Summary, Count: v.Count, OpenedAt: now})
		}
	}
	return touched
}

// carryOn is an open incident after one more verdict.
func carryOn(inc verdict.Incident, v *verdict.Verdict, now time.Time) verdict.Incident {
	inc.State, inc.Outcome = verdict.Ongoing, v.Outcome
	switch {
	case v.Outcome == verdict.Fail:
		inc.Severity, inc.Summary, inc.Count = v.Severity, v.Summary, v.Count
	case v.Outcome == verdict.Pass:
		inc.State, inc.Reason = verdict.Resolved, reasonHolds
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
