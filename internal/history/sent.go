package history

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"hubaudit/internal/verdict"
)

// Sent remembers that a receiver accepted messages that were due, which may have
// been one to it: each at its At and with its Severity, Count and Ref. All are
// remembered or none. It is to be called after the receiver's answer and before
// the next message. To call it again changes nothing.
//
// A run may have replaced or dropped a message while it was on its way. What
// was sent is remembered all the same, and what is still to be told after it
// stays queued. What an incident that is forgotten was told of is forgotten with it.
func (s *Store) Sent(ctx context.Context, cluster string, all ...verdict.Delivery) error {
	return s.write(ctx, "remember what was sent in", func(tx *transaction) error {
		if err := tx.lock(ctx, cluster); err != nil {
			return err
		}
		all, err := ofKnownIncidents(ctx, tx, cluster, all)
		if err != nil {
			return err
		}
		queued, err := byID(ctx, tx, all)
		if err != nil {
			return err
		}
		if err := storeSent(ctx, tx, all); err != nil {
			return err
		}
		for i := range all {
			if newer, ok := queued[all[i].ID]; ok {
				if err := queueAfter(ctx, tx, &all[i], newer); err != nil {
					return err
				}
			}
		}
		return forgetChanges(ctx, tx, all)
	})
}

// ofKnownIncidents leaves out messages of incidents that are forgotten, or another cluster's.
func ofKnownIncidents(ctx context.Context, tx *transaction, cluster string, all []verdict.Delivery) ([]verdict.Delivery, error) {
	ids := make([]int64, len(all))
	for i := range all {
		ids[i] = all[i].Incident
	}
	known := map[int64]bool{}
	err := chunked(ids, func(part []any, marks string) error {
		return rows(ctx, tx, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			known[id] = true
			return err
		}, "SELECT id FROM incidents WHERE cluster = ? AND id IN ("+marks+")", append([]any{cluster}, part...)...)
	})
	return slices.DeleteFunc(slices.Clone(all), func(d verdict.Delivery) bool { return !known[d.Incident] }), err
}

// byID are the stored messages that have the IDs of some.
func byID(ctx context.Context, tx *transaction, all []verdict.Delivery) (map[int64]verdict.Delivery, error) {
	stored := map[int64]verdict.Delivery{}
	err := chunked(idsOf(all), func(part []any, marks string) error {
		list, err := deliveries(ctx, tx, "d.id IN ("+marks+")", part...)
		for _, d := range list {
			stored[d.ID] = d
		}
		return err
	})
	return stored, err
}

// storeSent gives what was sent its own place in the order of sending. One that
// was sent and is still handed out was only taken for sent.
func storeSent(ctx context.Context, tx *transaction, all []verdict.Delivery) error {
	return insertDeliveries(ctx, tx, all, `ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, reason = excluded.reason, run_id = excluded.run_id,
		severity = excluded.severity, findings = excluded.findings, summary = excluded.summary, sent_at = excluded.sent_at, ref = excluded.ref,
		handed_at = NULL, unsure = '' WHERE deliveries.sent_at IS NULL OR deliveries.handed_at IS NOT NULL`)
}

// queueAfter queues what was queued in the place of a message while that was on its
// way, if it is still to be told.
func queueAfter(ctx context.Context, tx *transaction, sent *verdict.Delivery, newer verdict.Delivery) error {
	kind := follows(sent, &newer)
	if newer.Sent() || newer.Run == sent.Run || kind == "" {
		return nil
	}
	var over int // what came in between is not told once that is over too
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM deliveries WHERE incident = ? AND receiver = ? AND sent_at IS NULL",
		sent.Incident, sent.Receiver).Scan(&over); err != nil || over > 0 {
		return err
	}
	newer.ID, newer.Kind = 0, kind
	return queueNew(ctx, tx, newer)
}

// follows is the kind that a newer message has after the one in whose place it
// was queued was sent; "" if it need not be told any more, so that the next run
// decides. Who was just called is called again only for what is worse.
func follows(sent, newer *verdict.Delivery) verdict.DeliveryKind {
	switch {
	case newer.Kind == verdict.DeliveryResolved:
		return ""
	case newer.Kind == verdict.DeliveryChanged || sent.Kind == verdict.DeliveryChanged:
		return newer.Kind
	case sent.Severity.AtLeast(newer.Severity):
		return ""
	}
	return verdict.DeliveryWorse
}

// forgetChanges drops messages of the kind changed after which another one was sent.
func forgetChanges(ctx context.Context, tx *transaction, sent []verdict.Delivery) error {
	var ids []int64
	for i := range sent {
		if sent[i].Kind == verdict.DeliveryChanged {
			ids = append(ids, sent[i].Incident)
		}
	}
	return chunked(ids, func(part []any, marks string) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM deliveries WHERE kind = 'changed' AND sent_at IS NOT NULL AND incident IN (`+marks+`) AND EXISTS (
			SELECT 1 FROM deliveries n WHERE n.incident = deliveries.incident AND n.receiver = deliveries.receiver AND n.kind = 'changed'
				AND n.sent_at IS NOT NULL AND n.id > deliveries.id)`, part...)
		return err
	})
}

// Failed remembers that messages could not be sent: the Tries, Error and NotBefore
// of each, and whether the receiver refused them. One that is no longer queued
// is left alone.
func (s *Store) Failed(ctx context.Context, refused bool, all ...verdict.Delivery) error {
	type failure struct {
		tries     int
		err       string
		notBefore time.Time
	}
	alike := map[failure][]int64{}
	for i := range all {
		f := failure{all[i].Tries, all[i].Error, all[i].NotBefore}
		alike[f] = append(alike[f], all[i].ID)
	}
	return s.write(ctx, "remember what was not sent in", func(tx *transaction) error {
		for f, ids := range alike {
			err := chunked(ids, func(part []any, marks string) error {
				_, err := tx.ExecContext(ctx, "UPDATE deliveries SET tries = ?, error = ?, not_before = ?, refused = ? WHERE sent_at IS NULL AND id IN ("+marks+")",
					append([]any{f.tries, f.err, optional(f.notBefore), boolInt(refused)}, part...)...)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
