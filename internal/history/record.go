package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

// clockTolerance is how far ahead of this machine's clock another's may be.
const clockTolerance = 2 * time.Minute

// Record stores a run and advances the incidents, baselines and remembered
// sources by it, all or nothing. It sets run.ID, run.Incidents and the Since
// of the verdicts, and truncates run.StartedAt to seconds. moves says what else
// the run may move.
//
// Runs may overlap. One that started before a run that is already recorded
// holds older facts: it is stored, but moves nothing, and gets the incidents as
// they stand, which may differ from its own verdicts, and a note that says so. A recorded run that lies
// in the future of this machine's clock was made with a wrong clock and counts
// as old, so that a clock that was once set too far ahead stops nothing.
//
// Where a run moves the incidents, moves.Plan decides what is to be told of them
// and Record queues that, with the run or not at all.
//
// Record also forgets what is too old; see keepRuns.
func (s *Store) Record(ctx context.Context, run *verdict.Run, moves Moves) error {
	stored := *run
	stored.StartedAt = whole(run.StartedAt)
	body, err := encodeDocument(&stored) // before the lock: it is the slow part
	if err != nil {
		return s.explain("record a run in", err)
	}
	err = s.write(ctx, "record a run in", func(tx *transaction) error {
		if err := tx.lock(ctx, stored.Cluster); err != nil {
			return err
		}
		current, err := s.isCurrent(ctx, tx, &stored)
		if err != nil {
			return err
		}
		if stored.Incidents, err = moveIncidents(ctx, tx, &stored, moves.Rules, current); err != nil {
			return err
		}
		if !current {
			stored.Notes = append(slices.Clone(stored.Notes), lateNote)
			if body, err = encodeDocument(&stored); err != nil {
				return err
			}
		}
		seq, err := storeRun(ctx, tx, &stored, body)
		if err != nil {
			return err
		}
		if err := s.storeMeasured(ctx, tx, &stored, seq, moves, current); err != nil {
			return err
		}
		if err := s.forget(ctx, tx, &stored, seq, moves.KeepMembers); err != nil {
			return err
		}
		if !current {
			return nil
		}
		return planDeliveries(ctx, tx, &stored, moves.Plan)
	})
	if err != nil {
		return err
	}
	s.giveBack(ctx)
	run.ID, run.StartedAt, run.Incidents, run.Notes = stored.ID, stored.StartedAt, stored.Incidents, stored.Notes
	setSince(run.Verdicts, run.Incidents)
	return nil
}

// lateNote is what a reader of a late run must know.
const lateNote = "A run that started later is in the history already. What this one saw is older: it is stored, " +
	"but it opened and resolved no incident, and nobody was told of it."

// storeMeasured writes what the run measured and saw, and lets it move what is normal.
func (s *Store) storeMeasured(ctx context.Context, tx *transaction, run *verdict.Run, seq int64, moves Moves, current bool) error {
	if err := storeSeries(ctx, tx, run, seq, moves, current); err != nil {
		return err
	}
	if err := storeViews(ctx, tx, run, seq, moves.Views, current); err != nil {
		return err
	}
	if !current {
		return nil
	}
	if err := storeMarks(ctx, tx, run, moves); err != nil {
		return err
	}
	if err := storeMeasures(ctx, tx, run); err != nil {
		return err
	}
	if err := storeSizes(ctx, tx, run, moves); err != nil {
		return err
	}
	if err := storeMatched(ctx, tx, run, moves.SilencesMatched); err != nil {
		return err
	}
	return storeSources(ctx, tx, run.Cluster, run.Sources, run.StartedAt)
}

// isCurrent tells whether no recorded run of the cluster has newer facts.
func (s *Store) isCurrent(ctx context.Context, tx *transaction, run *verdict.Run) (bool, error) {
	var newer int
	err := tx.QueryRowContext(ctx, "SELECT count(*) FROM runs WHERE cluster = ? AND started_at > ? AND started_at <= ?",
		run.Cluster, seconds(run.StartedAt), seconds(s.clock().Add(clockTolerance))).Scan(&newer)
	if err != nil {
		return false, fmt.Errorf("look for newer runs: %w", err)
	}
	return newer == 0, nil
}

// moveIncidents advances the incidents by a current run, and returns those of
// the checks and hubs that the run judged, without the pending ones.
func moveIncidents(ctx context.Context, tx *transaction, run *verdict.Run, rules Rules, current bool) ([]verdict.Incident, error) {
	was, err := standingIncidents(ctx, tx, run.Cluster, rules, run.StartedAt)
	if err != nil {
		return nil, err
	}
	var touched []verdict.Incident
	if current {
		var gone []int64
		touched, gone = rules.advance(was, run.Verdicts, run.StartedAt)
		if err := storeIncidents(ctx, tx, run.Cluster, touched, gone); err != nil {
			return nil, err
		}
	} else {
		for i := range run.Verdicts {
			if inc, ok := was.open[run.Verdicts[i].Fingerprint]; ok {
				touched = append(touched, inc)
			}
		}
	}
	return slices.DeleteFunc(touched, func(inc verdict.Incident) bool { return inc.State == verdict.Pending }), nil
}

// storeRun writes the run's rows, gives it its ID, and returns its place in
// the order of recording.
func storeRun(ctx context.Context, tx *transaction, run *verdict.Run, body []byte) (int64, error) {
	summary, err := json.Marshal(run.Summary())
	if err != nil {
		return 0, err
	}
	incidents, err := encodeIncidents(run.Incidents)
	if err != nil {
		return 0, err
	}
	seq, err := insertRun(ctx, tx, run, string(summary), incidents)
	if err != nil {
		return 0, fmt.Errorf("store the run: %w", err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO documents (run_seq, cluster, started_at, bytes, body) VALUES (?, ?, ?, ?, ?)",
		seq, run.Cluster, seconds(run.StartedAt), len(body), body)
	if err != nil {
		return 0, fmt.Errorf("store the findings: %w", err)
	}
	return seq, nil
}

// insertRun writes the run's row under an id that is free. Another cluster's run
// may take that at the same moment; then it is another one.
func insertRun(ctx context.Context, tx *transaction, run *verdict.Run, summary, incidents string) (seq int64, err error) {
	for {
		if run.ID, err = nextID(ctx, tx, run.StartedAt); err != nil {
			return 0, fmt.Errorf("find a free id: %w", err)
		}
		err = tx.QueryRowContext(ctx, `INSERT INTO runs (id, cluster, started_at, duration_ns, version, summary, incidents, complete)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING seq`, run.ID, run.Cluster, seconds(run.StartedAt),
			run.Duration, run.Version, summary, incidents, boolInt(run.Complete())).Scan(&seq)
		if !errors.Is(err, sql.ErrNoRows) {
			return seq, err
		}
	}
}

// nextID is the run's start and a number that no other run of that second has,
// in any cluster.
func nextID(ctx context.Context, tx *transaction, start time.Time) (string, error) {
	prefix := start.Format("20060102T150405Z") + "-"
	highest := 0
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		n, err := strconv.Atoi(strings.TrimPrefix(id, prefix))
		highest = max(highest, n)
		return err
	}, "SELECT id FROM runs WHERE id >= ? AND id < ?", prefix, strings.TrimSuffix(prefix, "-")+".") // '.' follows '-'
	for n := highest + 1; err == nil; n++ {
		id := prefix + strconv.Itoa(n)
		var free bool
		if free, err = tx.reserve(ctx, "run", id); free {
			return id, nil
		}
	}
	return "", err
}
