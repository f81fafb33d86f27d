package history

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

const day = 24 * 60 // minutes, for runAt

// at makes the machine's clock show a time of runAt.
func (s *Store) at(minute int) { s.clock = func() time.Time { return runAt(minute).StartedAt } }

func TestForget(t *testing.T) {
	s := newStore(t)
	s.at(500 * day)
	record(t, s, runAt(0, counted(verdict.Pass, 1000), judged("open", verdict.Fail), judged("old", verdict.Fail)), users)
	first := record(t, s, runAt(1, judged("old", verdict.Pass), judged("recent", verdict.Fail)))
	told := verdict.Delivery{ID: 1, Incident: 2, Fingerprint: "f", Receiver: "slack", Kind: verdict.DeliveryOpened, Severity: verdict.Error, At: world.Now}
	if err := s.Sent(t.Context(), cluster, told); err != nil {
		t.Fatal(err)
	}
	before := past(t, s)

	mid := record(t, s, runAt(90*day+1, judged("recent", verdict.Pass)))
	if _, err := s.Run(t.Context(), cluster, first.ID); err != nil {
		t.Errorf("90 days old, not more: %v", err)
	}
	if n := count(t, s, "SELECT count(*) FROM documents"); n != 2 {
		t.Errorf("%d documents, want those of 90 days", n)
	}
	record(t, s, runAt(90*day+2))
	_, err := s.Run(t.Context(), cluster, first.ID)
	wantError(t, err, first.ID, "no longer kept", "90 days", "audit history")

	record(t, s, runAt(400*day+2))
	runs, err := s.Runs(t.Context(), cluster, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 3 || runs[2].ID != mid.ID {
		t.Errorf("runs %v, want the last three", runs)
	}
	var checks []string
	for _, inc := range incidentsOf(t, s, false) {
		checks = append(checks, inc.Check)
	}
	diff(t, []string{"recent", "open"}, checks)
	if n := count(t, s, "SELECT (SELECT count(*) FROM series) + (SELECT count(*) FROM deliveries)"); n != 0 {
		t.Errorf("%d series and deliveries are left", n)
	}
	// The high value went with its run, of course.
	b := before.Baselines[users]
	b.High, b.HighAt = 0, time.Time{}
	diff(t, map[facts.SeriesKey]facts.Baseline{users: b}, past(t, s).Baselines)
}

// TestForgetBySpace: standing findings fill no disk, and the newest run is
// kept however large it is.
func TestForgetBySpace(t *testing.T) {
	s := newStore(t)
	var size int64
	for minute := range 10 {
		run := manyFindings(100)
		run.StartedAt = runAt(minute).StartedAt
		record(t, s, run)
		if minute == 0 {
			size = int64(count(t, s, "SELECT bytes FROM documents"))
			s.keepBytes = 3*size + size/2
		}
		if n := count(t, s, "SELECT count(*) FROM documents"); n != min(minute+1, 3) {
			t.Errorf("after run %d: %d documents", minute, n)
		}
	}
	s.keepBytes = 1
	run := record(t, s, runAt(10, judged("a", verdict.Fail)))
	if _, err := s.Run(t.Context(), cluster, run.ID); err != nil {
		t.Error(err)
	}
	if n := count(t, s, "SELECT count(*) FROM documents"); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
	if runs, err := s.Runs(t.Context(), cluster, 100); err != nil || len(runs) != 11 {
		t.Errorf("%d runs, error %v; want all 11", len(runs), err)
	}
}

// TestForgetQueued: who hears of an incident a month after it was over can do
// nothing with it, and one that never began is not remembered for ever.
func TestForgetQueued(t *testing.T) {
	s := newStore(t)
	s.at(500 * day)
	rules := Rules{Patience: func(check, _ string) verdict.Patience {
		if check == "begun" {
			return verdict.Patience{Runs: 9}
		}
		return verdict.Patience{}
	}}
	planned(t, s, runAt(0, judged("over", verdict.Fail), judged("open", verdict.Fail), judged("begun", verdict.Fail)), rules,
		put(message(0, 1, verdict.DeliveryOpened), message(0, 2, verdict.DeliveryOpened)))
	planned(t, s, runAt(1, judged("over", verdict.Pass)), rules, put(message(0, 1, verdict.DeliveryResolved)))
	for _, c := range []struct{ minute, queued int }{{30*day + 1, 3}, {30*day + 2, 1}, {399 * day, 1}} {
		record(t, s, runAt(c.minute))
		if n := count(t, s, "SELECT count(*) FROM deliveries"); n != c.queued {
			t.Errorf("minute %d: %d messages are queued, want %d", c.minute, n, c.queued)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM incidents WHERE state = 'pending'"); n != 1 {
		t.Errorf("%d are pending, want 1", n)
	}
	record(t, s, runAt(400*day+1))
	if n := count(t, s, "SELECT count(*) FROM incidents WHERE state = 'pending'"); n != 0 {
		t.Errorf("%d are pending still", n)
	}
}
