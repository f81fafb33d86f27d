package audit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

func v(check, hub string, outcome verdict.Outcome, series ...float64) verdict.Verdict {
	d := verdict.Verdict{Check: check, Hub: hub, Outcome: outcome, Fingerprint: verdict.Fingerprint("", hub, check)}
	if len(series) > 0 {
		d.Series = map[string]float64{facts.SeriesUsers: series[0]}
	}
	return d
}

func TestOfInterest(t *testing.T) {
	all := []verdict.Verdict{v("x", "a", verdict.Pass), v("x", "b", verdict.Pass), v("y", "", verdict.Pass)}
	if got := ofInterest(append([]verdict.Verdict(nil), all...), nil); len(got) != 3 {
		t.Errorf("without a filter %v", got)
	}
	if diff := cmp.Diff([]verdict.Verdict{all[0], all[2]}, ofInterest(append([]verdict.Verdict(nil), all...), []string{"a"})); diff != "" {
		t.Error(diff)
	}
}

// TestWithoutHistory: every failing verdict counts as opened now, nothing else does.
func TestWithoutHistory(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	run := &verdict.Run{StartedAt: at, Verdicts: []verdict.Verdict{v("x", "a", verdict.Pass), v("y", "a", verdict.Fail), v("z", "", verdict.Unknown)}}
	got := unremembered(run)
	if len(got) != 1 || got[0].Check != "y" || got[0].State != verdict.Opened || got[0].ID != 0 || !got[0].OpenedAt.Equal(at) {
		t.Errorf("incidents are %+v", got)
	}
}

func TestOfHubs(t *testing.T) {
	cfg := &config.Config{Hubs: []config.Hub{{Name: "a"}}}
	got := ofHubs(cfg, []verdict.Incident{{Hub: "a"}, {Hub: "gone"}, {Hub: ""}})
	if diff := cmp.Diff([]verdict.Incident{{Hub: "a"}, {Hub: ""}}, got); diff != "" {
		t.Error(diff)
	}
}
