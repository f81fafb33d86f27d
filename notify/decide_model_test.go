package notify_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// FuzzDecide lives through random runs: incidents open, change, are silenced and
// explained, vanish from sight, hold, resolve and fail again; receivers fail;
// routes change; nights are quiet. Whatever happens, each receiver hears of an
// incident's opening once, of its end only while it is over, and in the end
// everybody who was to hear has heard, and nobody believes what is not so.
func FuzzDecide(f *testing.F) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		l := life{T: t, rand: rand.New(rand.NewPCG(seed, 7)), now: now, open: map[string]bool{}, owed: map[string]bool{}}
		for range 60 {
			l.run()
		}
		l.end()
	})
}

// life is an independent model of what receivers know.
type life struct {
	*testing.T
	rand      *rand.Rand
	now       time.Time
	incidents []verdict.Incident
	rows      []notify.Delivery // as the history keeps them
	lastID    int64
	open      map[string]bool // by receiver and incident: the last it heard
	owed      map[string]bool // by receiver and incident: it is to hear of it and has not
	reliable  bool
}

var receivers = map[string]notify.Keeps{"mail": notify.KeepsNothing, "slack": notify.KeepsMessage, "alertmanager": notify.KeepsState}

func who(receiver string, incident int64) string {
	return fmt.Sprintf("%s of incident %d", receiver, incident)
}

func (l *life) severity() verdict.Severity { return verdict.Severities[l.rand.IntN(4)] }

func (l *life) policy() notify.Policy {
	q, err := notify.NewQuiet("20:00", "07:00", []string{"sun"}, "Europe/Zurich")
	if err != nil {
		l.Fatal(err)
	}
	return notify.Policy{Receivers: receivers, Repeat: day, Quiet: q, Routes: []notify.Route{
		{Severity: l.severity(), To: []string{"mail", "slack"}}, {Severity: l.severity(), To: []string{"slack", "alertmanager", "gone"}}}}
}

func (l *life) run() {
	l.now = l.now.Add(time.Duration(1+l.rand.IntN(20)) * time.Hour)
	if l.rand.IntN(3) == 0 {
		id := int64(len(l.incidents) + 1)
		l.incidents = append(l.incidents, verdict.Incident{ID: id, Fingerprint: fmt.Sprint(id), State: verdict.Opened,
			Outcome: verdict.Fail, Severity: l.severity(), Count: 1 + l.rand.IntN(9), OpenedAt: l.now})
	}
	for n := range l.incidents {
		l.advance(&l.incidents[n])
	}
	l.decide(l.policy())
	l.send()
}

func (l *life) advance(i *verdict.Incident) {
	if i.State == verdict.Resolved {
		if l.rand.IntN(12) == 0 {
			i.State, i.Outcome, i.Reopened = verdict.Opened, verdict.Fail, i.Reopened+1
		}
		return
	}
	switch l.rand.IntN(12) {
	case 0:
		i.State, i.Outcome = verdict.Resolved, verdict.Pass
	case 1:
		i.Outcome = verdict.Unknown
	case 2:
		i.Outcome = verdict.Pass // for once
	case 3, 4:
		i.Outcome, i.Severity, i.Count = verdict.Fail, l.severity(), 1+l.rand.IntN(99)
	case 5:
		i.Silence = []string{"", "silence 1"}[l.rand.IntN(2)]
	case 6:
		i.ExplainedBy = []string{"", "0"}[l.rand.IntN(2)]
	}
}

func (l *life) decide(p notify.Policy) {
	_, out := notify.Decide(l.incidents, l.rows, p, l.now.String(), l.now)
	l.apply(out)
	if _, again := notify.Decide(l.incidents, l.rows, p, l.now.String(), l.now); len(again.Put)+len(again.Drop) > 0 {
		l.Fatalf("decided twice, the second time: %+v", again)
	}
	waiting := map[string]int{}
	for _, d := range l.rows {
		if !d.Sent() {
			waiting[fmt.Sprint(who(d.Receiver, d.Incident), d.Kind == notify.Resolved)]++
		}
	}
	for name, n := range waiting {
		if n > 1 {
			l.Fatalf("%s: %d messages wait", name, n)
		}
	}
	for n := range l.incidents {
		l.owes(&l.incidents[n], p)
	}
}

