package world_test

import (
	"testing"

	"hubaudit/checks"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestRecordingsExplained: whatever of a recorded incident is explained by
// something else, people hear of that; and of each stage in which something is
// wrong they hear something as bad as the worst of it.
func TestRecordingsExplained(t *testing.T) {
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	muted := 0
	for _, incident := range incidents() {
		first := *incident.Stages[0].Snapshot
		world.Remember(&first)
		for n := range incident.Stages {
			s := *incident.Stages[n].Snapshot
			s.Past = first.Past
			verdicts := checks.Judge(suite, &s)
			checks.Explain(verdicts)
			told := map[string]verdict.Severity{}
			for _, v := range verdicts {
				if v.Outcome == verdict.Fail && v.ExplainedBy == "" {
					told[v.Fingerprint] = v.Severity
				}
			}
			for _, v := range verdicts {
				if v.ExplainedBy == "" {
					continue
				}
				muted++
				if severity, ok := told[v.ExplainedBy]; !ok || !severity.AtLeast(v.Severity) || v.Because == "" {
					t.Errorf("%s/%s: nobody hears of %s, %q", incident.Name, incident.Folder(n), v.Check, v.Because)
				}
				t.Logf("%s/%s: %s: %s", incident.Name, incident.Folder(n), v.Check, v.Because)
			}
		}
	}
	if muted == 0 {
		t.Error("nothing was explained in any of them")
	}
}
