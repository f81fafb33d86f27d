package history

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestLatch(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
		runs   int
	}{
		{nil, 0, 0},
		{[]float64{5}, 5, 1},
		{[]float64{5, 8}, 6.5, 2},
		{[]float64{9, 1, 5}, 5, 3},
		{[]float64{1, 2, 3, 4, 5, 6, 7}, 4, 7},
		{[]float64{100, 2, 3, 4, 5, 6, 7, 8}, 5, 7}, // the oldest has left
		{[]float64{1000, 1000, 1000, 1000, 0, 0, 0}, 1000, 7},
		{[]float64{1000, 1000, 1000, 0, 0, 0, 0}, 0, 7},
	} {
		var l latch
		for i, v := range c.values {
			l = l.add(point{At: int64(i), Value: v})
		}
		if b := l.baseline(); b.Value != c.want || b.Runs != c.runs {
			t.Errorf("%v: %v over %d runs, want %v over %d", c.values, b.Value, b.Runs, c.want, c.runs)
		}
	}
}

// TestLatchIsBounded: a median is always between the values it is of, and adding
// to one latch never changes another.
func TestLatchIsBounded(t *testing.T) {
	property := func(values []int32) bool {
		var l latch
		for i, v := range values {
			before := l.baseline()
			next := l.add(point{At: int64(i), Value: float64(v)})
			if l.baseline() != before {
				return false
			}
			l = next
		}
		b := l.baseline()
		if len(values) == 0 {
			return b == facts.Baseline{}
		}
		last := values[max(0, len(values)-baselineRuns):]
		return b.Runs == len(last) && b.Value >= float64(slices.Min(last)) && b.Value <= float64(slices.Max(last)) &&
			b.Until.Sub(b.Since) == time.Duration(len(last)-1)*time.Second
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

// TestWipedDatabaseNeverBecomesNormal is Berkeley's: 1,000 users became 50.
func TestWipedDatabaseNeverBecomesNormal(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	s := newStore(t)
	for minute := range 10 {
		record(t, s, runAt(minute, counted(verdict.Pass, 1000)), users)
	}
	want := past(t, s).Baselines[users]
	diff(t, facts.Baseline{Value: 1000, Runs: 7, Since: world.Now.Add(3 * time.Minute), Until: world.Now.Add(9 * time.Minute),
		High: 1000, HighAt: world.Now.Add(9 * time.Minute)}, want)
	rng := rand.New(rand.NewPCG(3, 4))
	for minute := 10; minute < 110; minute++ {
		outcome := []verdict.Outcome{verdict.Fail, verdict.Unknown, verdict.Skipped}[rng.IntN(3)]
		run := runAt(minute, counted(outcome, []float64{0, 50}[rng.IntN(2)]))
		record(t, s, run)
		diff(t, want, past(t, s).Baselines[users])
	}
	if n := count(t, s, "SELECT count(*) FROM series WHERE good = 0"); n != 100 {
		t.Errorf("%d bad values are kept for graphs, want 100", n)
	}
	if n := count(t, s, "SELECT count(*) FROM series WHERE good = 1"); n != 10 {
		t.Errorf("%d good values are kept for graphs, want 10", n)
	}
	record(t, s, runAt(110, counted(verdict.Pass, 1002)), users)
	if b := past(t, s).Baselines[users]; b.Value != 1000 || !b.Until.Equal(world.Now.Add(110*time.Minute)) {
		t.Errorf("baseline after the repair: %+v", b)
	}
}

func TestBaselineOfABadFirstRun(t *testing.T) {
	s := newStore(t)
	record(t, s, runAt(0, counted(verdict.Fail, 50)))
	if b, ok := past(t, s).Baselines[users]; ok {
		t.Errorf("a run that was not good made the baseline %+v", b)
	}
}

// TestSeriesOfOneRun: several checks and hubs may measure in one run.
func TestSeriesOfOneRun(t *testing.T) {
	s := newStore(t)
	same, other := judged("hub-db-reset", verdict.Pass), counted(verdict.Pass, 7)
	same.Series = map[string]float64{facts.SeriesUsers: 1000, "orphans": 3}
	other.Hub, other.Fingerprint = "second", verdict.Fingerprint(cluster, "second", other.Check)
	second := facts.SeriesKey{Hub: "second", Name: facts.SeriesUsers}
	record(t, s, runAt(0, counted(verdict.Pass, 1000), same, other), users, second)
	got := map[facts.SeriesKey]float64{}
	for key, b := range past(t, s).Baselines {
		got[key] = b.Value
	}
	diff(t, map[facts.SeriesKey]float64{users: 1000, second: 7}, got)
}
