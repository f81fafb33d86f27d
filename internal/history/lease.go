package history

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

const (
	notifyLease = "notify"
	// leasePoll is how often a waiting run looks whether the lease is free.
	leasePoll = 100 * time.Millisecond
	// unlockTimeout bounds giving a lease back after the run's own deadline.
	unlockTimeout = 5 * time.Second
)

// LockNotify waits until no other run sends notifications for the cluster, and
// then keeps others from it until unlock is called, or for ttl if this process
// dies before. Whoever holds it must have stopped sending when ttl has passed.
//
// holder is for people: which process it is. now is the wall clock; the machines
// that share a history must agree on it to within ttl. The error says who holds
// the lease when ctx ends first. unlock may be called more than once.
func (s *Store) LockNotify(ctx context.Context, cluster, holder string, ttl time.Duration, now time.Time) (unlock func(), err error) {
	token := rand.Text()
	begin := time.Now() // only to tell how long the wait has lasted
	tick := time.NewTicker(leasePoll)
	defer tick.Stop()
	by := "another run"
	for {
		taken, other, err := s.tryLease(ctx, cluster, holder, token, ttl, now.Add(time.Since(begin)))
		switch {
		case taken:
			return func() { s.releaseLease(ctx, token) }, nil
		case err == nil:
			by = other
		case ctx.Err() == nil:
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s to finish sending notifications: %w (if it hangs, end it: its turn is over after %s)",
				by, ctx.Err(), ttl)
		case <-tick.C:
		}
	}
}

// tryLease takes the lease if it is free. by is who has it otherwise.
func (s *Store) tryLease(ctx context.Context, cluster, holder, token string, ttl time.Duration, now time.Time) (taken bool, by string, err error) {
	err = s.write(ctx, "lock notifications in", func(tx *transaction) error {
		// An expiry far ahead was written by a clock that has been set back since.
		res, err := tx.ExecContext(ctx, `INSERT INTO leases (cluster, name, holder, token, expires_ms) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (cluster, name) DO UPDATE SET holder = excluded.holder, token = excluded.token, expires_ms = excluded.expires_ms
			WHERE leases.expires_ms <= ? OR leases.expires_ms > ?`,
			cluster, notifyLease, holder, token, now.Add(ttl).UnixMilli(), now.UnixMilli(), now.Add(2*ttl).UnixMilli())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if taken = n > 0; taken || err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT holder FROM leases WHERE cluster = ? AND name = ?", cluster, notifyLease).Scan(&by)
	})
	return taken && err == nil, by, err
}

// releaseLease gives the lease back, unless it has expired and is another's.
// A failure is dropped: the lease ends by itself.
func (s *Store) releaseLease(ctx context.Context, token string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
	defer cancel()
	_ = s.write(ctx, "unlock notifications in", func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM leases WHERE token = ?", token)
		return err
	})
}
