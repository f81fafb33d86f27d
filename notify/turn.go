package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"hubaudit/internal/text"
)

const (
	// maxUnreachable is after how many failures in a row a receiver counts as down,
	// so that many messages to it do not take up the time of the run.
	maxUnreachable = 3
	// maxUnnoted is how many messages a program may get, and unnotedFor for how long,
	// before they are noted. A crash repeats no more than that under the same ids. To
	// note each took a disk most of the time of a run with thousands.
	maxUnnoted = 50
	unnotedFor = time.Second
	// maxErrors is how many failures of one receiver are told one by one.
	maxErrors = 5
	// maxErrorColumns bounds what is remembered of a failure.
	maxErrorColumns = 500
)

const outOfTime = "the time for notifications was used up, or the run was stopped"

// What a failed message waits at most: as the receiver asks, or else a little
// longer each time. The run after the first failure tries again in any case.
const (
	maxPatience  = 6 * time.Hour
	firstWaiting = time.Minute
	maxWaiting   = 10 * time.Minute
)

// turn is the sending to one receiver in one run.
type turn struct {
	*Courier
	receiver Receiver
	limit    *rate.Limiter // nil for none
	done     map[attempt]bool
	// report: the next message carries the report.
	report bool
	// unreachable counts failures in a row that are not the message's own.
	unreachable int
	// stopped is why no more is sent in this turn; "" while more is.
	stopped string
	// after is how long the receiver wants to be left alone.
	after time.Duration
	// accepted are the messages that the receiver has and that are not noted so yet,
	// since the first of them was sent.
	accepted portion
	since    time.Time
	// unnoted are those that failed and are not noted so yet, by whether they were refused.
	unnoted map[bool][]Delivery
	errs    []error
	more    int // failures beyond those in errs
	// cause is why the last message failed.
	cause string
}

// attempt is what a turn tries once: a message that a run replaces meanwhile is another.
type attempt struct {
	id       int64
	incident name
	run      string
	kind     Kind
}

func attemptOf(d *Delivery) attempt {
	return attempt{d.ID, nameOf(d.Incident, d.Fingerprint), d.Run, d.Kind}
}

// run sends until nothing is due that was not tried.
func (t *turn) run(ctx context.Context) error {
	for t.stopped == "" {
		due, err := t.Queue.Due(ctx, t.receiver.Name())
		if err != nil {
			return err
		}
		due = t.untried(due)
		if len(due) == 0 {
			return nil
		}
		slices.SortStableFunc(due, func(a, b Delivery) int { return Urgency(&a) - Urgency(&b) })
		messages, err := t.Compose(ctx, due)
		if err != nil {
			return err
		}
		for _, p := range portions(t.receiver, due, messages) {
			if t.send(ctx, p); t.stopped != "" {
				break
			}
		}
		t.leave(t.untried(due))
		t.note(ctx)
	}
	return nil
}

func (t *turn) untried(due []Delivery) []Delivery {
	return slices.DeleteFunc(slices.Clone(due), func(d Delivery) bool { return t.done[attemptOf(&d)] })
}

// send sends one portion and notes what came of it.
func (t *turn) send(ctx context.Context, p portion) {
	if t.limit != nil && t.limit.Wait(ctx) != nil { // also if its turn would come after the deadline
		t.stopped = "it takes only so many messages a minute"
	}
	if ctx.Err() != nil {
		t.stopped = outOfTime
	}
	if t.stopped != "" {
		return
	}
	carries := t.report && len(p.messages[0].Report) > 0 && p.messages[0].Kind != Changed
	p.messages[0].FirstOfRun = carries
	refs, err := p.sendTo(ctx, t.receiver)
	posted := (*PostedError)(nil)
	switch {
	case err == nil || errors.As(err, &posted):
		t.unreachable, t.report = 0, t.report && !carries
		t.sent(ctx, p, refs, err)
	case ctx.Err() != nil: // no fault of the receiver's
		t.stopped = outOfTime
		t.fail(fmt.Errorf("notify %s of %s: %w", t.receiver.Name(), p.label(), err))
		for _, d := range p.due {
			t.done[attemptOf(&d)] = true
		}
	case len(p.due) > 1 && !p.digest && reasonOf(err).Refused: // for the sake of one of them, maybe
		for _, one := range p.divided(1) {
			if t.send(ctx, one); t.stopped != "" {
				return
			}
		}
	default:
		t.noteAccepted(ctx) // the next attempts may take long
		t.failed(p, err)
	}
}

