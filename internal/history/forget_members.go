package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// forgetMembers deletes the rosters of hubs that no run has seen since a time,
// and of the others the spans that ended before it or are too many. Who was
// there in the reference run stays, however long ago that was: whom a hub has
// lost must be known until someone has accepted it.
func (s *Store) forgetMembers(ctx context.Context, tx *transaction, cluster string, before int64) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM rosters WHERE cluster = ? AND last_at < ?", cluster, before); err != nil {
		return fmt.Errorf("forget the users of hubs that are gone: %w", err)
	}
	var ids []int64
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT id FROM rosters WHERE cluster = ? ORDER BY id", cluster)
	for _, id := range ids {
		err = errors.Join(err, s.forgetSpans(ctx, tx, id, before))
	}
	if err != nil {
		return fmt.Errorf("forget users who are gone: %w", err)
	}
	return nil
}

// forgettable selects the spans of a roster that ended before a time and do
// not cover its reference. The partial index on until_at finds them.
const forgettable = `roster = ? AND until_at IS NOT NULL AND until_at < ? AND NOT (
	since_seq <= coalesce((SELECT reference_seq FROM rosters WHERE id = members.roster), -1) AND
	until_seq > coalesce((SELECT reference_seq FROM rosters WHERE id = members.roster), -1))`

// forgetSpans deletes the old spans of one roster, and notes from which run on
// it is whole.
func (s *Store) forgetSpans(ctx context.Context, tx *transaction, id, before int64) error {
	var surplus int64
	err := tx.QueryRowContext(ctx, "SELECT until_at FROM members WHERE roster = ? AND until_at IS NOT NULL ORDER BY until_at DESC LIMIT 1 OFFSET ?",
		id, s.keepEnded).Scan(&surplus)
	switch {
	case err == nil: // all spans that ended in one run go together
		before = max(before, surplus+1)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	var newest sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT max(until_seq) FROM members WHERE "+forgettable, id, before).Scan(&newest); err != nil || !newest.Valid {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE rosters SET whole_seq = ? WHERE id = ? AND whole_seq < ?", newest.Int64, id, newest.Int64); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM members WHERE "+forgettable, id, before)
	return err
}
