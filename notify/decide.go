package notify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// repeatEarly is the part of the repeat interval by which a reminder may come
// early: a job that runs daily starts some seconds or minutes earlier on one
// day than on another, and would otherwise remind every second day only.
const repeatEarly = 48 // 30 minutes of 24 hours

// Decide tells what is to be sent, the worst first, resolutions last. It is a
// pure function of the incidents of this run (and of resolved ones that were
// not yet delivered), of the deliveries remembered for them, and of now.
//
// An open incident goes to each receiver of every route that its severity
// reaches: once when it opened, again when it got worse than that receiver was
// told, and again after each repeat interval (0: never). A resolved one goes
// to each receiver that was told that it is open, whatever the routes are now.
// An incident whose verdict is unknown or skipped now is still open.
//
// Deliveries belong to an incident by its ID, or by its fingerprint where there
// is no history to number it.
func Decide(incidents []verdict.Incident, past []Delivery, routes []Route, repeat time.Duration, now time.Time) []Decision {
	told := recall(past)
	var out []Decision
	for _, i := range incidents {
		if i.State == verdict.Resolved {
			out = append(out, resolutions(i, told[keyOf(i.ID, i.Fingerprint)])...)
			continue
		}
		for _, receiver := range routed(routes, i.Severity) {
			if d, due := openDecision(i, receiver, told.of(i, receiver), repeat, now); due {
				out = append(out, d)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Decision) int { return cmp.Compare(urgency(a), urgency(b)) })
	return out
}

// urgency orders decisions, so that what a deadline cuts off is what matters least.
func urgency(d Decision) int {
	if d.Kind == Resolved {
		return len(verdict.Severities)
	}
	return slices.Index(verdict.Severities, d.Incident.Severity)
}

// routed lists each receiver once, in the order of the routes.
func routed(routes []Route, severity verdict.Severity) []string {
	var receivers []string
	for _, r := range routes {
		if !severity.AtLeast(r.Severity) {
			continue
		}
		for _, name := range r.To {
			if !slices.Contains(receivers, name) {
				receivers = append(receivers, name)
			}
		}
	}
	return receivers
}

func openDecision(i verdict.Incident, receiver string, last *standing, repeat time.Duration, now time.Time) (Decision, bool) {
	d := Decision{Incident: i, Receiver: receiver}
	switch {
	case last == nil || !last.open:
		d.Kind, d.Reason = Opened, receiver+" has not been told of it yet"
		return d, true
	case i.Severity != last.severity && i.Severity.AtLeast(last.severity):
		d.Kind, d.Reason = Worse, fmt.Sprintf("it is %s now and was %s when %s was last told", i.Severity, last.severity, receiver)
	case repeat > 0 && now.Sub(last.at) >= repeat-repeat/repeatEarly:
		d.Kind, d.Reason = Repeated, fmt.Sprintf("still open %s after %s was last told", text.Duration(now.Sub(last.at)), receiver)
	default:
		return Decision{}, false
	}
	if unseen(i) {
		d.Reason += "; it cannot be seen at present"
	}
	d.Ref = last.ref
	return d, true
}

// unseen tells whether an open incident's verdict says nothing at present.
func unseen(i verdict.Incident) bool {
	return i.State != verdict.Resolved && (i.Outcome == verdict.Unknown || i.Outcome == verdict.Skipped)
}

func resolutions(i verdict.Incident, told []*standing) []Decision {
	var out []Decision
	for _, last := range told {
		if last.open {
			out = append(out, Decision{Incident: i, Receiver: last.receiver, Kind: Resolved,
				Reason: cmp.Or(i.Reason, "the invariant holds again"), Ref: last.ref})
		}
	}
	return out
}

// standing is what one receiver knows of one incident.
type standing struct {
	receiver string
	open     bool
	severity verdict.Severity
	at       time.Time
	ref      string
}

// memory has the standings of each incident, receivers in the order in which
// they were first told.
type memory map[string][]*standing

func keyOf(id int64, fingerprint string) string {
	if id != 0 {
		return fmt.Sprintf("id %d", id)
	}
	return "fingerprint " + fingerprint
}

func (m memory) of(i verdict.Incident, receiver string) *standing {
	return m.find(keyOf(i.ID, i.Fingerprint), receiver)
}

func (m memory) find(key, receiver string) *standing {
	all := m[key]
	if n := slices.IndexFunc(all, func(s *standing) bool { return s.receiver == receiver }); n >= 0 {
		return all[n]
	}
	return nil
}

// recall replays the deliveries in the order of their times.
func recall(past []Delivery) memory {
	past = slices.Clone(past)
	slices.SortStableFunc(past, func(a, b Delivery) int { return a.At.Compare(b.At) })
	m := memory{}
	for _, d := range past {
		key := keyOf(d.Incident, d.Fingerprint)
		s := m.find(key, d.Receiver)
		if s == nil {
			s = &standing{receiver: d.Receiver}
			m[key] = append(m[key], s)
		}
		if d.Kind == Opened {
			s.ref = ""
		}
		s.open, s.severity, s.at = d.Kind != Resolved, d.Severity, d.At
		s.ref = cmp.Or(d.Ref, s.ref)
	}
	return m
}