// owes notes who is to hear of an incident, and that a message for them waits.
func (l *life) owes(i *verdict.Incident, p notify.Policy) {
	for receiver := range receivers {
		name := who(receiver, i.ID)
		routed := slices.ContainsFunc(p.Routes, func(r notify.Route) bool {
			return i.Severity.AtLeast(r.Severity) && slices.Contains(r.To, receiver)
		})
		active := slices.ContainsFunc(l.rows, func(d notify.Delivery) bool {
			refresh := d.Kind == notify.Changed && receivers[receiver] == notify.KeepsState && l.open[name]
			return d.Incident == i.ID && d.Receiver == receiver && !d.Sent() && d.Kind != notify.Resolved && (i.Told() || !refresh)
		})
		switch {
		case i.State == verdict.Resolved:
		case !i.Told():
			delete(l.owed, name) // until it is told of again
			if active {
				l.Fatalf("%s: a message waits although it is muted", name)
			}
		case routed && i.Outcome != verdict.Pass && !l.open[name]:
			l.owed[name] = true
			if !active {
				l.Fatalf("%s: nothing waits, and it does not know", name)
			}
		}
	}
}

func (l *life) apply(out verdict.Outbox) {
	l.rows = slices.DeleteFunc(l.rows, func(d notify.Delivery) bool { return !d.Sent() && slices.Contains(out.Drop, d.ID) })
	for _, d := range out.Put {
		if d.Reason == "" || d.Run == "" || d.Sent() {
			l.Fatalf("queued %+v", d)
		}
		if d.ID == 0 {
			l.lastID++
			d.ID = l.lastID
			l.rows = append(l.rows, d)
			continue
		}
		n := slices.IndexFunc(l.rows, func(row notify.Delivery) bool { return row.ID == d.ID && !row.Sent() })
		if n < 0 {
			l.Fatalf("replaces %+v, which is not queued", d)
		}
		l.rows[n] = d
	}
}

// send delivers what is due, in its order; some receivers fail.
func (l *life) send() {
	down := map[string]bool{}
	if !l.reliable {
		for receiver := range receivers {
			down[receiver] = l.rand.IntN(3) == 0
		}
	}
	behind := map[string]bool{}
	for n := range l.rows {
		d := &l.rows[n]
		name := who(d.Receiver, d.Incident)
		if d.Sent() || behind[name] {
			continue
		}
		if down[d.Receiver] || d.NotBefore.After(l.now) {
			behind[name] = true
			continue
		}
		l.hear(name, d)
		d.At = l.now
	}
}

func (l *life) hear(name string, d *notify.Delivery) {
	opening := d.Kind == notify.Opened || d.Kind == notify.Reopened
	if opening == l.open[name] {
		l.Fatalf("%s: %s, though open=%v was the last it heard", name, d.Kind, l.open[name])
	}
	if d.Kind == notify.Resolved && l.incidents[d.Incident-1].State != verdict.Resolved {
		l.Fatalf("%s: told that it is over, and it is not", name)
	}
	l.open[name] = d.Kind != notify.Resolved
	if opening {
		delete(l.owed, name)
	}
}

// end resolves everything and lets all receivers work, until quiet hours are over.
func (l *life) end() {
	for n := range l.incidents {
		l.incidents[n].State, l.incidents[n].Outcome = verdict.Resolved, verdict.Pass
	}
	l.reliable = true
	p := l.policy()
	for range 4 {
		l.decide(p)
		l.send()
		l.now = l.now.Add(day)
	}
	for name, open := range l.open {
		if open {
			l.Errorf("%s: still believed to be open", name)
		}
	}
	for name := range l.owed {
		l.Errorf("%s: never heard of", name)
	}
	for _, d := range l.rows {
		if !d.Sent() {
			l.Errorf("still queued: %+v", d)
		}
	}
}
