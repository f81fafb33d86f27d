package history

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/verdict"
)

// maxHold is longer than any quiet hours or any receiver's wish to be left
// alone: a message that waits for longer was given its time by a clock that has
// been set back since.
const maxHold = 8 * 24 * time.Hour

// Due lists what may be sent to a receiver now, the worst severity first and
// what is over last. Of each incident it lists only the message that comes
// first: the next one is due once that was sent. So it is with incidents of one
// fingerprint, which to a receiver are one thing: that an earlier one is over is
// never told after a later one has opened.
//
// Ref is that of the last message about the incident that the receiver
// accepted, empty if there was none. Run may be the id of a run whose findings
// are no longer kept.
//
// Whatever is listed counts as handed to the caller, who may be killed before
// saying how it went, or may have lost the answer: until Sent it is not known
// whether the receiver has it, and no run takes it back without a trace.
func (s *Store) Due(ctx context.Context, cluster, receiver string, now time.Time) ([]verdict.Delivery, error) {
	var due []verdict.Delivery
	err := s.write(ctx, "read what is to be sent from", func(tx *transaction) error {
		if err := tx.lock(ctx, cluster); err != nil {
			return err
		}
		queues, err := queuesOf(ctx, tx, cluster, receiver)
		if err != nil {
			return err
		}
		for _, q := range queues {
			if q, err = withoutHopeless(ctx, tx, q, now); err != nil {
				return err
			}
			if slices.ContainsFunc(q, func(h head) bool { return h.isDue(now) }) {
				due = append(due, q[0].Delivery)
			}
		}
		return handOut(ctx, tx, due, now)
	})
	slices.SortStableFunc(due, func(a, b verdict.Delivery) int { return cmp.Compare(urgency(&a), urgency(&b)) })
	return due, err
}

// head is the message of an incident that comes first.
type head struct {
	verdict.Delivery
	refused bool
	over    bool // the incident is resolved
}

// isDue tells whether it need not wait for its time.
func (h *head) isDue(now time.Time) bool {
	return !h.NotBefore.After(now) || h.NotBefore.After(now.Add(maxHold))
}

// isHopeless tells whether it is of no use to try it again: nobody needs to hear
// any more that an incident opened.
func (h *head) isHopeless() bool {
	return h.refused && h.over && (h.Kind == verdict.DeliveryOpened || h.Kind == verdict.DeliveryReopened)
}

// queuesOf lists what is queued for a receiver: the first message of each
// incident, by fingerprint, in the order of queueing.
func queuesOf(ctx context.Context, tx *transaction, cluster, receiver string) (queues [][]head, err error) {
	known, place := map[int64]bool{}, map[string]int{}
	err = rows(ctx, tx, func(r *sql.Rows) error {
		var h head
		var ref sql.NullString
		d, err := scanDelivery(r, &h.refused, &h.over, &ref)
		if err != nil || known[d.Incident] {
			return err
		}
		known[d.Incident] = true
		h.Delivery, h.Ref = d, ref.String
		n, there := place[d.Fingerprint]
		if !there {
			n = len(queues)
			place[d.Fingerprint], queues = n, append(queues, nil)
		}
		queues[n] = append(queues[n], h)
		return nil
	}, "SELECT "+deliveryColumns+`, d.refused, i.resolved_at IS NOT NULL,
			(SELECT l.ref FROM deliveries l WHERE l.incident = d.incident AND l.receiver = d.receiver
				AND l.sent_at IS NOT NULL AND l.ref <> '' ORDER BY l.id DESC LIMIT 1)
		FROM deliveries d JOIN incidents i ON i.id = d.incident
		WHERE i.cluster = ? AND d.receiver = ? AND d.sent_at IS NULL ORDER BY d.id`, cluster, receiver)
	return queues, err
}

// withoutHopeless gives up telling of an incident that is over, if the receiver
// refused to hear that it opened and there is another one after it, which would
// have to wait for ever. Its end counts as told, so that no run queues it again.
func withoutHopeless(ctx context.Context, tx *transaction, q []head, now time.Time) ([]head, error) {
	for ; len(q) > 1 && q[0].isHopeless(); q = q[1:] {
		const ofIt = " WHERE incident = ? AND receiver = ? AND sent_at IS NULL"
		_, err := tx.ExecContext(ctx, "UPDATE deliveries SET sent_at = ?"+ofIt+" AND kind = 'resolved'", seconds(now), q[0].Incident, q[0].Receiver)
		if err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM deliveries"+ofIt, q[0].Incident, q[0].Receiver)
		}
		if err != nil {
			return nil, fmt.Errorf("give up what %s refused of incident %d: %w", q[0].Receiver, q[0].Incident, err)
		}
	}
	return q, nil
}

