package audit

import (
	"context"
	"fmt"
	"os"
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

// keeper takes many messages in one request.
type keeper struct{ counter }

func (k *keeper) SendBatch(_ context.Context, all []notify.Message) ([]string, error) {
	k.alone += len(all)
	return make([]string, len(all)), nil
}

// flooded records a run in which so many checks fail.
func flooded(t testing.TB, s *history.Store, cluster string, at time.Time, incidents int, plan func([]verdict.Incident, []verdict.Delivery) verdict.Outbox) *verdict.Run {
	t.Helper()
	run := &verdict.Run{Cluster: cluster, StartedAt: at}
	for n := range incidents {
		check := fmt.Sprintf("check-%d", n)
		run.Verdicts = append(run.Verdicts, verdict.Verdict{Check: check, Hub: "a", Outcome: verdict.Fail, Severity: verdict.Critical, Count: 1,
			Summary: "something is wrong", Fingerprint: verdict.Fingerprint(cluster, "a", check)})
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
	run := flooded(t, s.store, "", s.now, incidents, func(open []verdict.Incident, told []verdict.Delivery) verdict.Outbox {
		_, out := notify.Decide(open, told, p, "", s.now)
		return out
	})
	if err := send(t.Context(), s.cfg, s.store, run, []notify.Receiver{people, states}, newOutbox(s.store, s.cfg, "test", s.options()), s.options()); err != nil {
		t.Fatal(err)
	}
}

// TestFlood: of thousands of incidents at once people get a handful of messages, once,
// a keeper of states each of them in each run, and the history keeps no more of them.
func TestFlood(t *testing.T) {
	const incidents = 300
	s := newStage(t, "")
	people, states := &reader{counter{name: "people", keeps: notify.KeepsMessage}}, &keeper{counter{name: "states", keeps: notify.KeepsState}}
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
	s := benchStage(b)
	people, states := &reader{counter{name: "people", keeps: notify.KeepsMessage}}, &keeper{counter{name: "states", keeps: notify.KeepsState}}
	floodRun(b, s, people, states, 4200)
	for b.Loop() {
		s.now = s.now.Add(time.Hour)
		floodRun(b, s, people, states, 4200)
	}
}

// benchStage is on the server that this names as test/history does, or in a file.
func benchStage(b *testing.B) *stage {
	s := &stage{now: noon}
	s.cfg = parse(b, b.TempDir(), "notify: {file: {path: x}}")
	if server := os.Getenv("HUBAUDIT_TEST_POSTGRES"); server != "" {
		s.cfg.History = server
	}
	var err error
	if s.store, err = OpenHistory(b.Context(), s.cfg); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.store.Close() })
	return s
}

// BenchmarkFloodRecorded is what recording a run in which 4,000 incidents open costs
// where six receivers are to hear of each.
func BenchmarkFloodRecorded(b *testing.B) {
	s := benchStage(b)
	p := notify.Policy{Receivers: map[string]notify.Keeps{}}
	for n := range 6 {
		name := fmt.Sprint("receiver-", n)
		p.Receivers[name] = notify.KeepsNothing
		p.Routes = append(p.Routes, notify.Route{Severity: verdict.Info, To: []string{name}})
	}
	for cluster := 0; b.Loop(); cluster++ {
		flooded(b, s.store, fmt.Sprint(cluster), s.now, 4000, func(open []verdict.Incident, told []verdict.Delivery) verdict.Outbox {
			_, out := notify.Decide(open, told, p, "", s.now)
			return out
		})
	}
}
