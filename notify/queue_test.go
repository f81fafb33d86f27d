package notify_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
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

// people is a fake that takes digests.
type people struct {
	fake
	digest func([]notify.Message) (string, error)
}

func (p people) SendDigest(_ context.Context, all []notify.Message) (string, error) {
	return p.digest(all)
}

// queue is an outbox in memory, as the history keeps one.
type queue struct {
	mu   sync.Mutex
	rows []notify.Delivery
	now  time.Time
	// events are what was noted, in order.
	events []string
	notes  int // how often anything was
	// take stands in for the lease; nil gives it at once.
	take func(context.Context, string) (context.Context, func(), error)
	fail map[int64]error // of Sent, by incident
}

func (q *queue) Take(ctx context.Context, receiver string) (context.Context, func(), error) {
	if q.take != nil {
		return q.take(ctx, receiver)
	}
	return ctx, func() {}, nil
}

func (q *queue) Due(_ context.Context, receiver string) ([]notify.Delivery, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var due []notify.Delivery
	heads := map[int64]bool{}
	for _, d := range q.rows {
		if d.Receiver != receiver || d.Sent() || heads[d.Incident] {
			continue
		}
		heads[d.Incident] = true
		if !d.NotBefore.After(q.now) {
			due = append(due, d)
		}
	}
	return due, nil
}

func (q *queue) Sent(_ context.Context, all ...notify.Delivery) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.notes++
	for _, d := range all {
		q.events = append(q.events, fmt.Sprintf("sent %s %d %s %s", d.Receiver, d.Incident, d.Kind, d.Ref))
		if err := q.fail[d.Incident]; err != nil {
			return err
		}
		if n := q.find(d.ID); n >= 0 {
			q.rows[n] = d
		}
	}
	return nil
}

func (q *queue) Failed(_ context.Context, refused bool, all ...notify.Delivery) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.notes++
	words := "failed"
	if refused {
		words = "refused"
	}
	for _, d := range all {
		line := fmt.Sprintf("%s %s %d, tries %d", words, d.Receiver, d.Incident, d.Tries)
		if !d.NotBefore.IsZero() {
			line += ", in " + d.NotBefore.Sub(q.now).String()
		}
		q.events = append(q.events, line)
		if n := q.find(d.ID); n >= 0 {
			q.rows[n].Tries, q.rows[n].Error, q.rows[n].NotBefore = d.Tries, d.Error, d.NotBefore
		}
	}
	return nil
}

func (q *queue) find(id int64) int {
	return slices.IndexFunc(q.rows, func(r notify.Delivery) bool { return r.ID == id })
}

func (q *queue) log(format string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events = append(q.events, fmt.Sprintf(format, args...))
}

// courier sends what is in a queue as messages about the critical incident.
func courier(q *queue) *notify.Courier {
	q.now = cmp.Or(q.now, now)
	for n := range q.rows {
		q.rows[n].ID = cmp.Or(q.rows[n].ID, int64(n+1))
	}
	about := critical()
	return &notify.Courier{Queue: q, Clock: func() time.Time { return q.now }, Compose: func(_ context.Context, due []notify.Delivery) ([]notify.Message, error) {
		var all []notify.Message
		for _, d := range due {
			m := about
			m.Receiver, m.Kind, m.Ref, m.Incident.ID, m.Incident.Severity = d.Receiver, d.Kind, d.Ref, d.Incident, d.Severity
			all = append(all, m)
		}
		return all, nil
	}}
}

// wait is a queued message.
func wait(receiver string, incident int64, change ...func(*notify.Delivery)) notify.Delivery {
	d := notify.Delivery{Incident: incident, Fingerprint: "f", Receiver: receiver, Kind: notify.Opened, Severity: verdict.Critical, QueuedAt: now, Run: "run"}
	for _, c := range change {
		c(&d)
	}
	return d
}

func checkEvents(t *testing.T, q *queue, want ...string) {
	t.Helper()
	if diff := gocmp.Diff(want, q.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func checkText(t *testing.T, err error, want ...string) {
	t.Helper()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if diff := gocmp.Diff(strings.Join(want, "\n"), text); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
