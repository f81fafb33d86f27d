package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

const (
	drift = "hub-user-count-drift"
	ids   = "hub-user-id-changed"
)

// TestLatch: what a hub's database is in doubt about never becomes normal, and
// neither does what a check complains about.
func TestLatch(t *testing.T) {
	grown := v(drift, "a", verdict.Fail, 10)
	grown.Normal = true
	unknownGrown := grown
	unknownGrown.Outcome = verdict.Unknown
	disabled := v(drift, "a", verdict.Skipped)
	disabled.Disabled = true
	pass := v(drift, "a", verdict.Pass, 10)
	for name, c := range map[string]struct {
		verdicts []verdict.Verdict
		good     bool // the series
		refer    bool // to this view
	}{
		"all hold":                   {[]verdict.Verdict{v("hub-db-corrupt", "a", verdict.Pass), pass, v(ids, "a", verdict.Pass)}, true, true},
		"first run":                  {[]verdict.Verdict{v("hub-db-corrupt", "a", verdict.Pass), v(drift, "a", verdict.Skipped, 10), v(ids, "a", verdict.Skipped)}, true, true},
		"REST only":                  {[]verdict.Verdict{v("hub-db-corrupt", "a", verdict.Skipped), v("hub-source-disagree", "a", verdict.Skipped), pass, v(ids, "a", verdict.Skipped)}, true, true},
		"drift fails":                {[]verdict.Verdict{v(drift, "a", verdict.Fail, 1), v(ids, "a", verdict.Pass)}, false, false},
		"drift unknown":              {[]verdict.Verdict{v(drift, "a", verdict.Unknown, 1), v(ids, "a", verdict.Pass)}, false, false},
		"growth":                     {[]verdict.Verdict{grown, v(ids, "a", verdict.Pass)}, true, true},
		"growth, unknown":            {[]verdict.Verdict{unknownGrown, v(ids, "a", verdict.Pass)}, false, false},
		"growth of a reset database": {[]verdict.Verdict{grown, v(ids, "a", verdict.Pass), v("hub-db-reset", "a", verdict.Fail)}, false, false},
		"corrupt":                    {[]verdict.Verdict{v("hub-db-corrupt", "a", verdict.Fail), v(drift, "a", verdict.Skipped, 10), v(ids, "a", verdict.Pass)}, false, false},
		"reset, judged after drift":  {[]verdict.Verdict{pass, v("hub-db-reset", "a", verdict.Fail), v(ids, "a", verdict.Pass)}, false, false},
		"reset unknown":              {[]verdict.Verdict{pass, v("hub-db-reset", "a", verdict.Unknown), v(ids, "a", verdict.Pass)}, false, false},
		"sources disagree":           {[]verdict.Verdict{pass, v("hub-source-disagree", "a", verdict.Fail), v(ids, "a", verdict.Pass)}, false, false},
		"other source is down":       {[]verdict.Verdict{pass, v("hub-source-disagree", "a", verdict.Unknown), v(ids, "a", verdict.Pass)}, false, false},
		"another hub is in doubt":    {[]verdict.Verdict{pass, v("hub-db-reset", "b", verdict.Fail), v(ids, "a", verdict.Pass)}, true, true},
		"something else of it fails": {[]verdict.Verdict{pass, v("hub-cookie-id-null", "a", verdict.Fail), v(ids, "a", verdict.Pass)}, true, true},
		"other ids":                  {[]verdict.Verdict{pass, v(ids, "a", verdict.Fail)}, true, false},
		"ids unknown":                {[]verdict.Verdict{pass, v(ids, "a", verdict.Unknown)}, true, false},
		"limited to drift":           {[]verdict.Verdict{pass}, true, false},
		"limited to ids":             {[]verdict.Verdict{v(ids, "a", verdict.Pass)}, false, false},
		"limited to neither":         {[]verdict.Verdict{v("pvc-lost", "", verdict.Pass)}, false, false},
		"drift switched off":         {[]verdict.Verdict{disabled, v(ids, "a", verdict.Pass)}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := latch(&verdict.Run{Verdicts: c.verdicts}, []history.View{{Hub: "a"}})
			if good := got.Good[facts.SeriesKey{Hub: "a", Name: facts.SeriesUsers}]; good != c.good {
				t.Errorf("the series is good: %v, want %v", good, c.good)
			}
			if got.Views[0].Good != c.refer {
				t.Errorf("the view is good: %v, want %v", got.Views[0].Good, c.refer)
			}
		})
	}
}

