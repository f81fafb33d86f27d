package history

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// lives are what a history should know of some checks' incidents: everything
// that counted runs said of them, gone through anew each time.
type lives struct {
	rules  Rules
	events map[string][]event
	runs   []time.Time // recorded
}

// event is a verdict that counts: a failure, a pass, or a check switched off.
type event struct {
	at      time.Time
	outcome verdict.Outcome
	silence string
}

// life is one incident of a model.
type life struct {
	opened, resolved, since time.Time
	failing, clean, again   int
	silence                 string
}

// of goes through what happened to a check. waiting is whether it fails for less
// time than it is given.
func (m *lives) of(check string) (list []life, waiting bool) {
	var streak []event // failures in a row while nothing is open
	isOpen := false
	for _, e := range m.events[check] {
		if isOpen {
			last := &list[len(list)-1]
			last.step(e, m.rules.ResolveAfter)
			isOpen = last.resolved.IsZero()
			continue
		}
		if e.outcome != verdict.Fail {
			streak = nil
			continue
		}
		streak = append(streak, e)
		start := e.at
		for _, s := range streak {
			if s.at.Before(start) {
				start = s.at
			}
		}
		p := m.rules.Patience(check, world.HubName)
		if len(streak) < p.Runs || e.at.Before(start.Add(p.For)) {
			continue
		}
		list = begun(list, life{opened: e.at, since: start, failing: len(streak), silence: e.silence}, e.at, m.rules.ReopenWithin)
		streak, isOpen = nil, true
	}
	return list, len(streak) > 0
}

// step is what one more event makes of an open incident.
func (l *life) step(e event, resolveAfter int) {
	switch {
	case e.outcome == verdict.Fail && l.clean > 0:
		l.failing, l.clean, l.silence = 1, 0, e.silence
	case e.outcome == verdict.Fail:
		l.failing++
		l.silence = e.silence
	case e.outcome == verdict.Pass:
		l.clean++
	}
	if e.outcome == verdict.Skipped || l.clean > 0 && l.clean >= resolveAfter {
		l.resolved = e.at
		if l.resolved.Before(l.opened) {
			l.resolved = l.opened
		}
	}
}

// begun adds an incident, or opens the one that was over last again: as the last
// of the list, which is the one that goes on.
func begun(list []life, l life, now time.Time, within time.Duration) []life {
	at := -1
	for i, old := range list {
		if !old.resolved.After(now) && (at < 0 || !old.resolved.Before(list[at].resolved)) {
			at = i
		}
	}
	if at < 0 || within == 0 || l.since.Before(list[at].resolved) || l.since.After(list[at].resolved.Add(within)) {
		return append(list, l)
	}
	l.opened, l.again = list[at].opened, list[at].again+1
	return append(append(append([]life{}, list[:at]...), list[at+1:]...), l)
}

// moves tells whether a run of a time counts, by a wall clock.
func (m *lives) moves(at, clock time.Time) bool {
	for _, run := range m.runs {
		if run.After(at) && !run.After(clock.Add(2*time.Minute)) {
			return false
		}
	}
	return true
}

