package history

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// A size is written anew when it differs by more than a fifth from what is
// remembered, and by no less than this: homes change a little all the time.
const (
	sizeStepBytes  = 8 << 20
	sizeStepInodes = 50
)

// sizeRow is what is remembered of one measure of one home.
type sizeRow struct {
	hub string
	facts.SizeKey
	bytes  sql.NullInt64
	inodes int64
	at     sql.NullInt64

	emptiedBytes, emptiedInodes, emptiedAt sql.NullInt64
	goneAt                                 sql.NullInt64
}

// homesSeen is what a run saw of the homes of one hub.
type homesSeen struct {
	sizes map[facts.SizeKey]verdict.Size
	// inOrder are the claims that were measured and not found emptied.
	inOrder map[string]bool
}

func seenHomes(sizes []verdict.Size) homesSeen {
	h := homesSeen{sizes: make(map[facts.SizeKey]verdict.Size, len(sizes)), inOrder: make(map[string]bool, len(sizes))}
	for _, s := range sizes {
		h.sizes[s.SizeKey] = s
		if !s.Emptied {
			h.inOrder[s.ClaimUID] = true
		}
	}
	return h
}

// storeSizes lets what is remembered of homes follow a run that is current.
func storeSizes(ctx context.Context, tx *transaction, run *verdict.Run, moves Moves) error {
	if len(moves.Sizes) == 0 && moves.Claims == nil {
		return nil
	}
	seen := make(map[string]homesSeen, len(moves.Sizes))
	for hub, sizes := range moves.Sizes {
		seen[hub] = seenHomes(sizes)
	}
	at := sql.NullInt64{Int64: seconds(run.StartedAt), Valid: true}
	var changed []sizeRow
	err := scanSizes(ctx, tx, run.Cluster, func(row sizeRow) {
		before := row
		if row.note(moves.Claims, at); !row.goneAt.Valid {
			row.follow(seen[row.hub], at)
		}
		delete(seen[row.hub].sizes, row.SizeKey) // what is left is new
		if row != before {
			changed = append(changed, row)
		}
	})
	if err != nil {
		return fmt.Errorf("read how much homes held: %w", err)
	}
	for hub, h := range seen {
		for key := range h.sizes {
			row := sizeRow{hub: hub, SizeKey: key}
			row.follow(h, at)
			changed = append(changed, row)
		}
	}
	return writeSizes(ctx, tx, run.Cluster, changed)
}

// note tells whether the claim is still there.
func (r *sizeRow) note(claims map[string]bool, at sql.NullInt64) {
	switch {
	case claims == nil:
	case claims[r.ClaimUID]:
		r.goneAt = sql.NullInt64{}
	case !r.goneAt.Valid:
		r.goneAt = at
	}
}

// follow takes over what a run measured of a home that is in order. Of one that
// was emptied it keeps what it held, and notes once what was left.
func (r *sizeRow) follow(seen homesSeen, at sql.NullInt64) {
	s, measured := seen.sizes[r.SizeKey]
	switch {
	case measured && s.Emptied:
		if !r.emptiedAt.Valid {
			r.emptiedAt, r.emptiedBytes, r.emptiedInodes = at, known(s.Bytes), known(s.Inodes)
		}
		return
	case !seen.inOrder[r.ClaimUID]:
		return
	}
	r.emptiedAt, r.emptiedBytes, r.emptiedInodes = sql.NullInt64{}, sql.NullInt64{}, sql.NullInt64{}
	if measured && (!r.bytes.Valid || differs(r.bytes.Int64, s.Bytes, sizeStepBytes) || differs(r.inodes, s.Inodes, sizeStepInodes)) {
		r.bytes, r.inodes, r.at = known(s.Bytes), s.Inodes, at
	}
}

func known(n int64) sql.NullInt64 { return sql.NullInt64{Int64: n, Valid: true} }

// differs tells whether a number is no longer about what it was.
func differs(was, is, step int64) bool {
	d := is - was
	return max(d, -d) > max(was/5, step)
}

