package notify

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// standing is what one receiver knows of one incident, and what waits for it.
type standing struct {
	receiver string
	// known: it was told anything; open: the last it was told is that it is open.
	known, open bool
	// called is the last message that called people, shown the last of any kind.
	called, shown Delivery
	// active is the queued message that it is open, over the one that it is over.
	active, over *Delivery
}

// name is what an incident is known by: its ID, or its fingerprint where there is
// no history to number it.
type name struct {
	id          int64
	fingerprint string
}

func nameOf(id int64, fingerprint string) name {
	if id != 0 {
		return name{id: id}
	}
	return name{fingerprint: fingerprint}
}

// recall has the standings of each incident, receivers in the order in which they
// were first told or are to be. told is in the order of sending, which times are
// not: a clock may be set back.
func recall(told []Delivery) map[name][]*standing {
	m := map[name][]*standing{}
	for n := range told {
		d := &told[n]
		key := nameOf(d.Incident, d.Fingerprint)
		s := find(m[key], d.Receiver)
		if s == nil {
			s = &standing{receiver: d.Receiver}
			m[key] = append(m[key], s)
		}
		s.learn(d)
	}
	return m
}

func find(all []*standing, receiver string) *standing {
	if n := slices.IndexFunc(all, func(s *standing) bool { return s.receiver == receiver }); n >= 0 {
		return all[n]
	}
	return nil
}

// learn takes in one message.
func (s *standing) learn(d *Delivery) {
	switch {
	case d.Sent():
		s.known, s.open, s.shown = true, d.Kind != Resolved, *d
		if d.Kind != Changed {
			s.called = *d
		}
	case d.Kind == Resolved:
		s.over = d
	default:
		s.active = d
	}
}

// isDue tells whether people are to be reminded. A time far ahead was noted by a clock
// that has been set back since.
func (s *standing) isDue(repeat time.Duration, now time.Time) bool {
	return repeat > 0 && now.Sub(s.called.At).Abs() >= repeat-repeat/repeatEarly
}

// reminder says why people are reminded.
func (s *standing) reminder(now time.Time) string {
	if now.Before(s.called.At) {
		return "still open, and " + s.receiver + " was last told by a clock that was ahead"
	}
	return fmt.Sprintf("still open %s after %s was last told", text.Duration(now.Sub(s.called.At)), s.receiver)
}

// repeatEarly is the part of the repeat interval by which a reminder may come
// early: a job that runs daily starts some seconds or minutes earlier on one
// day than on another, and would otherwise remind every second day only.
const repeatEarly = 48 // 30 minutes of 24 hours

// shownDiffers tells whether the receiver shows other words, another severity or
// number. Words were not remembered before they were queued.
func (s *standing) shownDiffers(i *verdict.Incident) bool {
	return i.Severity != s.shown.Severity || i.Count != s.shown.Count || s.shown.Summary != "" && i.Summary != s.shown.Summary
}

// grown tells whether many more are affected than the receiver was told: at least
// half as many again.
func (s *standing) grown(i *verdict.Incident) bool {
	return s.called.Count > 0 && i.Count > s.called.Count && 2*i.Count >= 3*s.called.Count
}
