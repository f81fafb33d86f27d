package notify_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

var routes = []notify.Route{
	{Severity: verdict.Error, To: []string{"pagerduty", "slack"}},
	{Severity: verdict.Warning, To: []string{"slack"}},
}

const day = 24 * time.Hour

// incident is one that was open before this run, seen failing again.
func incident(change ...func(*verdict.Incident)) verdict.Incident {
	i := verdict.Incident{ID: 7, Fingerprint: "f7", Hub: "datahub", Check: "hub-cookie-id-null", State: verdict.Ongoing,
		Outcome: verdict.Fail, Severity: verdict.Critical, OpenedAt: now.Add(-day)}
	for _, c := range change {
		c(&i)
	}
	return i
}

func severity(s verdict.Severity) func(*verdict.Incident) {
	return func(i *verdict.Incident) { i.Severity = s }
}
func outcome(o verdict.Outcome) func(*verdict.Incident) {
	return func(i *verdict.Incident) { i.Outcome = o }
}
func resolved(i *verdict.Incident) {
	i.State, i.Outcome, i.Reason = verdict.Resolved, verdict.Pass, "the check was disabled"
}
func noHistory(i *verdict.Incident) { i.ID = 0 }

// told is a delivery of the incident above, some time ago.
func told(receiver string, kind notify.Kind, s verdict.Severity, ago time.Duration) notify.Delivery {
	return notify.Delivery{Incident: 7, Fingerprint: "f7", Receiver: receiver, Kind: kind, Severity: s, At: now.Add(-ago)}
}

func with(d notify.Delivery, change func(*notify.Delivery)) notify.Delivery {
	change(&d)
	return d
}

