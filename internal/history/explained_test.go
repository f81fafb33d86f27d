package history

import (
	"testing"

	"hubaudit/internal/verdict"
)

// TestExplainedOutOfSight: a run that cannot see the cause of an incident, or does
// not look at it, leaves the incident explained, unless there is more of it.
func TestExplainedOutOfSight(t *testing.T) {
	cause := judged("cause", verdict.Fail)
	effect := func(count int, severity verdict.Severity, by string) verdict.Verdict {
		v := judged("effect", verdict.Fail)
		v.Count, v.Severity, v.ExplainedBy = count, severity, by
		return v
	}
	explained := effect(3, verdict.Error, cause.Fingerprint)
	for name, c := range map[string]struct {
		later []verdict.Verdict
		want  string
	}{
		"not looked at":      {[]verdict.Verdict{effect(3, verdict.Error, "")}, cause.Fingerprint},
		"unknown":            {[]verdict.Verdict{judged("cause", verdict.Unknown), effect(2, verdict.Warning, "")}, cause.Fingerprint},
		"unknown, of more":   {[]verdict.Verdict{judged("cause", verdict.Unknown), effect(4, verdict.Error, "")}, ""},
		"unknown, and worse": {[]verdict.Verdict{judged("cause", verdict.Unknown), effect(3, verdict.Critical, "")}, ""},
		"no cause any more":  {[]verdict.Verdict{cause, effect(3, verdict.Error, "")}, ""},
		"the cause is over":  {[]verdict.Verdict{judged("cause", verdict.Pass), effect(3, verdict.Error, "")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			record(t, s, runAt(0, cause, explained))
			run := runAt(1, c.later...)
			record(t, s, run)
			for _, inc := range run.Incidents {
				if inc.Check == "effect" && inc.ExplainedBy != c.want {
					t.Errorf("explained by %q, want %q", inc.ExplainedBy, c.want)
				}
			}
		})
	}
}
