package audit

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
)

// outbox are the messages that wait in the history.
type outbox struct {
	store   *history.Store
	cluster string
	hubs    []string
	holder  string
	clock   func() time.Time
	log     zerolog.Logger
	// betweenRuns leaves what failed without a time to try it again to the next run.
	betweenRuns bool
}

func newOutbox(store *history.Store, cfg *config.Config, who string, o Options) *outbox {
	return &outbox{store: store, cluster: cfg.Cluster.Name, hubs: hubNames(cfg), holder: fmt.Sprintf("%s, process %d", who, os.Getpid()), clock: o.Clock, log: o.Log}
}

// Take has one process at a time send to a receiver: two would both send what is queued.
func (q *outbox) Take(ctx context.Context, receiver string) (context.Context, func(), error) {
	lease, err := q.store.Lease(ctx, q.cluster, "notify/"+receiver, q.holder, q.clock())
	if err != nil {
		return nil, nil, err
	}
	return lease.Context(ctx), lease.Release, nil
}

func (q *outbox) Due(ctx context.Context, receiver string) ([]verdict.Delivery, error) {
	due, err := q.store.Due(ctx, q.cluster, receiver, q.clock(), q.hubs...)
	if q.betweenRuns {
		due = slices.DeleteFunc(due, func(d verdict.Delivery) bool { return d.Tries > 0 && d.NotBefore.IsZero() })
	}
	return due, err
}

func (q *outbox) Sent(ctx context.Context, all ...verdict.Delivery) error {
	for i := range all {
		q.entry(q.log.Info(), &all[i]).Msg("sent")
	}
	return q.store.Sent(ctx, q.cluster, all...)
}

func (q *outbox) Failed(ctx context.Context, refused bool, all ...verdict.Delivery) error {
	for i := range all {
		d := &all[i]
		e := q.entry(q.log.Warn(), d).Int("tries", d.Tries).Bool("refused", refused)
		if !d.NotBefore.IsZero() {
			e = e.Time("notBefore", d.NotBefore)
		}
		e.Str("error", d.Error).Msg("not sent; it stays queued")
	}
	return q.store.Failed(ctx, refused, all...)
}

func (q *outbox) entry(e *zerolog.Event, d *verdict.Delivery) *zerolog.Event {
	return e.Str("receiver", d.Receiver).Int64("incident", d.Incident).Str("kind", string(d.Kind)).Str("run", d.Run)
}

// spool are the messages of a run that no history remembers. They are told once,
// now or never.
type spool struct {
	mu  sync.Mutex
	all []verdict.Delivery
}

func newSpool(put []verdict.Delivery) *spool {
	q := &spool{all: slices.Clone(put)}
	for n := range q.all {
		q.all[n].ID = int64(n + 1)
	}
	return q
}

func (q *spool) Take(ctx context.Context, _ string) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

func (q *spool) Due(_ context.Context, receiver string) ([]verdict.Delivery, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(q.all), func(d verdict.Delivery) bool { return d.Receiver != receiver }), nil
}

func (q *spool) Sent(_ context.Context, all ...verdict.Delivery) error {
	sent := map[int64]bool{}
	for i := range all {
		sent[all[i].ID] = true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = slices.DeleteFunc(q.all, func(d verdict.Delivery) bool { return sent[d.ID] })
	return nil
}

func (q *spool) Failed(context.Context, bool, ...verdict.Delivery) error { return nil }
