package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Queue is where messages wait, and are noted as sent.
type Queue interface {
	// Take waits until nobody else sends to the receiver, and keeps others from it
	// until release. mine ends when that right is lost.
	Take(ctx context.Context, receiver string) (mine context.Context, release func(), err error)
	// Due are the messages that may be sent to a receiver now: of each incident only
	// the first one.
	Due(ctx context.Context, receiver string) ([]Delivery, error)
	// Sent notes that the receiver accepted messages at once, each with its At and Ref:
	// all of them or none.
	Sent(ctx context.Context, all ...Delivery) error
	// Failed notes that it did not, each with Tries, Error and NotBefore.
	Failed(ctx context.Context, refused bool, all ...Delivery) error
}

// Digester is a receiver that tells people of many incidents in one message.
type Digester interface {
	SendDigest(ctx context.Context, all []Message) (ref string, err error)
}

// Batcher is a receiver that takes many messages in one request, accepts all of them
// or none, and answers with the ref of each.
type Batcher interface {
	SendBatch(ctx context.Context, all []Message) (refs []string, err error)
}

// Updater is a receiver at which a message may do no more than bring up to date
// what stands there already. Such a one goes into no digest, which would leave that
// as it is.
type Updater interface{ Updates(m *Message) bool }

// Pacer is a receiver that takes only so many messages a minute. What does not
// fit into the time of a run waits for the next one.
type Pacer interface{ PerMinute() int }

// Courier sends what is queued.
type Courier struct {
	Queue Queue
	// Compose makes the messages of some deliveries, in their order.
	Compose func(ctx context.Context, due []Delivery) ([]Message, error)
	// Clock is the time of answers and of what waits until when.
	Clock func() time.Time
}

// Deliver sends what is due to the receivers: to each in the order of urgency,
// to all at the same time, so that one that is down or slow costs only its own.
// The context bounds everything.
//
// What was accepted is noted afterwards: for people before the next message, for
// programs with some more. A crash in between repeats a message rather than losing
// it. The error joins all failures, each naming its receiver and incident; what was
// not sent stays queued.
func (c *Courier) Deliver(ctx context.Context, receivers []Receiver) error {
	failed := make([]error, len(receivers))
	var all sync.WaitGroup
	for n, r := range receivers {
		all.Go(func() { failed[n] = c.deliverTo(ctx, r) })
	}
	all.Wait()
	return errors.Join(failed...)
}

func (c *Courier) deliverTo(ctx context.Context, r Receiver) error {
	mine, release, err := c.Queue.Take(ctx, r.Name())
	if err != nil {
		return fmt.Errorf("notify %s: %w; what is queued stays so", r.Name(), err)
	}
	defer release()
	t := &turn{Courier: c, receiver: r, limit: limiterOf(r), done: map[attempt]bool{}, unnoted: map[bool][]Delivery{}, report: true}
	if err := t.run(mine); err != nil {
		t.fail(fmt.Errorf("notify %s: %w", r.Name(), err))
	}
	return t.err()
}

// limiterOf keeps to what the receiver takes: in any minute the burst and what
// follows it are together no more than that. Nil for one that takes everything.
func limiterOf(r Receiver) *rate.Limiter {
	p, ok := r.(Pacer)
	if !ok {
		return nil
	}
	half := p.PerMinute() / 2
	return rate.NewLimiter(rate.Limit(half)/60, half)
}
