package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// baselineRuns is how many good values a baseline is the median of: with
// seven, four runs must agree before what is normal moves.
const baselineRuns = 7

// point is one value that a baseline is made of.
type point struct {
	At    int64   `json:"at"`
	Value float64 `json:"value"`
}

// latch holds the newest good values of a series, oldest first. Nothing else
// ever moves a baseline, so a database that was wiped stays abnormal for
// however many runs it stays wiped.
type latch []point

// add returns the latch with one more good value.
func (l latch) add(p point) latch {
	l = append(slices.Clone(l), p)
	return l[max(0, len(l)-baselineRuns):]
}

// baseline is the median: of an even number of values the mean of the middle two.
func (l latch) baseline() facts.Baseline {
	n := len(l)
	if n == 0 {
		return facts.Baseline{}
	}
	values := make([]float64, n)
	for i, p := range l {
		values[i] = p.Value
	}
	slices.Sort(values)
	return facts.Baseline{
		Value: (values[(n-1)/2] + values[n/2]) / 2,
		Runs:  n,
		Since: fromSeconds(l[0].At),
		Until: fromSeconds(l[n-1].At),
	}
}

// seriesState is what is remembered of one series.
type seriesState struct {
	points    latch
	lastValue float64 // of the last run that measured it, good or not
	lastAt    int64
	lastSeq   int64
	// sinceSeq is the first run after the last acceptance.
	sinceSeq int64
}

// accept makes the last value the only one that counts, and says what was.
func (s *seriesState) accept() (was string) {
	was = "none"
	if len(s.points) > 0 {
		was = number(s.points.baseline().Value)
	}
	s.points, s.sinceSeq = latch{{At: s.lastAt, Value: s.lastValue}}, s.lastSeq
	return was
}

// storeSeries keeps every value of a run, and lets the good ones of a run that
// is current move their baseline.
func storeSeries(ctx context.Context, tx *transaction, run *verdict.Run, seq int64, moves Moves, current bool) error {
	states, err := readSeries(ctx, tx, run.Cluster)
	if err != nil {
		return err
	}
	for key, value := range measured(run, func(v *verdict.Verdict) map[string]float64 { return v.Series }) {
		rebase, rebased := moves.Rebase[key]
		good := current && (moves.Good[key] || rebased)
		if _, err := tx.ExecContext(ctx, "INSERT INTO series (run_seq, hub, name, value, good) VALUES (?, ?, ?, ?, ?)",
			seq, key.Hub, key.Name, value, boolInt(good)); err != nil {
			return fmt.Errorf("store the series %s of hub %q: %w", key.Name, key.Hub, err)
		}
		if !current {
			continue
		}
		state := states[key]
		state.lastValue, state.lastAt, state.lastSeq = value, seconds(run.StartedAt), seq
		switch {
		case rebased && len(state.points) > 0 && state.points.baseline().Value != value:
			if err := storeRebase(ctx, tx, run, key.Hub, rebase, seriesEffect(key.Name, state.accept(), value)); err != nil {
				return err
			}
		case good:
			state.points = state.points.add(point{At: state.lastAt, Value: value})
		}
		if err := writeSeries(ctx, tx, run.Cluster, key, state); err != nil {
			return err
		}
	}
	return nil
}

func seriesEffect(name, was string, is float64) effect {
	return effect{"normal number of " + name, was, number(is)}
}

func readSeries(ctx context.Context, tx *transaction, cluster string) (map[facts.SeriesKey]seriesState, error) {
	states := map[facts.SeriesKey]seriesState{}
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var key facts.SeriesKey
		var state seriesState
		var points string
		if err := r.Scan(&key.Hub, &key.Name, &points, &state.lastValue, &state.lastAt, &state.lastSeq, &state.sinceSeq); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(points), &state.points); err != nil {
			return fmt.Errorf("read the baseline of %s of hub %q: %w", key.Name, key.Hub, err)
		}
		states[key] = state
		return nil
	}, "SELECT hub, name, points, last_value, last_at, last_seq, since_seq FROM baselines WHERE cluster = ?", cluster)
	return states, err
}

func writeSeries(ctx context.Context, tx *transaction, cluster string, key facts.SeriesKey, state seriesState) error {
	points, err := json.Marshal(state.points)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO baselines (cluster, hub, name, points, last_value, last_at, last_seq, since_seq)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cluster, hub, name) DO UPDATE SET points = excluded.points,
		last_value = excluded.last_value, last_at = excluded.last_at, last_seq = excluded.last_seq, since_seq = excluded.since_seq`,
		cluster, key.Hub, key.Name, string(points), state.lastValue, state.lastAt, state.lastSeq, state.sinceSeq)
	if err != nil {
		return fmt.Errorf("store the baseline of %s of hub %q: %w", key.Name, key.Hub, err)
	}
	return nil
}

// highDays is for how long a high value of a series is held against it: a
// month sees a slow loss that each week's median has followed down.
const highDays = 30

// addHighs gives the baselines the highest good value of the last month, the
// latest of equals.
func addHighs(ctx context.Context, tx *transaction, cluster string, now time.Time, baselines map[facts.SeriesKey]facts.Baseline) error {
	return rows(ctx, tx, func(r *sql.Rows) error {
		var key facts.SeriesKey
		var value float64
		var at int64
		if err := r.Scan(&key.Hub, &key.Name, &value, &at); err != nil {
			return err
		}
		if b, ok := baselines[key]; ok && (b.HighAt.IsZero() || value >= b.High) {
			b.High, b.HighAt = value, fromSeconds(at)
			baselines[key] = b
		}
		return nil
	}, `SELECT s.hub, s.name, s.value, r.started_at FROM runs r JOIN series s ON s.run_seq = r.seq
		JOIN baselines b ON b.cluster = r.cluster AND b.hub = s.hub AND b.name = s.name
		WHERE r.cluster = ? AND r.started_at BETWEEN ? AND ? AND s.good = 1 AND s.run_seq >= b.since_seq ORDER BY r.started_at`,
		cluster, seconds(now.AddDate(0, 0, -highDays)), seconds(now))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
