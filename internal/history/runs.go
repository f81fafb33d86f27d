package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

// Latest stands for the id of the run that was recorded last; Latest~1 is the
// one before it, and so on.
const Latest = "latest"

// RunInfo is a run without what it found.
type RunInfo struct {
	ID        string
	StartedAt time.Time
	Duration  time.Duration
	Version   string
	Summary   verdict.Summary
	// Complete is true if no verdict was unknown and no source failed.
	Complete bool
}

// Runs lists up to limit runs of a cluster, the one recorded last first.
func (s *Store) Runs(ctx context.Context, cluster string, limit int) ([]RunInfo, error) {
	var list []RunInfo
	err := s.read(ctx, "list the runs of", func(tx *transaction) error {
		return rows(ctx, tx, func(r *sql.Rows) error {
			var info RunInfo
			var started int64
			var summary string
			if err := r.Scan(&info.ID, &started, &info.Duration, &info.Version, &summary, &info.Complete); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(summary), &info.Summary); err != nil {
				return fmt.Errorf("read the summary of run %s: %w", info.ID, err)
			}
			info.StartedAt = fromSeconds(started)
			list = append(list, info)
			return nil
		}, "SELECT id, started_at, duration_ns, version, summary, complete FROM runs WHERE cluster = ? ORDER BY seq DESC LIMIT ?", cluster, limit)
	})
	return list, err
}

// Run returns a whole run of a cluster as it was recorded, with the incidents
// as they stood then. id may be Latest, Latest~N, or the beginning of only one run's id.
// The findings of a run are kept for 90 days or until newer ones need their
// space; after that it is an error to ask for it.
func (s *Store) Run(ctx context.Context, cluster, id string) (*verdict.Run, error) {
	run := &verdict.Run{Cluster: cluster}
	var body []byte
	err := s.read(ctx, "read a run from", func(tx *transaction) error {
		seq, err := findRun(ctx, tx, cluster, id)
		if err != nil {
			return err
		}
		var started int64
		var stored string
		err = tx.QueryRowContext(ctx, `SELECT r.id, r.started_at, r.duration_ns, r.version, r.incidents, d.body
			FROM runs r LEFT JOIN documents d ON d.run_seq = r.seq WHERE r.seq = ?`, seq).
			Scan(&run.ID, &started, &run.Duration, &run.Version, &stored, &body)
		if err != nil {
			return err
		}
		run.StartedAt = fromSeconds(started)
		run.Incidents, err = decodeIncidents(stored)
		return err
	})
	if err != nil {
		return nil, err
	}
	if body == nil {
		return nil, refuse("the findings of run %s are no longer kept (for %d days, and %d MiB in all); `audit history` shows its summary",
			run.ID, int(keepDocuments.Hours()/24), s.keepBytes>>20)
	}
	if err := decodeDocument(body, run); err != nil {
		return nil, fmt.Errorf("read the findings of run %s from the history %s: %w (they are damaged; other runs may be well)", run.ID, s.path, err)
	}
	setSince(run.Verdicts, run.Incidents)
	return run, nil
}

// latestBack is Latest~N: the run that was recorded N runs before the last.
var latestBack = regexp.MustCompile(`^latest(?:~([0-9]{1,9}))?$`)

// findLatest finds the run that Latest or Latest~N names.
func findLatest(ctx context.Context, tx *transaction, cluster, back string) (int64, error) {
	n, _ := strconv.Atoi(back) // "" is 0, and more digits do not match
	var seq int64
	err := tx.QueryRowContext(ctx, "SELECT seq FROM runs WHERE cluster = ? ORDER BY seq DESC LIMIT 1 OFFSET ?", cluster, n).Scan(&seq)
	switch {
	case !errors.Is(err, sql.ErrNoRows):
		return seq, err
	case n == 0:
		return 0, refuse("the history has no run%s yet: `audit now` records one", ofCluster(cluster))
	}
	return 0, refuse("the history%s does not reach %d runs back: `audit history` lists them", ofCluster(cluster), n)
}

// findRun finds the run that an id, its beginning, Latest or Latest~N names.
func findRun(ctx context.Context, tx *transaction, cluster, id string) (int64, error) {
	if m := latestBack.FindStringSubmatch(id); m != nil {
		return findLatest(ctx, tx, cluster, m[1])
	}
	var seq int64
	err := tx.QueryRowContext(ctx, "SELECT seq FROM runs WHERE cluster = ? AND id = ?", cluster, id).Scan(&seq)
	if !errors.Is(err, sql.ErrNoRows) {
		return seq, err // an id may also be the beginning of another: …-1 of …-10
	}
	var ids []string
	err = rows(ctx, tx, func(r *sql.Rows) error {
		var found string
		err := r.Scan(&seq, &found)
		ids = append(ids, found)
		return err
	}, "SELECT seq, id FROM runs WHERE cluster = ? AND substr(id, 1, ?) = ? ORDER BY seq DESC LIMIT 4", cluster, len(id), id)
	switch {
	case err != nil:
		return 0, err
	case len(ids) == 0 || id == "":
		return 0, refuse("the history has no run %q%s: `audit history` lists them", id, ofCluster(cluster))
	case len(ids) > 1:
		return 0, refuse("several runs begin with %q: %s; write more of the id", id, strings.Join(ids, ", "))
	}
	return seq, nil
}

// ofCluster names the cluster in a message where it has a name.
func ofCluster(cluster string) string {
	if cluster == "" {
		return ""
	}
	return fmt.Sprintf(" of cluster %q", cluster)
}
