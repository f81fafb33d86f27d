package audit

import (
	"context"
	"fmt"
	"time"

	"hubaudit/internal/collect"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// Gather reads every configured source once and judges nothing: for commands
// that look at a world otherwise than by its checks. What could not be read is
// in the snapshot's sources; the error is only that of an interruption. The
// history is not opened. Of the options it heeds Version, Clock, Timeout and
// Progress.
func Gather(ctx context.Context, cfg *config.Config, o Options) (*facts.Snapshot, error) {
	snapshot := gather(ctx, cfg, o.Clock().UTC().Truncate(time.Second), o)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("interrupted while reading the sources: %w", err)
	}
	return snapshot, nil
}

func gather(ctx context.Context, cfg *config.Config, now time.Time, o Options) *facts.Snapshot {
	snapshot := collect.Gather(ctx, cfg, collect.Options{Now: now, Clock: o.Clock, Timeout: o.Timeout,
		UserAgent: "hubaudit/" + o.Version, Progress: o.Progress})
	// Servers repeat in their answers what they were sent, and sources quote them.
	hidden := text.NewRedactor(cfg.SecretValues()...)
	for i := range snapshot.Sources {
		snapshot.Sources[i].Detail = hidden.Redact(snapshot.Sources[i].Detail)
	}
	return snapshot
}