// acceptSizes makes what was left in homes that were emptied what they are held
// against.
func acceptSizes(ctx context.Context, tx *transaction, a Acceptance) (effect string, err error) {
	var homes int
	if err := tx.QueryRowContext(ctx, "SELECT count(DISTINCT claim) FROM sizes WHERE cluster = ? AND hub = ? AND emptied_at IS NOT NULL",
		a.Cluster, a.Hub).Scan(&homes); err != nil {
		return "", err
	}
	if homes == 0 {
		return "", refuse("accept %s: no run has found a home%s emptied; run `audit now` and see what it says of the check", a.Check, ofHub(a.Hub))
	}
	// What only another measure saw of these homes, before, is no longer true.
	if _, err := tx.ExecContext(ctx, `DELETE FROM sizes WHERE cluster = ? AND hub = ? AND emptied_at IS NULL AND claim IN
		(SELECT claim FROM sizes WHERE cluster = ? AND hub = ? AND emptied_at IS NOT NULL)`, a.Cluster, a.Hub, a.Cluster, a.Hub); err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, `UPDATE sizes SET bytes = emptied_bytes, inodes = emptied_inodes, at = emptied_at,
		emptied_bytes = NULL, emptied_inodes = NULL, emptied_at = NULL WHERE cluster = ? AND hub = ? AND emptied_at IS NOT NULL`, a.Cluster, a.Hub)
	return fmt.Sprintf("homes whose loss is known: %d", homes), err
}

// readSizes fills in how much homes held.
func readSizes(ctx context.Context, tx *transaction, cluster string, into map[facts.SizeKey]facts.PastSize) error {
	return scanSizes(ctx, tx, cluster, func(r sizeRow) {
		p := facts.PastSize{Bytes: r.bytes.Int64, Inodes: r.inodes, At: fromOptional(r.at),
			EmptiedAt: fromOptional(r.emptiedAt), EmptiedBytes: r.emptiedBytes.Int64, EmptiedInodes: r.emptiedInodes.Int64}
		// A claim that went from one hub to another has a row of each: the newer tells.
		if have, ok := into[r.SizeKey]; !ok || lastSeen(p).After(lastSeen(have)) {
			into[r.SizeKey] = p
		}
	})
}

func scanSizes(ctx context.Context, tx *transaction, cluster string, see func(sizeRow)) error {
	var last sizeRow
	return rows(ctx, tx, func(rs *sql.Rows) error {
		var r sizeRow
		if err := rs.Scan(&r.hub, &r.ClaimUID, &r.By, &r.bytes, &r.inodes, &r.at,
			&r.emptiedBytes, &r.emptiedInodes, &r.emptiedAt, &r.goneAt); err != nil {
			return err
		}
		// Each hub and measure is kept once, not with every row.
		if r.hub == last.hub {
			r.hub = last.hub
		}
		if r.By == last.By {
			r.By = last.By
		}
		last = r
		see(r)
		return nil
	}, `SELECT hub, claim, measure, bytes, inodes, at, emptied_bytes, emptied_inodes, emptied_at, gone_at
		FROM sizes WHERE cluster = ? ORDER BY hub, claim, measure`, cluster)
}

func lastSeen(p facts.PastSize) time.Time {
	if p.EmptiedAt.After(p.At) {
		return p.EmptiedAt
	}
	return p.At
}

func writeSizes(ctx context.Context, tx *transaction, cluster string, changed []sizeRow) error {
	if len(changed) == 0 {
		return nil
	}
	write, err := tx.PrepareContext(ctx, `INSERT INTO sizes (cluster, hub, claim, measure, bytes, inodes, at,
		emptied_bytes, emptied_inodes, emptied_at, gone_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (cluster, hub, claim, measure) DO UPDATE SET bytes = excluded.bytes, inodes = excluded.inodes, at = excluded.at,
		emptied_bytes = excluded.emptied_bytes, emptied_inodes = excluded.emptied_inodes, emptied_at = excluded.emptied_at, gone_at = excluded.gone_at`)
	if err != nil {
		return fmt.Errorf("remember how much homes hold: %w", err)
	}
	defer write.Close()
	for _, r := range changed {
		if _, err := write.ExecContext(ctx, cluster, r.hub, r.ClaimUID, r.By, r.bytes, r.inodes, r.at,
			r.emptiedBytes, r.emptiedInodes, r.emptiedAt, r.goneAt); err != nil {
			return fmt.Errorf("remember how much a home of hub %q holds: %w", r.hub, err)
		}
	}
	return nil
}

// forgetSizes deletes what is remembered of claims that were gone before a time.
func forgetSizes(ctx context.Context, tx *transaction, cluster string, before int64) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM sizes WHERE cluster = ? AND gone_at IS NOT NULL AND gone_at < ?", cluster, before); err != nil {
		return fmt.Errorf("forget claims that are gone: %w", err)
	}
	return nil
}
