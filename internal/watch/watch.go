// Package watch runs audits on a schedule in one process and serves what the last
// one found: one loop that starts runs and never two at once, and an HTTP server
// for people, probes and Prometheus.
package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"hubaudit/internal/verdict"
)

// Job is what one configuration makes of the work.
type Job struct {
	Schedule Schedule
	// Jitter delays each run by a random time up to this, and by no more than half
	// of what is between two runs.
	Jitter time.Duration
	// Run is one audit. It gives the finished run to report before anybody is told of
	// it, and returns what went wrong.
	Run func(ctx context.Context, report func(*verdict.Run) error) error
	// Limit is how long a run may take; then it is stopped.
	Limit time.Duration
	// Deliver sends the messages that are queued and due.
	Deliver func(ctx context.Context) error
	// Queued is how many messages wait by receiver, nil where nobody knows.
	Queued func(ctx context.Context) map[string]int
}

// Options of a Watch.
type Options struct {
	Job Job
	// Reload reads the configuration again.
	Reload func() (Job, error)
	Clock  func() time.Time
	// Grace is how long Run may take to end after Stop.
	Grace time.Duration
	// Guides are the registry's documentation by check, for the page.
	Guides map[string]verdict.Guide
	Log    zerolog.Logger
}

// Signal tells a running Watch what to do.
type Signal int

const (
	// Reload reads the configuration again. A broken one is refused, and the one
	// before goes on. A run in progress keeps the one it began with.
	Reload Signal = iota
	// Stop ends the run in progress unless it is recorded already, sends what is
	// queued, and returns. A second one returns at once.
	Stop
)

// ErrCut is the end of a Watch that was told to stop twice.
var ErrCut = errors.New("stopped at once: what was not sent is sent by the next run")

const (
	// beat is how often the loop looks at the clock at the least. The clock can be
	// set, and a machine can sleep: a timer notices neither.
	beat = time.Minute
	// stopShare is the part of the grace after which sending is broken off, so that
	// what a receiver has just accepted can still be noted.
	stopShare = 0.8
)

// Watch is one process that audits on a schedule. Handler may be used at any time,
// Run once.
type Watch struct {
	o         Options
	status    *status
	job       Job
	last      time.Time // when the loop looked at the clock last
	due       time.Time // of the next run
	sendAt    time.Time // of the next look for messages that are due
	ended     chan error
	sent      chan error
	running   bool
	sending   bool
	interrupt context.CancelFunc // of the run in progress
	breakOff  context.CancelFunc // of what is being sent between runs
}

// New makes a Watch that does nothing yet.
func New(o Options) *Watch {
	return &Watch{o: o, status: newStatus(o), job: o.Job, ended: make(chan error, 1), sent: make(chan error, 1)}
}

// Run audits at once and then on schedule, until it is told to stop or the context
// ends, which stops it without grace.
func (w *Watch) Run(ctx context.Context, signals <-chan Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.last = w.now()
	w.due = w.last
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case s := <-signals:
			if s == Stop {
				return w.stop(ctx, signals)
			}
			w.reload()
		case err := <-w.ended:
			w.finish(err)
		case err := <-w.sent:
			w.delivered(err)
		case <-timer.C:
		}
		timer.Reset(w.act(ctx))
	}
}

// Handler serves the last report, the metrics and the probes; it has no login. hosts,
// if there are any, are the only names under which it answers besides localhost and
// the addresses of loopback: without that, any page in a browser on this machine
// could read it by giving its own name this machine's address.
func (w *Watch) Handler(hosts ...string) http.Handler { return w.status.handler(hosts) }

// now is the time on the wall: without the reading of the monotonic clock, which
// does not notice that the other was set.
func (w *Watch) now() time.Time { return w.o.Clock().UTC().Round(0) }

// act starts what is due, and says for how long there is nothing to do.
func (w *Watch) act(ctx context.Context) time.Duration {
	now := w.now()
	if now.Before(w.last) {
		w.o.Log.Warn().Time("was", w.last).Time("now", now).Msg("the clock was set back: the next run is planned anew")
		w.plan(now)
		w.sendAt = now
	}
	w.last = now
	switch {
	case now.Before(w.due):
	case w.running:
		w.status.skip()
		w.o.Log.Warn().Time("due", w.due).Msg("a run is still going: the one that is due is left out")
		w.plan(now)
	default:
		w.plan(now)
		w.start(ctx)
	}
	if !w.running && !w.sending && !now.Before(w.sendAt) {
		w.send(ctx)
	}
	w.status.beats(w.due)
	return min(beat, max(w.due.Sub(now), 0))
}

