package harness

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// pollInterval is short beside what is waited for and long beside a request.
const pollInterval = 50 * time.Millisecond

// Poll tries until try gives no error, and fails the test with the last one if
// that does not come about.
func Poll(tb testing.TB, what string, try func(context.Context) error) {
	tb.Helper()
	if err := poll(tb.Context(), what, try); err != nil {
		tb.Fatal(err)
	}
}

func poll(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", what, context.Cause(ctx), err)
		}
	}
}
