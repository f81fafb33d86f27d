package history

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// leaseTTL is for how long a lease holds after its holder was seen alive last,
	// leaseRenew how often the holder shows itself, leaseWait how long one sign
	// may take. A holder who could not show itself gives up before others may take over:
	// leaseTTL > 2*leaseRenew + leaseWait.
	leaseTTL   = 30 * time.Second
	leaseRenew = 10 * time.Second
	leaseWait  = 5 * time.Second
	// leasePoll is how often a waiting run looks whether the lease is free.
	leasePoll = 250 * time.Millisecond
)

var errLeaseLost = errors.New("the lease was lost: this process could not show that it is alive, or its machine's clock was set")

// Lease keeps other processes from doing what one is doing.
type Lease struct {
	store *Store
	token string
	held  context.Context // ends when the lease is lost or given back
	end   context.CancelCauseFunc
	done  sync.WaitGroup // renewing
	free  sync.Once
}

// Lease waits until nobody else holds the lease of that name of a cluster, and
// takes it: until Release, or until this process has died for 30 seconds.
//
// holder is for people: which process it is. now is the wall clock; the machines
// that share a history must agree on it to within 15 seconds: the clock of one that
// is ahead by more shows that a lease has run out which is about to be renewed. The
// error says who holds the lease when ctx ends first.
func (s *Store) Lease(ctx context.Context, cluster, name, holder string, now time.Time) (*Lease, error) {
	l := &Lease{store: s, token: rand.Text()}
	begin := time.Now() // only to tell how long it has been since
	clock := func() time.Time { return now.Add(time.Since(begin)) }
	tick := time.NewTicker(leasePoll)
	defer tick.Stop()
	by := "another process"
	for {
		taken, other, err := s.tryLease(ctx, cluster, name, holder, l.token, clock())
		switch {
		case taken:
			l.keep(ctx, clock)
			return l, nil
		case err == nil:
			by = other
		case ctx.Err() == nil:
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s to let go of %s: %w (if it hangs, end it: %s later others may go on)", by, name, ctx.Err(), leaseTTL)
		case <-tick.C:
		}
	}
}

// tryLease takes the lease if it is free. by is who has it otherwise.
func (s *Store) tryLease(ctx context.Context, cluster, name, holder, token string, now time.Time) (taken bool, by string, err error) {
	err = s.write(ctx, "take a lease in", func(tx *transaction) error {
		// An expiry far ahead was written by a clock that has been set back since.
		res, err := tx.ExecContext(ctx, `INSERT INTO leases (cluster, name, holder, token, expires_ms) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (cluster, name) DO UPDATE SET holder = excluded.holder, token = excluded.token, expires_ms = excluded.expires_ms
			WHERE leases.expires_ms <= ? OR leases.expires_ms > ?`,
			cluster, name, holder, token, now.Add(leaseTTL).UnixMilli(), now.UnixMilli(), now.Add(2*leaseTTL).UnixMilli())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if taken = n > 0; taken || err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT holder FROM leases WHERE cluster = ? AND name = ?", cluster, name).Scan(&by)
	})
	return taken && err == nil, by, err
}

// keep renews the lease until it is given back or lost.
func (l *Lease) keep(ctx context.Context, clock func() time.Time) {
	l.held, l.end = context.WithCancelCause(context.WithoutCancel(ctx))
	l.done.Go(func() {
		tick := time.NewTicker(leaseRenew)
		defer tick.Stop()
		shown := time.Now()
		for {
			select {
			case <-l.held.Done():
				return
			case <-tick.C:
			}
			at := time.Now()
			mine, err := l.renew(clock())
			switch {
			case err == nil && mine:
				shown = at
			case err == nil || at.Sub(shown) >= leaseTTL-leaseRenew:
				l.end(errors.Join(errLeaseLost, err))
				return
			}
		}
	})
}

// renew tells whether the lease is still its holder's, and makes it last.
func (l *Lease) renew(now time.Time) (mine bool, err error) {
	// Release waits for it: to break it off would cost the connection.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.held), leaseWait)
	defer cancel()
	err = l.store.write(ctx, "renew a lease in", func(tx *transaction) error {
		res, err := tx.ExecContext(ctx, "UPDATE leases SET expires_ms = ? WHERE token = ?", now.Add(leaseTTL).UnixMilli(), l.token)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		mine = n > 0
		return err
	})
	return mine, err
}

// Context returns a context that ends with ctx, and when the lease is lost or
// given back: context.Cause says so.
func (l *Lease) Context(ctx context.Context) context.Context {
	ctx, end := context.WithCancelCause(ctx)
	context.AfterFunc(l.held, func() { end(context.Cause(l.held)) })
	return ctx
}

// Release gives the lease back, unless it is another's by now. It may be called
// more than once. A failure is dropped: the lease ends by itself.
func (l *Lease) Release() {
	l.free.Do(func() {
		l.end(errors.New("the lease was given back"))
		l.done.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.held), leaseWait)
		defer cancel()
		_ = l.store.write(ctx, "give a lease back in", func(tx *transaction) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM leases WHERE token = ?", l.token)
			return err
		})
	})
}
