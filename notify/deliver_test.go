package notify_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// fake is a receiver that answers as told.
type fake struct {
	name string
	send func(context.Context, notify.Message) (string, error)
}

func (f fake) Name() string                                               { return f.name }
func (f fake) Keeps() notify.Keeps                                        { return notify.KeepsNothing }
func (f fake) Send(ctx context.Context, m notify.Message) (string, error) { return f.send(ctx, m) }
func (f fake) Test(context.Context) error                                 { return nil }
func accept(context.Context, notify.Message) (string, error)              { return "", nil }
func refuse(context.Context, notify.Message) (string, error)              { return "", errors.New("refused") }
func forget(notify.Delivery) error                                        { return nil }
func messageTo(receiver string, id int64, change ...func(*notify.Message)) (m notify.Message) {
	m = critical()
	m.Receiver, m.Incident.ID = receiver, id
	for _, c := range change {
		c(&m)
	}
	return m
}

// TestDeliver: messages go out in order, each recorded before the next; the
// report goes with the first that is accepted; one failure costs one message.
func TestDeliver(t *testing.T) {
	type event struct {
		What     string
		Incident int64
		Report   bool
	}
	var events []event
	slack := fake{"slack", func(_ context.Context, m notify.Message) (string, error) {
		events = append(events, event{"send", m.Incident.ID, m.FirstOfRun})
		switch m.Incident.ID {
		case 1:
			return "", errors.New("refused")
		case 2:
			return "ref 2", &notify.PostedError{Err: errors.New("no upload")}
		case 3:
			panic("a bug")
		}
		return "ref", nil
	}}
	var recorded []notify.Delivery
	err := notify.Deliver(t.Context(), []notify.Receiver{slack}, []notify.Message{messageTo("slack", 1), messageTo("slack", 2),
		messageTo("slack", 3), messageTo("slack", 4), messageTo("nobody", 5)}, func(d notify.Delivery) error {
		events = append(events, event{"record", d.Incident, false})
		recorded = append(recorded, d)
		if d.Incident == 4 {
			return errors.New("disk full")
		}
		return nil
	})
	want := []event{{"send", 1, true}, {"send", 2, true}, {"record", 2, false}, {"send", 3, false}, {"send", 4, false}, {"record", 4, false}}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantFirst := notify.Delivery{Incident: 2, Fingerprint: "5f2c9ab04e1d", Receiver: "slack", Kind: notify.Opened, Severity: verdict.Critical,
		At: now, Ref: "ref 2", Count: 1003}
	if diff := cmp.Diff(wantFirst, recorded[0]); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	const wantErr = `notify slack of hub-cookie-id-null of datahub (incident 1): refused
notify slack of hub-cookie-id-null of datahub (incident 2): the message was sent, but no upload
notify slack of hub-cookie-id-null of datahub (incident 3): the receiver crashed, please report it: a bug
slack was told of hub-cookie-id-null of datahub (incident 4), but that could not be remembered, so the next run may tell it again: disk full
notify nobody of hub-cookie-id-null of datahub (incident 5): no such receiver is configured under notify`
	if diff := cmp.Diff(wantErr, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestDeliverNothing(t *testing.T) {
	if err := notify.Deliver(t.Context(), []notify.Receiver{fake{"slack", refuse}}, nil, forget); err != nil {
		t.Error(err)
	}
}

// TestDeliverIndependent: one receiver hangs until the time is up; the other one
// gets all its messages first. The hanging one only ends after that.
func TestDeliverIndependent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hanging := fake{"pagerduty", func(ctx context.Context, _ notify.Message) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}}
	count := 0
	err := notify.Deliver(ctx, []notify.Receiver{hanging, fake{"slack", accept}},
		[]notify.Message{messageTo("pagerduty", 1), messageTo("pagerduty", 2), messageTo("slack", 1), messageTo("slack", 2)},
		func(notify.Delivery) error {
			if count++; count == 2 {
				cancel()
			}
			return nil
		})
	if count != 2 {
		t.Errorf("%d deliveries recorded, want slack's 2", count)
	}
	if !errors.Is(err, context.Canceled) || strings.Count(err.Error(), "notify pagerduty") != 2 || strings.Contains(err.Error(), "slack") ||
		!strings.Contains(err.Error(), "not sent, the time for notifications was used up; the next run sends it") {
		t.Errorf("error %v", err)
	}
}

// TestDeliverRecordsOneAtATime: two receivers that always accept at the same
// moment still record one after the other.
func TestDeliverRecordsOneAtATime(t *testing.T) {
	meet := make(chan bool)
	a := fake{"a", func(context.Context, notify.Message) (string, error) { meet <- true; return "", nil }}
	b := fake{"b", func(context.Context, notify.Message) (string, error) { <-meet; return "", nil }}
	var messages []notify.Message
	for id := range int64(100) {
		messages = append(messages, messageTo("a", id+1), messageTo("b", id+1))
	}
	inside, most := atomic.Int32{}, int32(0)
	if err := notify.Deliver(t.Context(), []notify.Receiver{a, b}, messages, func(notify.Delivery) error {
		most = max(most, inside.Add(1))
		for range 20 {
			runtime.Gosched()
		}
		inside.Add(-1)
		return nil
	}); err != nil || most != 1 {
		t.Errorf("%d at the same time, error %v", most, err)
	}
}

// TestDeliverReal: both vendors at once, PagerDuty failing at first; decisions,
// sending and remembering together over three runs.
func TestDeliverReal(t *testing.T) {
	slack, pd := notifytest.NewSlackServer(), notifytest.NewPagerDutyServer()
	t.Cleanup(slack.Close)
	t.Cleanup(pd.Close)
	receivers := []notify.Receiver{bot(slack), notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, pd.URL(), new(pauses).option())}
	var past []notify.Delivery
	run := func(m notify.Message) error {
		var messages []notify.Message
		for _, d := range notify.Decide([]verdict.Incident{m.Incident}, past, routes, day, m.Run.StartedAt) {
			m.Decision = d
			messages = append(messages, m)
		}
		return notify.Deliver(t.Context(), receivers, messages, func(d notify.Delivery) error {
			past = append(past, d)
			return nil
		})
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
	var kinds []string
	for _, d := range past {
		kinds = append(kinds, d.Receiver+" "+string(d.Kind))
	}
	if diff := cmp.Diff([]string{"slack opened", "pagerduty opened"}, kinds[:2]); diff != "" || len(kinds) != 4 {
		t.Errorf("told %v", kinds)
	}
	if posts := slack.Posts(); len(posts) != 2 || posts[1].ThreadTS != posts[0].TS || len(slack.Files()) != 2 {
		t.Errorf("%d messages and %d files in Slack", len(posts), len(slack.Files()))
	}
	if a := pd.Alert("hubaudit-5f2c9ab04e1d"); a.Open || a.Incidents != 1 {
		t.Errorf("PagerDuty's alert: %+v", a)
	}
}
