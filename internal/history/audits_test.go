package history

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// runsIn records runs of a cluster at minutes, complete where the minute is even.
func runsIn(t *testing.T, s *Store, cluster string, minutes ...int) {
	t.Helper()
	for _, minute := range minutes {
		run := runAt(minute)
		run.Cluster = cluster
		if minute%2 != 0 {
			world.Fail(&facts.Snapshot{Sources: run.Sources}, facts.KubeNodes, facts.CauseTimeout, "late")
		}
		record(t, s, run)
	}
}

func pastRun(minute int) facts.PastRun {
	return facts.PastRun{At: runAt(minute).StartedAt, Complete: minute%2 == 0}
}

func TestPastRunsAndAudits(t *testing.T) {
	s := newStore(t)
	unknown := runAt(6, judged("a", verdict.Unknown))
	record(t, s, unknown)
	runsIn(t, s, cluster, 0, 3, 2) // 2 came late
	runsIn(t, s, "", 4)
	runsIn(t, s, "west", 7, 9, 500)
	p, err := s.Past(t.Context(), cluster, runAt(8).StartedAt)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, []facts.PastRun{{At: unknown.StartedAt}, pastRun(3), pastRun(2), pastRun(0)}, p.Runs)
	diff(t, pastRun(2).At, p.LastRecorded) // before the newest: its clock was behind
	diff(t, []facts.PastAudit{{Cluster: "", Runs: []facts.PastRun{pastRun(4)}}, {Cluster: "west", Runs: []facts.PastRun{pastRun(7)}}}, p.Audits)
}

// TestLastCompleteRun is known however long ago it was.
func TestLastCompleteRun(t *testing.T) {
	s := newStore(t)
	unsafe(t, s)
	minutes := []int{0, 2}
	for minute := 3; minute < 2*pastRuns+10; minute += 2 {
		minutes = append(minutes, minute)
	}
	runsIn(t, s, cluster, minutes...)
	p := past(t, s)
	if len(p.Runs) != pastRuns || p.Runs[pastRuns-1] != pastRun(2) || p.Runs[0] != pastRun(2*pastRuns+9) {
		t.Errorf("runs %+v", p.Runs)
	}
	infos, err := s.Runs(t.Context(), cluster, 100)
	if err != nil || infos[0].Complete || !infos[len(infos)-1].Complete {
		t.Errorf("runs %+v, error %v", infos, err)
	}
}
