// Package audit is one run, from the configuration to the messages, in one
// straight line: gather, judge, remember, report, notify.
package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"hubaudit/checks"
	"hubaudit/internal/collect"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/silence"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// Options of one run.
type Options struct {
	Suite checks.Suite
	// Hubs limits the verdicts to these hubs and the cluster's; empty means all.
	// Every hub is read all the same: a claim may be any hub's.
	Hubs    []string
	Version string
	// Clock is the run's only clock. It is read for the run's time, for
	// durations, and for the times of deliveries.
	Clock    func() time.Time
	Timeout  time.Duration // of each source
	Progress func(source string, items int)
	Log      zerolog.Logger
	// Report is called with the finished run before anybody is notified.
	Report func(run *verdict.Run) error
	// Notify is false for --no-notify.
	Notify bool
}

// Now runs one audit. The run is returned whenever there is one; the error
// joins what went wrong around it: a report that could not be written, a
// message that could not be delivered, a history that could not be opened.
func Now(ctx context.Context, cfg *config.Config, o Options) (*verdict.Run, error) {
	start := o.Clock().UTC()
	run := &verdict.Run{Cluster: cfg.Cluster.Name, StartedAt: start.Truncate(time.Second), Version: o.Version}
	alive := beat(ctx, cfg, o)

	names, unnamed := naming(cfg)
	snapshot := gather(ctx, cfg, run.StartedAt, o)
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	known, historySource := openHistory(ctx, cfg, run.StartedAt, o)
	if known.store != nil {
		defer known.store.Close()
	}
	run.LastSuccess = lastSuccess(known.past.Runs)
	snapshot.Past, known.past = known.past, facts.Past{} // not kept here, as judging lets go of a part
	collect.OpenBackups(ctx, cfg, snapshot, func(hub *facts.Hub) bool { return chosen(hub.Name, o.Hubs) && o.Suite.OpensCopies(hub) })
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	views := look(snapshot, names, unnamed)
	run.Notes = compare(&snapshot.Past, known.users, views)
	known.users = nil // as big as the hub, and of no more use
	if unnamed != nil {
		run.Notes = append(run.Notes, "Who the users are is neither remembered nor compared in this run: "+unnamed.Error()+".")
	}
	snapshot.Sources = append(snapshot.Sources, historySource)

	matched := judge(run, snapshot, known.silences, o)
	run.Duration = o.Clock().Sub(start)

	moves := latch(run, views)
	moves.KeepMembers, moves.Claims = cfg.Members.Keep, claimsOf(snapshot)
	moves.Rules = history.Rules{Patience: cfg.Patience, ResolveAfter: cfg.Notify.ResolveAfter, ReopenWithin: cfg.Notify.ReopenWithin}
	moves.SilencesMatched = matched
	var rulings []notify.Ruling
	if o.Notify {
		moves.Plan = plan(cfg, run, &rulings)
	}
	remembered := errors.Join(remember(ctx, known.store, run, moves, o), unnamed)
	if run.Remembered() {
		logRulings(o.Log, rulings)
	}
	reported := o.Report(run)
	var delivered error
	if o.Notify {
		delivered = deliver(ctx, cfg, known.store, run, o)
	}
	published := publish(ctx, cfg, known.store, run, o)
	alive.end(ctx, cfg, known.store, run, remembered, errors.Join(reported, delivered, published))
	return run, errors.Join(remembered, reported, delivered, published)
}

// judge makes the snapshot's verdicts the run's, as far as they are of interest,
// and applies the silences. It returns those that covered anything.
func judge(run *verdict.Run, snapshot *facts.Snapshot, silences []verdict.Silence, o Options) (matched []int64) {
	verdicts, coverage := checks.JudgeAndCover(o.Suite, snapshot)
	run.Verdicts = ofInterest(verdicts, o.Hubs)
	run.Coverage = slices.DeleteFunc(coverage, func(c verdict.Coverage) bool { return !chosen(c.Hub, o.Hubs) })
	run.Sources = snapshot.Sources
	matched, notes := silence.Apply(silences, run.Verdicts, run.StartedAt)
	run.Notes = append(run.Notes, notes...)
	checks.Explain(run.Verdicts)
	return matched
}

func interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the run was interrupted; nothing of it was recorded: %w", err)
	}
	return nil
}

func ofInterest(verdicts []verdict.Verdict, hubs []string) []verdict.Verdict {
	return slices.DeleteFunc(verdicts, func(v verdict.Verdict) bool { return v.Hub != "" && !chosen(v.Hub, hubs) })
}

func chosen(hub string, hubs []string) bool { return len(hubs) == 0 || slices.Contains(hubs, hub) }

// memory is what a run has of the history.
type memory struct {
	store    *history.Store // nil where there is none to be used
	past     facts.Past
	users    map[string]*history.Reference // by hub
	silences []verdict.Silence
}

// openHistory opens the history and reads the past. Without a history the
// audit still runs: its drift checks are unknown, and its incidents are only
// those of this run.
func openHistory(ctx context.Context, cfg *config.Config, now time.Time, o Options) (memory, facts.Source) {
	start := o.Clock()
	known, err := recall(ctx, cfg, now)
	source := facts.Source{Name: facts.History, Status: facts.OK, Duration: o.Clock().Sub(start)}
	if err != nil {
		o.Log.Error().Err(err).Msg("the history cannot be used")
		source.Status, source.Cause, source.Detail = facts.Failed, facts.CauseUnreadable, err.Error()
		return memory{}, source
	}
	source.Items = map[string]int{"baselines": len(known.past.Baselines)}
	return known, source
}

func recall(ctx context.Context, cfg *config.Config, now time.Time) (known memory, err error) {
	known.store, err = OpenHistory(ctx, cfg)
	if err != nil {
		return memory{}, err
	}
	defer func() {
		if err != nil {
			_ = known.store.Close() // it is of no use any more, and err says why
		}
	}()
	if known.past, err = known.store.Past(ctx, cfg.Cluster.Name, now); err != nil {
		return known, err
	}
	if known.past.Undelivered, err = known.store.Undelivered(ctx, cfg.Cluster.Name, receiverNames(cfg), hubNames(cfg)...); err != nil {
		return known, err
	}
	if known.silences, err = known.store.Silences(ctx, cfg.Cluster.Name, false); err != nil {
		return known, err
	}
	known.users, err = known.store.References(ctx, cfg.Cluster.Name, hubNames(cfg))
	return known, err
}

// lastSuccess is when the last of the runs that was complete started.
func lastSuccess(runs []facts.PastRun) time.Time {
	for _, r := range runs { // the newest first
		if r.Complete {
			return r.At
		}
	}
	return time.Time{}
}

// remember records the run and learns its incidents. Where that fails every
// failing verdict counts as opened now, so that people are still told.
func remember(ctx context.Context, store *history.Store, run *verdict.Run, moves history.Moves, o Options) error {
	err := errors.New("the history could not be opened, see the source history")
	if store != nil {
		if err = store.Record(ctx, run, moves); err == nil {
			return nil
		}
		o.Log.Error().Err(err).Msg("the run could not be recorded")
	}
	run.ID = run.StartedAt.Format("20060102T150405Z") + "-0"
	run.Notes = append(run.Notes, "This run is not remembered: "+err.Error()+
		". Every violation counts as new, earlier incidents are not known, and messages may repeat until the history is back.")
	run.Incidents = unremembered(run)
	return fmt.Errorf("remember the run: %w", err)
}

func unremembered(run *verdict.Run) []verdict.Incident {
	var incidents []verdict.Incident
	for _, v := range run.Verdicts {
		if v.Outcome == verdict.Fail {
			incidents = append(incidents, verdict.Incident{Fingerprint: v.Fingerprint, Cluster: run.Cluster, Hub: v.Hub, Check: v.Check,
				State: verdict.Opened, Outcome: v.Outcome, Severity: v.Severity, Summary: v.Summary, Count: v.Count, OpenedAt: run.StartedAt,
				FailingSince: run.StartedAt, FailingRuns: 1, Silence: v.Silence, ExplainedBy: v.ExplainedBy, Because: v.Because})
		}
	}
	return incidents
}
