package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

const deliveryColumns = `d.id, d.incident, d.fingerprint, d.receiver, d.kind, d.reason, d.run_id, d.severity, d.findings, d.summary,
	d.queued_at, d.not_before, d.sent_at, d.ref, d.tries, d.error, d.unsure`

// scanDelivery reads deliveryColumns, and what a query selects after them.
func scanDelivery(r *sql.Rows, more ...any) (verdict.Delivery, error) {
	var d verdict.Delivery
	var queued int64
	var unsure string
	var notBefore, sent sql.NullInt64
	err := r.Scan(append([]any{&d.ID, &d.Incident, &d.Fingerprint, &d.Receiver, &d.Kind, &d.Reason, &d.Run, &d.Severity, &d.Count, &d.Summary,
		&queued, &notBefore, &sent, &d.Ref, &d.Tries, &d.Error, &unsure}, more...)...)
	d.QueuedAt, d.NotBefore, d.At = fromSeconds(queued), fromOptional(notBefore), fromOptional(sent)
	for s := range strings.FieldsSeq(unsure) {
		d.Unsure = append(d.Unsure, verdict.Severity(s))
	}
	return d, err
}

// deliveries reads those that a condition selects, of the table d.
func deliveries(ctx context.Context, tx *transaction, where string, args ...any) ([]verdict.Delivery, error) {
	var list []verdict.Delivery
	err := rows(ctx, tx, func(r *sql.Rows) error {
		d, err := scanDelivery(r)
		list = append(list, d)
		return err
	}, "SELECT "+deliveryColumns+" FROM deliveries d WHERE "+where, args...)
	return list, err
}

// Deliveries lists what was sent to receivers about some incidents of a cluster
// and what is queued for them; what is about one incident and for one receiver
// in the order of sending. Of messages of the kind changed only the last one
// that was sent is remembered.
func (s *Store) Deliveries(ctx context.Context, cluster string, incidents []int64) ([]verdict.Delivery, error) {
	var list []verdict.Delivery
	err := s.read(ctx, "list the deliveries of", func(tx *transaction) (err error) {
		list, err = deliveriesOf(ctx, tx, cluster, incidents)
		return err
	})
	return list, err
}

func deliveriesOf(ctx context.Context, tx *transaction, cluster string, incidents []int64) ([]verdict.Delivery, error) {
	var list []verdict.Delivery
	err := chunked(incidents, func(part []any, marks string) error {
		found, err := deliveries(ctx, tx, "d.incident IN (SELECT id FROM incidents WHERE cluster = ? AND id IN ("+marks+")) ORDER BY d.id",
			append([]any{cluster}, part...)...)
		list = append(list, found...)
		return err
	})
	return list, err
}

// Undelivered tells what is queued for each of some receivers: in their order,
// those for whom nothing is left out. What only waits for its time, such as the
// end of quiet hours, is not counted until it was tried. hubs are as for Due.
func (s *Store) Undelivered(ctx context.Context, cluster string, receivers []string, hubs ...string) ([]facts.Undelivered, error) {
	waiting, wanted := map[string]*facts.Undelivered{}, among(hubs)
	err := s.read(ctx, "list what is still to be sent from", func(tx *transaction) error {
		return rows(ctx, tx, func(r *sql.Rows) error {
			var refused bool
			var hub string
			d, err := scanDelivery(r, &refused, &hub)
			if err == nil && wanted(hub) {
				addUndelivered(waiting, &d, refused)
			}
			return err
		}, "SELECT "+deliveryColumns+`, d.refused, i.hub FROM deliveries d JOIN incidents i ON i.id = d.incident
			WHERE i.cluster = ? AND d.sent_at IS NULL AND (d.tries > 0 OR d.not_before IS NULL) ORDER BY d.id`, cluster)
	})
	var list []facts.Undelivered
	for _, name := range receivers {
		if u := waiting[name]; u != nil {
			list = append(list, *u)
		}
	}
	return list, err
}

// addUndelivered counts one message that is queued. The reason of the one that
// was refused stands for all, or else of the one that was tried most often.
func addUndelivered(waiting map[string]*facts.Undelivered, d *verdict.Delivery, refused bool) {
	u := waiting[d.Receiver]
	if u == nil {
		u = &facts.Undelivered{Receiver: d.Receiver, Since: d.QueuedAt}
		waiting[d.Receiver] = u
	}
	u.Messages++
	if d.QueuedAt.Before(u.Since) {
		u.Since = d.QueuedAt
	}
	if refused && !u.Refused || refused == u.Refused && d.Tries > u.Tries {
		u.Error, u.Refused = d.Error, refused
	}
	u.Tries = max(u.Tries, d.Tries)
}

// deliveriesPerInsert keeps a statement of 17 values per message below maxPlaceholders.
const deliveriesPerInsert = 50

// queueNew stores messages under new IDs, which ascend in their order. One that
// would be queued beside another that says the same is left out.
func queueNew(ctx context.Context, tx *transaction, list ...verdict.Delivery) error {
	return insertDeliveries(ctx, tx, list, "ON CONFLICT DO NOTHING")
}

// insertDeliveries stores messages with the IDs that they have, all of them or
// none, and does onConflict with what is there already.
func insertDeliveries(ctx context.Context, tx *transaction, list []verdict.Delivery, onConflict string) error {
	for part := range slices.Chunk(list, deliveriesPerInsert) {
		columns, marks := "", ""
		if part[0].ID != 0 {
			columns, marks = ", id", ", ?"
		}
		var args []any
		for i := range part {
			d := &part[i]
			args = append(args, d.Incident, d.Fingerprint, d.Receiver, string(d.Kind), d.Reason, d.Run, string(d.Severity), d.Count, d.Summary,
				seconds(d.QueuedAt), optional(d.NotBefore), optional(d.At), d.Ref, d.Tries, d.Error, 0)
			if d.ID != 0 {
				args = append(args, d.ID)
			}
		}
		row := "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?" + marks + ")"
		_, err := tx.ExecContext(ctx, `INSERT INTO deliveries (incident, fingerprint, receiver, kind, reason, run_id, severity, findings, summary,
			queued_at, not_before, sent_at, ref, tries, error, refused`+columns+") VALUES "+row+strings.Repeat(", "+row, len(part)-1)+" "+onConflict, args...)
		if err != nil {
			return fmt.Errorf("store %d messages, the first of incident %d to %s: %w", len(part), part[0].Incident, part[0].Receiver, err)
		}
	}
	return nil
}
