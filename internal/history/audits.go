package history

import (
	"context"
	"database/sql"
	"time"

	"hubaudit/internal/facts"
)

// pastRuns is how many runs of an audit tell how often it runs.
const pastRuns = 30

// readAudits fills in when runs started, of the cluster and of the others.
func readAudits(ctx context.Context, tx *transaction, cluster string, now time.Time, past *facts.Past) error {
	clusters, err := auditedClusters(ctx, tx)
	if err != nil {
		return err
	}
	for _, name := range clusters {
		runs, err := lastRuns(ctx, tx, name, now)
		switch {
		case err != nil:
			return err
		case name == cluster:
			past.Runs = runs
		case len(runs) > 0:
			past.Audits = append(past.Audits, facts.PastAudit{Cluster: name, Runs: runs})
		}
	}
	last, err := runsOf(ctx, tx, "cluster = ? ORDER BY seq DESC LIMIT 1", cluster)
	if len(last) > 0 {
		past.LastRecorded = last[0].At
	}
	return err
}

// auditedClusters lists the clusters that have runs, each found by one look into
// the index: a history may hold many thousand runs of each.
func auditedClusters(ctx context.Context, tx *transaction) ([]string, error) {
	var names []string
	query, args := "SELECT min(cluster) FROM runs", []any(nil)
	for {
		var next sql.NullString
		if err := tx.QueryRowContext(ctx, query, args...).Scan(&next); err != nil || !next.Valid {
			return names, err
		}
		names = append(names, next.String)
		query, args = "SELECT min(cluster) FROM runs WHERE cluster > ?", []any{next.String}
	}
}

// lastRuns returns when the last runs of a cluster started, the newest first.
// If none of them was complete, the last of the list is the last one that was.
// What a clock that was ahead has recorded is not among them.
func lastRuns(ctx context.Context, tx *transaction, cluster string, now time.Time) ([]facts.PastRun, error) {
	list, err := runsOf(ctx, tx, "cluster = ? AND started_at <= ? ORDER BY started_at DESC, seq DESC LIMIT ?", cluster, seconds(now), pastRuns)
	if err != nil || len(list) < pastRuns {
		return list, err
	}
	for _, r := range list {
		if r.Complete {
			return list, nil
		}
	}
	complete, err := runsOf(ctx, tx, "cluster = ? AND started_at <= ? AND complete = 1 ORDER BY started_at DESC LIMIT 1", cluster, seconds(now))
	if len(complete) > 0 {
		list[pastRuns-1] = complete[0]
	}
	return list, err
}

func runsOf(ctx context.Context, tx *transaction, where string, args ...any) ([]facts.PastRun, error) {
	var list []facts.PastRun
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var run facts.PastRun
		var at int64
		err := r.Scan(&at, &run.Complete)
		run.At = fromSeconds(at)
		list = append(list, run)
		return err
	}, "SELECT started_at, complete FROM runs WHERE "+where, args...)
	return list, err
}