// plan sets when the next run is due.
func (w *Watch) plan(now time.Time) {
	due := w.job.Schedule.Next(now)
	if most := min(w.job.Jitter, w.job.Schedule.Next(due).Sub(due)/2); most > 0 {
		due = due.Add(rand.N(most)).Truncate(time.Second)
	}
	w.due = due
}

// start begins a run.
func (w *Watch) start(ctx context.Context) {
	job := w.job
	ctx, w.interrupt = context.WithTimeoutCause(ctx, job.Limit, fmt.Errorf("the run took longer than %s", job.Limit))
	w.running = true
	w.status.begins(job)
	go func() {
		err := guarded(func() error {
			defer w.status.waits(context.WithoutCancel(ctx), job)
			return job.Run(ctx, func(run *verdict.Run) error {
				if ctx.Err() != nil {
					return nil // what an interrupted run says is not what is
				}
				return w.status.publish(run)
			})
		})
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		w.ended <- err
	}()
}

// finish notes how a run ended.
func (w *Watch) finish(err error) {
	w.running = false
	w.interrupt()
	w.sendAt = w.now().Add(beat)
	result := w.status.ends(err)
	var p *panicked
	if errors.As(err, &p) {
		w.o.Log.Error().Bytes("stack", p.stack).Msg("the run broke down; report this as a bug of hubaudit")
	}
	event := w.o.Log.Info()
	if err != nil {
		event = w.o.Log.Error().Err(err)
	}
	event.Str("result", result).Time("next", w.due).Msg("a run has ended")
}

// send looks for messages that are due.
func (w *Watch) send(ctx context.Context) {
	job := w.job
	w.sending = true
	w.sendAt = w.last.Add(beat)
	ctx, w.breakOff = context.WithCancel(ctx)
	go func() {
		w.sent <- guarded(func() error {
			defer w.status.waits(context.WithoutCancel(ctx), job)
			return job.Deliver(ctx)
		})
	}()
}

func (w *Watch) delivered(err error) {
	w.sending = false
	w.breakOff()
	if err != nil {
		w.status.undelivered()
		w.o.Log.Error().Err(err).Msg("messages could not be delivered between runs; they stay queued")
	}
}

// reload takes over the configuration as it is now, unless it is broken.
func (w *Watch) reload() {
	job, err := w.o.Reload()
	w.status.reloaded(job, err)
	if err != nil {
		w.o.Log.Error().Err(err).Msg("the new configuration is refused, the one before goes on")
		return
	}
	w.job = job
	w.plan(w.now())
	w.o.Log.Info().Str("schedule", job.Schedule.String()).Time("next", w.due).Msg("the configuration was read again")
}

// stop ends what is going on and sends what is queued.
func (w *Watch) stop(ctx context.Context, signals <-chan Signal) error {
	w.o.Log.Info().Bool("running", w.running).Msg("stopping")
	w.status.stops()
	out := time.NewTimer(w.o.Grace)
	defer out.Stop()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(float64(w.o.Grace)*stopShare))
	defer cancel()
	if w.running {
		w.interrupt()
	}
	if w.sending {
		defer context.AfterFunc(ctx, w.breakOff)()
	}
	last := false // what is sent now was looked for after the run had ended
	for w.running || w.sending || !last {
		if !w.running && !w.sending {
			last = true
			w.send(ctx)
		}
		select {
		case err := <-w.ended:
			w.running = false
			w.o.Log.Info().Err(err).Msg("the run in progress was stopped")
		case err := <-w.sent:
			w.delivered(err)
		case s := <-signals:
			if s == Stop {
				return ErrCut
			}
		case <-out.C:
			w.o.Log.Warn().Dur("grace", w.o.Grace).Msg("out of time; what was not sent is sent by the next run")
			return nil
		}
	}
	w.o.Log.Info().Msg("stopped")
	return nil
}

// panicked is a run that broke down.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("it broke down: %v", p.value) }

// guarded turns a panic into an error: the next run may do better.
func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return f()
}
