package history

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"hubaudit/internal/facts"
)

// sourceState is what is remembered of one source: the last run's view of it,
// and whether it ever worked.
type sourceState struct {
	status facts.Status
	items  int
	facts.PastSource
}

// after is the state after one more run.
//
// A source that held items and is read as empty keeps the time and the number
// of the last run that found some: a list that was emptied is as alarming in
// the tenth run as in the first, until someone accepts it. LastOK then is the
// last run that read something, not merely the last that could read. A failed
// or absent source keeps both too. FailedRuns counts failures only; anything
// else ends the row.
func (s sourceState) after(src facts.Source, now time.Time) sourceState {
	s.status, s.items = src.Status, src.Total()
	if src.Status == facts.Failed {
		s.FailedRuns++
		return s
	}
	s.FailedRuns = 0
	if src.Status == facts.OK && (s.items > 0 || s.LastItems == 0) {
		s.LastOK, s.LastItems = now, s.items
	}
	return s
}

// missing tells that it worked before and did not in the last run.
func (s sourceState) missing() bool {
	return !s.LastOK.IsZero() && (s.status != facts.OK || s.items == 0 && s.LastItems > 0)
}

// storeSources remembers how a run's sources were. A source that the run did
// not have is absent now.
func storeSources(ctx context.Context, tx *transaction, cluster string, sources []facts.Source, now time.Time) error {
	states, err := readSources(ctx, tx, cluster)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE sources SET status = ?, items = 0 WHERE cluster = ?", facts.Absent, cluster); err != nil {
		return err
	}
	for _, src := range sources {
		s := states[src.Name].after(src, now)
		_, err := tx.ExecContext(ctx, `INSERT INTO sources (cluster, name, status, items, last_ok, last_items, failed_runs)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cluster, name) DO UPDATE SET status = excluded.status, items = excluded.items,
			last_ok = excluded.last_ok, last_items = excluded.last_items, failed_runs = excluded.failed_runs`,
			cluster, src.Name, s.status, s.items, optional(s.LastOK), s.LastItems, s.FailedRuns)
		if err != nil {
			return fmt.Errorf("remember the source %s: %w", src.Name, err)
		}
	}
	return nil
}

func readSources(ctx context.Context, tx *transaction, cluster string) (map[string]sourceState, error) {
	states := map[string]sourceState{}
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var name string
		var s sourceState
		var lastOK sql.NullInt64
		if err := r.Scan(&name, &s.status, &s.items, &lastOK, &s.LastItems, &s.FailedRuns); err != nil {
			return err
		}
		s.LastOK = fromOptional(lastOK)
		states[name] = s
		return nil
	}, "SELECT name, status, items, last_ok, last_items, failed_runs FROM sources WHERE cluster = ?", cluster)
	return states, err
}
