package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// heartbeat tells a dead man's switch of one run. All of it is logged and nothing
// of it is an error of the run: the switch goes off by itself.
type heartbeat struct {
	to      *notify.Heartbeat // nil where there is none
	rid     string
	started chan struct{} // closed when the start was told, or could not be
	o       Options
}

// beat tells the switch, beside the run's work, that it has begun. A run that
// judges only a part, or tells nobody, is none that the switch waits for.
func beat(ctx context.Context, cfg *config.Config, o Options) *heartbeat {
	n := cfg.Notify
	h := &heartbeat{started: make(chan struct{}), o: o}
	if n.HeartbeatURL+n.HeartbeatURLFile == "" || !o.Notify || !judgesAll(o) {
		close(h.started)
		return h
	}
	address, err := cfg.Secret("notify.heartbeatURL", n.HeartbeatURL, n.HeartbeatURLFile)
	if err != nil {
		o.Log.Error().Err(err).Msg("there is no heartbeat of this run")
		close(h.started)
		return h
	}
	h.to, h.rid = notify.NewHeartbeat(address), uuid.NewString()
	go func() {
		defer close(h.started)
		h.log("start", h.to.Start(ctx, h.rid))
	}()
	return h
}

func (h *heartbeat) log(signal string, err error) {
	if err != nil {
		h.o.Log.Warn().Err(err).Str("signal", signal).Msg("the heartbeat was not heard")
	}
}

// end tells the switch how the run was. A run that was broken off tells nothing
// more, which sets the switch off.
func (h *heartbeat) end(ctx context.Context, cfg *config.Config, store *history.Store, run *verdict.Run, remembered, around error) {
	if <-h.started; h.to == nil || ctx.Err() != nil {
		return
	}
	body := pulse(run)
	switch {
	case remembered != nil || nobodyHears(ctx, cfg, store):
		h.log("fail", h.to.Fail(ctx, h.rid, body))
	case around != nil || !run.Complete():
		h.log("log", h.to.Log(ctx, h.rid, body))
	default:
		h.log("success", h.to.Success(ctx, h.rid, body))
	}
}

// nobodyHears tells whether every receiver left a message that it was sent.
func nobodyHears(ctx context.Context, cfg *config.Config, store *history.Store) bool {
	names := receiverNames(cfg)
	if store == nil || len(names) == 0 {
		return false
	}
	waiting, err := store.Undelivered(ctx, cfg.Cluster.Name, names, hubNames(cfg)...)
	deaf := slices.DeleteFunc(waiting, func(u facts.Undelivered) bool { return u.Tries == 0 })
	return err != nil || len(deaf) == len(names)
}

// pulse is a run in a few lines, for the page of the switch: counts, ids of checks
// and names of hubs, and nothing that a finding names.
func pulse(run *verdict.Run) string {
	var b strings.Builder
	s := run.Summary()
	fmt.Fprintf(&b, "hubaudit %s, run %s of %s, %s\n", run.Version, run.ID, text.Time(run.StartedAt), text.Duration(run.Duration))
	fmt.Fprintf(&b, "%d pass, %d fail (%d critical, %d error, %d warning, %d info), %d unknown, %d skipped\n",
		s.Pass, s.Fail, s.Critical, s.Error, s.Warning, s.Info, s.Unknown, s.Skipped)
	for i := range run.Verdicts {
		v := &run.Verdicts[i]
		if v.Outcome != verdict.Fail && v.Outcome != verdict.Unknown {
			continue
		}
		fmt.Fprintf(&b, "%s %s %s %s", v.Outcome, v.Severity, v.Check, v.Hub)
		if v.Count > 0 {
			fmt.Fprintf(&b, " %d", v.Count)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
