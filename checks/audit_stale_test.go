package checks

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestAuditStale(t *testing.T) { testCheck(t, auditStaleCases) }

// runsEvery are complete runs: so many, so far apart, the newest so long ago.
func runsEvery(n int, apart, newest time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { s.Past.Runs = ranEvery(s.Now, n, apart, newest) }
}

func ranEvery(now time.Time, n int, apart, newest time.Duration) []facts.PastRun {
	runs := make([]facts.PastRun, n)
	for i := range runs {
		runs[i] = facts.PastRun{At: now.Add(-newest - time.Duration(i)*apart), Complete: true}
	}
	return runs
}

// busy lets something happen every quarter of an hour of the last month.
func busy(s *facts.Snapshot) {
	for d := 10 * time.Minute; d < 31*24*time.Hour; d += 15 * time.Minute {
		s.Kube.Jobs = append(s.Kube.Jobs, facts.Job{Namespace: "kube-system", Name: "tick", Created: s.Now.Add(-d), Completed: s.Now.Add(-d)})
	}
}

func whileBusy(changes ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		busy(s)
		recorded := s.Past.LastRecorded
		for _, change := range changes {
			change(s)
		}
		if s.Past.LastRecorded.Equal(recorded) {
			s.Past.LastRecorded = s.Past.Runs[0].At
		}
	}
}

// otherAudit shares the history.
func otherAudit(cluster string, n int, apart, newest time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Past.Audits = append(s.Past.Audits, facts.PastAudit{Cluster: cluster, Runs: ranEvery(s.Now, n, apart, newest)})
	}
}

var (
	stale  = outcomes{"audit-stale": "fail error 1"}
	notYet = outcomes{"audit-stale": "skipped"}
)

var auditStaleCases = cases{
	check: auditStale,
	fires: []damage{
		{
			name: "no run for half a day", change: whileBusy(runsEvery(30, time.Hour, 12*time.Hour)), want: stale,
			summary: "nobody watched from 2026-11-20 00:00 UTC to 2026-11-20 12:00 UTC: there was no run for 12 h, and one every 1 h is usual",
		},
		{
			name: "runs by hand in between make it no shorter and no longer",
			change: whileBusy(func(s *facts.Snapshot) {
				s.Past.Runs = append(ranEvery(s.Now, 20, 2*time.Minute, 12*time.Hour), ranEvery(s.Now, 10, time.Hour, 13*time.Hour)...)
			}),
			want:    stale,
			summary: "nobody watched from 2026-11-20 00:00 UTC to 2026-11-20 12:00 UTC: there was no run for 12 h, and one every 1 h is usual",
		},
		{
			name: "a break of two days last week made nothing normal",
			change: whileBusy(func(s *facts.Snapshot) {
				s.Past.Runs = append(ranEvery(s.Now, 9, time.Hour, 5*time.Hour), ranEvery(s.Now, 21, time.Hour, 61*time.Hour)...)
			}),
			want:    stale,
			summary: "nobody watched from 2026-11-20 07:00 UTC to 2026-11-20 12:00 UTC: there was no run for 5 h, and one every 1 h is usual",
		},
		{
			name: "the audit of another cluster", change: whileBusy(otherAudit("physics", 30, time.Hour, 9*time.Hour)), want: stale,
			summary: "the audit of cluster physics has not run since 2026-11-20 03:00 UTC, for 9 h, and one every 1 h is usual",
		},
		{
			name:   "two of them, one without a name",
			change: whileBusy(otherAudit("", 30, time.Hour, 9*time.Hour), otherAudit("physics", 30, time.Hour, 29*24*time.Hour)), want: outcomes{"audit-stale": "fail error 2"},
			summary: "2 audits have stopped or paused",
		},
		{
			name: "the period is given", change: whileBusy(runsEvery(1, time.Hour, 45*time.Minute)), values: map[string]any{"period": "15m"}, want: stale,
			summary: "nobody watched from 2026-11-20 11:15 UTC to 2026-11-20 12:00 UTC: there was no run for 45 min, and one every 15 min is usual",
		},
	},
	mustNotFire: []damage{
		{name: "too few runs to tell", change: whileBusy(runsEvery(5, time.Hour, 12*time.Hour)), want: notYet, summary: "5 runs so far; how far apart they are can be told from 6 on"},
		{name: "the weekend is left out", change: whileBusy(func(s *facts.Snapshot) {
			// Nightly from Monday to Friday; the run is Monday's.
			s.Past.Runs = nil
			for d := 1; len(s.Past.Runs) < 10; d++ {
				if d%7 != 1 && d%7 != 2 {
					s.Past.Runs = append(s.Past.Runs, facts.PastRun{At: s.Now.AddDate(0, 0, -d), Complete: true})
				}
			}
		})},
		{name: "the night is left out", change: whileBusy(func(s *facts.Snapshot) {
			s.Past.Runs = append(ranEvery(s.Now, 11, time.Hour, 14*time.Hour), ranEvery(s.Now, 11, time.Hour, 38*time.Hour)...)
		})},
		{name: "every minute, and late by some", change: whileBusy(runsEvery(30, time.Minute, 20*time.Minute))},
		{name: "the clock was wrong for half a day", change: whileBusy(runsEvery(30, time.Hour, 12*time.Hour), func(s *facts.Snapshot) {
			s.Past.LastRecorded = s.Now.AddDate(-30, 0, 0)
		}), want: notYet, summary: "the last run was recorded with the time 1996-11-20 12:00 UTC: the clock has been set since"},
		{name: "the other audit was taken down", change: whileBusy(otherAudit("physics", 30, time.Hour, 31*24*time.Hour))},
		{name: "another audit that never had a rhythm", change: whileBusy(otherAudit("laptop", 3, time.Hour, 20*24*time.Hour))},
		{name: "the history was away from all audits", change: whileBusy(otherAudit("physics", 30, time.Hour, 9*time.Hour), func(s *facts.Snapshot) {
			s.Past.Runs = ranEvery(s.Now, 30, time.Hour, time.Hour)
			for i := 1; i < len(s.Past.Runs); i++ {
				s.Past.Runs[i].At = s.Past.Runs[i].At.Add(-9 * time.Hour)
			}
		})},
		{name: "this audit is new", change: whileBusy(otherAudit("physics", 30, time.Hour, 9*time.Hour), runsEvery(2, time.Hour, time.Hour)), want: notYet,
			summary: "2 runs so far; how far apart they are can be told from 6 on"},
	},
	boundary: []damage{
		{name: "two and a half periods", change: whileBusy(runsEvery(30, time.Hour, 150*time.Minute))},
		{
			name: "a second more", change: whileBusy(runsEvery(30, time.Hour, 150*time.Minute+time.Second)), want: stale,
			summary: "nobody watched from 2026-11-20 09:29 UTC to 2026-11-20 12:00 UTC: there was no run for 2 h 30 min, and one every 1 h is usual",
		},
	},
	sourceFailed: []damage{{
		name: "history not readable", change: failed(facts.History), want: unknownWithout(facts.History, nil),
		summary: "source history could not be read: gave up after 30s",
	}},
}

