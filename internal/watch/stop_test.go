package watch

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStopSendsWhatIsQueued: the run in progress is broken off, and after it what
// is queued is sent.
func TestStopSendsWhatIsQueued(t *testing.T) {
	inBubble(t, "*/15 * * * *", func(b *bench) {
		broken := false
		b.run = func(ctx context.Context, n int) error {
			if n == 1 {
				return nil
			}
			<-ctx.Done()
			<-time.After(3 * time.Second) // it does not end at once
			broken = true
			return ctx.Err()
		}
		b.begin()
		b.pass(16 * time.Minute)
		before := b.page()
		sent := len(b.looks())
		b.send = func(ctx context.Context) error {
			if !broken || ctx.Err() != nil {
				t.Errorf("it sends while the run goes on: %v, without time: %v", !broken, ctx.Err())
			}
			return nil
		}
		b.stop(nil)
		if len(b.looks()) != sent+1 {
			t.Errorf("it looked %d times for messages in the end, want once", len(b.looks())-sent)
		}
		if !strings.Contains(before, "A run has been going since 2000-01-01 00:15 UTC") {
			t.Errorf("the page during the run:\n%s", before)
		}
		b.counted(1, 0, 0, 0) // a run that was broken off is none that failed
		if got := b.get("/readyz", nil); got.Code != http.StatusServiceUnavailable {
			t.Errorf("it is still ready: %d", got.Code)
		}
		if got := b.get("/healthz", nil); got.Code != http.StatusOK {
			t.Errorf("it counts as ill while it stops: %d %s", got.Code, got.Body)
		}
	})
}

// TestStopWhileSending: what is being sent may end, and then there is one more look.
func TestStopWhileSending(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		b.send = func(ctx context.Context) error { return busy(ctx, 10*time.Second) }
		b.begin()
		b.pass(time.Minute + time.Second)
		b.stop(nil)
		if len(b.looks()) != 2 || strings.Contains(b.log.String(), "canceled") {
			t.Errorf("it looked at %v; log:\n%s", b.sends, b.log.String())
		}
	})
}

// TestStopIsBounded: whatever hangs, it is over after the grace.
func TestStopIsBounded(t *testing.T) {
	for name, deaf := range map[string]bool{"a receiver that hangs": false, "one that cannot be broken off": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "0 * * * *", func(b *bench) {
				release := make(chan struct{})
				defer close(release)
				b.send = func(ctx context.Context) error {
					if deaf {
						<-release
						return nil
					}
					<-ctx.Done()
					return ctx.Err()
				}
				b.begin()
				b.pass(2 * time.Minute)
				before := time.Now()
				b.stop(nil)
				if took := time.Since(before); took > 25*time.Second || deaf == strings.Contains(b.log.String(), "\"stopped\"") {
					t.Errorf("it took %s to stop; log:\n%s", took, b.log.String())
				}
			})
		})
	}
}

// TestSecondStop ends it at once.
func TestSecondStop(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		release := make(chan struct{})
		defer close(release)
		b.run = func(context.Context, int) error { <-release; return nil }
		b.begin()
		b.pass(time.Minute)
		before := time.Now()
		b.signals <- Stop
		b.signals <- Reload // which is of no meaning any more
		b.stop(ErrCut)
		if took := time.Since(before); took > 0 {
			t.Errorf("it took %s", took)
		}
	})
}

// TestContext ends it without grace.
func TestContext(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		ctx, cancel := context.WithCancelCause(b.t.Context())
		why := errors.New("the test is over")
		go func() { b.ended <- b.Run(ctx, b.signals) }()
		b.pass(time.Minute)
		cancel(why)
		if err := <-b.ended; !errors.Is(err, why) || len(b.looks()) > 1 {
			t.Errorf("it ended with %v and looked for messages at %v", err, b.sends)
		}
	})
}

// TestLimit: a run that takes too long is broken off; one that cannot be turns the
// probe red, and the page too.
func TestLimit(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		release := make(chan struct{})
		b.run = func(ctx context.Context, n int) error {
			if n == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			<-release
			return ctx.Err()
		}
		b.begin()
		b.pass(21 * time.Minute)
		b.counted(0, 0, 1, 0)
		if !strings.Contains(b.page(), "the run took longer than 20m0s") {
			t.Errorf("the page:\n%s", b.page())
		}
		b.pass(59 * time.Minute) // 01:20, the limit of the second
		if got := b.get("/healthz", nil); got.Code != http.StatusOK {
			t.Errorf("at the limit it counts as stuck: %s", got.Body)
		}
		b.pass(4 * time.Minute)
		if got := b.get("/healthz", nil); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "began at 2000-01-01 01:00 UTC hangs") {
			t.Errorf("a run that hangs: %d %s", got.Code, got.Body)
		}
		if !strings.Contains(b.page(), "hubaudit is stuck") {
			t.Errorf("the page:\n%s", b.page())
		}
		close(release)
		b.pass(time.Minute)
		if got := b.get("/healthz", nil); got.Code != http.StatusOK {
			t.Errorf("after it has ended: %s", got.Body)
		}
		b.stop(nil)
	})
}
