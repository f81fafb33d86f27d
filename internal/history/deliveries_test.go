package history

import (
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// planned records a run whose plan is given by the IDs of the incidents and what
// was told of them.
func planned(t testing.TB, s *Store, run *verdict.Run, rules Rules, plan func([]verdict.Incident, []verdict.Delivery) verdict.Outbox) *verdict.Run {
	t.Helper()
	return recordMoves(t, s, run, Moves{Rules: rules, Plan: plan})
}

// put queues these.
func put(list ...verdict.Delivery) func([]verdict.Incident, []verdict.Delivery) verdict.Outbox {
	return func([]verdict.Incident, []verdict.Delivery) verdict.Outbox { return verdict.Outbox{Put: list} }
}

// message is one about an incident, for the receiver slack.
func message(id, incident int64, kind verdict.DeliveryKind) verdict.Delivery {
	return verdict.Delivery{ID: id, Incident: incident, Fingerprint: fmt.Sprint("f", incident), Receiver: "slack", Kind: kind,
		Reason: "it is " + string(kind), Severity: verdict.Error, Count: 3, Summary: "3 users"}
}

// due are the kinds and incidents of what is due to slack at a minute.
func due(t testing.TB, s *Store, minute int) (list []verdict.Delivery, short []string) {
	t.Helper()
	list, err := s.Due(t.Context(), cluster, "slack", runAt(minute).StartedAt)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		short = append(short, fmt.Sprint(d.Kind, " ", d.Incident))
	}
	return list, short
}

