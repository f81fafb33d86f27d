package history

import (
	"context"
	"fmt"
	"time"

	"hubaudit/internal/verdict"
)

// What is kept of each cluster, so that a history on a small volume never fills
// it. An open incident, a baseline and a remembered source are kept for ever.
const (
	// keepDocuments is for how long all findings of a run can be shown again.
	keepDocuments = 90 * 24 * time.Hour
	// keepBytes bounds the compressed findings within that time: a hub with
	// 10,000 standing findings would otherwise fill some gigabytes.
	keepBytes = 256 << 20
	// keepRuns is for how long a run's summary and series, a resolved incident with
	// what was told of it, and a silence that is over are kept: a year and a month,
	// to compare terms.
	keepRuns = 400 * 24 * time.Hour
	// keepEnded bounds, for each hub, the spans of users who are gone: a hub that
	// makes a new user for every visitor has thousands a day.
	keepEnded = 500_000
)

// forget deletes what is older than is kept at the time of the run with the
// given place in the order of recording, and never that run itself. A run
// whose clock is ahead ages nothing.
func (s *Store) forget(ctx context.Context, tx *transaction, run *verdict.Run, seq int64, keepMembers time.Duration) error {
	now := run.StartedAt
	if clock := s.clock(); clock.Before(now) {
		now = clock
	}
	documents, all := seconds(now.Add(-keepDocuments)), seconds(now.Add(-keepRuns))
	for _, del := range []struct {
		what, query string
		args        []any
	}{
		{"old findings", "DELETE FROM documents WHERE cluster = ? AND started_at < ?", []any{run.Cluster, documents}},
		{"findings beyond the space for them", `DELETE FROM documents WHERE cluster = ? AND run_seq < ? AND run_seq <=
			(SELECT max(run_seq) FROM (SELECT run_seq, sum(bytes) OVER (ORDER BY run_seq DESC) AS total
				FROM documents WHERE cluster = ?) AS sized WHERE total > ?)`, []any{run.Cluster, seq, run.Cluster, s.keepBytes}},
		{"old runs", "DELETE FROM runs WHERE cluster = ? AND started_at < ?", []any{run.Cluster, all}},
		{"old incidents", "DELETE FROM incidents WHERE cluster = ? AND resolved_at < ?", []any{run.Cluster, all}},
		{"what was never judged again", "DELETE FROM incidents WHERE cluster = ? AND state = 'pending' AND failing_since < ?", []any{run.Cluster, all}},
		{"old silences", "DELETE FROM silences WHERE cluster = ? AND until_at < ?", []any{run.Cluster, all}},
	} {
		if _, err := tx.ExecContext(ctx, del.query, del.args...); err != nil {
			return fmt.Errorf("forget %s: %w", del.what, err)
		}
	}
	if err := forgetQueued(ctx, tx, run.Cluster, seconds(now.Add(-keepResolutions))); err != nil {
		return err
	}
	if keepMembers <= 0 || keepMembers > keepRuns {
		keepMembers = keepRuns
	}
	gone := seconds(now.Add(-keepMembers))
	if err := forgetSizes(ctx, tx, run.Cluster, gone); err != nil {
		return err
	}
	return s.forgetMembers(ctx, tx, run.Cluster, gone)
}
