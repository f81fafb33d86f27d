package history

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// markState is what is remembered of one mark.
type markState struct {
	value        sql.NullString // what is normal; NULL while no good run has seen it
	since, until int64          // first and last good run that saw it
	lastValue    string         // of the last run that saw any, good or not
	lastAt       int64
}

// hold makes the last value the normal one, or goes on holding it.
func (s *markState) hold() {
	if !s.value.Valid || s.value.String != s.lastValue {
		s.since = s.lastAt
	}
	s.value, s.until = sql.NullString{String: s.lastValue, Valid: true}, s.lastAt
}

// effect says what accepting the last value changes.
func (s *markState) effect(name string) effect {
	was := "none"
	if s.value.Valid {
		was = strconv.Quote(s.value.String)
	}
	return effect{"normal " + name, was, strconv.Quote(s.lastValue)}
}

// storeMarks lets the good marks of a current run move what is normal.
func storeMarks(ctx context.Context, tx *transaction, run *verdict.Run, moves Moves) error {
	states, err := readMarks(ctx, tx, run.Cluster)
	if err != nil {
		return err
	}
	for key, value := range measured(run, func(v *verdict.Verdict) map[string]string { return v.Marks }) {
		rebase, rebased := moves.Rebase[key]
		state := states[key]
		state.lastValue, state.lastAt = value, seconds(run.StartedAt)
		if rebased && state.value.Valid && state.value.String != value {
			if err := storeRebase(ctx, tx, run, key.Hub, rebase, state.effect(key.Name)); err != nil {
				return err
			}
		}
		if rebased || moves.Good[key] {
			state.hold()
		}
		if err := writeMark(ctx, tx, run.Cluster, key, state); err != nil {
			return err
		}
	}
	return nil
}

func readMarks(ctx context.Context, tx *transaction, cluster string) (map[facts.SeriesKey]markState, error) {
	states := map[facts.SeriesKey]markState{}
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var key facts.SeriesKey
		var s markState
		if err := r.Scan(&key.Hub, &key.Name, &s.value, &s.since, &s.until, &s.lastValue, &s.lastAt); err != nil {
			return err
		}
		states[key] = s
		return nil
	}, "SELECT hub, name, value, since, until, last_value, last_at FROM marks WHERE cluster = ?", cluster)
	return states, err
}

func writeMark(ctx context.Context, tx *transaction, cluster string, key facts.SeriesKey, s markState) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO marks (cluster, hub, name, value, since, until, last_value, last_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cluster, hub, name) DO UPDATE SET value = excluded.value,
		since = excluded.since, until = excluded.until, last_value = excluded.last_value, last_at = excluded.last_at`,
		cluster, key.Hub, key.Name, s.value, s.since, s.until, s.lastValue, s.lastAt)
	if err != nil {
		return fmt.Errorf("store the mark %s of hub %q: %w", key.Name, key.Hub, err)
	}
	return nil
}

// acceptDrill notes that somebody restored a backup as a test.
func acceptDrill(ctx context.Context, tx *transaction, a Acceptance) (string, error) {
	key := facts.SeriesKey{Hub: a.Hub, Name: facts.MarkDrill}
	states, err := readMarks(ctx, tx, a.Cluster)
	if err != nil {
		return "", err
	}
	state, was := states[key], "never"
	if state.value.Valid {
		was = fromSeconds(state.since).Format(time.RFC3339)
	}
	state.lastValue, state.lastAt = "restored by hand, accepted by "+a.By, seconds(a.At)
	state.hold()
	state.since = state.lastAt // a second drill of the same words is one more
	return effect{"last restore drill", was, a.At.UTC().Format(time.RFC3339)}.String(), writeMark(ctx, tx, a.Cluster, key, state)
}
