package notify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// Decide tells what is to be sent about incidents, and why; it is a pure function.
// told is all that was queued or sent about them, in that order, run the id of the run that found
// them so, now its time.
//
// An open incident goes to each receiver that a route brings it to: once when it
// opened, again when it got worse than that receiver was told or fails again
// after the receiver was told of its end, again when it is the cause of more, and again
// after each repeat interval.
// A receiver that shows it is told silently what changes. One that is resolved
// goes to each receiver that was told, or is about to be told, that it is open,
// whatever the routes are now. An incident whose verdict is unknown or skipped is
// still open. Of one that is silenced, or explained by one that they hear of, only those who
// were told of it hear, and only that it is over; a receiver of states goes on to hear that it is not.
//
// The outbox has new messages and those that take the place of a queued one; what
// is queued and still right is left alone, so that deciding twice changes nothing.
func Decide(incidents []verdict.Incident, told []Delivery, p Policy, run string, now time.Time) ([]Ruling, verdict.Outbox) {
	now = now.UTC().Truncate(time.Second)
	d := decider{policy: &p, run: run, now: now, quietEnd: p.Quiet.until(now)}
	d.causes(incidents)
	d.standings = recall(told)
	for n := range incidents {
		i := &incidents[n]
		all := d.standings[nameOf(i.ID, i.Fingerprint)]
		if i.State != verdict.Pending {
			d.decide(i, all)
		}
	}
	slices.SortStableFunc(d.out.Put, func(a, b Delivery) int { return cmp.Compare(Urgency(&a), Urgency(&b)) })
	return d.rulings, d.out
}

// Urgency orders messages, so that what a deadline cuts off is what matters
// least: the worst first, then what is over, then what calls nobody.
func Urgency(d *Delivery) int {
	switch d.Kind {
	case Resolved:
		return len(verdict.Severities)
	case Changed:
		return len(verdict.Severities) + 1
	}
	return slices.Index(verdict.Severities, d.Severity)
}

type decider struct {
	policy *Policy
	run    string
	now    time.Time
	// quietEnd is when the quiet that there is now ends; zero if there is none.
	quietEnd  time.Time
	standings map[name][]*standing
	// hear are the receivers of those open incidents that explain others, explained
	// those others, both by the fingerprint of the cause.
	hear      map[string][]string
	explained map[string][]*verdict.Incident
	rulings   []Ruling
	out       verdict.Outbox
}

func (d *decider) decide(i *verdict.Incident, all []*standing) {
	routed := d.policy.routed(i)
	if i.State != verdict.Resolved {
		all = slices.Clone(all)
		for _, receiver := range routed {
			if find(all, receiver) == nil && !d.mutes(i, receiver) {
				all = append(all, &standing{receiver: receiver})
			}
		}
		if len(all) == 0 && len(routed) == 0 {
			d.rule(i, "", NoRoute, "", "no route takes it")
		}
	}
	for _, s := range all {
		_, configured := d.policy.Receivers[s.receiver]
		switch {
		case !configured:
			d.rule(i, s.receiver, NoReceiver, "", s.receiver+" is not configured here")
		case i.State == verdict.Resolved:
			d.resolved(i, s)
		case d.mutes(i, s.receiver):
			d.muted(i, s)
		case i.Outcome == verdict.Pass:
			d.held(i, s)
		default:
			d.open(i, s, slices.Contains(routed, s.receiver))
		}
	}
}