// handOut marks messages as handed to a sender.
func handOut(ctx context.Context, tx *transaction, due []verdict.Delivery, now time.Time) error {
	ids := make([]int64, len(due))
	for i := range due {
		ids[i] = due[i].ID
	}
	return chunked(ids, func(part []any, marks string) error {
		_, err := tx.ExecContext(ctx, "UPDATE deliveries SET handed_at = ? WHERE handed_at IS NULL AND id IN ("+marks+")",
			append([]any{seconds(now)}, part...)...)
		return err
	})
}

// urgency orders messages, so that what a deadline cuts off is what matters least.
func urgency(d *verdict.Delivery) int {
	if d.Kind == verdict.DeliveryResolved {
		return len(verdict.Severities)
	}
	return slices.Index(verdict.Severities, d.Severity)
}

// Sent remembers that a receiver accepted a message that was due, at d.At and
// with the severity, count and Ref of d. It is to be called after the receiver's
// answer and before the next message. To call it again changes nothing.
//
// A run may have replaced or dropped the message while it was on its way. What
// was sent is remembered all the same, and what is still to be told after it
// stays queued.
func (s *Store) Sent(ctx context.Context, cluster string, d verdict.Delivery) error {
	return s.write(ctx, "remember a message in", func(tx *transaction) error {
		if err := tx.lock(ctx, cluster); err != nil {
			return err
		}
		var there int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM incidents WHERE id = ? AND cluster = ?", d.Incident, cluster).Scan(&there); err != nil || there == 0 {
			return err // the incident is forgotten, and with it what was told of it
		}
		if err := storeSent(ctx, tx, d); err != nil {
			return fmt.Errorf("of incident %d to %s: %w", d.Incident, d.Receiver, err)
		}
		if d.Kind != verdict.DeliveryChanged {
			return nil
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM deliveries WHERE incident = ? AND receiver = ? AND kind = ? AND sent_at IS NOT NULL AND id < ?`,
			d.Incident, d.Receiver, string(verdict.DeliveryChanged), d.ID)
		return err
	})
}

// storeSent gives what was sent its own place in the order of sending, and what
// was queued in that place meanwhile the next.
func storeSent(ctx context.Context, tx *transaction, d verdict.Delivery) error {
	queued, err := deliveries(ctx, tx, "d.id = ?", d.ID)
	if err != nil {
		return err
	}
	if len(queued) == 0 {
		return insertDelivery(ctx, tx, d)
	}
	// One that was sent and is still handed out was only taken for sent.
	if _, err := tx.ExecContext(ctx, `UPDATE deliveries SET kind = ?, reason = ?, run_id = ?, severity = ?, findings = ?, summary = ?, sent_at = ?,
		ref = ?, handed_at = NULL WHERE id = ? AND (sent_at IS NULL OR handed_at IS NOT NULL)`, string(d.Kind), d.Reason, d.Run,
		string(d.Severity), d.Count, d.Summary, seconds(d.At), d.Ref, d.ID); err != nil {
		return err
	}
	newer := queued[0]
	kind := follows(d, newer)
	if newer.Sent() || newer.Run == d.Run || kind == "" {
		return nil
	}
	var over int // what came in between is not told once that is over too
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM deliveries WHERE incident = ? AND receiver = ? AND sent_at IS NULL",
		d.Incident, d.Receiver).Scan(&over); err != nil || over > 0 {
		return err
	}
	newer.ID, newer.Kind = 0, kind
	return insertDelivery(ctx, tx, newer)
}

// follows is the kind that a newer message has after the one in whose place it
// was queued was sent; "" if it need not be told any more, so that the next run
// decides.
func follows(sent, newer verdict.Delivery) verdict.DeliveryKind {
	switch newer.Kind {
	case verdict.DeliveryResolved:
		return ""
	case verdict.DeliveryOpened, verdict.DeliveryReopened:
		if sent.Severity.AtLeast(newer.Severity) {
			return ""
		}
		return verdict.DeliveryWorse
	}
	return newer.Kind
}

// Failed remembers that a message could not be sent: d.Tries, d.Error and
// d.NotBefore, and whether the receiver refused it. A message that is no longer
// queued is left alone.
func (s *Store) Failed(ctx context.Context, d verdict.Delivery, refused bool) error {
	return s.write(ctx, "remember a failed message in", func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, "UPDATE deliveries SET tries = ?, error = ?, not_before = ?, refused = ? WHERE id = ? AND sent_at IS NULL",
			d.Tries, d.Error, optional(d.NotBefore), boolInt(refused), d.ID)
		if err != nil {
			return fmt.Errorf("of incident %d to %s: %w", d.Incident, d.Receiver, err)
		}
		return nil
	})
}
