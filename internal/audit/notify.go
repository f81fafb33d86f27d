package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// notifyTimeout bounds the sending of all messages of a run, retries included.
const notifyTimeout = 3 * time.Minute

// notifyFailed is the check whose findings name receivers.
const notifyFailed = "audit-notify-failed"

// Deliver sends what is queued in the history and whose time has come, without a
// run: what quiet hours held back, or a receiver that asked for patience. What
// failed otherwise waits for the next run. Of the options it heeds Clock and Log.
func Deliver(ctx context.Context, cfg *config.Config, o Options) error {
	all, _ := receivers(cfg) // what cannot be used, the next run tells
	if len(all) == 0 {
		return nil
	}
	store, err := OpenHistory(ctx, cfg)
	if err != nil {
		return fmt.Errorf("send what is queued: %w", err)
	}
	defer store.Close()
	queue := newOutbox(store, cfg, "between runs", o)
	queue.betweenRuns = true
	return send(ctx, cfg, store, nil, all, queue, o)
}

// deliver sends what this run and earlier ones have queued. What no history
// remembers is decided and sent at once: every failing verdict.
func deliver(ctx context.Context, cfg *config.Config, store *history.Store, run *verdict.Run, o Options) error {
	all, unusable := receivers(cfg)
	if len(all) == 0 {
		return nil
	}
	if store == nil || !run.Remembered() {
		p := policy(cfg, run)
		p.Quiet = nil // nobody would remember what waits
		rulings, out := notify.Decide(run.Incidents, nil, p, run.ID, run.StartedAt)
		logRulings(o.Log, rulings)
		return errors.Join(unusable, send(ctx, cfg, nil, run, all, newSpool(out.Put), o))
	}
	err := send(ctx, cfg, store, run, all, newOutbox(store, cfg, "run "+run.ID, o), o)
	if err == nil {
		err = stillWaiting(ctx, store, cfg)
	}
	return errors.Join(unusable, err)
}

func send(ctx context.Context, cfg *config.Config, store *history.Store, run *verdict.Run, all []notify.Receiver, queue notify.Queue, o Options) error {
	c, err := newComposer(cfg, store, run, o)
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	courier := notify.Courier{Queue: queue, Compose: c.compose, Clock: o.Clock}
	return errors.Join(err, courier.Deliver(ctx, all))
}

// stillWaiting tells of messages that failed in earlier runs and were not due in
// this one: nothing of it failed, and yet somebody does not know.
func stillWaiting(ctx context.Context, store *history.Store, cfg *config.Config) error {
	waiting, err := store.Undelivered(ctx, cfg.Cluster.Name, receiverNames(cfg), hubNames(cfg)...)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	var errs []error
	for _, u := range waiting {
		if u.Tries > 0 {
			errs = append(errs, fmt.Errorf("notify %s: %s queued since %s and not due to be tried again yet: %s",
				u.Receiver, text.Count(u.Messages, "message"), text.Time(u.Since), u.Error))
		}
	}
	return errors.Join(errs...)
}

// plan decides what is told of the run, in the transaction that records it. The
// rulings are those of the last time it was called.
func plan(cfg *config.Config, run *verdict.Run, rulings *[]notify.Ruling) func([]verdict.Incident, []verdict.Delivery) verdict.Outbox {
	p := policy(cfg, run)
	return func(incidents []verdict.Incident, told []verdict.Delivery) verdict.Outbox {
		var out verdict.Outbox
		// The history gives what is queued the run's id, which it has not yet.
		*rulings, out = notify.Decide(heard(ofHubs(cfg, incidents)), told, p, "", run.StartedAt)
		return out
	}
}

// policy is what the configuration, and what this run found out about receivers,
// make of who is told.
func policy(cfg *config.Config, run *verdict.Run) notify.Policy {
	p := notify.Policy{Owners: map[string][]string{}, Receivers: map[string]notify.Keeps{}, Repeat: cfg.Notify.RepeatInterval,
		About: map[string][]string{}}
	for _, r := range cfg.Notify.Routes {
		p.Routes = append(p.Routes, notify.Route{Severity: r.Severity, Hubs: r.Hubs, Checks: r.Checks, To: r.To})
	}
	for _, h := range cfg.Hubs {
		p.Owners[h.Name] = h.Owners
	}
	for _, r := range cfg.Notify.All() {
		p.Receivers[r.Name] = keeps(&r)
	}
	if q := cfg.Notify.QuietHours; q != nil {
		p.Quiet, _ = notify.NewQuiet(q.From, q.To, q.Days, q.TimeZone) // was valid when the file was read
	}
	for i := range run.Verdicts {
		if v := &run.Verdicts[i]; v.Check == notifyFailed {
			for _, f := range v.Findings {
				p.About[v.Fingerprint] = append(p.About[v.Fingerprint], f.Subject.Name)
			}
		}
	}
	return p
}

func receiverNames(cfg *config.Config) []string {
	var names []string
	for _, r := range cfg.Notify.All() {
		names = append(names, r.Name)
	}
	return names
}

// ofHubs leaves out incidents of hubs that this configuration does not have:
// they belong to another audit that shares the history, or to a hub that is gone.
func ofHubs(cfg *config.Config, incidents []verdict.Incident) []verdict.Incident {
	return slices.DeleteFunc(incidents, func(i verdict.Incident) bool {
		return i.Hub != "" && !slices.ContainsFunc(cfg.Hubs, func(h config.Hub) bool { return h.Name == i.Hub })
	})
}

// logRulings tells every decision with its reason, also those to say nothing.
func logRulings(log zerolog.Logger, rulings []notify.Ruling) {
	for _, r := range rulings {
		level := zerolog.InfoLevel
		if r.Routine() {
			level = zerolog.DebugLevel
		}
		log.WithLevel(level).Str("receiver", r.Receiver).Str("check", r.Incident.Check).Str("hub", r.Incident.Hub).
			Int64("incident", r.Incident.ID).Str("kind", string(r.Kind)).Str("reason", string(r.Reason)).Msg("notify: " + r.Words)
	}
}

// privacyOf hides names as the configuration says. Where its key cannot be read
// they are hidden under one that nobody knows: people are told all the same.
func privacyOf(cfg *config.Config) (*notify.Privacy, error) {
	key, err := cfg.Secret("notify.privacyKey", cfg.Notify.PrivacyKey, cfg.Notify.PrivacyKeyFile)
	if err != nil {
		key = rand.Text()
		err = fmt.Errorf("names in messages were hidden under a key that nobody knows: %w", err)
	}
	return notify.NewPrivacy(cfg.Notify.Privacy, key), err
}
