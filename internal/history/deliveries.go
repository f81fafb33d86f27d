package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/verdict"
)

// maxPlaceholders is how many values one query names; SQLite's own limit is
// 32,766: https://www.sqlite.org/limits.html
const maxPlaceholders = 1000

// Deliveries lists what receivers were told about some incidents of a cluster,
// in the order in which it was recorded.
func (s *Store) Deliveries(ctx context.Context, cluster string, incidents []int64) ([]verdict.Delivery, error) {
	var list []verdict.Delivery
	err := s.read(ctx, "list the deliveries of", func(tx *transaction) error {
		ids := slices.Compact(slices.Sorted(slices.Values(incidents)))
		for part := range slices.Chunk(ids, maxPlaceholders) {
			if err := deliveriesOf(ctx, tx, cluster, part, &list); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

func deliveriesOf(ctx context.Context, tx *transaction, cluster string, incidents []int64, list *[]verdict.Delivery) error {
	args := []any{cluster}
	for _, id := range incidents {
		args = append(args, id)
	}
	return rows(ctx, tx, func(r *sql.Rows) error {
		var d verdict.Delivery
		var at int64
		if err := r.Scan(&d.Incident, &d.Fingerprint, &d.Receiver, &d.Kind, &d.Severity, &at, &d.Ref, &d.Count); err != nil {
			return err
		}
		d.At = fromSeconds(at)
		*list = append(*list, d)
		return nil
	}, `SELECT d.incident, d.fingerprint, d.receiver, d.kind, d.severity, d.sent_at, d.ref, d.findings
		FROM deliveries d JOIN incidents i ON i.id = d.incident WHERE i.cluster = ? AND d.incident IN (?`+strings.Repeat(", ?", len(incidents)-1)+") ORDER BY d.id", args...)
}

// RecordDelivery remembers that a receiver accepted a message. It is to be
// called after the receiver's answer and before the next message.
func (s *Store) RecordDelivery(ctx context.Context, d verdict.Delivery) error {
	return s.write(ctx, "record a delivery in", func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO deliveries (incident, fingerprint, receiver, kind, severity, sent_at, ref, findings)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, d.Incident, d.Fingerprint, d.Receiver, d.Kind, d.Severity, seconds(d.At), d.Ref, d.Count)
		if err != nil {
			return fmt.Errorf("of incident %d to %s: %w", d.Incident, d.Receiver, err)
		}
		return nil
	})
}