// resolved tells of the end those who know of the incident or are about to.
func (d *decider) resolved(i *verdict.Incident, s *standing) {
	knows := s.open
	var opening, shown *Delivery
	switch {
	case s.active != nil && isOpening(s.active.Kind):
		knows, opening = true, s.active
	case knows && s.over == nil && d.policy.Receivers[s.receiver] == KeepsState:
		shown = s.active // in its place, so that all that the receiver may show of it ends
	default:
		d.drop(i, s, s.active, "it is over")
	}
	switch {
	case s.over != nil: // it may be in the place of an opening that was accepted though nobody noted it
		d.rule(i, s.receiver, StillQueued, "", s.receiver+" is to be told that it is over")
	case !knows && s.known:
		d.rule(i, s.receiver, KnowsTheEnd, "", s.receiver+" was told that it is over")
	case !knows:
		d.rule(i, s.receiver, NobodyKnows, "", s.receiver+" was never told of it")
	default:
		m := d.message(i, s, Resolved, cmp.Or(i.Reason, "the invariant holds again"))
		switch {
		case shown != nil:
			m.ID = shown.ID
		case opening == nil:
		case d.takenBack(opening):
			m.ID = opening.ID
		case opening.NotBefore.After(m.NotBefore):
			m.NotBefore = opening.NotBefore
		}
		d.put(i, m, ItIsOver)
	}
}

// muted takes back what nobody is to hear any more. The incident goes on: a
// receiver of states that was told of it must not take it for over.
func (d *decider) muted(i *verdict.Incident, s *standing) {
	reason, words := Silenced, i.Silence
	if words == "" {
		reason, words = Explained, cmp.Or(i.Because, "another incident explains it")
	}
	d.drop(i, s, s.over, "it is not over")
	if s.open && d.policy.Receivers[s.receiver] == KeepsState {
		d.reconcile(i, s, choice{Changed, StateRepeated, words})
		return
	}
	d.drop(i, s, s.active, words)
	d.rule(i, s.receiver, reason, "", words)
}

// held leaves alone what is about an incident that may be over after some more
// runs: nobody is told of it for the first time or again, and what waits stays.
func (d *decider) held(i *verdict.Incident, s *standing) {
	d.drop(i, s, s.over, "it is not over yet")
	if s.open && d.policy.Receivers[s.receiver] == KeepsState {
		d.reconcile(i, s, choice{Changed, StateRepeated, s.receiver + " must hear of it in every run"})
		return
	}
	d.rule(i, s.receiver, HeldOnce, "", "the invariant holds in this run, and it is over once it has held for longer")
}

// open tells of an incident that fails, as far as the receiver does not know.
func (d *decider) open(i *verdict.Incident, s *standing, routed bool) {
	d.drop(i, s, s.over, "it fails again")
	c := d.choose(i, s, routed)
	if c.kind != "" && unseen(*i) {
		c.words += "; it cannot be seen at present"
	}
	d.reconcile(i, s, c)
}

// choice is what an incident's receiver is to be told, going by what was sent.
type choice struct {
	kind   Kind // "" for nothing
	reason Reason
	words  string
}

func (d *decider) choose(i *verdict.Incident, s *standing, routed bool) choice {
	if !s.open {
		switch {
		case !routed && (s.active == nil || !isOpening(s.active.Kind)):
			return choice{"", NotRouted, "no route brings it to " + s.receiver + " any more"}
		case s.known:
			return choice{Reopened, FailsAgain, "it fails again after " + s.receiver + " was told that it was over"}
		}
		return choice{Opened, NotTold, s.receiver + " has not been told of it yet"}
	}
	keeps := d.policy.Receivers[s.receiver]
	was := &s.called
	switch {
	case routed && i.Severity != was.Severity && i.Severity.AtLeast(was.Severity):
		return choice{Worse, SeverityRose, fmt.Sprintf("it is %s now and was %s when %s was last told", i.Severity, was.Severity, s.receiver)}
	case routed && i.Severity == was.Severity && s.grown(i):
		return choice{Worse, CountGrew, fmt.Sprintf("it affects %s now and affected %s when %s was last told",
			text.Number(i.Count), text.Number(was.Count), s.receiver)}
	case routed && keeps == KeepsNothing && d.explainsUnheard(i, s):
		return choice{Repeated, ExplainsMore, "it explains more by now than when " + s.receiver + " was last told"}
	case routed && keeps != KeepsState && s.isDue(d.policy.Repeat, d.now):
		return choice{Repeated, ReminderDue, s.reminder(d.now)}
	case keeps == KeepsState:
		return choice{Changed, StateRepeated, s.receiver + " must hear of it in every run"}
	case keeps == KeepsMessage && (s.shownDiffers(i) || d.explainsUnheard(i, s)):
		return choice{Changed, WordsChanged, "its words or numbers have changed since " + s.receiver + " was last told"}
	case !routed:
		return choice{"", NotRouted, "no route brings it to " + s.receiver + " any more"}
	}
	return choice{"", NothingNew, s.receiver + " knows it as it is"}
}

