package notify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// TestDeliver: messages go out in the order of urgency, each noted before the
// next, what failed at the end; the report goes with the first that is accepted; one
// failure costs one.
func TestDeliver(t *testing.T) {
	q := &queue{fail: map[int64]error{4: errors.New("disk full")}}
	slack := people{fake: fake{"slack", func(_ context.Context, m notify.Message) (string, error) {
		q.log("send %d %s report=%v", m.Incident.ID, m.Kind, m.FirstOfRun)
		switch m.Incident.ID {
		case 1:
			return "", &notify.SendError{Err: errors.New("bad words"), Refused: true}
		case 2:
			return "ref2", &notify.PostedError{Err: errors.New("no upload")}
		case 3:
			panic("a bug")
		}
		return "ref", nil
	}}}
	warning := func(d *notify.Delivery) { d.Severity = verdict.Warning }
	over := func(d *notify.Delivery) { d.Kind = notify.Resolved }
	q.rows = []notify.Delivery{wait("slack", 1), wait("slack", 5, warning), wait("slack", 1, over), wait("slack", 2), wait("slack", 2, over),
		wait("slack", 3), wait("slack", 4), wait("other", 6)}
	err := courier(q).Deliver(t.Context(), []notify.Receiver{slack})
	checkEvents(t, q, "send 1 opened report=true", "send 2 opened report=true", "sent slack 2 opened ref2",
		"send 3 opened report=false", "send 4 opened report=false", "sent slack 4 opened ref",
		"send 5 opened report=false", "sent slack 5 opened ref", "refused slack 1, tries 1", "refused slack 3, tries 1",
		"send 2 resolved report=false", "sent slack 2 resolved ref2")
	checkText(t, err, "notify slack of hub-cookie-id-null of datahub (incident 1): bad words",
		"notify slack of hub-cookie-id-null of datahub (incident 2): the message was sent, but no upload",
		"notify slack of hub-cookie-id-null of datahub (incident 3): the receiver crashed, please report it: a bug",
		"slack was told of hub-cookie-id-null of datahub (incident 4), but that could not be remembered, so the next run may tell it again: disk full",
		"notify slack of hub-cookie-id-null of datahub (incident 2): the message was sent, but no upload")
	if d := q.rows[3]; d.At != now || d.Severity != verdict.Critical || d.Count != 1003 {
		t.Errorf("noted as sent: %+v", d)
	}
}

func TestDeliverNothing(t *testing.T) {
	if err := courier(&queue{}).Deliver(t.Context(), []notify.Receiver{fake{"slack", nil}}); err != nil {
		t.Error(err)
	}
}

// TestDeliverFailures: what each failure leaves for the next run.
func TestDeliverFailures(t *testing.T) {
	down := &notify.SendError{Err: errors.New("no answer")}
	slow := func(d time.Duration) error { return &notify.SendError{Err: errors.New("429"), After: d} }
	var five, tired []notify.Delivery
	for n := range int64(5) {
		five = append(five, wait("pd", n+1))
		tired = append(tired, wait("pd", n+1, func(d *notify.Delivery) { d.Tries = int(n) * 2 }))
	}
	for name, c := range map[string]struct {
		rows   []notify.Delivery
		answer func(notify.Message) error
		events []string
		err    []string
	}{
		"down: three are tried, the next run tries all again": {five, func(notify.Message) error { return down },
			[]string{"failed pd 1, tries 1", "failed pd 2, tries 1", "failed pd 3, tries 1"},
			[]string{"incident 1): no answer",
				"notify pd: 2 more messages (the first of incident 4) not sent, as it does not accept anything at present; the next run sends what is still queued",
				"notify pd: 2 further failures"}},
		"down for long: longer and longer, but not much": {tired[:3], func(notify.Message) error { return down },
			[]string{"failed pd 1, tries 1", "failed pd 2, tries 3, in 2m0s", "failed pd 3, tries 5, in 8m0s"}, []string{"incident 1): no answer", "notify pd: 2 further failures"}},
		"down for ever": {[]notify.Delivery{wait("pd", 1, func(d *notify.Delivery) { d.Tries = 1e6 })}, func(notify.Message) error { return down },
			[]string{"failed pd 1, tries 1000001, in 10m0s"}, []string{"no answer"}},
		"one cannot be sent, the others can": {five[:4], func(m notify.Message) error {
			if m.Incident.ID == 2 {
				return down
			}
			return nil
		}, []string{"sent pd 1 opened ", "sent pd 3 opened ", "sent pd 4 opened ", "failed pd 2, tries 1"}, []string{"incident 2): no answer"}},
		"patience is asked for: everything waits": {five[:3], func(notify.Message) error { return slow(time.Hour) },
			[]string{"failed pd 1, tries 1, in 1h0m0s", "failed pd 2, tries 0, in 1h0m0s", "failed pd 3, tries 0, in 1h0m0s"},
			[]string{"incident 1): 429", "notify pd: 2 more messages (the first of incident 2) not sent, as it asks to wait for 1 h; the next run sends what is still queued"}},
		"too much patience": {five[:1], func(notify.Message) error { return slow(99 * time.Hour) }, []string{"failed pd 1, tries 1, in 6h0m0s"}, []string{"429"}},
		"all refused: each is tried": {five, func(notify.Message) error { return &notify.SendError{Err: errors.New("bad key"), Refused: true} },
			[]string{"refused pd 1, tries 1", "refused pd 2, tries 1", "refused pd 3, tries 1", "refused pd 4, tries 1", "refused pd 5, tries 1"},
			[]string{"incident 1): bad key", "notify pd: 4 further failures"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{rows: slices.Clone(c.rows)}
			err := courier(q).Deliver(t.Context(), []notify.Receiver{fake{"pd", func(_ context.Context, m notify.Message) (string, error) { return "", c.answer(m) }}})
			checkEvents(t, q, c.events...)
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.err) {
				t.Fatalf("error %v", err)
			}
			for n, want := range c.err {
				if !strings.HasSuffix(lines[n], want) {
					t.Errorf("line %q, want %q", lines[n], want)
				}
			}
		})
	}
}

