package notify_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// batcher is a fake that takes many messages in one request.
type batcher struct {
	fake
	batch func([]notify.Message) ([]string, error)
}

func (b batcher) SendBatch(_ context.Context, all []notify.Message) ([]string, error) {
	return b.batch(all)
}

func refsOf(all []notify.Message) (refs []string) {
	for _, m := range all {
		refs = append(refs, fmt.Sprint("ref", m.Incident.ID))
	}
	return refs
}

// TestDeliverBatches: who takes many messages in one request gets few requests, the
// worst first, and each message is noted with its own ref.
func TestDeliverBatches(t *testing.T) {
	q := &queue{}
	for n := range int64(120) {
		q.rows = append(q.rows, wait("am", n+1, func(d *notify.Delivery) { d.Severity = verdict.Severities[n%2] }))
	}
	var sizes []int
	r := batcher{fake{"am", nil}, func(all []notify.Message) ([]string, error) {
		sizes = append(sizes, len(all))
		if first := all[0].Incident.Severity; (first == verdict.Critical) != (len(sizes) < 3) {
			t.Errorf("request %d begins with %s", len(sizes), first)
		}
		return refsOf(all), nil
	}}
	if err := courier(q).Deliver(t.Context(), []notify.Receiver{r}); err != nil {
		t.Error(err)
	}
	if fmt.Sprint(sizes) != "[50 50 20]" || q.notes != 3 {
		t.Errorf("requests of %v, noted %d times", sizes, q.notes)
	}
	for _, d := range q.rows {
		if d.Ref != fmt.Sprint("ref", d.Incident) {
			t.Fatalf("noted: %+v", d)
		}
	}
}

// TestDeliverBatchFails: a request that is refused, for one of its messages or for
// its size, is sent again message by message; one that is not answered is not.
func TestDeliverBatchFails(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		events []string
		errs   []string
	}{
		"refused": {&notify.SendError{Err: errors.New("too large"), Refused: true},
			[]string{"sent am 1 opened ref", "sent am 3 opened ref", "refused am 2, tries 1"},
			[]string{"notify am of hub-cookie-id-null of datahub (incident 2): bad label"}},
		"no answer": {&notify.SendError{Err: errors.New("no answer")},
			[]string{"failed am 1, tries 1", "failed am 2, tries 1", "failed am 3, tries 1"},
			[]string{"notify am of 3 incidents together, hub-cookie-id-null of datahub (incident 1) the first of them: no answer"}},
		"not to all members": {&notify.PostedError{Err: errors.New("not to every one")},
			[]string{"sent am 1 opened ref1", "sent am 2 opened ref2", "sent am 3 opened ref3"},
			[]string{"notify am of 3 incidents together, hub-cookie-id-null of datahub (incident 1) the first of them: the message was sent, but not to every one"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{rows: []notify.Delivery{wait("am", 1), wait("am", 2), wait("am", 3)}}
			alone := fake{"am", func(_ context.Context, m notify.Message) (string, error) {
				if m.Incident.ID == 2 {
					return "", &notify.SendError{Err: errors.New("bad label"), Refused: true}
				}
				return "ref", nil
			}}
			err := courier(q).Deliver(t.Context(), []notify.Receiver{batcher{alone, func(all []notify.Message) ([]string, error) {
				return refsOf(all), c.err
			}}})
			checkEvents(t, q, c.events...)
			checkText(t, err, c.errs...)
		})
	}
}

// TestDeliverNotes: what people were told is noted at once; of what programs were
// told no more than fifty messages, nor those of more than a second, are not noted.
func TestDeliverNotes(t *testing.T) {
	for name, c := range map[string]struct {
		receiver func(fake) notify.Receiver
		takes    time.Duration
		unnoted  int
	}{
		"people":         {func(f fake) notify.Receiver { return people{fake: f} }, 0, 0},
		"a program":      {func(f fake) notify.Receiver { return f }, 0, 49},
		"a slow program": {func(f fake) notify.Receiver { return f }, 300 * time.Millisecond, 4},
	} {
		t.Run(name, func(t *testing.T) {
			q, sent, worst, lag := &queue{now: now}, 0, 0, time.Duration(0)
			rows := 120
			if name == "people" {
				rows = 20
			}
			for n := range rows {
				q.rows = append(q.rows, wait("x", int64(n+1)))
			}
			q.events = nil
			r := c.receiver(fake{"x", func(context.Context, notify.Message) (string, error) {
				worst = max(worst, sent-len(q.events))
				sent++
				lag += c.takes
				return "", nil
			}})
			k := courier(q)
			k.Clock = func() time.Time { return now.Add(lag) }
			if err := k.Deliver(t.Context(), []notify.Receiver{r}); err != nil {
				t.Error(err)
			}
			if worst != c.unnoted || len(q.events) != rows {
				t.Errorf("%d messages were not noted at once, %d in the end", worst, rows-len(q.events))
			}
		})
	}
}