func TestDecide(t *testing.T) {
	type due struct {
		Receiver string
		Kind     notify.Kind
		Reason   string
		Ref      string
	}
	const newToPD, newToSlack = "pagerduty has not been told of it yet", "slack has not been told of it yet"
	bothTold := []notify.Delivery{told("pagerduty", notify.Opened, verdict.Critical, time.Hour), told("slack", notify.Opened, verdict.Critical, time.Hour)}
	for name, c := range map[string]struct {
		incidents []verdict.Incident
		past      []notify.Delivery
		routes    []notify.Route
		repeat    time.Duration
		want      []due
	}{
		"nothing open, nothing sent": {repeat: day},
		"new: every receiver once, though two routes name slack": {incidents: []verdict.Incident{incident()}, repeat: day,
			want: []due{{"pagerduty", notify.Opened, newToPD, ""}, {"slack", notify.Opened, newToSlack, ""}}},
		"a warning reaches the lower route only": {incidents: []verdict.Incident{incident(severity(verdict.Warning))}, repeat: day,
			want: []due{{"slack", notify.Opened, newToSlack, ""}}},
		"info pages nobody": {incidents: []verdict.Incident{incident(severity(verdict.Info))}, repeat: day},
		"info goes where it is routed": {incidents: []verdict.Incident{incident(severity(verdict.Info))},
			routes: []notify.Route{{Severity: verdict.Info, To: []string{"slack"}}},
			want:   []due{{"slack", notify.Opened, newToSlack, ""}}},
		"no routes":          {incidents: []verdict.Incident{incident()}, routes: []notify.Route{}, repeat: day},
		"told and unchanged": {incidents: []verdict.Incident{incident()}, past: bothTold, repeat: day},
		"one receiver failed last time": {incidents: []verdict.Incident{incident()}, past: bothTold[1:], repeat: day,
			want: []due{{"pagerduty", notify.Opened, newToPD, ""}}},
		"told of another incident of the same check": {incidents: []verdict.Incident{incident(func(i *verdict.Incident) { i.ID = 8 })},
			past: bothTold, repeat: day,
			want: []due{{"pagerduty", notify.Opened, newToPD, ""}, {"slack", notify.Opened, newToSlack, ""}}},
		"without history by fingerprint": {incidents: []verdict.Incident{incident(noHistory)},
			past: []notify.Delivery{with(bothTold[0], func(d *notify.Delivery) { d.Incident = 0 })}, repeat: day,
			want: []due{{"slack", notify.Opened, newToSlack, ""}}},
		"worse": {incidents: []verdict.Incident{incident()}, repeat: day,
			past: []notify.Delivery{with(told("slack", notify.Opened, verdict.Warning, time.Hour), func(d *notify.Delivery) { d.Ref = "thread" })},
			want: []due{{"pagerduty", notify.Opened, newToPD, ""},
				{"slack", notify.Worse, "it is critical now and was warning when slack was last told", "thread"}}},
		"less bad is no news": {incidents: []verdict.Incident{incident(severity(verdict.Error))}, past: bothTold, repeat: day},
		"worse again after less bad was told": {incidents: []verdict.Incident{incident()}, routes: routes[1:], repeat: day,
			past: []notify.Delivery{told("slack", notify.Opened, verdict.Critical, 3*day), told("slack", notify.Repeated, verdict.Warning, time.Hour)},
			want: []due{{"slack", notify.Worse, "it is critical now and was warning when slack was last told", ""}}},
		"less bad than the route: told no more": {incidents: []verdict.Incident{incident(severity(verdict.Warning))}, repeat: day,
			past: []notify.Delivery{told("pagerduty", notify.Opened, verdict.Error, 9*day), told("slack", notify.Opened, verdict.Error, time.Hour)}},
		"repeated, in the thread of the first message": {incidents: []verdict.Incident{incident()}, routes: routes[1:], repeat: day,
			past: []notify.Delivery{with(told("slack", notify.Opened, verdict.Critical, day), func(d *notify.Delivery) { d.Ref = "thread" })},
			want: []due{{"slack", notify.Repeated, "still open 1 day after slack was last told", "thread"}}},
		"repeated a little early: a daily job jitters": {incidents: []verdict.Incident{incident()}, routes: routes[1:], repeat: day,
			past: []notify.Delivery{told("slack", notify.Opened, verdict.Critical, day-30*time.Minute)},
			want: []due{{"slack", notify.Repeated, "still open 23 h 30 min after slack was last told", ""}}},
		"not yet repeated": {incidents: []verdict.Incident{incident()}, routes: routes[1:], repeat: day,
			past: []notify.Delivery{told("slack", notify.Opened, verdict.Critical, day-31*time.Minute)}},
		"counted from the last message, whatever the order": {incidents: []verdict.Incident{incident()}, routes: routes[1:], repeat: day,
			past: []notify.Delivery{told("slack", notify.Repeated, verdict.Critical, time.Hour), told("slack", notify.Opened, verdict.Critical, 3*day)}},
		"never repeated": {incidents: []verdict.Incident{incident()}, routes: routes[1:], repeat: 0,
			past: []notify.Delivery{told("slack", notify.Opened, verdict.Critical, 900*day)}},
		"unknown now is still open": {incidents: []verdict.Incident{incident(outcome(verdict.Unknown))}, past: bothTold, repeat: day},
		"unknown now, repeated": {incidents: []verdict.Incident{incident(outcome(verdict.Unknown))}, routes: routes[1:], repeat: time.Hour, past: bothTold,
			want: []due{{"slack", notify.Repeated, "still open 1 h after slack was last told; it cannot be seen at present", ""}}},
		"skipped now, repeated": {incidents: []verdict.Incident{incident(outcome(verdict.Skipped))}, routes: routes[1:], repeat: time.Hour, past: bothTold,
			want: []due{{"slack", notify.Repeated, "still open 1 h after slack was last told; it cannot be seen at present", ""}}},
		"resolved, to all who were told, though routes changed": {incidents: []verdict.Incident{incident(resolved)}, routes: []notify.Route{}, repeat: day,
			past: []notify.Delivery{bothTold[0], with(bothTold[1], func(d *notify.Delivery) { d.Ref = "thread" })},
			want: []due{{"pagerduty", notify.Resolved, "the check was disabled", ""}, {"slack", notify.Resolved, "the check was disabled", "thread"}}},
		"resolved, but nobody was told": {incidents: []verdict.Incident{incident(resolved)}, repeat: day},
		"resolved, one was told so": {incidents: []verdict.Incident{incident(resolved)}, repeat: day,
			past: append([]notify.Delivery{told("slack", notify.Resolved, verdict.Critical, time.Minute)}, bothTold...),
			want: []due{{"pagerduty", notify.Resolved, "the check was disabled", ""}}},
		"resolved, no reason given": {incidents: []verdict.Incident{incident(resolved, func(i *verdict.Incident) { i.Reason = "" })}, past: bothTold[1:],
			want: []due{{"slack", notify.Resolved, "the invariant holds again", ""}}},
		"open again under the same key: a new thread": {incidents: []verdict.Incident{incident()}, routes: routes[1:], repeat: day,
			past: []notify.Delivery{with(told("slack", notify.Opened, verdict.Critical, 2*time.Hour), func(d *notify.Delivery) { d.Ref = "thread" }),
				told("slack", notify.Resolved, verdict.Critical, time.Hour)},
			want: []due{{"slack", notify.Opened, newToSlack, ""}}},
		"an old thread is not that of the new opening": {incidents: []verdict.Incident{incident(resolved)}, repeat: day,
			past: []notify.Delivery{with(told("slack", notify.Opened, verdict.Critical, 4*time.Hour), func(d *notify.Delivery) { d.Ref = "thread" }),
				told("slack", notify.Resolved, verdict.Critical, 3*time.Hour), told("slack", notify.Opened, verdict.Critical, 2*time.Hour)},
			want: []due{{"slack", notify.Resolved, "the check was disabled", ""}}},
		"a thread that moved": {incidents: []verdict.Incident{incident(resolved)}, repeat: day,
			past: []notify.Delivery{with(told("slack", notify.Opened, verdict.Critical, 2*day), func(d *notify.Delivery) { d.Ref = "deleted" }),
				with(told("slack", notify.Repeated, verdict.Critical, day), func(d *notify.Delivery) { d.Ref = "new" })},
			want: []due{{"slack", notify.Resolved, "the check was disabled", "new"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.routes == nil {
				c.routes = routes
			}
			before := slices.Clone(c.past)
			var got []due
			for _, d := range notify.Decide(c.incidents, c.past, c.routes, c.repeat, now) {
				got = append(got, due{d.Receiver, d.Kind, d.Reason, d.Ref})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, c.past); diff != "" {
				t.Errorf("the past was changed:\n%s", diff)
			}
		})
	}
}

func TestDecideOrder(t *testing.T) {
	incidents := []verdict.Incident{
		incident(func(i *verdict.Incident) { i.ID = 1 }, resolved),
		incident(func(i *verdict.Incident) { i.ID = 2 }, severity(verdict.Warning)),
		incident(func(i *verdict.Incident) { i.ID = 3 }),
		incident(func(i *verdict.Incident) { i.ID = 4 }, severity(verdict.Warning)),
		incident(func(i *verdict.Incident) { i.ID = 5 }, severity(verdict.Error)),
	}
	past := []notify.Delivery{with(told("slack", notify.Opened, verdict.Critical, time.Hour), func(d *notify.Delivery) { d.Incident = 1 })}
	var got []int64
	for _, d := range notify.Decide(incidents, past, []notify.Route{{Severity: verdict.Info, To: []string{"slack"}}}, day, now) {
		got = append(got, d.Incident.ID)
	}
	if want := []int64{3, 5, 2, 4, 1}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v: the worst first, resolutions last", got, want)
	}
}

