package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// notifyAll decides what to send, sends it, and remembers what was accepted.
// Only one run at a time does so for a cluster: overlapping runs would
// otherwise both find the same incident untold.
func notifyAll(ctx context.Context, cfg *config.Config, store *history.Store, run *verdict.Run, o Options) error {
	receivers, unusable := Receivers(cfg)
	if len(receivers) == 0 {
		return unusable
	}
	incidents, past := run.Incidents, []verdict.Delivery(nil)
	if store != nil && run.Remembered() {
		unlock, err := lock(ctx, store, run, o)
		if err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		defer unlock()
		if incidents, past, err = pending(ctx, store, cfg.Cluster.Name); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		incidents = seenNow(ofHubs(cfg, incidents), run.Incidents)
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	decisions := reachable(notify.Decide(incidents, past, routes(cfg), cfg.Notify.RepeatInterval, run.StartedAt), receivers)
	for _, d := range decisions {
		o.Log.Info().Str("receiver", d.Receiver).Str("check", d.Incident.Check).Str("hub", d.Incident.Hub).
			Str("kind", string(d.Kind)).Str("reason", d.Reason).Msg("notify")
	}
	if len(decisions) == 0 {
		return unusable
	}
	page, err := markdown(run)
	if err != nil {
		return fmt.Errorf("notify: render the report: %w", err)
	}
	delivered := notify.Deliver(ctx, receivers, messages(run, decisions, checks.Guides(), page), func(d verdict.Delivery) error {
		if store == nil || !run.Remembered() {
			return nil
		}
		// The message is out: this must be written even while the run is being stopped.
		return store.RecordDelivery(context.WithoutCancel(ctx), d)
	})
	return errors.Join(unusable, delivered)
}

// reachable leaves out what is meant for a receiver that could not be set up:
// it stays undelivered, so that a later run sends it.
func reachable(decisions []notify.Decision, receivers []notify.Receiver) []notify.Decision {
	return slices.DeleteFunc(decisions, func(d notify.Decision) bool {
		return !slices.ContainsFunc(receivers, func(r notify.Receiver) bool { return r.Name() == d.Receiver })
	})
}

// lock takes the lease for sending. It outlives the sending it guards, and the
// waiting outlives the lease, so that a run that was killed while sending does
// not keep the next one from it.
func lock(ctx context.Context, store *history.Store, run *verdict.Run, o Options) (func(), error) {
	const ttl = notifyTimeout + 15*time.Second
	ctx, cancel := context.WithTimeout(ctx, ttl+15*time.Second)
	defer cancel()
	return store.LockNotify(ctx, run.Cluster, fmt.Sprintf("run %s, process %d", run.ID, os.Getpid()), ttl, o.Clock())
}

func pending(ctx context.Context, store *history.Store, cluster string) ([]verdict.Incident, []verdict.Delivery, error) {
	incidents, err := store.Pending(ctx, cluster)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]int64, len(incidents))
	for i := range incidents {
		ids[i] = incidents[i].ID
	}
	past, err := store.Deliveries(ctx, cluster, ids)
	return incidents, past, err
}

// ofHubs leaves out incidents of hubs that this configuration does not have:
// they belong to another audit that shares the history, or to a hub that is gone.
func ofHubs(cfg *config.Config, incidents []verdict.Incident) []verdict.Incident {
	return slices.DeleteFunc(incidents, func(i verdict.Incident) bool {
		return i.Hub != "" && !slices.ContainsFunc(cfg.Hubs, func(h config.Hub) bool { return h.Name == i.Hub })
	})
}

// seenNow gives the incidents that are still open the state that this run saw
// them in. One that an overlapping run has resolved meanwhile stays resolved.
func seenNow(pending, now []verdict.Incident) []verdict.Incident {
	seen := map[int64]verdict.Incident{}
	for _, i := range now {
		seen[i.ID] = i
	}
	for i := range pending {
		if s, ok := seen[pending[i].ID]; ok && pending[i].ResolvedAt.IsZero() {
			pending[i] = s
		}
	}
	return pending
}

func routes(cfg *config.Config) []notify.Route {
	out := make([]notify.Route, len(cfg.Notify.Routes))
	for i, r := range cfg.Notify.Routes {
		out[i] = notify.Route{Severity: r.Severity, Hubs: r.Hubs, Checks: r.Checks, To: r.To}
	}
	return out
}

// Receivers makes the configured receivers, reading their secrets. One whose
// secret cannot be read costs only itself; the error names it.
func Receivers(cfg *config.Config) ([]notify.Receiver, error) {
	var receivers []notify.Receiver
	var errs []error
	if s := cfg.Notify.Slack; s != nil {
		hook, hookErr := cfg.Secret("notify.slack.webhookURL", s.WebhookURL, s.WebhookURLFile)
		token, tokenErr := cfg.Secret("notify.slack.token", s.Token, s.TokenFile)
		errs = append(errs, hookErr, tokenErr)
		switch {
		case hook != "":
			receivers = append(receivers, notify.NewSlackWebhook("slack", hook))
		case token != "":
			receivers = append(receivers, notify.NewSlackBot("slack", token, s.Channel, s.APIURL))
		}
	}
	if p := cfg.Notify.PagerDuty; p != nil {
		key, err := cfg.Secret("notify.pagerduty.routingKey", p.RoutingKey, p.RoutingKeyFile)
		errs = append(errs, err)
		if key != "" {
			receivers = append(receivers, notify.NewPagerDuty("pagerduty", key, p.APIURL))
		}
	}
	return receivers, errors.Join(errs...)
}