// TestIncidentsAgainstModel plays random lives of checks: with and without
// patience, with clean runs to wait for, opened again, unknown, not judged,
// switched off, silenced; runs come too late, and clocks are set.
func TestIncidentsAgainstModel(t *testing.T) {
	seeds, runs := 40, 150
	if testing.Short() {
		seeds, runs = 3, 60
	}
	spans, again, waits := 0, 0, 0
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 11))
			patience := map[string]verdict.Patience{"b": {Runs: 1 + rng.IntN(4)}, "c": {For: time.Duration(rng.IntN(30)) * time.Minute},
				"d": {Runs: 2, For: 10 * time.Minute}}
			m := &lives{events: map[string][]event{}, rules: Rules{ResolveAfter: rng.IntN(4), ReopenWithin: time.Duration(rng.IntN(3)) * 15 * time.Minute,
				Patience: func(check, _ string) verdict.Patience { return patience[check] }}}
			s := newStore(t)
			unsafe(t, s)
			clock := world.Now
			for range runs {
				clock = clock.Add(time.Duration(1+rng.IntN(20)) * time.Minute)
				switch rng.IntN(40) {
				case 0:
					clock = clock.Add(-time.Duration(rng.IntN(48)) * time.Hour)
				case 1:
					clock = clock.Add(time.Duration(rng.IntN(48)) * time.Hour)
				}
				m.play(t, s, rng, clock)
				waits += m.compare(t, s)
			}
			for check := range m.events {
				list, _ := m.of(check)
				spans += len(list)
				for _, l := range list {
					again += l.again
				}
			}
		})
	}
	if spans < 10*seeds || again < seeds || waits < 5*seeds {
		t.Errorf("%d incidents, opened again %d times, %d waits: the test proves little", spans, again, waits)
	}
}

// play records one run, in the history and in the model.
func (m *lives) play(t *testing.T, s *Store, rng *rand.Rand, clock time.Time) {
	t.Helper()
	at := clock
	if rng.IntN(8) == 0 {
		at = at.Add(-time.Duration(rng.IntN(30)) * time.Minute) // it took long
	}
	s.clock = func() time.Time { return clock }
	counts := m.moves(at, clock)
	var verdicts []verdict.Verdict
	for _, check := range []string{"a", "b", "c", "d"} {
		v := judged(check, []verdict.Outcome{verdict.Pass, verdict.Fail, verdict.Fail, verdict.Unknown, verdict.Skipped}[rng.IntN(5)])
		v.Disabled = v.Outcome == verdict.Skipped && rng.IntN(4) == 0
		if v.Outcome == verdict.Fail && rng.IntN(3) == 0 {
			v.Silence = fmt.Sprint("silence ", rng.IntN(3))
		}
		if rng.IntN(6) == 0 {
			continue
		}
		verdicts = append(verdicts, v)
		if counts && (v.Outcome == verdict.Pass || v.Outcome == verdict.Fail || v.Disabled) {
			m.events[check] = append(m.events[check], event{at, v.Outcome, v.Silence})
		}
	}
	run := runAt(0, verdicts...)
	run.StartedAt = at
	recordMoves(t, s, run, Moves{Rules: m.rules})
	m.runs = append(m.runs, at)
	for _, inc := range run.Incidents {
		if inc.State == verdict.Pending || counts && (inc.State == verdict.Resolved) == inc.ResolvedAt.IsZero() {
			t.Errorf("incident %+v", inc)
		}
	}
}

// compare returns how many checks wait for their patience to end.
func (m *lives) compare(t *testing.T, s *Store) (waits int) {
	t.Helper()
	got := map[string][]life{}
	for _, inc := range incidentsOf(t, s, false) {
		got[inc.Check] = append([]life{{inc.OpenedAt, inc.ResolvedAt, inc.FailingSince, inc.FailingRuns, inc.CleanRuns, inc.Reopened, inc.Silence}}, got[inc.Check]...)
	}
	pending, err := s.Pending(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	isPending := map[string]bool{}
	for _, inc := range pending {
		isPending[inc.Check] = true
	}
	for check := range m.events {
		want, waiting := m.of(check)
		if !sameLives(want, got[check]) || waiting != isPending[check] {
			t.Fatalf("check %s after %v:\nwant %+v, waiting %v\ngot  %+v, waiting %v", check, m.events[check], want, waiting, got[check], isPending[check])
		}
		if waiting {
			waits++
		}
	}
	return waits
}

// sameLives compares them in any order: a clock that was set back changes it.
func sameLives(a, b []life) bool {
	left := map[life]int{}
	for _, l := range a {
		left[l]++
	}
	for _, l := range b {
		left[l]--
	}
	for _, n := range left {
		if n != 0 {
			return false
		}
	}
	return true
}
