package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

// maxPlaceholders is how many values one query names; SQLite's own limit is
// 32,766: https://www.sqlite.org/limits.html
const maxPlaceholders = 1000

const incidentColumns = `id, cluster, fingerprint, hub, check_id, state, outcome, severity, summary, findings, opened_at, resolved_at, reason,
	failing_since, failing_runs, clean_runs, reopened, silence, explained_by, because`

// notPending selects what is an incident already.
const notPending = "state <> 'pending'"

// incidents reads those that a condition selects.
func incidents(ctx context.Context, tx *transaction, where string, args ...any) ([]verdict.Incident, error) {
	var list []verdict.Incident
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var inc verdict.Incident
		var opened, failing int64
		var resolved sql.NullInt64
		if err := r.Scan(&inc.ID, &inc.Cluster, &inc.Fingerprint, &inc.Hub, &inc.Check, &inc.State, &inc.Outcome, &inc.Severity,
			&inc.Summary, &inc.Count, &opened, &resolved, &inc.Reason, &failing, &inc.FailingRuns, &inc.CleanRuns, &inc.Reopened,
			&inc.Silence, &inc.ExplainedBy, &inc.Because); err != nil {
			return err
		}
		inc.ResolvedAt, inc.FailingSince = fromOptional(resolved), fromSeconds(failing)
		if inc.State != verdict.Pending {
			inc.OpenedAt = fromSeconds(opened)
		}
		list = append(list, inc)
		return nil
	}, "SELECT "+incidentColumns+" FROM incidents WHERE "+where, args...)
	return list, err
}

// standingIncidents reads what rules advance: the open and pending incidents of
// a cluster, and those that may be opened again at the time of a run.
func standingIncidents(ctx context.Context, tx *transaction, cluster string, rules Rules, now time.Time) (standing, error) {
	was := standing{open: map[string]verdict.Incident{}, over: map[string]verdict.Incident{}}
	open, err := incidents(ctx, tx, "cluster = ? AND resolved_at IS NULL", cluster)
	if err != nil {
		return was, fmt.Errorf("read the open incidents: %w", err)
	}
	earliest := now
	for _, inc := range open {
		was.open[inc.Fingerprint] = inc
		if inc.State == verdict.Pending && inc.FailingSince.Before(earliest) {
			earliest = inc.FailingSince
		}
	}
	if rules.ReopenWithin <= 0 {
		return was, nil
	}
	over, err := incidents(ctx, tx, "cluster = ? AND resolved_at >= ? AND resolved_at <= ? ORDER BY resolved_at, id",
		cluster, seconds(earliest.Add(-rules.ReopenWithin)), seconds(now))
	if err != nil {
		return was, fmt.Errorf("read the incidents that were resolved last: %w", err)
	}
	for _, inc := range over {
		was.over[inc.Fingerprint] = inc
	}
	return was, nil
}

// storeIncidents writes what advance returned and gives the new ones their ID.
func storeIncidents(ctx context.Context, tx *transaction, cluster string, touched []verdict.Incident, gone []int64) error {
	for _, id := range gone { // before another takes its place as the open one
		if _, err := tx.ExecContext(ctx, "DELETE FROM incidents WHERE id = ?", id); err != nil {
			return fmt.Errorf("forget pending incident %d: %w", id, err)
		}
	}
	for i := range touched {
		inc := &touched[i]
		inc.Cluster = cluster
		opened := inc.OpenedAt
		if inc.State == verdict.Pending {
			opened = inc.FailingSince
		}
		values := []any{string(inc.State), string(inc.Outcome), string(inc.Severity), inc.Summary, inc.Count, seconds(opened),
			optional(inc.ResolvedAt), inc.Reason, seconds(inc.FailingSince), inc.FailingRuns, inc.CleanRuns, inc.Reopened,
			inc.Silence, inc.ExplainedBy, inc.Because}
		var err error
		if inc.ID == 0 {
			err = tx.QueryRowContext(ctx, `INSERT INTO incidents (state, outcome, severity, summary, findings, opened_at, resolved_at, reason,
				failing_since, failing_runs, clean_runs, reopened, silence, explained_by, because, cluster, fingerprint, hub, check_id)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
				append(values, cluster, inc.Fingerprint, inc.Hub, inc.Check)...).Scan(&inc.ID)
		} else {
			_, err = tx.ExecContext(ctx, `UPDATE incidents SET state = ?, outcome = ?, severity = ?, summary = ?, findings = ?, opened_at = ?,
				resolved_at = ?, reason = ?, failing_since = ?, failing_runs = ?, clean_runs = ?, reopened = ?, silence = ?, explained_by = ?,
				because = ? WHERE id = ?`, append(values, inc.ID)...)
		}
		if err != nil {
			return fmt.Errorf("store the incident of check %s, hub %q: %w", inc.Check, inc.Hub, err)
		}
	}
	return nil
}

// Incidents lists a cluster's incidents, those opened last first: the open
// ones, or all that are still remembered. State and Outcome are as the last
// run that judged them left them. Pending ones are not among them.
func (s *Store) Incidents(ctx context.Context, cluster string, openOnly bool) ([]verdict.Incident, error) {
	where := "cluster = ? AND " + notPending
	if openOnly {
		where += " AND resolved_at IS NULL"
	}
	return s.listIncidents(ctx, where+" ORDER BY opened_at DESC, id DESC", cluster)
}

// Pending lists what a cluster's checks have found wrong for less time than they
// are given until an incident opens (Rules.Patience), the oldest first.
func (s *Store) Pending(ctx context.Context, cluster string) ([]verdict.Incident, error) {
	return s.listIncidents(ctx, "cluster = ? AND state = 'pending' ORDER BY id", cluster)
}

// IncidentsByID returns those of a cluster's incidents that have one of the IDs
// and are still remembered, the oldest first.
func (s *Store) IncidentsByID(ctx context.Context, cluster string, ids []int64) ([]verdict.Incident, error) {
	var list []verdict.Incident
	err := s.read(ctx, "read incidents from", func(tx *transaction) error {
		return chunked(ids, func(part []any, marks string) error {
			found, err := incidents(ctx, tx, "cluster = ? AND id IN ("+marks+") ORDER BY id", append([]any{cluster}, part...)...)
			list = append(list, found...)
			return err
		})
	})
	return list, err
}

func (s *Store) listIncidents(ctx context.Context, where string, args ...any) ([]verdict.Incident, error) {
	var list []verdict.Incident
	err := s.read(ctx, "list the incidents of", func(tx *transaction) (err error) {
		list, err = incidents(ctx, tx, where, args...)
		return err
	})
	return list, err
}

// chunked calls f with as many different ids as one query may name, in their
// order, and with a placeholder for each.
func chunked(ids []int64, f func(part []any, marks string) error) error {
	for part := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), maxPlaceholders) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		if err := f(args, strings.Repeat(", ?", len(part))[2:]); err != nil {
			return err
		}
	}
	return nil
}