// sent takes in that a portion was accepted. For people that is noted before the next
// is sent; programs, which know a message that comes again, may get some more before.
func (t *turn) sent(ctx context.Context, p portion, refs []string, partly error) {
	if partly != nil {
		t.fail(fmt.Errorf("notify %s of %s: %w", t.receiver.Name(), p.label(), partly))
	}
	if len(t.accepted.due) == 0 {
		t.since = t.Clock()
	}
	for n, d := range p.due {
		t.done[attemptOf(&d)] = true
		d.At = t.now()
		if !p.digest || d.Ref == "" { // a digest is no place for an incident that has one
			d.Ref = refs[n%len(refs)]
		}
		d.Severity, d.Count = p.messages[n].Incident.Severity, p.messages[n].Incident.Count
		t.accepted.due, t.accepted.messages = append(t.accepted.due, d), append(t.accepted.messages, p.messages[n])
	}
	_, people := t.receiver.(Digester)
	if people || len(t.accepted.due) >= maxUnnoted || t.Clock().Sub(t.since) >= unnotedFor {
		t.noteAccepted(ctx)
	}
}

// noteAccepted notes what is out: that is written even while the run is being stopped.
func (t *turn) noteAccepted(ctx context.Context) {
	if len(t.accepted.due) == 0 {
		return
	}
	if err := t.Queue.Sent(context.WithoutCancel(ctx), t.accepted.due...); err != nil {
		t.fail(fmt.Errorf("%s was told of %s, but that could not be remembered, so the next run may tell it again: %w",
			t.receiver.Name(), t.accepted.label(), err))
	}
	t.accepted = portion{}
}

func (t *turn) now() time.Time { return t.Clock().UTC().Truncate(time.Second) }

// reasonOf is why a receiver did not accept something.
func reasonOf(err error) *SendError {
	why := (*SendError)(nil)
	if !errors.As(err, &why) {
		why = &SendError{Err: err}
	}
	return why
}

// failed takes in that a portion was not accepted, and stops where the receiver is
// down or asks for patience.
func (t *turn) failed(p portion, err error) {
	if t.cause == err.Error() {
		t.more++ // for the same reason is no news
	} else {
		t.fail(fmt.Errorf("notify %s of %s: %w", t.receiver.Name(), p.label(), err))
	}
	t.cause = err.Error()
	why := reasonOf(err)
	for _, d := range p.due {
		t.done[attemptOf(&d)] = true
		d.Tries++
		d.Error, d.NotBefore = text.Sentence(err.Error(), maxErrorColumns), t.notBefore(&d, why)
		t.unnoted[why.Refused] = append(t.unnoted[why.Refused], d)
	}
	switch {
	case why.Refused:
		t.unreachable = 0
	case why.After > 0:
		t.stopped, t.after = "it asks to wait for "+text.Duration(why.After), why.After
	default:
		if t.unreachable++; t.unreachable == maxUnreachable {
			t.stopped = "it does not accept anything at present"
		}
	}
}

// notBefore is when a message that failed is to be tried again; zero for the next run.
func (t *turn) notBefore(d *Delivery, why *SendError) time.Time {
	switch {
	case why.After > 0:
		return t.now().Add(min(why.After, maxPatience))
	case why.Refused || d.Tries < 2:
		return time.Time{}
	}
	return t.now().Add(min(firstWaiting<<min(d.Tries-2, 10), maxWaiting))
}

// leave tells of what is due and was not tried. Where the receiver asked for
// patience it waits as well.
func (t *turn) leave(left []Delivery) {
	if t.stopped == "" || len(left) == 0 {
		return
	}
	which := fmt.Sprintf("of incident %d", left[0].Incident)
	if len(left) > 1 {
		which = "the first " + which
	}
	t.errs = append(t.errs, fmt.Errorf("notify %s: %s (%s) not sent, as %s; the next run sends what is still queued",
		t.receiver.Name(), text.Count(len(left), "more message"), which, t.stopped))
	if t.after == 0 {
		return
	}
	for _, d := range left {
		d.NotBefore = t.now().Add(min(t.after, maxPatience))
		t.unnoted[false] = append(t.unnoted[false], d)
	}
}

// note notes what is not noted yet. What failed is noted last and all at once: what a
// crash before that forgets is only how often it was tried.
func (t *turn) note(ctx context.Context) {
	t.noteAccepted(ctx)
	for refused, all := range t.unnoted {
		if err := t.Queue.Failed(context.WithoutCancel(ctx), refused, all...); err != nil {
			t.fail(fmt.Errorf("notify %s: %w", t.receiver.Name(), err))
		}
	}
	clear(t.unnoted)
}

func (t *turn) fail(err error) {
	if len(t.errs) < maxErrors {
		t.errs = append(t.errs, err)
	} else {
		t.more++
	}
}

// err joins the failures of the turn.
func (t *turn) err() error {
	if t.more > 0 {
		t.errs = append(t.errs, fmt.Errorf("notify %s: %s", t.receiver.Name(), text.Count(t.more, "further failure")))
	}
	return errors.Join(t.errs...)
}
