package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// Moves is what a run may change of what is normal, besides what its verdicts
// say by themselves.
type Moves struct {
	// Good names the series and marks whose value in this run may move their baseline.
	Good map[facts.SeriesKey]bool
	// Rebase names those whose value is to be the new normal at once.
	Rebase map[facts.SeriesKey]Rebase
	// Views has one entry for each hub that was looked at.
	Views []View
	// Sizes are how much homes hold, by hub. A hub that is in doubt is not among them.
	Sizes map[string][]verdict.Size
	// Claims has the UID of every claim of the cluster, nil where not all were read.
	Claims map[string]bool
	// KeepMembers is for how long users, and sizes of claims, that are gone are
	// remembered; 0, or more than runs are kept, is as long as runs are.
	KeepMembers time.Duration
	// Rules are how the run's verdicts become incidents.
	Rules Rules
	// Plan decides, within the transaction that records the run, what receivers are
	// to be told. incidents are the open ones as the run leaves them and those
	// resolved of which a receiver has not been told yet that they are; told is all
	// that was queued or sent about them, in that order. Nil queues nothing. It must
	// not use the history.
	Plan func(incidents []verdict.Incident, told []verdict.Delivery) verdict.Outbox
	// SilencesMatched are the IDs of the silences that cover findings of the run.
	SilencesMatched []int64
}

// Rules are how verdicts become incidents. The zero value opens one at the first
// failure, resolves it at the first pass, and never opens one again.
type Rules struct {
	// Patience is how long a check must fail for a hub; nil is no time at all.
	Patience func(check, hub string) verdict.Patience
	// ResolveAfter is in how many runs in a row a check must hold until its incident
	// is resolved; 0 is 1.
	ResolveAfter int
	// ReopenWithin is how long after an incident was resolved a new failure opens it
	// again, instead of another one. The check's patience holds for that too.
	ReopenWithin time.Duration
}

// Rebase is why the configuration makes a value normal, and for which check.
type Rebase struct{ Check, Reason string }

// byConfiguration is who accepts what the configuration expected.
const byConfiguration = "configuration"

// effect is what an acceptance changes.
type effect struct{ what, was, is string }

func (e effect) String() string { return e.what + ": was " + e.was + ", is " + e.is }

// storeRebase remembers what the configuration made normal. Further steps for
// the same reason, as in a clean-up that lasts, are one acceptance: from what
// was normal before the first to what is now.
func storeRebase(ctx context.Context, tx *transaction, run *verdict.Run, hub string, r Rebase, e effect) error {
	var id int64
	var before string
	err := tx.QueryRowContext(ctx, `SELECT id, effect FROM acceptances WHERE cluster = ? AND hub = ? AND check_id = ? AND by_whom = ?
		AND reason = ? AND substr(effect, 1, ?) = ? ORDER BY id DESC LIMIT 1`, run.Cluster, hub, r.Check, byConfiguration, r.Reason,
		utf8.RuneCountInString(e.what)+1, e.what+":").Scan(&id, &before)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return storeAcceptance(ctx, tx, Acceptance{Cluster: run.Cluster, Hub: hub, Check: r.Check, Reason: r.Reason, By: byConfiguration,
			At: run.StartedAt, Effect: e.String()})
	case err != nil:
		return fmt.Errorf("look for earlier steps of %q: %w", r.Reason, err)
	}
	if _, was, ok := strings.Cut(before, ": was "); ok {
		e.was = was[:max(0, strings.LastIndex(was, ", is "))]
	}
	_, err = tx.ExecContext(ctx, "UPDATE acceptances SET effect = ?, accepted_at = ? WHERE id = ?", e.String(), seconds(run.StartedAt), id)
	return err
}

// measured collects the series or marks of a run by hub and name.
func measured[T any](run *verdict.Run, of func(*verdict.Verdict) map[string]T) map[facts.SeriesKey]T {
	values := map[facts.SeriesKey]T{}
	for i := range run.Verdicts {
		for name, value := range of(&run.Verdicts[i]) {
			values[facts.SeriesKey{Hub: run.Verdicts[i].Hub, Name: name}] = value
		}
	}
	return values
}

// storeMeasures remembers which check measures what, for Accept.
func storeMeasures(ctx context.Context, tx *transaction, run *verdict.Run) error {
	for i := range run.Verdicts {
		v := &run.Verdicts[i]
		names := map[string]bool{}
		for name := range maps.Keys(v.Series) {
			names[name] = true
		}
		for name := range maps.Keys(v.Marks) {
			names[name] = true
		}
		for name := range names {
			if _, err := tx.ExecContext(ctx, "INSERT INTO measures (cluster, hub, check_id, name) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
				run.Cluster, v.Hub, v.Check, name); err != nil {
				return fmt.Errorf("remember what check %s measures: %w", v.Check, err)
			}
		}
	}
	return nil
}
