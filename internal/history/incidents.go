package history

import (
	"context"
	"database/sql"
	"fmt"

	"hubaudit/internal/verdict"
)

const incidentColumns = "id, cluster, fingerprint, hub, check_id, state, outcome, severity, summary, findings, opened_at, resolved_at, reason"

// incidents reads those that a condition selects.
func incidents(ctx context.Context, tx *transaction, where string, args ...any) ([]verdict.Incident, error) {
	var list []verdict.Incident
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var inc verdict.Incident
		var opened int64
		var resolved sql.NullInt64
		if err := r.Scan(&inc.ID, &inc.Cluster, &inc.Fingerprint, &inc.Hub, &inc.Check, &inc.State, &inc.Outcome, &inc.Severity,
			&inc.Summary, &inc.Count, &opened, &resolved, &inc.Reason); err != nil {
			return err
		}
		inc.OpenedAt, inc.ResolvedAt = fromSeconds(opened), fromOptional(resolved)
		list = append(list, inc)
		return nil
	}, "SELECT "+incidentColumns+" FROM incidents WHERE "+where, args...)
	return list, err
}

func openIncidents(ctx context.Context, tx *transaction, cluster string) ([]verdict.Incident, error) {
	return incidents(ctx, tx, "cluster = ? AND resolved_at IS NULL ORDER BY id", cluster)
}

// storeIncidents writes what advance returned and gives the new ones their ID.
func storeIncidents(ctx context.Context, tx *transaction, cluster string, touched []verdict.Incident) error {
	for i := range touched {
		inc := &touched[i]
		inc.Cluster = cluster
		var err error
		if inc.ID == 0 {
			err = tx.QueryRowContext(ctx, `INSERT INTO incidents (cluster, fingerprint, hub, check_id, state, outcome, severity, summary,
				findings, opened_at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
				cluster, inc.Fingerprint, inc.Hub, inc.Check, inc.State, inc.Outcome, inc.Severity, inc.Summary,
				inc.Count, seconds(inc.OpenedAt), inc.Reason).Scan(&inc.ID)
		} else {
			_, err = tx.ExecContext(ctx, `UPDATE incidents SET state = ?, outcome = ?, severity = ?, summary = ?, findings = ?,
				resolved_at = ?, reason = ? WHERE id = ?`,
				inc.State, inc.Outcome, inc.Severity, inc.Summary, inc.Count, optional(inc.ResolvedAt), inc.Reason, inc.ID)
		}
		if err != nil {
			return fmt.Errorf("store the incident of check %s, hub %q: %w", inc.Check, inc.Hub, err)
		}
	}
	return nil
}

// Incidents lists a cluster's incidents, those opened last first: the open
// ones, or all that are still remembered. State and Outcome are as the last
// run that judged them left them.
func (s *Store) Incidents(ctx context.Context, cluster string, openOnly bool) ([]verdict.Incident, error) {
	where := "cluster = ? ORDER BY id DESC"
	if openOnly {
		where = "cluster = ? AND resolved_at IS NULL ORDER BY id DESC"
	}
	return s.listIncidents(ctx, where, cluster)
}

// Pending lists what a notification must consider: all open incidents, and
// resolved ones of which some receiver was told and has not been told that
// they are resolved. Oldest first.
func (s *Store) Pending(ctx context.Context, cluster string) ([]verdict.Incident, error) {
	return s.listIncidents(ctx, `cluster = ? AND (resolved_at IS NULL OR EXISTS (
		SELECT 1 FROM deliveries told WHERE told.incident = incidents.id AND told.kind <> 'resolved' AND NOT EXISTS (
			SELECT 1 FROM deliveries done WHERE done.incident = told.incident AND done.receiver = told.receiver AND done.kind = 'resolved'))
		) ORDER BY id`, cluster)
}

func (s *Store) listIncidents(ctx context.Context, where string, args ...any) ([]verdict.Incident, error) {
	var list []verdict.Incident
	err := s.read(ctx, "list the incidents of", func(tx *transaction) (err error) {
		list, err = incidents(ctx, tx, where, args...)
		return err
	})
	return list, err
}
