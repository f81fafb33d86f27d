package audit

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// counter is a receiver that only counts.
type counter struct {
	name        string
	keeps       notify.Keeps
	alone, many int
}

func (c *counter) Name() string               { return c.name }
func (c *counter) Keeps() notify.Keeps        { return c.keeps }
func (c *counter) Test(context.Context) error { return nil }
func (c *counter) Send(context.Context, notify.Message) (string, error) {
	c.alone++
	return "ref", nil
}

// reader reads digests.
type reader struct{ counter }

func (r *reader) SendDigest(_ context.Context, all []notify.Message) (string, error) {
	r.many += len(all)
	return "digest", nil
}

// flooded records a run in which so many checks fail.
func flooded(t testing.TB, s *history.Store, at time.Time, incidents int, plan func([]verdict.Incident, []verdict.Delivery) verdict.Outbox) *verdict.Run {
	t.Helper()
	run := &verdict.Run{StartedAt: at}
	for n := range incidents {
		check := fmt.Sprintf("check-%d", n)
		run.Verdicts = append(run.Verdicts, verdict.Verdict{Check: check, Hub: "a", Outcome: verdict.Fail, Severity: verdict.Critical, Count: 1,
			Summary: "something is wrong", Fingerprint: verdict.Fingerprint("", "a", check)})
	}
	if err := s.Record(t.Context(), run, history.Moves{Plan: plan}); err != nil {
		t.Fatal(err)
	}
	return run
}

// floodRun is a run of so many incidents, told to people and to a keeper of states.
func floodRun(t testing.TB, s *stage, people, states notify.Receiver, incidents int) {
	p := notify.Policy{Routes: []notify.Route{{Severity: verdict.Info, To: []string{"people", "states"}}},
		Receivers: map[string]notify.Keeps{"people": notify.KeepsMessage, "states": notify.KeepsState}}
	run := flooded(t, s.store, s.now, incidents, func(open []verdict.Incident, told []verdict.Delivery) verdict.Outbox {
		_, out := notify.Decide(open, told, p, "", s.now)
		return out
	})
	if err := send(t.Context(), s.cfg, s.store, run, []notify.Receiver{people, states}, newOutbox(s.store, "", "test", s.options()), s.options()); err != nil {
		t.Fatal(err)
	}
}

// TestFlood: of thousands of incidents at once people get a handful of messages, once,
// a keeper of states each of them in each run, and the history keeps no more of them.
func TestFlood(t *testing.T) {
	const incidents = 300
	s := newStage(t, "")
	people, states := &reader{counter{name: "people", keeps: notify.KeepsMessage}}, &counter{name: "states", keeps: notify.KeepsState}
	for range 4 {
		floodRun(t, s, people, states, incidents)
		s.now = s.now.Add(time.Hour)
	}
	if people.alone != 15 || people.many != incidents-15 || states.alone != 4*incidents {
		t.Errorf("people got %d and a digest of %d, the keeper of states %d", people.alone, people.many, states.alone)
	}
	told, err := s.store.Deliveries(t.Context(), "", []int64{1, 2})
	if err != nil || len(told) != 2*3 { // people once; states when it opened, and the last change
		t.Errorf("the history keeps %d messages of 2 incidents, %v", len(told), err)
	}
}

// BenchmarkFlood is the second run of 4,200 open incidents of which a keeper of
// states hears in each.
func BenchmarkFlood(b *testing.B) {
	s := &stage{now: noon}
	s.cfg = parse(b, b.TempDir(), "notify: {file: {path: x}}")
	var err error
	if s.store, err = OpenHistory(b.Context(), s.cfg); err != nil {
		b.Fatal(err)
	}
	defer s.store.Close()
	people, states := &reader{counter{name: "people", keeps: notify.KeepsMessage}}, &counter{name: "states", keeps: notify.KeepsState}
	floodRun(b, s, people, states, 4200)
	for b.Loop() {
		s.now = s.now.Add(time.Hour)
		floodRun(b, s, people, states, 4200)
	}
}
