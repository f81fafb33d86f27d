package watch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"hubaudit/internal/verdict"
)

func TestRunsOnSchedule(t *testing.T) {
	inBubble(t, "*/15 * * * *", func(b *bench) {
		b.begin()
		b.pass(50 * time.Minute)
		b.stop(nil)
		b.ran(0, 15*time.Minute, 30*time.Minute, 45*time.Minute)
		b.counted(4, 0, 0, 0)
	})
}

// TestNeverTwoAtOnce: what is due while a run is going is left out, not made up for.
func TestNeverTwoAtOnce(t *testing.T) {
	inBubble(t, "*/5 * * * *", func(b *bench) {
		b.run = func(ctx context.Context, _ int) error { return busy(ctx, 12*time.Minute) }
		b.begin()
		b.pass(29 * time.Minute)
		b.ran(0, 15*time.Minute)
		b.counted(2, 0, 0, 4)
		if !strings.Contains(b.log.String(), "the one that is due is left out") {
			t.Errorf("the log does not say so:\n%s", b.log.String())
		}
		b.pass(14 * time.Minute)
		b.stop(nil)
	})
}

// TestGoesOn: neither a failure nor a panic is the end.
func TestGoesOn(t *testing.T) {
	inBubble(t, "@every 10m", func(b *bench) {
		b.run = func(_ context.Context, n int) error {
			switch n {
			case 1:
				return errors.New("the history is locked")
			case 2:
				panic("index out of range")
			}
			return nil
		}
		b.begin()
		b.pass(time.Minute)
		if page := b.page(); !strings.Contains(page, "No run has got as far as a report") || !strings.Contains(page, "the history is locked") {
			t.Errorf("the page after a failure:\n%s", page)
		}
		b.pass(10 * time.Minute)
		if page := b.page(); !strings.Contains(page, "it broke down: index out of range") {
			t.Errorf("the page after a panic:\n%s", page)
		}
		b.pass(10 * time.Minute)
		if page := b.page(); strings.Contains(page, "class=\"notice bad\"") || !strings.Contains(page, "The invariant holds") {
			t.Errorf("the page after a good run:\n%s", page)
		}
		b.counted(1, 0, 2, 0)
		if log := b.log.String(); !strings.Contains(log, "watch_test.go") {
			t.Errorf("the log has no stack of the panic:\n%s", log)
		}
		b.stop(nil)
	})
}

// TestIncomplete: a run with a report and a trouble is neither complete nor failed.
func TestIncomplete(t *testing.T) {
	inBubble(t, "@every 10m", func(b *bench) {
		b.job0(func(job *Job) {
			run := job.Run
			job.Run = func(ctx context.Context, publish func(*verdict.Run) error) error {
				return errors.Join(run(ctx, publish), errors.New("slack: not_in_channel"), errors.New("email: no STARTTLS"))
			}
		})
		b.begin()
		b.pass(time.Minute)
		b.counted(0, 1, 0, 0)
		if page := b.page(); !strings.Contains(page, "did not go well: slack: not_in_channel; email: no STARTTLS<") || !strings.Contains(page, "The invariant holds") {
			t.Errorf("the page:\n%s", page)
		}
		b.stop(nil)
	})
}

func TestReload(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		answer := errors.New("hubaudit.yaml:3: checks.pvc-lots: no such check")
		b.o.Reload = func() (Job, error) { return b.job("*/20 * * * *"), answer }
		b.begin()
		b.pass(time.Minute)
		b.signals <- Reload
		b.pass(time.Minute)
		if page := b.page(); !strings.Contains(page, "refused; the one before goes on: hubaudit.yaml:3: checks.pvc-lots") {
			t.Errorf("the page does not say that the configuration was refused:\n%s", page)
		}
		if ok := testutil.ToFloat64(b.status.reloadOK); ok != 0 {
			t.Errorf("the metric says %v", ok)
		}
		b.pass(time.Hour)
		b.ran(0, time.Hour)
		answer = nil
		b.signals <- Reload
		b.pass(time.Hour)
		b.ran(0, time.Hour, 80*time.Minute, 100*time.Minute, 120*time.Minute)
		if ok := testutil.ToFloat64(b.status.reloadOK); ok != 1 || strings.Contains(b.page(), "refused") {
			t.Errorf("after a good one the metric says %v, and the page\n%s", ok, b.page())
		}
		b.stop(nil)
	})
}

// TestReloadDuringRun: a run ends with the configuration it began with.
func TestReloadDuringRun(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		b.run = func(ctx context.Context, _ int) error { return busy(ctx, 10*time.Minute) }
		b.o.Reload = func() (Job, error) { return b.job("*/20 * * * *"), nil }
		b.begin()
		b.pass(5 * time.Minute)
		b.signals <- Reload
		b.pass(20 * time.Minute)
		b.ran(0, 20*time.Minute)
		b.counted(1, 0, 0, 0)
		b.stop(nil)
	})
}

// TestDeliversBetweenRuns: what is due between runs is looked for every minute, and
// left alone while a run sends itself.
func TestDeliversBetweenRuns(t *testing.T) {
	inBubble(t, "*/10 * * * *", func(b *bench) {
		b.run = func(ctx context.Context, _ int) error { return busy(ctx, 5*time.Minute) }
		b.send = func(context.Context) error { return errors.New("pagerduty answered 503") }
		b.begin()
		b.pass(9*time.Minute + 30*time.Second)
		var want []time.Duration
		for m := 6; m <= 9; m++ {
			want = append(want, time.Duration(m)*time.Minute)
		}
		if diff := cmp.Diff(want, b.looks()); diff != "" {
			t.Errorf("looked for messages (-want +got):\n%s", diff)
		}
		if n := testutil.ToFloat64(b.status.deliveries); n != 4 {
			t.Errorf("%v attempts count as failed, want 4", n)
		}
		b.stop(nil)
	})
}

// TestJitter: each run comes late by less than the jitter, and the schedule stays.
func TestJitter(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		b.job0(func(job *Job) { job.Jitter = 10 * time.Minute })
		b.begin()
		b.pass(24*time.Hour + 30*time.Minute)
		b.stop(nil)
		late := map[time.Duration]bool{}
		for i, at := range b.runs[1:] {
			by := at - time.Duration(i+1)*time.Hour
			late[by] = true
			if by < 0 || by >= 10*time.Minute {
				t.Errorf("run %d came %s after its time", i+1, by)
			}
		}
		if b.count() != 25 || len(late) < 10 {
			t.Errorf("%d runs, %d different delays", b.count(), len(late))
		}
	})
}

// TestClockIsSet: the wall clock is what counts, whichever way it is set.
func TestClockIsSet(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		b.begin()
		b.pass(10 * time.Minute) // 00:10
		b.shift.Store(int64(5 * time.Hour))
		b.pass(2 * time.Minute) // 05:12: the runs of five hours are one
		if b.count() != 2 {
			t.Errorf("after the clock was set ahead there are runs at %v, want one more at once", b.runs)
		}
		b.shift.Store(0)
		b.pass(47 * time.Minute) // 00:59
		if b.count() != 2 {
			t.Errorf("after it was set back there are runs at %v before one was due", b.runs)
		}
		b.pass(2 * time.Minute)
		if b.count() != 3 {
			t.Errorf("after it was set back there are runs at %v, want one at the next hour", b.runs)
		}
		b.stop(nil)
	})
}