// FuzzDecide lives through random runs: incidents open, change, vanish from
// sight and resolve; receivers fail; routes change. Whatever happens, each
// receiver hears of an incident's opening once, of its end only after that and
// once, and in the end nobody believes that something is open which is not.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		s := simulation{rand: rand.New(rand.NewPCG(seed, 0)), open: map[string]bool{}}
		for range 60 {
			s.run(t)
		}
		for i := range s.incidents {
			s.incidents[i].State = verdict.Resolved
		}
		s.reliable = true
		s.decide(t)
		for who, open := range s.open {
			if open {
				t.Errorf("%s still believes it is open", who)
			}
		}
		if again := notify.Decide(s.incidents, s.past, s.routes(), day, s.now); len(again) > 0 {
			t.Errorf("all is told, and yet: %v", again)
		}
	})
}

type simulation struct {
	rand      *rand.Rand
	now       time.Time
	incidents []verdict.Incident
	past      []notify.Delivery
	open      map[string]bool // by incident and receiver, what each was told last
	reliable  bool
}

func (s *simulation) run(t *testing.T) {
	s.now = s.now.Add(time.Duration(1+s.rand.IntN(40)) * time.Hour)
	if s.rand.IntN(3) == 0 {
		id := int64(len(s.incidents) + 1)
		s.incidents = append(s.incidents, verdict.Incident{ID: id, Fingerprint: fmt.Sprint(id % 3), State: verdict.Opened,
			Outcome: verdict.Fail, Severity: s.severity(), OpenedAt: s.now})
	}
	for n := range s.incidents {
		i := &s.incidents[n]
		if i.State == verdict.Resolved {
			continue
		}
		switch s.rand.IntN(8) {
		case 0:
			i.State, i.Outcome = verdict.Resolved, verdict.Pass
		case 1:
			i.Outcome = verdict.Unknown
		case 2:
			i.Outcome, i.Severity = verdict.Fail, s.severity()
		}
	}
	s.decide(t)
}

func (s *simulation) severity() verdict.Severity { return verdict.Severities[s.rand.IntN(4)] }

func (s *simulation) routes() []notify.Route {
	return []notify.Route{{Severity: s.severity(), To: []string{"pagerduty", "slack"}}, {Severity: s.severity(), To: []string{"slack"}}}
}

func (s *simulation) decide(t *testing.T) {
	for _, d := range notify.Decide(s.incidents, s.past, s.routes(), day, s.now) {
		who := fmt.Sprintf("%s of incident %d", d.Receiver, d.Incident.ID)
		if (d.Kind == notify.Opened) == s.open[who] {
			t.Fatalf("%s: %s, though open=%v was the last it heard", who, d.Kind, s.open[who])
		}
		if d.Reason == "" {
			t.Errorf("%s: %s without a reason", who, d.Kind)
		}
		if !s.reliable && s.rand.IntN(4) == 0 {
			continue // the receiver failed: nothing is recorded
		}
		s.open[who] = d.Kind != notify.Resolved
		s.past = append(s.past, notify.Delivery{Incident: d.Incident.ID, Fingerprint: d.Incident.Fingerprint, Receiver: d.Receiver,
			Kind: d.Kind, Severity: d.Incident.Severity, At: s.now})
	}
}

func BenchmarkDecide(b *testing.B) {
	var incidents []verdict.Incident
	var past []notify.Delivery
	for id := range int64(1000) {
		incidents = append(incidents, incident(func(i *verdict.Incident) { i.ID = id + 1 }))
		for n := range 20 {
			past = append(past, with(told("slack", notify.Repeated, verdict.Critical, time.Duration(n)*day), func(d *notify.Delivery) { d.Incident = id + 1 }))
		}
	}
	for b.Loop() {
		notify.Decide(incidents, past, routes, day, now)
	}
}