// TestDeliverManyErrors: an error that comes a thousand times is told once, and of
// a thousand errors a few are told.
func TestDeliverManyErrors(t *testing.T) {
	for why, lines := range map[string]int{"no such mailbox": 2, "no such mailbox %d": 6} {
		q := &queue{}
		for n := range int64(1000) {
			q.rows = append(q.rows, wait("mail", n+1))
		}
		tries := 0
		err := courier(q).Deliver(t.Context(), []notify.Receiver{fake{"mail", func(context.Context, notify.Message) (string, error) {
			tries++
			return "", &notify.SendError{Err: errors.New(strings.ReplaceAll(why, "%d", fmt.Sprint(tries))), Refused: true}
		}}})
		got := strings.Split(err.Error(), "\n")
		if want := fmt.Sprintf("notify mail: %d further failures", 1001-lines); len(got) != lines || got[lines-1] != want {
			t.Errorf("%v", err)
		}
	}
}

// TestDeliverIndependent: one receiver hangs until the time is up; the other one
// gets all its messages first. A try that was cut short is not the receiver's fault.
func TestDeliverIndependent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hangs := make(chan bool)
	hanging := fake{"pagerduty", func(ctx context.Context, _ notify.Message) (string, error) {
		close(hangs)
		<-ctx.Done()
		return "", ctx.Err()
	}}
	q := &queue{rows: []notify.Delivery{wait("pagerduty", 1), wait("pagerduty", 2), wait("slack", 1), wait("slack", 2)}}
	sent := 0
	slack := fake{"slack", func(context.Context, notify.Message) (string, error) {
		if sent++; sent == 2 {
			<-hangs
			cancel()
		}
		return "", nil
	}}
	err := courier(q).Deliver(ctx, []notify.Receiver{hanging, slack})
	checkEvents(t, q, "sent slack 1 opened ", "sent slack 2 opened ")
	checkText(t, err, "notify pagerduty of hub-cookie-id-null of datahub (incident 1): context canceled",
		"notify pagerduty: 1 more message (of incident 2) not sent, as the time for notifications was used up, or the run was stopped; the next run sends what is still queued")
}

// TestDeliverLease: whoever does not get or loses the right to send stops, and
// says so; the others do not notice.
func TestDeliverLease(t *testing.T) {
	lost := errors.New("the lease was lost")
	q := &queue{rows: []notify.Delivery{wait("held", 1), wait("lost", 1), wait("lost", 2), wait("slack", 1)}}
	released := 0
	var end context.CancelCauseFunc
	q.take = func(ctx context.Context, receiver string) (context.Context, func(), error) {
		switch receiver {
		case "held":
			return nil, nil, errors.New("wait for run 7 to finish: context deadline exceeded")
		case "lost":
			ctx, end = context.WithCancelCause(ctx)
		}
		return ctx, func() { q.mu.Lock(); released++; q.mu.Unlock() }, nil
	}
	err := courier(q).Deliver(t.Context(), []notify.Receiver{fake{"held", accept}, fake{"slack", accept},
		fake{"lost", func(ctx context.Context, m notify.Message) (string, error) { end(lost); return "", context.Cause(ctx) }}})
	checkEvents(t, q, "sent slack 1 opened ")
	if released != 2 || !errors.Is(err, lost) || !strings.Contains(err.Error(), "notify held: wait for run 7 to finish") ||
		!strings.Contains(err.Error(), "notify lost: 1 more message (of incident 2) not sent") {
		t.Errorf("released %d, error %v", released, err)
	}
}