// reconcile brings the queue to what is to be told.
func (d *decider) reconcile(i *verdict.Incident, s *standing, c choice) {
	queued := s.active
	if c.kind == "" {
		d.drop(i, s, queued, c.words)
		d.rule(i, s.receiver, c.reason, "", c.words)
		return
	}
	m := d.message(i, s, c.kind, c.words)
	if queued == nil {
		d.put(i, m, c.reason)
		return
	}
	m.ID, m.QueuedAt, m.Tries, m.Error = queued.ID, queued.QueuedAt, queued.Tries, queued.Error
	// Quiet hours hold a message once, and nothing that calls people for more. What
	// waits otherwise does because the receiver wants it so.
	quiet := queued.Tries == 0 && mayWait(queued.Kind, queued.Severity)
	if !queued.NotBefore.IsZero() && !d.takenBack(queued) && (!quiet || mayWait(m.Kind, m.Severity)) {
		m.NotBefore = queued.NotBefore
	}
	// What a receiver of states takes for over without news must be as new as the run.
	current := d.policy.Receivers[s.receiver] != KeepsState || queued.Run == m.Run
	if current && queued.Kind == m.Kind && queued.Severity == m.Severity && queued.Count == m.Count && queued.Summary == m.Summary &&
		queued.NotBefore.Equal(m.NotBefore) {
		d.rule(i, s.receiver, StillQueued, "", c.words)
		return
	}
	d.put(i, m, c.reason)
}

// message is one to queue.
func (d *decider) message(i *verdict.Incident, s *standing, kind Kind, words string) Delivery {
	m := Delivery{Incident: i.ID, Fingerprint: i.Fingerprint, Receiver: s.receiver, Kind: kind, Reason: words, Run: d.run,
		Severity: i.Severity, Count: i.Count, Summary: i.Summary, QueuedAt: d.now}
	if mayWait(kind, i.Severity) {
		m.NotBefore = d.quietEnd
	}
	return m
}

// mayWait tells whether quiet hours hold a message back. What calls nobody
// disturbs nobody.
func mayWait(kind Kind, s verdict.Severity) bool { return kind != Changed && !s.AtLeast(verdict.Error) }

// takenBack tells whether a queued message was taken back when it might have reached its
// receiver already: it waits for longer than any quiet hours or any receiver's wish.
func (d *decider) takenBack(queued *Delivery) bool {
	return queued.NotBefore.After(d.now.Add(maxPatience)) && queued.NotBefore.After(d.quietEnd)
}

func isOpening(k Kind) bool { return k == Opened || k == Reopened }

func (d *decider) put(i *verdict.Incident, m Delivery, reason Reason) {
	d.out.Put = append(d.out.Put, m)
	d.rule(i, m.Receiver, reason, m.Kind, m.Reason)
}

// drop takes a queued message back, if there is one.
func (d *decider) drop(i *verdict.Incident, s *standing, queued *Delivery, why string) {
	if queued == nil {
		return
	}
	d.out.Drop = append(d.out.Drop, queued.ID)
	d.rule(i, s.receiver, Overtaken, "", fmt.Sprintf("the message that was queued (%s) is not needed any more: %s", queued.Kind, why))
}

func (d *decider) rule(i *verdict.Incident, receiver string, reason Reason, kind Kind, words string) {
	d.rulings = append(d.rulings, Ruling{Incident: i, Receiver: receiver, Reason: reason, Kind: kind, Words: words})
}

// unseen tells whether an open incident's verdict says nothing at present.
func unseen(i verdict.Incident) bool {
	return i.State != verdict.Resolved && (i.Outcome == verdict.Unknown || i.Outcome == verdict.Skipped)
}
