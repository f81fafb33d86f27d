package watch

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// bench is a Watch with a job of the test's own, in a bubble where time passes
// only while everybody waits.
type bench struct {
	*Watch
	t       *testing.T
	signals chan Signal
	ended   chan error
	start   time.Time
	shift   atomic.Int64 // by how much the clock on the wall is set off
	log     syncBuffer

	mu    sync.Mutex
	runs  []time.Duration // when each run began, after the start
	sends []time.Duration
	// run and send are what happens besides; run gives the error of the run.
	run  func(ctx context.Context, n int) error
	send func(ctx context.Context) error
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// inBubble runs a test in which the clock starts at midnight of UTC. The Watch is
// told to stop in the end unless the test has done so.
func inBubble(t *testing.T, schedule string, test func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, signals: make(chan Signal), ended: make(chan error, 1), start: time.Now()}
		b.Watch = New(Options{Job: b.job(schedule), Clock: b.clock, Grace: 25 * time.Second, Log: zerolog.New(&b.log),
			Reload: func() (Job, error) { return Job{}, errors.New("no reload in this test") }})
		test(b)
	})
}

func (b *bench) clock() time.Time { return time.Now().Add(time.Duration(b.shift.Load())) }

func (b *bench) job(schedule string) Job {
	return Job{Schedule: parsed(b.t, schedule, ""), Limit: 20 * time.Minute, Run: b.oneRun, Queued: func(context.Context) map[string]int { return map[string]int{"slack": 3} }, Deliver: func(ctx context.Context) error {
		b.mu.Lock()
		b.sends = append(b.sends, time.Since(b.start))
		send := b.send
		b.mu.Unlock()
		if send != nil {
			return send(ctx)
		}
		return nil
	}}
}

func (b *bench) oneRun(ctx context.Context, publish func(*verdict.Run) error) error {
	b.mu.Lock()
	b.runs = append(b.runs, time.Since(b.start))
	n, run, at := len(b.runs), b.run, b.clock()
	b.mu.Unlock()
	if run != nil {
		if err := run(ctx, n); err != nil {
			return err
		}
	}
	return publish(aRun(at))
}

// busy takes its time unless it is broken off.
func busy(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func aRun(at time.Time) *verdict.Run {
	return &verdict.Run{ID: "20000101T000000Z-1", StartedAt: at.UTC().Truncate(time.Second), Version: "test",
		Verdicts: []verdict.Verdict{{Check: "pvc-lost", Hub: "a", Outcome: verdict.Pass, Severity: verdict.Critical, Summary: "holds"}},
		Sources:  []facts.Source{{Name: "hubdb/a", Status: facts.OK}}}
}

func (b *bench) begin() {
	go func() { b.ended <- b.Run(b.t.Context(), b.signals) }()
}

// pass lets time go by.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	<-time.After(d)
	synctest.Wait()
}

func (b *bench) stop(want error) {
	b.t.Helper()
	b.signals <- Stop
	if err := <-b.ended; !errors.Is(err, want) {
		b.t.Errorf("it ended with %v, want %v", err, want)
	}
}

// count is how many runs have begun, looks when messages were looked for.
func (b *bench) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.runs)
}

func (b *bench) looks() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sends)
}

func (b *bench) ran(want ...time.Duration) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(want, b.runs); diff != "" {
		b.t.Errorf("runs began (-want +got):\n%s", diff)
	}
}

func (b *bench) counted(complete, incomplete, failed, skipped float64) {
	b.t.Helper()
	m := b.status.meters
	got := []float64{testutil.ToFloat64(m.runs.WithLabelValues(resultComplete)), testutil.ToFloat64(m.runs.WithLabelValues(resultIncomplete)),
		testutil.ToFloat64(m.runs.WithLabelValues(resultFailed)), testutil.ToFloat64(m.skipped)}
	if diff := cmp.Diff([]float64{complete, incomplete, failed, skipped}, got); diff != "" {
		b.t.Errorf("complete, incomplete, failed, skipped (-want +got):\n%s", diff)
	}
}

// page is what people see.
func (b *bench) page() string { return b.get("/", nil).Body.String() }

// job0 changes the job that the Watch begins with.
func (b *bench) job0(change func(*Job)) {
	change(&b.Watch.job)
}