// TestDeliverKilled: a process that dies between a receiver's answer and its note
// repeats that one message, in the next run and once.
func TestDeliverKilled(t *testing.T) {
	q := &queue{rows: []notify.Delivery{wait("slack", 1), wait("slack", 2)}, fail: map[int64]error{1: errors.New("killed")}}
	var told []int64
	slack := people{fake: fake{"slack", func(_ context.Context, m notify.Message) (string, error) {
		told = append(told, m.Incident.ID)
		return "", nil
	}}}
	for range 3 {
		_ = courier(q).Deliver(t.Context(), []notify.Receiver{slack}) // the first one's error is of TestDeliver
		q.fail = nil
	}
	if want := []int64{1, 2, 1}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// TestDeliverReplaced: a run replaces what waits while it is being sent. The new
// message goes out in the same turn.
func TestDeliverReplaced(t *testing.T) {
	q := &queue{rows: []notify.Delivery{wait("slack", 1)}}
	var kinds []notify.Kind
	err := courier(q).Deliver(t.Context(), []notify.Receiver{fake{"slack", func(_ context.Context, m notify.Message) (string, error) {
		if kinds = append(kinds, m.Kind); len(kinds) == 1 {
			q.mu.Lock()
			q.rows[0].Kind, q.rows[0].Run = notify.Worse, "next"
			q.mu.Unlock()
			return "", &notify.SendError{Err: errors.New("once"), Refused: true}
		}
		return "", nil
	}}})
	if want := []notify.Kind{notify.Opened, notify.Worse}; err == nil || !slices.Equal(kinds, want) {
		t.Errorf("told %v, want %v; error %v", kinds, want, err)
	}
}

// TestDeliverFlood: people get the most urgent ones by themselves and the rest in
// one message, and are not told of what calls nobody in it.
func TestDeliverFlood(t *testing.T) {
	const many = 4200
	q := &queue{}
	for n := range int64(many) {
		q.rows = append(q.rows, wait("mail", n+1, func(d *notify.Delivery) { d.Severity = verdict.Severities[n%4] }))
	}
	q.rows[many-1].Kind, q.rows[many-1].Ref = notify.Worse, "its own" // which it keeps
	q.rows = append(q.rows, wait("mail", many+1, func(d *notify.Delivery) { d.Kind = notify.Changed }))
	var alone []notify.Message
	var digests [][]notify.Message
	r := people{fake{"mail", func(_ context.Context, m notify.Message) (string, error) {
		alone = append(alone, m)
		return "", nil
	}}, func(all []notify.Message) (string, error) {
		digests = append(digests, all)
		return "digest", nil
	}}
	if err := courier(q).Deliver(t.Context(), []notify.Receiver{r}); err != nil {
		t.Error(err)
	}
	if len(alone) != 16 || alone[14].Incident.Severity != verdict.Critical || alone[15].Kind != notify.Changed || len(digests) != 1 || len(digests[0]) != many-15 {
		t.Fatalf("%d by themselves, %d digests", len(alone), len(digests))
	}
	if first, last := digests[0][0].Incident.Severity, digests[0][many-16].Incident.Severity; first != verdict.Critical || last != verdict.Info {
		t.Errorf("a digest from %s to %s", first, last)
	}
	if q.notes != 15+1+1 {
		t.Errorf("noted %d times, which is not once for each message", q.notes)
	}
	for _, d := range q.rows {
		if !d.Sent() || d.Incident > many/2+20 && d.Incident < many && d.Ref != "digest" || d.Incident == many && d.Ref != "its own" {
			t.Fatalf("not noted: %+v", d)
		}
	}
	// Those that take no digests get each one.
	q = &queue{}
	for n := range int64(many) {
		q.rows = append(q.rows, wait("hook", n+1))
	}
	if err := courier(q).Deliver(t.Context(), []notify.Receiver{fake{"hook", accept}}); err != nil || len(q.events) != many {
		t.Errorf("%d sent, error %v", len(q.events), err)
	}
}

// TestDeliverSmallFlood: twenty come one by one; a digest that fails fails for all in it.
func TestDeliverSmallFlood(t *testing.T) {
	for n, want := range map[int]int{20: 0, 21: 1} {
		q := &queue{}
		for id := range n {
			q.rows = append(q.rows, wait("mail", int64(id+1)))
		}
		err := courier(q).Deliver(t.Context(), []notify.Receiver{people{fake{"mail", accept}, func(all []notify.Message) (string, error) {
			return "", &notify.SendError{Err: errors.New("too long"), Refused: true}
		}}})
		refused := 0
		for _, e := range q.events {
			if strings.HasPrefix(e, "refused") {
				refused++
			}
		}
		if refused != want*6 || (err != nil) != (want > 0) {
			t.Errorf("of %d, %d were refused: %v", n, refused, err)
		}
		if err != nil && err.Error() != "notify mail of 6 incidents together, hub-cookie-id-null of datahub (incident 16) the first of them: too long" {
			t.Errorf("error %v", err)
		}
	}
}

// paced takes no more than 60 a minute.
type paced struct{ fake }

func (paced) PerMinute() int { return 60 }

// TestDeliverPace: in no minute does a receiver get more than it takes, and what
// does not fit into the time waits.
func TestDeliverPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		for n := range int64(500) {
			q.rows = append(q.rows, wait("pd", n+1))
		}
		var at []time.Time
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+time.Second)
		defer cancel()
		err := courier(q).Deliver(ctx, []notify.Receiver{paced{fake{"pd", func(context.Context, notify.Message) (string, error) {
			at = append(at, time.Now())
			return "", nil
		}}}})
		if len(at) < 110 || len(at) > 130 {
			t.Errorf("%d sent in 3 minutes", len(at))
		}
		for n := 60; n < len(at); n++ {
			if d := at[n].Sub(at[n-60]); d < time.Minute {
				t.Fatalf("61 in %s", d)
			}
		}
		checkText(t, err, fmt.Sprintf("notify pd: %d more messages (the first of incident %d) not sent, as it takes only so many messages a minute; the next run sends what is still queued", 500-len(at), len(at)+1))
	})
}

