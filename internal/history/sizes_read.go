package history

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"hubaudit/internal/facts"
)

// sizesRead are the sizes of a cluster's homes as a run read them. They are kept
// until that run is recorded, so that it need not read them again: 100,000 take
// half a second.
type sizesRead struct {
	cluster string
	version int64
	rows    []sizeRow
}

// readSizes fills in how much homes held.
func (s *Store) readSizes(ctx context.Context, tx *sql.Tx, cluster string, into map[facts.SizeKey]facts.PastSize) error {
	version, err := sizesVersion(ctx, tx, cluster)
	if err != nil {
		return err
	}
	read := &sizesRead{cluster: cluster, version: version}
	err = scanSizes(ctx, tx, cluster, func(r sizeRow) {
		read.rows = append(read.rows, r)
		p := facts.PastSize{Bytes: r.bytes.Int64, Inodes: r.inodes, At: fromOptional(r.at),
			EmptiedAt: fromOptional(r.emptiedAt), EmptiedBytes: r.emptiedBytes.Int64, EmptiedInodes: r.emptiedInodes.Int64}
		// A claim that went from one hub to another has a row of each: the newer tells.
		if have, ok := into[r.SizeKey]; !ok || lastSeen(p).After(lastSeen(have)) {
			into[r.SizeKey] = p
		}
	})
	if err == nil {
		s.sizes.Store(read)
	}
	return err
}

// eachSize gives the rows of a cluster: those that were read last if nobody has
// changed them since, as an overlapping run may have, or another process.
func (s *Store) eachSize(ctx context.Context, tx *sql.Tx, cluster string, see func(sizeRow)) error {
	version, err := sizesVersion(ctx, tx, cluster)
	if err != nil {
		return err
	}
	read := s.sizes.Swap(nil)
	if read == nil || read.cluster != cluster || read.version != version {
		return scanSizes(ctx, tx, cluster, see)
	}
	for _, r := range read.rows {
		see(r)
	}
	return nil
}

func scanSizes(ctx context.Context, tx *sql.Tx, cluster string, see func(sizeRow)) error {
	return rows(ctx, tx, func(rs *sql.Rows) error {
		var r sizeRow
		if err := rs.Scan(&r.hub, &r.ClaimUID, &r.By, &r.bytes, &r.inodes, &r.at,
			&r.emptiedBytes, &r.emptiedInodes, &r.emptiedAt, &r.goneAt); err != nil {
			return err
		}
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

func sizesVersion(ctx context.Context, tx *sql.Tx, cluster string) (version int64, err error) {
	err = tx.QueryRowContext(ctx, "SELECT version FROM sizes_version WHERE cluster = ?", cluster).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return version, err
}

// countSizesChange belongs to every change of a cluster's sizes.
func countSizesChange(ctx context.Context, tx *sql.Tx, cluster string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sizes_version (cluster, version) VALUES (?, 1)
		ON CONFLICT (cluster) DO UPDATE SET version = version + 1`, cluster)
	return err
}
