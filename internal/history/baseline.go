package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

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
}

// measured collects the series of a run by hub and name.
func measured(run *verdict.Run) map[facts.SeriesKey]float64 {
	values := map[facts.SeriesKey]float64{}
	for i := range run.Verdicts {
		for name, value := range run.Verdicts[i].Series {
			values[facts.SeriesKey{Hub: run.Verdicts[i].Hub, Name: name}] = value
		}
	}
	return values
}

// storeSeries keeps every value of a run, and lets the good ones of a run that
// is current move their baseline.
func storeSeries(ctx context.Context, tx *sql.Tx, run *verdict.Run, seq int64, good map[facts.SeriesKey]bool, current bool) error {
	values := measured(run)
	states, err := readSeries(ctx, tx, run.Cluster)
	if err != nil {
		return err
	}
	for key, value := range values {
		if _, err := tx.ExecContext(ctx, "INSERT INTO series (run_seq, hub, name, value, good) VALUES (?, ?, ?, ?, ?)",
			seq, key.Hub, key.Name, value, boolInt(good[key])); err != nil {
			return fmt.Errorf("store the series %s of hub %q: %w", key.Name, key.Hub, err)
		}
		if !current {
			continue
		}
		state := states[key]
		state.lastValue, state.lastAt = value, seconds(run.StartedAt)
		if good[key] {
			state.points = state.points.add(point{At: state.lastAt, Value: value})
		}
		if err := writeSeries(ctx, tx, run.Cluster, key, state); err != nil {
			return err
		}
	}
	return nil
}

func readSeries(ctx context.Context, tx *sql.Tx, cluster string) (map[facts.SeriesKey]seriesState, error) {
	states := map[facts.SeriesKey]seriesState{}
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var key facts.SeriesKey
		var state seriesState
		var points string
		if err := r.Scan(&key.Hub, &key.Name, &points, &state.lastValue, &state.lastAt); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(points), &state.points); err != nil {
			return fmt.Errorf("read the baseline of %s of hub %q: %w", key.Name, key.Hub, err)
		}
		states[key] = state
		return nil
	}, "SELECT hub, name, points, last_value, last_at FROM baselines WHERE cluster = ?", cluster)
	return states, err
}

func writeSeries(ctx context.Context, tx *sql.Tx, cluster string, key facts.SeriesKey, state seriesState) error {
	points, err := json.Marshal(state.points)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO baselines (cluster, hub, name, points, last_value, last_at)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (cluster, hub, name) DO UPDATE SET
		points = excluded.points, last_value = excluded.last_value, last_at = excluded.last_at`,
		cluster, key.Hub, key.Name, string(points), state.lastValue, state.lastAt)
	if err != nil {
		return fmt.Errorf("store the baseline of %s of hub %q: %w", key.Name, key.Hub, err)
	}
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