// TestDeliverReal: both vendors at once, PagerDuty failing at first; decisions,
// sending and remembering together over four runs.
func TestDeliverReal(t *testing.T) {
	slack, pd := notifytest.NewSlackServer(), notifytest.NewPagerDutyServer()
	t.Cleanup(slack.Close)
	t.Cleanup(pd.Close)
	receivers := []notify.Receiver{bot(slack), notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, pd.URL(), new(pauses).option())}
	l := life{T: t}
	run := func(m notify.Message) error {
		_, out := notify.Decide([]verdict.Incident{m.Incident}, l.rows, policy(), m.Run.ID, m.Run.StartedAt)
		l.apply(out)
		q := &queue{rows: l.rows, now: m.Run.StartedAt}
		c := courier(q)
		c.Compose = func(_ context.Context, due []notify.Delivery) ([]notify.Message, error) {
			var all []notify.Message
			for _, d := range due {
				own := m
				for _, old := range q.rows {
					if old.Receiver == d.Receiver && old.Sent() {
						d.Ref = old.Ref
					}
				}
				own.Decision = notify.Decision{Incident: m.Incident, Receiver: d.Receiver, Kind: d.Kind, Reason: d.Reason, Ref: d.Ref}
				all = append(all, own)
			}
			return all, nil
		}
		err := c.Deliver(t.Context(), receivers)
		l.rows = q.rows
		return err
	}
	pd.Fail("enqueue", notifytest.Fault{Status: 403})
	if err := run(critical()); err == nil || !strings.HasPrefix(err.Error(), "notify pagerduty of hub-cookie-id-null of datahub (incident 12): send the event to PagerDuty: it refused: 403") {
		t.Errorf("error %v", err)
	}
	for range 2 { // the second of these has nothing to tell
		if err := run(critical()); err != nil {
			t.Error(err)
		}
	}
	if err := run(over("")); err != nil {
		t.Error(err)
	}
	if len(l.rows) != 4 || slices.ContainsFunc(l.rows, func(d notify.Delivery) bool { return !d.Sent() }) {
		t.Errorf("told %+v", l.rows)
	}
	if posts := slack.Posts(); len(posts) != 2 || posts[1].ThreadTS != posts[0].TS || len(slack.Files()) != 2 {
		t.Errorf("%d messages and %d files in Slack", len(posts), len(slack.Files()))
	}
	if a := pd.Alert("hubaudit-5f2c9ab04e1d"); a.Open || a.Incidents != 1 {
		t.Errorf("PagerDuty's alert: %+v", a)
	}
}
