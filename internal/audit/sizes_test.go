package audit

import (
	"path/filepath"
	"testing"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestEmptiedHomeOverRuns takes one home through a history: in order, formatted,
// worked in, accepted, and in order again.
func TestEmptiedHomeOverRuns(t *testing.T) {
	store, err := history.Open(t.Context(), history.Location{URL: "sqlite:" + filepath.Join(t.TempDir(), "h.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	suite, err := checks.NewSuite(nil, []string{"pvc-emptied"})
	if err != nil {
		t.Fatal(err)
	}
	at := world.Now
	run := func(bytes int64) (verdict.Verdict, facts.PastSize) {
		at = at.Add(time.Hour)
		s := world.Healthy(world.Small)
		s.Now = at
		home := &s.Longhorn.Volumes[3]
		home.ActualBytes = bytes
		if s.Past, err = store.Past(t.Context(), "", at); err != nil {
			t.Fatal(err)
		}
		r := &verdict.Run{StartedAt: at, Sources: s.Sources, Verdicts: checks.Judge(suite, s)}
		moves := latch(r, nil)
		moves.Claims = claimsOf(s)
		if err := store.Record(t.Context(), r, moves); err != nil {
			t.Fatal(err)
		}
		past, err := store.Past(t.Context(), "", at)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Kube.Claims {
			if c := &s.Kube.Claims[i]; c.Name == home.ClaimName {
				return r.Verdicts[0], past.Sizes[facts.SizeKey{ClaimUID: c.UID, By: facts.SizeByLonghorn}]
			}
		}
		panic("no claim " + home.ClaimName)
	}
	const mib = 1 << 20
	for _, step := range []struct {
		name    string
		bytes   int64
		want    verdict.Outcome
		held    int64
		latched bool
		accept  bool
	}{
		{name: "first run", bytes: 500 * mib, want: verdict.Pass, held: 500 * mib},
		{name: "formatted", bytes: 35 * mib, want: verdict.Fail, held: 500 * mib, latched: true},
		{name: "its user works in it", bytes: 390 * mib, want: verdict.Fail, held: 500 * mib, latched: true},
		{name: "accepted", bytes: 390 * mib, want: verdict.Pass, held: 390 * mib, accept: true},
		{name: "formatted again", bytes: 36 * mib, want: verdict.Fail, held: 390 * mib, latched: true},
		{name: "restored", bytes: 400 * mib, want: verdict.Pass, held: 390 * mib},
	} {
		if step.accept {
			if err := store.Accept(t.Context(), history.Acceptance{Hub: world.HubName, Check: "pvc-emptied", Reason: "known", At: at}); err != nil {
				t.Fatal(err)
			}
		}
		v, p := run(step.bytes)
		if v.Outcome != step.want || p.Bytes != step.held || p.EmptiedAt.IsZero() == step.latched {
			t.Errorf("%s: %s %s; remembered %+v", step.name, v.Outcome, v.Summary, p)
		}
	}
}
