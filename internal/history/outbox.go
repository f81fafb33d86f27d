package history

import (
	"context"
	"fmt"
	"time"

	"hubaudit/internal/verdict"
)

// keepResolutions is for how long receivers may still be told of an incident
// that is over: who hears of it a month later can do nothing with it.
const keepResolutions = 30 * 24 * time.Hour

// holdBack is for how long a message is held that nobody needs any more but may
// have been sent: for longer than any quiet hours and any receiver's wish to be left
// alone, by which whoever decides knows it, and less than maxHold. Each run that still
// does not need it holds it for longer.
const holdBack = 4 * 24 * time.Hour

// untold selects incidents of which receivers may have to be told: those that
// are open, and those resolved since a time of which something is queued, or
// of which a receiver was told that they are open and not that they are over.
const untold = "cluster = ? AND " + notPending + ` AND (resolved_at IS NULL OR resolved_at >= ? AND EXISTS (
	SELECT 1 FROM deliveries d WHERE d.incident = incidents.id AND (d.sent_at IS NULL OR d.kind <> 'resolved') AND NOT EXISTS (
		SELECT 1 FROM deliveries o WHERE o.incident = d.incident AND o.receiver = d.receiver AND o.kind = 'resolved' AND o.sent_at IS NOT NULL
			AND o.id > d.id))) ORDER BY id`

// planDeliveries lets a current run decide what is to be told, and queues that.
func planDeliveries(ctx context.Context, tx *transaction, run *verdict.Run, plan func([]verdict.Incident, []verdict.Delivery) verdict.Outbox) error {
	if plan == nil {
		return nil
	}
	list, err := incidents(ctx, tx, untold, run.Cluster, seconds(run.StartedAt.Add(-keepResolutions)))
	if err != nil {
		return fmt.Errorf("read the incidents to tell of: %w", err)
	}
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	told, err := deliveriesOf(ctx, tx, run.Cluster, ids)
	if err != nil {
		return fmt.Errorf("read what was told of them: %w", err)
	}
	return queue(ctx, tx, run, plan(list, told))
}

// queue changes what is queued. Whatever was sent stays as it is.
func queue(ctx context.Context, tx *transaction, run *verdict.Run, out verdict.Outbox) error {
	sent, err := takeBack(ctx, tx, run, out.Drop)
	if err != nil {
		return fmt.Errorf("take queued messages back: %w", err)
	}
	var added []verdict.Delivery
	for _, d := range out.Put {
		d.Run, d.QueuedAt, d.At = run.ID, run.StartedAt, time.Time{}
		if d.ID == 0 {
			added = append(added, d)
		} else if err := replaceQueued(ctx, tx, d); err != nil {
			return err
		}
	}
	if err := queueNew(ctx, tx, added...); err != nil {
		return err
	}
	for _, d := range sent {
		if err := tellAgain(ctx, tx, run, d); err != nil {
			return fmt.Errorf("correct what %s was told of incident %d: %w", d.Receiver, d.Incident, err)
		}
	}
	return nil
}

// takeBack drops queued messages. One that was handed to a sender may have
// reached its receiver, though nobody has said so: the sender may have been
// killed in between. So it is taken for sent if it says that an incident is
// over, and returned; and if it says that one is open, which the receiver does
// not know otherwise, it is held back and not forgotten, as what says that the
// incident is over must follow it. One that is held has not failed.
func takeBack(ctx context.Context, tx *transaction, run *verdict.Run, ids []int64) (sent []verdict.Delivery, err error) {
	err = chunked(ids, func(part []any, marks string) error {
		among := " AND sent_at IS NULL AND incident IN (SELECT id FROM incidents WHERE cluster = ?) AND id IN (" + marks + ")"
		of := append([]any{run.Cluster}, part...)
		if _, err := tx.ExecContext(ctx, "DELETE FROM deliveries WHERE (handed_at IS NULL OR kind NOT IN ('opened', 'reopened', 'resolved'))"+among,
			of...); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE deliveries SET not_before = ?, tries = 0, error = '', refused = 0 WHERE kind <> 'resolved'"+among,
			append([]any{seconds(run.StartedAt.Add(holdBack))}, of...)...); err != nil {
			return err
		}
		over, err := deliveries(ctx, tx, "d.kind = 'resolved'"+among+" ORDER BY d.id", of...)
		if err != nil {
			return err
		}
		sent = append(sent, over...)
		_, err = tx.ExecContext(ctx, "UPDATE deliveries SET sent_at = handed_at, unsure = '' WHERE kind = 'resolved'"+among, of...)
		return err
	})
	return sent, err
}

// tellAgain makes sure that a receiver that may have been told that an incident
// is over is told that it is not.
func tellAgain(ctx context.Context, tx *transaction, run *verdict.Run, sent verdict.Delivery) error {
	queued, err := tx.ExecContext(ctx, "UPDATE deliveries SET kind = ? WHERE incident = ? AND receiver = ? AND sent_at IS NULL AND kind <> 'resolved'",
		string(verdict.DeliveryReopened), sent.Incident, sent.Receiver)
	if err != nil {
		return err
	}
	if n, err := queued.RowsAffected(); n > 0 || err != nil {
		return err
	}
	list, err := incidents(ctx, tx, "id = ? AND resolved_at IS NULL", sent.Incident)
	for _, inc := range list {
		if inc.Told() {
			err = queueNew(ctx, tx, verdict.Delivery{Incident: inc.ID, Fingerprint: inc.Fingerprint, Receiver: sent.Receiver,
				Kind: verdict.DeliveryReopened, Reason: "it is open again, and " + sent.Receiver + " may have been told that it is over",
				Run: run.ID, Severity: inc.Severity, Count: inc.Count, Summary: inc.Summary, QueuedAt: run.StartedAt})
		}
	}
	return err
}

// replaceQueued gives a queued message another content. It keeps since when it
// waits and how often it was tried in vain: both are the receiver's. As it may have
// reached the receiver already, its severity is remembered too.
func replaceQueued(ctx context.Context, tx *transaction, d verdict.Delivery) error {
	_, err := tx.ExecContext(ctx, `UPDATE deliveries SET kind = ?, reason = ?, run_id = ?, severity = ?, findings = ?, summary = ?, not_before = ?,
			unsure = CASE WHEN handed_at IS NOT NULL AND severity <> ? AND unsure NOT LIKE '%' || severity || '%' THEN unsure || severity || ' ' ELSE unsure END
		WHERE id = ? AND incident = ? AND receiver = ? AND sent_at IS NULL`,
		string(d.Kind), d.Reason, d.Run, string(d.Severity), d.Count, d.Summary, optional(d.NotBefore),
		string(d.Severity), d.ID, d.Incident, d.Receiver)
	if err != nil {
		return fmt.Errorf("replace queued message %d: %w", d.ID, err)
	}
	return nil
}

// forgetQueued drops what is queued about incidents that were over before a time.
func forgetQueued(ctx context.Context, tx *transaction, cluster string, before int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM deliveries WHERE sent_at IS NULL
		AND incident IN (SELECT id FROM incidents WHERE cluster = ? AND resolved_at < ?)`, cluster, before)
	if err != nil {
		return fmt.Errorf("drop messages of incidents that ended long ago: %w", err)
	}
	return nil
}
