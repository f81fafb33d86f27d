package history

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hubaudit/internal/world"
)

// TestLockNotify waits in the time of a synctest bubble.
func TestLockNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newStore(t)
		second := open(t, first.path)
		lock := func(ctx context.Context, s *Store, cluster, holder string) (func(), error) {
			return s.LockNotify(ctx, cluster, holder, time.Minute, time.Now())
		}
		unlock, err := lock(t.Context(), first, cluster, "host-1, process 7")
		if err != nil {
			t.Fatal(err)
		}
		free, err := lock(t.Context(), second, "west", "host-2")
		if err != nil {
			t.Fatal("another cluster waits too:", err)
		}
		free()

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = lock(ctx, second, cluster, "host-2")
		wantError(t, err, "wait for host-1, process 7 to finish", "1m0s")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cause of %v", err)
		}

		// Given back before its turn is over.
		time.AfterFunc(20*time.Second, unlock)
		begin := time.Now()
		free, err = lock(t.Context(), second, cluster, "host-2")
		if waited := time.Since(begin); err != nil || waited < 20*time.Second || waited > 20*time.Second+leasePoll {
			t.Errorf("waited %s, error %v", waited, err)
		}
		unlock() // the second time it is nobody's

		// Not given back: host-2 was killed.
		begin = time.Now()
		again, err := lock(t.Context(), first, cluster, "host-1")
		if waited := time.Since(begin); err != nil || waited < time.Minute || waited > time.Minute+leasePoll {
			t.Errorf("waited %s, error %v", waited, err)
		}
		free() // too late: it is another's now
		if n := count(t, first, "SELECT count(*) FROM leases WHERE holder = 'host-1'"); n != 1 {
			t.Errorf("%d leases, want that of host-1", n)
		}
		again()
		if n := count(t, first, "SELECT count(*) FROM leases"); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

func TestLeaseExpires(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		taken bool
	}{
		"just before":             {time.Minute - time.Second, false},
		"when it ends":            {time.Minute, true},
		"long after":              {time.Hour, true},
		"clock set back a little": {-30 * time.Second, false},
		"clock set back an hour":  {-time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			stale, err := s.LockNotify(t.Context(), cluster, "killed", time.Minute, world.Now)
			if err != nil {
				t.Fatal(err)
			}
			taken, by, err := s.tryLease(t.Context(), cluster, "next", "token", time.Minute, world.Now.Add(c.after))
			if err != nil || taken != c.taken || !taken && by != "killed" {
				t.Errorf("taken %v from %q, error %v", taken, by, err)
			}
			stale() // must not free what is another's now
			want := 0
			if c.taken {
				want = 1
			}
			if n := count(t, s, "SELECT count(*) FROM leases"); n != want {
				t.Errorf("%d leases, want %d", n, want)
			}
		})
	}
}