// A break in which nothing happened anywhere may be a clock that jumped.
func TestBreakWithoutWitness(t *testing.T) {
	s := &facts.Snapshot{Now: world.Now}
	runsEvery(30, time.Hour, 365*24*time.Hour)(s)
	s.Past.LastRecorded = s.Past.Runs[0].At
	in := &Input{Snapshot: s, values: map[string]float64{"period": 0, "periods": 2}, shared: &shared{snapshot: s}}
	want := "no run since 2025-11-20 12:00 UTC, and nothing in the cluster bears a time in between: nobody watched then, or the clock was set"
	if r := runAuditStale(in); r.Unknown != want || len(r.Findings) > 0 {
		t.Errorf("%+v", r)
	}
	s.Kube.Pods = []facts.Pod{{Created: s.Now.AddDate(0, -3, 0)}}
	if r := runAuditStale(in); r.Unknown != "" || len(r.Findings) != 1 {
		t.Errorf("%+v", r)
	}
}

// However wrong the audit's clock is for some of the runs, which all come on time,
// nobody is called, whatever the other clocks in the cluster show.
func TestClockStepsAreNoBreak(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		period := time.Duration(10+random.IntN(1430)) * time.Minute
		s, skew := &facts.Snapshot{}, time.Duration(0)
		in := &Input{Snapshot: s, values: map[string]float64{"period": 0, "periods": 2}, shared: &shared{snapshot: s}}
		var recorded []facts.PastRun // the newest last
		off, wrong := time.Duration(random.Int64N(int64(200*wholeDay))), 6+random.IntN(20)
		right := wrong + 1 + random.IntN(30)
		if random.IntN(2) == 0 { // behind, and put right before it came to where it had left
			off = -off - time.Duration(right-wrong)*period
		}
		for i := range 60 {
			at := world.Now.Add(time.Duration(i) * period)
			s.Kube.Jobs = append(s.Kube.Jobs, facts.Job{Created: at.Add(-time.Duration(random.Int64N(int64(period))))})
			switch i {
			case wrong:
				skew = off
			case right:
				skew = 0
			}
			s.Now = at.Add(skew)
			s.Past.Runs = knownAt(recorded, s.Now)
			for _, f := range runAuditStale(in).Findings {
				t.Errorf("runs every %s, clock off by %s: %s", period, skew, f.Message)
			}
			recorded = append(recorded, facts.PastRun{At: s.Now, Complete: true})
			s.Past.LastRecorded = s.Now
		}
	}
}

// knownAt is what the history tells of runs.
func knownAt(recorded []facts.PastRun, now time.Time) []facts.PastRun {
	known := slices.DeleteFunc(slices.Clone(recorded), func(r facts.PastRun) bool { return r.At.After(now) })
	slices.SortStableFunc(known, func(a, b facts.PastRun) int { return b.At.Compare(a.At) })
	return known[:min(len(known), fullRhythm)]
}