func told(t testing.TB, s *Store, incidents ...int64) []verdict.Delivery {
	t.Helper()
	list, err := s.Deliveries(t.Context(), cluster, incidents)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// accept is the receiver's answer to a message.
func accept(t testing.TB, s *Store, d verdict.Delivery, minute int, ref string) verdict.Delivery {
	t.Helper()
	d.At, d.Ref = runAt(minute).StartedAt, ref
	if err := s.Sent(t.Context(), cluster, d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOutbox(t *testing.T) {
	s := newStore(t)
	critical := message(0, 2, verdict.DeliveryOpened)
	critical.Severity = verdict.Critical
	held := message(0, 3, verdict.DeliveryOpened)
	held.NotBefore = runAt(60).StartedAt
	others := message(0, 1, verdict.DeliveryOpened)
	others.Receiver = "pagerduty"
	run := planned(t, s, runAt(0, judged("a", verdict.Fail), judged("b", verdict.Fail), judged("c", verdict.Fail)), Rules{},
		put(message(0, 1, verdict.DeliveryOpened), critical, held, others))

	first, short := due(t, s, 0)
	diff(t, []string{"opened 2", "opened 1"}, short)
	want := message(1, 1, verdict.DeliveryOpened)
	want.Run, want.QueuedAt = run.ID, world.Now
	diff(t, want, first[1])
	_, short = due(t, s, 60)
	diff(t, []string{"opened 2", "opened 1", "opened 3"}, short)

	// What is over waits for what says that it began.
	failed := first[1]
	failed.Tries, failed.Error, failed.NotBefore = 1, "429", runAt(5).StartedAt
	if err := s.Failed(t.Context(), false, failed); err != nil {
		t.Fatal(err)
	}
	planned(t, s, runAt(1, judged("a", verdict.Pass)), Rules{}, put(message(0, 1, verdict.DeliveryResolved)))
	_, short = due(t, s, 4)
	diff(t, []string{"opened 2"}, short)
	again, short := due(t, s, 5)
	diff(t, []string{"opened 2", "opened 1"}, short)
	diff(t, failed, again[1])
	accept(t, s, again[1], 5, "ts-1")
	next, short := due(t, s, 5)
	diff(t, []string{"opened 2", "resolved 1"}, short)
	if next[1].Ref != "ts-1" {
		t.Errorf("ref %q, want that of the first message", next[1].Ref)
	}
	sent := accept(t, s, next[1], 6, "ts-2")
	accept(t, s, sent, 7, "") // called again
	list := told(t, s, 1, 1, 99)
	if len(list) != 3 || !list[0].At.Equal(runAt(5).StartedAt) || list[0].Tries != 1 || list[1].Sent() || list[1].Receiver != "pagerduty" {
		t.Errorf("told %+v", list)
	}
	diff(t, sent, list[2])
	for _, c := range []string{"west", ""} {
		if list, err := s.Deliveries(t.Context(), c, []int64{1}); err != nil || len(list) != 0 {
			t.Errorf("another cluster's: %v, error %v", list, err)
		}
		if list, err := s.Due(t.Context(), c, "slack", world.Now); err != nil || len(list) != 0 {
			t.Errorf("due to another cluster's: %v, error %v", list, err)
		}
		other := message(2, 2, verdict.DeliveryOpened)
		other.At = world.Now
		if err := s.Sent(t.Context(), c, other); err != nil || told(t, s, 2)[0].Sent() {
			t.Errorf("another cluster's was marked, error %v", err)
		}
	}
	many := make([]int64, 3*maxPlaceholders)
	for i := range many {
		many[i] = int64(i + 100)
	}
	if list := told(t, s, many...); len(list) != 0 {
		t.Errorf("unknown incidents have %v", list)
	}
}

// TestPlanSees: what a run decides by.
func TestPlanSees(t *testing.T) {
	s := newStore(t)
	rules := Rules{Patience: func(check, _ string) verdict.Patience {
		if check == "patient" {
			return verdict.Patience{Runs: 3}
		}
		return verdict.Patience{}
	}, ReopenWithin: time.Hour}
	s.at(60 * day)
	step := func(minute int, want string, plan func([]verdict.Incident, []verdict.Delivery) verdict.Outbox, verdicts ...verdict.Verdict) {
		t.Helper()
		saw := ""
		planned(t, s, runAt(minute, verdicts...), rules, func(list []verdict.Incident, told []verdict.Delivery) verdict.Outbox {
			for _, inc := range list {
				saw += fmt.Sprint(inc.Check, " ", inc.State, "; ")
			}
			for _, d := range told {
				saw += fmt.Sprint(d.Kind, " ", d.Incident, " ", d.Sent(), "; ")
			}
			if plan == nil {
				return verdict.Outbox{}
			}
			return plan(list, told)
		})
		if saw != want {
			t.Errorf("minute %d: it saw %q, want %q", minute, saw, want)
		}
	}
	fail, pass := judged("a", verdict.Fail), judged("a", verdict.Pass)
	patient, quiet := judged("patient", verdict.Fail), judged("quiet", verdict.Fail)
	step(0, "a opened; quiet opened; ", put(message(0, 1, verdict.DeliveryOpened)), fail, patient, quiet)
	step(1, "a ongoing; quiet ongoing; opened 1 false; ", nil, fail, patient, quiet)
	step(2, "a ongoing; patient opened; opened 1 false; ", nil, fail, patient, judged("quiet", verdict.Pass)) // nobody knew of quiet
	step(3, "a resolved; patient opened; opened 1 false; ", put(message(0, 1, verdict.DeliveryResolved)), pass)
	step(4, "a resolved; patient opened; opened 1 false; resolved 1 false; ", nil)
	list, _ := due(t, s, 4)
	accept(t, s, list[0], 4, "")
	step(5, "a resolved; patient opened; opened 1 true; resolved 1 false; ", nil)
	list, _ = due(t, s, 5)
	accept(t, s, list[0], 5, "")
	step(6, "patient opened; ", nil)
	step(7, "a opened; patient opened; opened 1 true; resolved 1 true; ", put(message(0, 1, verdict.DeliveryReopened)), fail)
	list, _ = due(t, s, 7)
	accept(t, s, list[0], 7, "")
	step(8, "a resolved; patient opened; opened 1 true; resolved 1 true; reopened 1 true; ", nil, pass)
	step(8+30*day, "a resolved; patient opened; opened 1 true; resolved 1 true; reopened 1 true; ", nil)
	step(9+30*day, "patient opened; ", nil) // nobody cares any more

	late := false
	planned(t, s, runAt(9), rules, func([]verdict.Incident, []verdict.Delivery) verdict.Outbox { late = true; return verdict.Outbox{} })
	if late {
		t.Error("a run that came late decided what is told")
	}
}

// TestReplacedInFlight: a run replaces or drops a message while it is on its way.
func TestReplacedInFlight(t *testing.T) {
	type what = verdict.DeliveryKind
	const opened, reopened, worse, changed, resolved = verdict.DeliveryOpened, verdict.DeliveryReopened, verdict.DeliveryWorse, verdict.DeliveryChanged, verdict.DeliveryResolved
	const repeated = verdict.DeliveryRepeated
	for name, c := range map[string]struct {
		sent     what
		newer    what // in its place, "" for dropped
		severity verdict.Severity
		beside   what // another that is queued meanwhile
		want     string
	}{
		"nothing happened":            {sent: opened, newer: "same", want: "opened error sent; "},
		"got worse":                   {sent: opened, newer: opened, severity: verdict.Critical, want: "opened error sent; worse critical; "},
		"got better":                  {sent: opened, newer: opened, severity: verdict.Warning, want: "opened error sent; "},
		"reopened and worse":          {sent: reopened, newer: reopened, severity: verdict.Critical, want: "reopened error sent; worse critical; "},
		"worse, then worse":           {sent: worse, newer: worse, severity: verdict.Critical, want: "worse error sent; worse critical; "},
		"worse, then of more":         {sent: worse, newer: worse, severity: verdict.Error, want: "worse error sent; "},
		"worse, then reminded":        {sent: worse, newer: repeated, severity: verdict.Error, want: "worse error sent; "},
		"reminded, then of more":      {sent: repeated, newer: repeated, severity: verdict.Error, want: "repeated error sent; "},
		"reminded, then worse":        {sent: repeated, newer: worse, severity: verdict.Critical, want: "repeated error sent; worse critical; "},
		"changed, then reminded":      {sent: changed, newer: repeated, severity: verdict.Error, want: "changed error sent; repeated error; "},
		"changed, then worse":         {sent: changed, newer: worse, severity: verdict.Critical, want: "changed error sent; worse critical; "},
		"silenced":                    {sent: opened, want: "opened error sent; "},
		"over while it opened":        {sent: opened, newer: "same", beside: resolved, severity: verdict.Error, want: "opened error sent; resolved error; "},
		"over, replaced":              {sent: resolved, newer: resolved, severity: verdict.Error, want: "resolved error sent; "},
		"over, but opened again":      {sent: resolved, want: "resolved error sent; reopened error; "},
		"over, but opened again, bad": {sent: resolved, beside: worse, severity: verdict.Critical, want: "resolved error sent; reopened critical; "},
		"over, opened again quietly":  {sent: resolved, beside: changed, severity: verdict.Error, want: "resolved error sent; reopened error; "},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			planned(t, s, runAt(0, judged("a", verdict.Fail)), Rules{}, put(message(0, 1, c.sent)))
			list, _ := due(t, s, 0)
			planned(t, s, runAt(1, judged("a", verdict.Fail)), Rules{}, func([]verdict.Incident, []verdict.Delivery) (out verdict.Outbox) {
				switch c.newer {
				case "same":
				case "":
					out.Drop = []int64{1}
				default:
					m := message(1, 1, c.newer)
					m.Severity = c.severity
					out.Put = append(out.Put, m)
				}
				if c.beside != "" {
					m := message(0, 1, c.beside)
					m.Severity = c.severity
					out.Put = append(out.Put, m)
				}
				return out
			})
			sent := accept(t, s, list[0], 2, "ts")
			accept(t, s, sent, 3, "") // called again, as its commit was not known
			var got string
			for _, d := range told(t, s, 1) {
				got += fmt.Sprint(d.Kind, " ", d.Severity)
				if d.Sent() {
					d.NotBefore = time.Time{} // one that was taken back was held
					diff(t, sent, d)
					got += " sent"
				}
				got += "; "
			}
			if got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

// TestQueueOnce: a plan that queues what is queued already changes nothing, nor
// does one that replaces or drops what was sent.
func TestQueueOnce(t *testing.T) {
	s := newStore(t)
	planned(t, s, runAt(0, judged("a", verdict.Fail)), Rules{}, put(message(0, 1, verdict.DeliveryOpened), message(0, 1, verdict.DeliveryWorse)))
	if _, short := due(t, s, 0); len(short) != 1 || short[0] != "opened 1" {
		t.Errorf("due %v", short)
	}
	list, _ := due(t, s, 0)
	accept(t, s, list[0], 0, "")
	before := told(t, s, 1)
	planned(t, s, runAt(1, judged("a", verdict.Fail)), Rules{}, func([]verdict.Incident, []verdict.Delivery) verdict.Outbox {
		return verdict.Outbox{Put: []verdict.Delivery{message(1, 1, verdict.DeliveryWorse)}, Drop: []int64{1, 99}}
	})
	diff(t, before, told(t, s, 1))
	failed := before[0]
	failed.Tries, failed.Error = 9, "no"
	if err := s.Failed(t.Context(), true, failed); err != nil {
		t.Fatal(err)
	}
	diff(t, before, told(t, s, 1))
}

// TestReplacedKeepsItsTries: a receiver that is down is down for as long as the
// oldest of its messages waits, and may have it with the severity that it had.
func TestReplacedKeepsItsTries(t *testing.T) {
	s := newStore(t)
	planned(t, s, runAt(0, judged("a", verdict.Fail)), Rules{}, put(message(0, 1, verdict.DeliveryOpened)))
	list, _ := due(t, s, 0)
	list[0].Tries, list[0].Error = 1, "down"
	if err := s.Failed(t.Context(), false, list[0]); err != nil {
		t.Fatal(err)
	}
	newer := message(1, 1, verdict.DeliveryOpened)
	newer.Severity, newer.Summary, newer.Count = verdict.Critical, "9 users", 9
	run := planned(t, s, runAt(1, judged("a", verdict.Fail)), Rules{}, put(newer))
	newer.Run, newer.QueuedAt, newer.Tries, newer.Error = run.ID, world.Now, 1, "down"
	newer.Unsure = []verdict.Severity{verdict.Error}
	diff(t, []verdict.Delivery{newer}, told(t, s, 1))
}

// TestChangedIsRememberedOnce: a receiver that hears of every run leaves one row.
func TestChangedIsRememberedOnce(t *testing.T) {
	s := newStore(t)
	planned(t, s, runAt(0, judged("a", verdict.Fail)), Rules{}, put(message(0, 1, verdict.DeliveryOpened)))
	for minute := range 20 {
		list, _ := due(t, s, minute)
		accept(t, s, list[0], minute, "")
		planned(t, s, runAt(minute+1, judged("a", verdict.Fail)), Rules{}, put(message(0, 1, verdict.DeliveryChanged)))
	}
	list := told(t, s, 1)
	if len(list) != 3 || list[0].Kind != verdict.DeliveryOpened || !list[1].At.Equal(runAt(19).StartedAt) || list[2].Sent() {
		t.Errorf("told %+v", list)
	}
}

// TestHoldOfAWrongClock: a clock that was years ahead holds nothing back for years.
func TestHoldOfAWrongClock(t *testing.T) {
	s := newStore(t)
	far, near := message(0, 1, verdict.DeliveryOpened), message(0, 2, verdict.DeliveryOpened)
	far.NotBefore, near.NotBefore = world.Now.AddDate(1, 0, 0), world.Now.Add(maxHold)
	planned(t, s, runAt(0, judged("a", verdict.Fail), judged("b", verdict.Fail)), Rules{}, put(far, near))
	_, short := due(t, s, 0)
	diff(t, []string{"opened 1"}, short)
}

func TestUndelivered(t *testing.T) {
	s := newStore(t)
	var list []verdict.Delivery
	for i, c := range []struct {
		receiver string
		hold     bool
	}{{"slack", false}, {"slack", false}, {"quiet", true}, {"pagerduty", true}, {"untried", false}, {"other", false}} {
		m := message(0, int64(i+1), verdict.DeliveryOpened)
		m.Receiver = c.receiver
		if c.hold {
			m.NotBefore = runAt(60).StartedAt
		}
		list = append(list, m)
	}
	var verdicts []verdict.Verdict
	for i := range list {
		verdicts = append(verdicts, judged(fmt.Sprint("check-", i), verdict.Fail))
	}
	planned(t, s, runAt(0, verdicts...), Rules{}, put(list...))
	for id, refused := range map[int64]bool{1: true, 2: false, 4: false} {
		m := message(id, id, verdict.DeliveryOpened)
		m.Tries, m.Error = int(id), fmt.Sprint("error ", id)
		if err := s.Failed(t.Context(), refused, m); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Undelivered(t.Context(), cluster, []string{"untried", "slack", "quiet", "pagerduty", "none"})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, []facts.Undelivered{{Receiver: "untried", Messages: 1, Since: world.Now},
		{Receiver: "slack", Messages: 2, Since: world.Now, Tries: 2, Error: "error 1", Refused: true},
		{Receiver: "pagerduty", Messages: 1, Since: world.Now, Tries: 4, Error: "error 4"}}, got)
	if got, err := s.Undelivered(t.Context(), "west", []string{"slack"}); err != nil || len(got) != 0 {
		t.Errorf("another cluster's %v, error %v", got, err)
	}
}

func TestIncidentsByIDAndPending(t *testing.T) {
	s := newStore(t)
	rules := Rules{Patience: func(check, _ string) verdict.Patience {
		if check == "b" {
			return verdict.Patience{For: time.Hour}
		}
		return verdict.Patience{}
	}}
	run := planned(t, s, runAt(0, judged("a", verdict.Fail), judged("b", verdict.Fail), judged("c", verdict.Fail)), rules, nil)
	if len(run.Incidents) != 2 || run.Verdicts[1].Since != nil {
		t.Errorf("what is pending is an incident: %+v", run.Incidents)
	}
	diff(t, []verdict.Incident{run.Incidents[1], run.Incidents[0]}, incidentsOf(t, s, true))
	list, err := s.IncidentsByID(t.Context(), cluster, []int64{3, 1, 1, 99})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, run.Incidents, list)
	pending, err := s.Pending(t.Context(), cluster)
	if err != nil || len(pending) != 1 || pending[0].Check != "b" || !pending[0].OpenedAt.IsZero() || !pending[0].FailingSince.Equal(world.Now) {
		t.Errorf("pending %+v, error %v", pending, err)
	}
	late := planned(t, s, runAt(-1, judged("b", verdict.Fail)), rules, nil)
	if len(late.Incidents) != 0 {
		t.Errorf("a late run has %+v", late.Incidents)
	}
	run = planned(t, s, runAt(60, judged("b", verdict.Fail)), rules, nil)
	if inc := run.Incidents[0]; inc.ID != pending[0].ID || inc.State != verdict.Opened || inc.FailingRuns != 2 {
		t.Errorf("opened %+v", inc)
	}
}
