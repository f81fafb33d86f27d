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
// hubs are those whose incidents are listed, beside the cluster's own; without any
// all are. Another audit may have the others, and a receiver of the same name.
//
// Ref is that of the last message about the incident that the receiver
// accepted, empty if there was none. Run may be the id of a run whose findings
// are no longer kept.
//
// Whatever is listed counts as handed to the caller, who may be killed before
// saying how it went, or may have lost the answer: until Sent it is not known
// whether the receiver has it, and no run takes it back without a trace.
func (s *Store) Due(ctx context.Context, cluster, receiver string, now time.Time, hubs ...string) ([]verdict.Delivery, error) {
	var due []verdict.Delivery
	err := s.write(ctx, "read what is to be sent from", func(tx *transaction) error {
		if err := tx.lock(ctx, cluster); err != nil {
			return err
		}
		queues, err := queuesOf(ctx, tx, cluster, receiver, hubs)
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
// incident, by fingerprint. Of incidents of one fingerprint those that are over
// come before the one that is open, whichever was queued first: a run that told
// nobody may have resolved the one and opened the other.
func queuesOf(ctx context.Context, tx *transaction, cluster, receiver string, hubs []string) (queues [][]head, err error) {
	known, place, wanted := map[int64]bool{}, map[string]int{}, among(hubs)
	err = rows(ctx, tx, func(r *sql.Rows) error {
		var h head
		var ref sql.NullString
		var hub string
		d, err := scanDelivery(r, &h.refused, &h.over, &ref, &hub)
		if err != nil || known[d.Incident] || !wanted(hub) {
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
				AND l.sent_at IS NOT NULL AND l.ref <> '' ORDER BY l.id DESC LIMIT 1), i.hub
		FROM deliveries d JOIN incidents i ON i.id = d.incident
		WHERE i.cluster = ? AND d.receiver = ? AND d.sent_at IS NULL ORDER BY d.id`, cluster, receiver)
	for _, q := range queues {
		slices.SortStableFunc(q, func(a, b head) int { return cmp.Compare(boolInt(b.over), boolInt(a.over)) })
	}
	return queues, err
}

// among makes a test of whether a hub is one of those asked for, if any are. What is
// the cluster's has the hub "".
func among(hubs []string) func(hub string) bool {
	asked := make(map[string]bool, len(hubs))
	for _, hub := range hubs {
		asked[hub] = true
	}
	return func(hub string) bool { return hub == "" || len(hubs) == 0 || asked[hub] }
}

// withoutHopeless gives up telling of an incident that is over, if the receiver
// refused to hear that it opened and there is another one after it, which would
// have to wait for ever. Its end counts as told, so that no run queues it again.
func withoutHopeless(ctx context.Context, tx *transaction, q []head, now time.Time) ([]head, error) {
	for ; len(q) > 1 && q[0].isHopeless(); q = q[1:] {
		const ofIt = " WHERE incident = ? AND receiver = ? AND sent_at IS NULL"
		_, err := tx.ExecContext(ctx, "UPDATE deliveries SET sent_at = ?, unsure = ''"+ofIt+" AND kind = 'resolved'", seconds(now), q[0].Incident, q[0].Receiver)
		if err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM deliveries"+ofIt, q[0].Incident, q[0].Receiver)
		}
		if err != nil {
			return nil, fmt.Errorf("give up what %s refused of incident %d: %w", q[0].Receiver, q[0].Incident, err)
		}
	}
	return q, nil
}

func idsOf(list []verdict.Delivery) []int64 {
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

// handOut marks messages as handed to a sender.
func handOut(ctx context.Context, tx *transaction, due []verdict.Delivery, now time.Time) error {
	return chunked(idsOf(due), func(part []any, marks string) error {
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
