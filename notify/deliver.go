package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"hubaudit/internal/text"
)

// Deliver sends the messages: to each receiver in their order, to all receivers
// at the same time, so that one that is down or slow costs only its own.
// After each message that was accepted, and before the next to the same
// receiver, record is called, never twice at once: a crash in between repeats a
// message rather than losing it. The context bounds everything.
//
// The error joins all failures, each naming its receiver and incident. What was
// not delivered was not recorded, so that the next run sends it.
func Deliver(ctx context.Context, receivers []Receiver, messages []Message, record func(Delivery) error) error {
	var recording sync.Mutex
	recordOne := func(d Delivery) error {
		recording.Lock()
		defer recording.Unlock()
		return record(d)
	}
	failed := make([]error, len(receivers), len(receivers)+len(messages))
	var all sync.WaitGroup
	for n, r := range receivers {
		all.Go(func() { failed[n] = deliverTo(ctx, r, messages, recordOne) })
	}
	all.Wait()
	for _, m := range messages {
		if !slices.ContainsFunc(receivers, func(r Receiver) bool { return r.Name() == m.Receiver }) {
			failed = append(failed, fmt.Errorf("notify %s of %s: no such receiver is configured under notify", m.Receiver, label(m)))
		}
	}
	return errors.Join(failed...)
}

// deliverTo sends what is meant for one receiver.
func deliverTo(ctx context.Context, r Receiver, messages []Message, record func(Delivery) error) error {
	var errs []error
	carriesReport := true
	for _, m := range messages {
		if m.Receiver != r.Name() {
			continue
		}
		m.FirstOfRun = carriesReport
		ref, err := send(ctx, r, m)
		if err != nil {
			errs = append(errs, fmt.Errorf("notify %s of %s: %w", r.Name(), label(m), err))
		}
		if posted := (*PostedError)(nil); err != nil && !errors.As(err, &posted) {
			continue
		}
		carriesReport = false
		if err := record(delivery(m, ref)); err != nil {
			errs = append(errs, fmt.Errorf("%s was told of %s, but that could not be remembered, so the next run may tell it again: %w",
				r.Name(), label(m), err))
		}
	}
	return errors.Join(errs...)
}

// send keeps a crash while composing one message from costing the others.
func send(ctx context.Context, r Receiver, m Message) (ref string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the receiver crashed, please report it: %v", p)
		}
	}()
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("not sent, the time for notifications was used up; the next run sends it: %w", err)
	}
	return r.Send(ctx, m)
}

func delivery(m Message, ref string) Delivery {
	return Delivery{Incident: m.Incident.ID, Fingerprint: m.Incident.Fingerprint, Receiver: m.Receiver, Kind: m.Kind,
		Severity: m.Incident.Severity, At: m.runTime(), Ref: ref, Count: m.Incident.Count}
}

// label names an incident in an error.
func label(m Message) string {
	s := text.Name(m.Incident.Check)
	if m.Incident.Hub != "" {
		s += " of " + text.Name(m.Incident.Hub)
	}
	if m.Incident.ID != 0 {
		s += fmt.Sprintf(" (incident %d)", m.Incident.ID)
	}
	return s
}
