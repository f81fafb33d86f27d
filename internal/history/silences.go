package history

import (
	"context"
	"database/sql"
	"fmt"
	"path"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

const silenceColumns = "id, cluster, check_glob, hub_glob, subject, reason, by_whom, made_at, until_at, ended_at, matched_at"

// Silence remembers a new silence and returns it with its ID. It is refused
// without a reason, with a glob that is none, and if it ends before it begins.
func (s *Store) Silence(ctx context.Context, silence verdict.Silence) (verdict.Silence, error) {
	if err := checkSilence(&silence); err != nil {
		return silence, err
	}
	silence.At, silence.Until = whole(silence.At), whole(silence.Until)
	silence.EndedAt, silence.MatchedAt = time.Time{}, time.Time{}
	err := s.write(ctx, "store a silence in", func(tx *transaction) error {
		return tx.QueryRowContext(ctx, `INSERT INTO silences (cluster, check_glob, hub_glob, subject, reason, by_whom, made_at, until_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, silence.Cluster, silence.Check, silence.Hub, silence.Subject, silence.Reason, silence.By,
			seconds(silence.At), seconds(silence.Until)).Scan(&silence.ID)
	})
	return silence, err
}

func checkSilence(silence *verdict.Silence) error {
	if strings.TrimSpace(silence.Reason) == "" {
		return refuse("silence %s: say why with --reason", silence.Check)
	}
	if !silence.Until.After(silence.At) {
		return refuse("silence %s: it would end at %s, before it begins", silence.Check, silence.Until.UTC().Format(time.RFC3339))
	}
	for what, glob := range map[string]string{"check": silence.Check, "hub": silence.Hub, "subject": silence.Subject} {
		if _, err := path.Match(glob, ""); err != nil {
			return refuse("silence %s: %q is no pattern of a %s: %v", silence.Check, glob, what, err)
		}
	}
	return nil
}

// EndSilence ends a silence before its time. It is refused for one that is not
// of the cluster, or has ended already.
func (s *Store) EndSilence(ctx context.Context, cluster string, id int64, at time.Time) error {
	return s.write(ctx, "end a silence in", func(tx *transaction) error {
		if err := tx.lock(ctx, cluster); err != nil {
			return err
		}
		list, err := silences(ctx, tx, "cluster = ? AND id = ?", cluster, id)
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return refuse("the history has no silence %d%s: `audit silence list` shows them", id, ofCluster(cluster))
		case !list[0].EndedAt.IsZero():
			return refuse("silence %d was ended at %s already", id, list[0].EndedAt.Format(time.RFC3339))
		case !list[0].Until.After(at):
			return refuse("silence %d ran out at %s already", id, list[0].Until.Format(time.RFC3339))
		}
		_, err = tx.ExecContext(ctx, "UPDATE silences SET ended_at = ? WHERE id = ?", seconds(at), id)
		return err
	})
}

// Silences lists a cluster's silences, the oldest first: those that nobody has
// ended, or all that are remembered. One that ran out is among them, so that it
// can be said that it did.
func (s *Store) Silences(ctx context.Context, cluster string, all bool) ([]verdict.Silence, error) {
	where := "cluster = ?"
	if !all {
		where += " AND ended_at IS NULL"
	}
	var list []verdict.Silence
	err := s.read(ctx, "list the silences of", func(tx *transaction) (err error) {
		list, err = silences(ctx, tx, where+" ORDER BY id", cluster)
		return err
	})
	return list, err
}

func silences(ctx context.Context, tx *transaction, where string, args ...any) ([]verdict.Silence, error) {
	var list []verdict.Silence
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var silence verdict.Silence
		var at, until int64
		var ended, matched sql.NullInt64
		err := r.Scan(&silence.ID, &silence.Cluster, &silence.Check, &silence.Hub, &silence.Subject, &silence.Reason, &silence.By,
			&at, &until, &ended, &matched)
		silence.At, silence.Until = fromSeconds(at), fromSeconds(until)
		silence.EndedAt, silence.MatchedAt = fromOptional(ended), fromOptional(matched)
		list = append(list, silence)
		return err
	}, "SELECT "+silenceColumns+" FROM silences WHERE "+where, args...)
	return list, err
}

// storeMatched remembers which silences covered a finding in a run.
func storeMatched(ctx context.Context, tx *transaction, run *verdict.Run, ids []int64) error {
	return chunked(ids, func(part []any, marks string) error {
		_, err := tx.ExecContext(ctx, "UPDATE silences SET matched_at = ? WHERE cluster = ? AND id IN ("+marks+")",
			append([]any{seconds(run.StartedAt), run.Cluster}, part...)...)
		if err != nil {
			return fmt.Errorf("remember what silences cover: %w", err)
		}
		return nil
	})
}
