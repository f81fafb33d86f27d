package history

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubaudit/internal/world"
)

// TestLease waits in the time of a synctest bubble. All use one connection: SQLite
// would wait for another's lock in real time.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		lease := func(ctx context.Context, cluster, name, holder string) (*Lease, error) {
			return s.Lease(ctx, cluster, name, holder, time.Now())
		}
		one, err := lease(t.Context(), cluster, "notify/slack", "host-1, process 7")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range [][2]string{{"west", "notify/slack"}, {cluster, "notify/pagerduty"}} {
			other, err := lease(t.Context(), c[0], c[1], "host-2")
			if err != nil {
				t.Fatal("another cluster's or receiver's waits too:", err)
			}
			other.Release()
		}

		// It lasts for as long as it is held: ten times as long as it holds by itself.
		ctx, cancel := context.WithTimeout(t.Context(), 10*leaseTTL)
		defer cancel()
		_, err = lease(ctx, cluster, "notify/slack", "host-2")
		wantError(t, err, "wait for host-1, process 7 to let go of notify/slack", "30s")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cause of %v", err)
		}
		sending := one.Context(t.Context())
		if sending.Err() != nil {
			t.Errorf("the lease was lost: %v", context.Cause(sending))
		}

		// Given back.
		time.AfterFunc(20*time.Second, one.Release)
		begin := time.Now()
		two, err := lease(t.Context(), cluster, "notify/slack", "host-2")
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited < 20*time.Second || waited > 20*time.Second+leasePoll {
			t.Errorf("waited %s", waited)
		}
		if sending.Err() == nil {
			t.Error("sending goes on without the lease")
		}
		one.Release() // the second time it is nobody's
		if n := count(t, s, "SELECT count(*) FROM leases"); n != 1 {
			t.Errorf("%d leases, want that of host-2", n)
		}
		two.Release()
		if n := count(t, s, "SELECT count(*) FROM leases"); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// TestLeaseOfTheDead: a process that was killed keeps others waiting for as long
// as a lease holds by itself.
func TestLeaseOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		if taken, _, err := s.tryLease(t.Context(), cluster, "notify/slack", "killed", "token", time.Now()); !taken || err != nil {
			t.Fatal(taken, err)
		}
		begin := time.Now()
		l, err := s.Lease(t.Context(), cluster, "notify/slack", "next", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release()
		if waited := time.Since(begin); waited < leaseTTL || waited > leaseTTL+leasePoll {
			t.Errorf("waited %s", waited)
		}
	})
}

// TestLeaseLost: who cannot show to be alive stops before others may begin.
func TestLeaseLost(t *testing.T) {
	for name, c := range map[string]struct {
		lose  func(*testing.T, *Store)
		least time.Duration
	}{
		"another has taken it": {func(t *testing.T, s *Store) { execute(t, s, "UPDATE leases SET token = 'other'") }, 0},
		"it is gone":           {func(t *testing.T, s *Store) { execute(t, s, "DELETE FROM leases") }, 0},
		"the history is gone":  {func(t *testing.T, s *Store) { s.Close() }, leaseRenew},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(t)
				l, err := s.Lease(t.Context(), cluster, "notify/slack", "me", time.Now())
				if err != nil {
					t.Fatal(err)
				}
				defer l.Release()
				sending := l.Context(t.Context())
				c.lose(t, s)
				begin := time.Now()
				<-sending.Done()
				if after := time.Since(begin); after < c.least || after >= leaseTTL {
					t.Errorf("it went on for %s", after)
				}
				if cause := context.Cause(sending).Error(); !strings.Contains(cause, "the lease was lost") {
					t.Errorf("cause %q", cause)
				}
			})
		})
	}
}

func TestLeaseExpires(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		taken bool
	}{
		"just before":             {leaseTTL - time.Second, false},
		"when it ends":            {leaseTTL, true},
		"long after":              {time.Hour, true},
		"clock set back a little": {-leaseTTL / 2, false},
		"clock set back an hour":  {-time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			if _, _, err := s.tryLease(t.Context(), cluster, "n", "killed", "a", world.Now); err != nil {
				t.Fatal(err)
			}
			taken, by, err := s.tryLease(t.Context(), cluster, "n", "next", "b", world.Now.Add(c.after))
			if err != nil || taken != c.taken || !taken && by != "killed" {
				t.Errorf("taken %v from %q, error %v", taken, by, err)
			}
		})
	}
}