func TestLatchOfMarks(t *testing.T) {
	with := func(outcome verdict.Outcome) verdict.Verdict {
		d := v("hub-db-pvc-replaced", "a", outcome)
		d.Marks = map[string]string{facts.MarkHubClaim: "c1"}
		return d
	}
	for name, c := range map[string]struct {
		verdicts []verdict.Verdict
		good     bool
	}{
		"holds":           {[]verdict.Verdict{with(verdict.Pass)}, true},
		"fails":           {[]verdict.Verdict{with(verdict.Fail)}, false},
		"database is new": {[]verdict.Verdict{with(verdict.Pass), v("hub-db-reset", "a", verdict.Fail)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[facts.SeriesKey]bool{{Hub: "a", Name: facts.MarkHubClaim}: c.good}
			if diff := cmp.Diff(want, latch(&verdict.Run{Verdicts: c.verdicts}, nil).Good); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLatchOfProofs: a backup that was found good was, however bad another one is.
func TestLatchOfProofs(t *testing.T) {
	for name, verdicts := range map[string][]verdict.Verdict{
		"holds":                  {v("backup-restore-mismatch", "a", verdict.Pass)},
		"another copy is bad":    {v("backup-restore-mismatch", "a", verdict.Fail)},
		"another was not opened": {v("backup-restore-mismatch", "a", verdict.Unknown)},
		"the hub is in doubt":    {v("backup-restore-mismatch", "a", verdict.Pass), v("hub-source-disagree", "a", verdict.Unknown)},
	} {
		t.Run(name, func(t *testing.T) {
			verdicts[0].Marks = map[string]string{facts.MarkTested + "nightly": "copy 1", facts.MarkDrill: "restore", "other": "x"}
			got := latch(&verdict.Run{Verdicts: verdicts}, nil).Good
			if !got[facts.SeriesKey{Hub: "a", Name: facts.MarkTested + "nightly"}] || !got[facts.SeriesKey{Hub: "a", Name: facts.MarkDrill}] {
				t.Errorf("a proof is lost: %v", got)
			}
			if got[facts.SeriesKey{Hub: "a", Name: "other"}] != (name == "holds") {
				t.Errorf("another mark is good: %v", got)
			}
		})
	}
}

// TestLatchOfRebase: no window makes a database normal that is in doubt.
func TestLatchOfRebase(t *testing.T) {
	expected := v(drift, "a", verdict.Pass, 10)
	expected.Rebase = map[string]string{facts.SeriesUsers: "end of term"}
	key := facts.SeriesKey{Hub: "a", Name: facts.SeriesUsers}
	got := latch(&verdict.Run{Verdicts: []verdict.Verdict{expected}}, nil)
	if diff := cmp.Diff(map[facts.SeriesKey]history.Rebase{key: {Check: drift, Reason: "end of term"}}, got.Rebase); diff != "" {
		t.Error(diff)
	}
	for _, guard := range guards {
		got := latch(&verdict.Run{Verdicts: []verdict.Verdict{expected, v(guard, "a", verdict.Fail)}}, nil)
		if len(got.Rebase) != 0 || got.Good[key] {
			t.Errorf("in spite of %s: %+v", guard, got)
		}
	}
}

// TestLatchOfSizes: a check that fails says itself which homes are not to be
// remembered as they are; of a hub that is in doubt, or a verdict that could not
// tell, none are.
func TestLatchOfSizes(t *testing.T) {
	sizes := []verdict.Size{{SizeKey: facts.SizeKey{ClaimUID: "c1", By: facts.SizeByLonghorn}, Bytes: 1, Emptied: true}}
	with := func(outcome verdict.Outcome) verdict.Verdict {
		d := v("pvc-emptied", "a", outcome)
		d.Sizes = sizes
		return d
	}
	for name, c := range map[string]struct {
		verdicts []verdict.Verdict
		want     map[string][]verdict.Size
	}{
		"holds":           {[]verdict.Verdict{with(verdict.Pass)}, map[string][]verdict.Size{"a": sizes}},
		"fails":           {[]verdict.Verdict{with(verdict.Fail)}, map[string][]verdict.Size{"a": sizes}},
		"cannot tell":     {[]verdict.Verdict{with(verdict.Unknown)}, map[string][]verdict.Size{}},
		"database is new": {[]verdict.Verdict{with(verdict.Pass), v("hub-db-reset", "a", verdict.Fail)}, map[string][]verdict.Size{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, latch(&verdict.Run{Verdicts: c.verdicts}, nil).Sizes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestClaimsOf: a claim is gone only where all claims were read.
func TestClaimsOf(t *testing.T) {
	s := world.Healthy(world.Small)
	claims := claimsOf(s)
	if len(claims) != len(s.Kube.Claims) || !claims[s.Kube.Claims[3].UID] {
		t.Errorf("%v", claims)
	}
	world.Fail(s, facts.KubeClaims, facts.CauseTimeout, "gave up")
	if claims := claimsOf(s); claims != nil {
		t.Errorf("of a list that was not read: %v", claims)
	}
}
