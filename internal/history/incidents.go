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

// storeIncidents writes what advance returned and gives the new ones their ID, which
// ascend in their order.
func storeIncidents(ctx context.Context, tx *transaction, cluster string, touched []verdict.Incident, gone []int64) error {
	err := chunked(gone, func(part []any, marks string) error { // before another takes its place as the open one
		_, err := tx.ExecContext(ctx, "DELETE FROM incidents WHERE id IN ("+marks+")", part...)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget what was pending: %w", err)
	}
	var begun, known []*verdict.Incident
	for i := range touched {
		touched[i].Cluster = cluster
		if touched[i].ID == 0 {
			begun = append(begun, &touched[i])
		} else {
			known = append(known, &touched[i])
		}
	}
	for part := range slices.Chunk(known, incidentsPerInsert) {
		if err := updateIncidents(ctx, tx, part); err != nil {
			return fmt.Errorf("store %d incidents, the first of check %s, hub %q: %w", len(part), part[0].Check, part[0].Hub, err)
		}
	}
	for part := range slices.Chunk(begun, incidentsPerInsert) {
		if err := insertIncidents(ctx, tx, part); err != nil {
			return fmt.Errorf("store %d new incidents, the first of check %s, hub %q: %w", len(part), part[0].Check, part[0].Hub, err)
		}
	}
	return nil
}

// incidentsPerInsert keeps a statement of 20 values per incident below maxPlaceholders.
const incidentsPerInsert = 50

const incidentMarks = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

// incidentValues are the columns of an incident but for its ID.
func incidentValues(inc *verdict.Incident) []any {
	opened := inc.OpenedAt
	if inc.State == verdict.Pending {
		opened = inc.FailingSince
	}
	return []any{inc.Cluster, inc.Fingerprint, inc.Hub, inc.Check, string(inc.State), string(inc.Outcome), string(inc.Severity), inc.Summary,
		inc.Count, seconds(opened), optional(inc.ResolvedAt), inc.Reason, seconds(inc.FailingSince), inc.FailingRuns, inc.CleanRuns,
		inc.Reopened, inc.Silence, inc.ExplainedBy, inc.Because}
}

// insertIncidents stores new incidents. No two are of one fingerprint.
func insertIncidents(ctx context.Context, tx *transaction, part []*verdict.Incident) error {
	var args []any
	place := map[string]*verdict.Incident{}
	for _, inc := range part {
		args = append(args, incidentValues(inc)...)
		place[inc.Fingerprint] = inc
	}
	columns := strings.TrimPrefix(incidentColumns, "id, ")
	marks := incidentMarks + ")"
	return rows(ctx, tx, func(r *sql.Rows) error {
		var id int64
		var fingerprint string
		err := r.Scan(&id, &fingerprint)
		if inc := place[fingerprint]; inc != nil {
			inc.ID = id
		}
		return err
	}, "INSERT INTO incidents ("+columns+") VALUES "+marks+strings.Repeat(", "+marks, len(part)-1)+" RETURNING id, fingerprint", args...)
}

// updateIncidents brings stored incidents up to date.
func updateIncidents(ctx context.Context, tx *transaction, part []*verdict.Incident) error {
	var args []any
	for _, inc := range part {
		args = append(append(args, inc.ID), incidentValues(inc)...)
	}
	marks := "(?, " + incidentMarks[1:] + ")"
	_, err := tx.ExecContext(ctx, "INSERT INTO incidents ("+incidentColumns+") VALUES "+marks+strings.Repeat(", "+marks, len(part)-1)+`
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, outcome = excluded.outcome, severity = excluded.severity, summary = excluded.summary,
			findings = excluded.findings, opened_at = excluded.opened_at, resolved_at = excluded.resolved_at, reason = excluded.reason,
			failing_since = excluded.failing_since, failing_runs = excluded.failing_runs, clean_runs = excluded.clean_runs,
			reopened = excluded.reopened, silence = excluded.silence, explained_by = excluded.explained_by, because = excluded.because`, args...)
	return err
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
