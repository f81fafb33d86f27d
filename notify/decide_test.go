package notify_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// policy has one receiver of each sort: a pager, a chat, and one of states that
// only gets what it is routed explicitly.
func policy(change ...func(*notify.Policy)) notify.Policy {
	p := notify.Policy{
		Routes: []notify.Route{
			{Severity: verdict.Error, To: []string{"pagerduty", "slack"}},
			{Severity: verdict.Warning, To: []string{"slack"}},
		},
		Receivers: map[string]notify.Keeps{"pagerduty": notify.KeepsNothing, "slack": notify.KeepsMessage, "mail": notify.KeepsNothing,
			"alertmanager": notify.KeepsState},
		Repeat: day,
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

// to routes everything to some receivers.
func to(receivers ...string) func(*notify.Policy) {
	return func(p *notify.Policy) { p.Routes = []notify.Route{{Severity: verdict.Info, To: receivers}} }
}

func routes(r ...notify.Route) func(*notify.Policy) { return func(p *notify.Policy) { p.Routes = r } }

// nightly is quiet now, until 18:00 UTC.
func nightly(p *notify.Policy) {
	q, err := notify.NewQuiet("08:00", "18:00", nil, "")
	if err != nil {
		panic(err)
	}
	p.Quiet = q
}

var quietEnd = time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)

// incident is one that was open before this run, seen failing again.
func incident(change ...func(*verdict.Incident)) verdict.Incident {
	i := verdict.Incident{ID: 7, Fingerprint: "f7", Hub: "datahub", Check: "hub-cookie-id-null", State: verdict.Ongoing,
		Outcome: verdict.Fail, Severity: verdict.Critical, Count: 10, Summary: "10 users", OpenedAt: now.Add(-day)}
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
func count(n int) func(*verdict.Incident) {
	return func(i *verdict.Incident) { i.Count, i.Summary = n, fmt.Sprint(n, " users") }
}
func resolved(i *verdict.Incident) {
	i.State, i.Outcome, i.Reason = verdict.Resolved, verdict.Pass, "the check was disabled"
}
func silenced(i *verdict.Incident)  { i.Silence = "silence 3" }
func explained(i *verdict.Incident) { i.ExplainedBy, i.Because = "f1", "the database was reset" }
func noHistory(i *verdict.Incident) { i.ID = 0 }

// told is a message about the incident above, sent some time ago.
func told(receiver string, kind notify.Kind, s verdict.Severity, ago time.Duration, change ...func(*notify.Delivery)) notify.Delivery {
	d := notify.Delivery{ID: 1, Incident: 7, Fingerprint: "f7", Receiver: receiver, Kind: kind, Severity: s, At: now.Add(-ago), QueuedAt: now.Add(-ago),
		Count: 10, Summary: "10 users", Run: "before"}
	for _, c := range change {
		c(&d)
	}
	return d
}

// queued is one that an earlier run queued and nobody could send.
func queued(id int64, receiver string, kind notify.Kind, s verdict.Severity, change ...func(*notify.Delivery)) notify.Delivery {
	return told(receiver, kind, s, time.Hour, append([]func(*notify.Delivery){func(d *notify.Delivery) { d.ID, d.At = id, time.Time{} }}, change...)...)
}

func of(n int) func(*notify.Delivery) {
	return func(d *notify.Delivery) { d.Count, d.Summary = n, fmt.Sprint(n, " users") }
}
func until(t time.Time) func(*notify.Delivery) { return func(d *notify.Delivery) { d.NotBefore = t } }
func tried(n int) func(*notify.Delivery) {
	return func(d *notify.Delivery) { d.Tries, d.Error = n, "down" }
}

// decided writes rulings and outbox as lines: who, why, and what is queued.
func decided(rulings []notify.Ruling, out verdict.Outbox) []string {
	var lines []string
	for _, r := range rulings {
		lines = append(lines, r.Receiver+": "+string(r.Reason))
	}
	for _, d := range out.Put {
		line := fmt.Sprintf("put %s %s", d.Receiver, d.Kind)
		if d.ID != 0 {
			line = fmt.Sprintf("replace %d by %s %s", d.ID, d.Receiver, d.Kind)
		}
		if !d.NotBefore.IsZero() {
			line += d.NotBefore.Format(" at 02 15:04")
		}
		lines = append(lines, line)
	}
	for _, id := range out.Drop {
		lines = append(lines, fmt.Sprintf("drop %d", id))
	}
	return lines
}

func TestDecide(t *testing.T) {
	bothTold := []notify.Delivery{told("pagerduty", notify.Opened, verdict.Critical, time.Hour), told("slack", notify.Opened, verdict.Critical, time.Hour)}
	slackTold := bothTold[1:]
	type list = []notify.Delivery
	for name, c := range map[string]struct {
		incident verdict.Incident
		told     []notify.Delivery
		policy   notify.Policy
		want     []string
	}{
		// Opening.
		"new: every receiver once, though two routes name slack": {incident(), nil, policy(),
			[]string{"pagerduty: not-told", "slack: not-told", "put pagerduty opened", "put slack opened"}},
		"a warning reaches the lower route only": {incident(severity(verdict.Warning)), nil, policy(), []string{"slack: not-told", "put slack opened"}},
		"info pages nobody":                      {incident(severity(verdict.Info)), nil, policy(), []string{": no-route"}},
		"info goes where it is routed":           {incident(severity(verdict.Info)), nil, policy(to("mail")), []string{"mail: not-told", "put mail opened"}},
		"no routes":                              {incident(), nil, policy(routes()), []string{": no-route"}},
		"a receiver that is not configured":      {incident(), nil, policy(to("gone")), []string{": no-route"}},
		"another hub's route": {incident(), nil, policy(routes(notify.Route{Severity: verdict.Info, Hubs: []string{"bio*"}, To: []string{"mail"}})),
			[]string{": no-route"}},
		"routed by hub and check": {incident(), nil,
			policy(routes(notify.Route{Severity: verdict.Info, Hubs: []string{"x", "data*"}, Checks: []string{"hub-*"}, To: []string{"mail"}})),
			[]string{"mail: not-told", "put mail opened"}},
		"a check of the cluster has an empty hub": {incident(func(i *verdict.Incident) { i.Hub = "" }), nil,
			policy(routes(notify.Route{Severity: verdict.Info, Hubs: []string{"*"}, To: []string{"mail"}})), []string{"mail: not-told", "put mail opened"}},
		"owners of the hub": {incident(), nil, policy(to("owners", "slack"), func(p *notify.Policy) {
			p.Owners = map[string][]string{"datahub": {"mail", "slack"}, "other": {"pagerduty"}}
		}), []string{"mail: not-told", "slack: not-told", "put mail opened", "put slack opened"}},
		"without history by fingerprint": {incident(noHistory), list{told("pagerduty", notify.Opened, verdict.Critical, time.Hour, func(d *notify.Delivery) { d.Incident = 0 })},
			policy(), []string{"pagerduty: nothing-new", "slack: not-told", "put slack opened"}},
		"told of another incident of the same check": {incident(func(i *verdict.Incident) { i.ID = 8 }), bothTold, policy(to("slack")),
			[]string{"slack: not-told", "put slack opened"}},
		"not the receiver that it is about": {incident(), nil, policy(func(p *notify.Policy) { p.About = map[string][]string{"f7": {"slack"}} }),
			[]string{"pagerduty: not-told", "put pagerduty opened"}},
		"about all that there are": {incident(), nil, policy(to("mail"), func(p *notify.Policy) { p.About = map[string][]string{"f7": {"mail"}} }),
			[]string{"mail: not-told", "put mail opened"}},
		"pending is no incident yet": {incident(func(i *verdict.Incident) { i.State = verdict.Pending }), nil, policy(), nil},

		// Told and open.
		"told and unchanged": {incident(), bothTold, policy(), []string{"pagerduty: nothing-new", "slack: nothing-new"}},
		"worse": {incident(), list{told("slack", notify.Opened, verdict.Warning, time.Hour)}, policy(to("slack")),
			[]string{"slack: severity-rose", "put slack worse"}},
		"less bad is no news, and shown": {incident(severity(verdict.Error)), bothTold, policy(),
			[]string{"pagerduty: nothing-new", "slack: words-changed", "put slack changed"}},
		"worse again after less bad was told": {incident(), list{told("mail", notify.Opened, verdict.Critical, 3*day), told("mail", notify.Repeated, verdict.Warning, time.Hour)},
			policy(to("mail")), []string{"mail: severity-rose", "put mail worse"}},
		"as bad as people were called for, after less was shown": {incident(),
			list{told("slack", notify.Opened, verdict.Critical, 2*time.Hour), told("slack", notify.Changed, verdict.Warning, time.Hour)},
			policy(to("slack")), []string{"slack: words-changed", "put slack changed"}},
		"half as many again":      {incident(count(15)), slackTold, policy(to("slack")), []string{"slack: count-grew", "put slack worse"}},
		"not half as many again":  {incident(count(14)), slackTold, policy(to("slack")), []string{"slack: words-changed", "put slack changed"}},
		"grown, to a pager":       {incident(count(14)), bothTold[:1], policy(to("pagerduty")), []string{"pagerduty: nothing-new"}},
		"one more of one":         {incident(count(2)), list{told("mail", notify.Opened, verdict.Critical, 0, of(1))}, policy(to("mail")), []string{"mail: count-grew", "put mail worse"}},
		"many small steps add up": {incident(count(15)), append(slackTold[:1:1], told("slack", notify.Changed, verdict.Critical, 0, of(14))), policy(to("slack")), []string{"slack: count-grew", "put slack worse"}},
		"more of what is less bad": {incident(count(99), severity(verdict.Warning)), slackTold, policy(),
			[]string{"slack: words-changed", "put slack changed"}},
		"numbers were not known then": {incident(), list{told("mail", notify.Opened, verdict.Critical, 0, of(0))}, policy(to("mail")), []string{"mail: nothing-new"}},
		"less bad than the route": {incident(severity(verdict.Warning)), list{told("pagerduty", notify.Opened, verdict.Error, 9*day), told("slack", notify.Opened, verdict.Warning, 0)}, policy(),
			[]string{"pagerduty: not-routed", "slack: nothing-new"}},
		"repeated":                                   {incident(), list{told("mail", notify.Opened, verdict.Critical, day)}, policy(to("mail")), []string{"mail: reminder-due", "put mail repeated"}},
		"repeated a little early: a job jitters":     {incident(), list{told("mail", notify.Opened, verdict.Critical, day-30*time.Minute)}, policy(to("mail")), []string{"mail: reminder-due", "put mail repeated"}},
		"reminded by a clock that was a month ahead": {incident(), list{told("mail", notify.Opened, verdict.Critical, -30*day)}, policy(to("mail")), []string{"mail: reminder-due", "put mail repeated"}},
		"told by a clock that was an hour ahead":     {incident(), list{told("mail", notify.Opened, verdict.Critical, -time.Hour)}, policy(to("mail")), []string{"mail: nothing-new"}},
		"not yet repeated":                           {incident(), list{told("mail", notify.Opened, verdict.Critical, day-31*time.Minute)}, policy(to("mail")), []string{"mail: nothing-new"}},
		"what was only shown reminds nobody":         {incident(), list{told("slack", notify.Opened, verdict.Critical, day), told("slack", notify.Changed, verdict.Critical, time.Hour)}, policy(to("slack")), []string{"slack: reminder-due", "put slack repeated"}},
		"never repeated":                             {incident(), list{told("mail", notify.Opened, verdict.Critical, 900*day)}, policy(to("mail"), func(p *notify.Policy) { p.Repeat = 0 }), []string{"mail: nothing-new"}},
		"a state is not repeated but kept":           {incident(), list{told("alertmanager", notify.Opened, verdict.Critical, 9*day)}, policy(to("alertmanager")), []string{"alertmanager: state-repeated", "put alertmanager changed"}},
		"a state is kept although no route is left":  {incident(), list{told("alertmanager", notify.Opened, verdict.Critical, day)}, policy(), []string{"alertmanager: state-repeated", "pagerduty: not-told", "slack: not-told", "put pagerduty opened", "put slack opened", "put alertmanager changed"}},
		"unknown now is still open":                  {incident(outcome(verdict.Unknown)), bothTold, policy(), []string{"pagerduty: nothing-new", "slack: nothing-new"}},
		"skipped now, repeated":                      {incident(outcome(verdict.Skipped)), list{told("mail", notify.Opened, verdict.Critical, day)}, policy(to("mail")), []string{"mail: reminder-due", "put mail repeated"}},
		"held, and waits to be over":                 {incident(outcome(verdict.Pass)), list{told("mail", notify.Opened, verdict.Critical, day)}, policy(to("mail", "slack")), []string{"mail: held-once", "slack: held-once"}},
		"held, a state is kept":                      {incident(outcome(verdict.Pass)), list{told("alertmanager", notify.Opened, verdict.Critical, day)}, policy(to("alertmanager")), []string{"alertmanager: state-repeated", "put alertmanager changed"}},
		"the clock was set back: the order of sending counts": {incident(resolved),
			list{told("mail", notify.Opened, verdict.Critical, -time.Hour), told("mail", notify.Resolved, verdict.Critical, time.Hour)}, policy(to("mail")),
			[]string{"mail: knows-the-end"}},

		// The end, and again.
		"resolved, to all who were told, though routes changed": {incident(resolved), bothTold, policy(routes()),
			[]string{"pagerduty: it-is-over", "slack: it-is-over", "put pagerduty resolved", "put slack resolved"}},
		"resolved, but nobody was told": {incident(resolved), nil, policy(), nil},
		"resolved, one was told so": {incident(resolved), append(bothTold[:2:2], told("slack", notify.Resolved, verdict.Critical, time.Minute)), policy(),
			[]string{"pagerduty: it-is-over", "slack: knows-the-end", "put pagerduty resolved"}},
		"resolved, told to one that is not configured": {incident(resolved), list{told("gone", notify.Opened, verdict.Critical, time.Hour)}, policy(),
			[]string{"gone: no-receiver"}},
		"fails again": {incident(), append(slackTold[:1:1], told("slack", notify.Resolved, verdict.Critical, time.Minute)), policy(to("slack")),
			[]string{"slack: fails-again", "put slack reopened"}},

		// Muted.
		"silenced before anybody was told": {incident(silenced), nil, policy(), nil},
		"silenced, after they were told":   {incident(silenced, count(99)), bothTold, policy(), []string{"pagerduty: silenced", "slack: silenced"}},
		"silenced, what is queued goes":    {incident(silenced), list{queued(5, "slack", notify.Opened, verdict.Critical)}, policy(), []string{"slack: overtaken", "slack: silenced", "drop 5"}},
		"explained":                        {incident(explained), slackTold, policy(), []string{"slack: explained"}},
		"silenced, a receiver of states goes on": {incident(silenced), list{told("alertmanager", notify.Opened, verdict.Critical, time.Hour)}, policy(),
			[]string{"alertmanager: state-repeated", "put alertmanager changed"}},
		"explained no more":                   {incident(), nil, policy(to("slack")), []string{"slack: not-told", "put slack opened"}},
		"silenced and over, who knows of it":  {incident(silenced, resolved), bothTold[:1], policy(), []string{"pagerduty: it-is-over", "put pagerduty resolved"}},
		"silenced, the end was queued before": {incident(silenced), append(slackTold[:1:1], queued(5, "slack", notify.Resolved, verdict.Critical)), policy(), []string{"slack: overtaken", "slack: silenced", "drop 5"}},

		// What is queued.
		"still queued":                                 {incident(), list{queued(5, "mail", notify.Opened, verdict.Critical)}, policy(to("mail")), []string{"mail: still-queued"}},
		"queued, and more by now":                      {incident(count(11)), list{queued(5, "mail", notify.Opened, verdict.Critical)}, policy(to("mail")), []string{"mail: not-told", "replace 5 by mail opened"}},
		"queued for a state: as new as the run":        {incident(), list{queued(5, "alertmanager", notify.Opened, verdict.Critical)}, policy(to("alertmanager")), []string{"alertmanager: not-told", "replace 5 by alertmanager opened"}},
		"queued, and worse by now":                     {incident(), list{queued(5, "mail", notify.Opened, verdict.Warning)}, policy(to("mail")), []string{"mail: not-told", "replace 5 by mail opened"}},
		"a reminder is queued, and worse by now":       {incident(), list{told("mail", notify.Opened, verdict.Warning, 2*day), queued(5, "mail", notify.Repeated, verdict.Warning)}, policy(to("mail")), []string{"mail: severity-rose", "replace 5 by mail worse"}},
		"worse was queued, and is not by now":          {incident(severity(verdict.Warning)), list{told("mail", notify.Opened, verdict.Warning, time.Hour), queued(5, "mail", notify.Worse, verdict.Critical)}, policy(to("mail")), []string{"mail: overtaken", "mail: nothing-new", "drop 5"}},
		"opened was queued, no route is left":          {incident(severity(verdict.Warning)), list{queued(5, "pagerduty", notify.Opened, verdict.Critical)}, policy(routes()), []string{"pagerduty: not-told", "replace 5 by pagerduty opened"}},
		"opened and over while nobody could hear":      {incident(resolved), list{queued(5, "mail", notify.Opened, verdict.Critical)}, policy(to("mail")), []string{"mail: it-is-over", "put mail resolved"}},
		"the same, in the next run":                    {incident(resolved), list{queued(5, "mail", notify.Opened, verdict.Critical), queued(6, "mail", notify.Resolved, verdict.Critical)}, policy(to("mail")), []string{"mail: still-queued"}},
		"opened, over, and again, unheard":             {incident(), list{queued(5, "mail", notify.Opened, verdict.Critical), queued(6, "mail", notify.Resolved, verdict.Critical)}, policy(to("mail")), []string{"mail: overtaken", "mail: still-queued", "drop 6"}},
		"told, over unheard, and again":                {incident(), list{told("mail", notify.Opened, verdict.Critical, time.Hour), queued(6, "mail", notify.Resolved, verdict.Critical)}, policy(to("mail")), []string{"mail: overtaken", "mail: nothing-new", "drop 6"}},
		"over while a reminder was queued":             {incident(resolved), list{told("mail", notify.Opened, verdict.Critical, 2*day), queued(5, "mail", notify.Repeated, verdict.Critical)}, policy(to("mail")), []string{"mail: overtaken", "mail: it-is-over", "put mail resolved", "drop 5"}},
		"over, and over again, unheard":                {incident(resolved), list{told("mail", notify.Opened, verdict.Critical, 2*day), told("mail", notify.Resolved, verdict.Critical, day), queued(5, "mail", notify.Reopened, verdict.Critical)}, policy(to("mail")), []string{"mail: it-is-over", "put mail resolved"}},
		"over, and queued in the place of a reopening": {incident(resolved), list{told("mail", notify.Opened, verdict.Critical, 2*day), told("mail", notify.Resolved, verdict.Critical, day), queued(5, "mail", notify.Resolved, verdict.Critical)}, policy(to("mail")), []string{"mail: still-queued"}},
		"taken back, and told all the same":            {incident(), list{queued(5, "mail", notify.Opened, verdict.Critical, until(now.Add(4*day)), tried(1))}, policy(to("mail")), []string{"mail: not-told", "replace 5 by mail opened"}},
		"a warning taken back waits for its time":      {incident(severity(verdict.Warning)), list{queued(5, "mail", notify.Opened, verdict.Warning, until(now.Add(4*day)))}, policy(nightly, to("mail")), []string{"mail: not-told", "replace 5 by mail opened at 20 18:00"}},
		"taken back, and over: only that is told":      {incident(resolved), list{queued(5, "mail", notify.Opened, verdict.Critical, until(now.Add(4*day)))}, policy(to("mail")), []string{"mail: it-is-over", "replace 5 by mail resolved"}},
		"taken back, and over, which failed":           {incident(resolved), list{queued(5, "mail", notify.Resolved, verdict.Critical, tried(1))}, policy(to("mail")), []string{"mail: still-queued"}},
		"queued elsewhere is left alone":               {incident(), list{queued(5, "gone", notify.Opened, verdict.Critical)}, policy(to("mail")), []string{"gone: no-receiver", "mail: not-told", "put mail opened"}},

		// Quiet hours.
		"a warning waits":                                 {incident(severity(verdict.Warning)), nil, policy(nightly), []string{"slack: not-told", "put slack opened at 20 18:00"}},
		"an error does not":                               {incident(severity(verdict.Error)), nil, policy(nightly, to("mail")), []string{"mail: not-told", "put mail opened"}},
		"nor what calls nobody":                           {incident(severity(verdict.Warning)), slackTold, policy(nightly), []string{"slack: words-changed", "put slack changed"}},
		"its end waits too":                               {incident(severity(verdict.Warning), resolved), slackTold, policy(nightly), []string{"slack: it-is-over", "put slack resolved at 20 18:00"}},
		"it has waited: it goes, though quiet again":      {incident(severity(verdict.Warning), count(11)), list{queued(5, "mail", notify.Opened, verdict.Warning, until(now.Add(-time.Hour)))}, policy(nightly, to("mail")), []string{"mail: not-told", "replace 5 by mail opened at 20 11:00"}},
		"it waits, and is critical by now":                {incident(), list{queued(5, "mail", notify.Opened, verdict.Warning, until(quietEnd))}, policy(nightly, to("mail")), []string{"mail: not-told", "replace 5 by mail opened"}},
		"asked for patience: critical waits all the same": {incident(), list{queued(5, "mail", notify.Opened, verdict.Warning, until(quietEnd), tried(1))}, policy(to("mail")), []string{"mail: not-told", "replace 5 by mail opened at 20 18:00"}},
		"left, as the receiver asked for patience":        {incident(), list{queued(5, "mail", notify.Opened, verdict.Critical, until(now.Add(time.Hour)))}, policy(to("mail")), []string{"mail: still-queued"}},
		"a warning that failed by day waits at night":     {incident(severity(verdict.Warning)), list{queued(5, "mail", notify.Opened, verdict.Warning, tried(1))}, policy(nightly, to("mail")), []string{"mail: not-told", "replace 5 by mail opened at 20 18:00"}},
		"the end does not come before the opening":        {incident(severity(verdict.Warning), resolved), list{queued(5, "mail", notify.Opened, verdict.Warning, until(quietEnd))}, policy(to("mail")), []string{"mail: it-is-over", "put mail resolved at 20 18:00"}},
		"shown silently before, a reminder waits":         {incident(severity(verdict.Warning)), list{told("slack", notify.Opened, verdict.Warning, 2*day), queued(5, "slack", notify.Changed, verdict.Warning)}, policy(nightly), []string{"slack: reminder-due", "replace 5 by slack repeated at 20 18:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(c.told)
			rulings, out := notify.Decide([]verdict.Incident{c.incident}, c.told, c.policy, "run", now)
			if diff := cmp.Diff(c.want, decided(rulings, out)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, c.told); diff != "" {
				t.Errorf("what was told was changed:\n%s", diff)
			}
			for _, r := range rulings {
				if r.Words == "" || r.Incident == nil {
					t.Errorf("a ruling without words: %+v", r)
				}
			}
		})
	}
}

// TestDecideMessage: a queued message says all that it is to say without the run.
func TestDecideMessage(t *testing.T) {
	_, out := notify.Decide([]verdict.Incident{incident(outcome(verdict.Unknown))}, []notify.Delivery{
		told("mail", notify.Opened, verdict.Critical, 26*time.Hour, func(d *notify.Delivery) { d.ID = 3 }),
		queued(4, "mail", notify.Repeated, verdict.Error, tried(2), until(now.Add(time.Hour)))}, policy(to("mail")), "run", now.Add(300*time.Millisecond))
	want := []notify.Delivery{{ID: 4, Incident: 7, Fingerprint: "f7", Receiver: "mail", Kind: notify.Repeated, Run: "run", Severity: verdict.Critical,
		Count: 10, Summary: "10 users", QueuedAt: now.Add(-time.Hour), NotBefore: now.Add(time.Hour), Tries: 2, Error: "down",
		Reason: "still open 1 day 2 h after mail was last told; it cannot be seen at present"}}
	if diff := cmp.Diff(want, out.Put); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDecideOrder: the worst first, then what is over, then what calls nobody.
func TestDecideOrder(t *testing.T) {
	id := func(n int64) func(*verdict.Incident) { return func(i *verdict.Incident) { i.ID = n } }
	about := func(n int64) func(*notify.Delivery) { return func(d *notify.Delivery) { d.Incident = n } }
	incidents := []verdict.Incident{incident(id(1), resolved), incident(id(6), count(11)), incident(id(2), severity(verdict.Warning)),
		incident(id(3)), incident(id(4), severity(verdict.Warning)), incident(id(5), severity(verdict.Error))}
	past := []notify.Delivery{told("slack", notify.Opened, verdict.Critical, 0, about(1)), told("slack", notify.Opened, verdict.Critical, 0, about(6))}
	var got []int64
	_, out := notify.Decide(incidents, past, policy(to("slack")), "run", now)
	for _, d := range out.Put {
		got = append(got, d.Incident)
	}
	if want := []int64{3, 5, 2, 4, 1, 6}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

// TestRoutine: what says that nothing is new is not logged loudly, all else is.
func TestRoutine(t *testing.T) {
	for reason, want := range map[notify.Reason]bool{notify.NothingNew: true, notify.StillQueued: true, notify.NotTold: false, notify.Silenced: false,
		notify.Overtaken: false, notify.ItIsOver: false} {
		if r := (&notify.Ruling{Reason: reason}); r.Routine() != want {
			t.Errorf("%s: %v", reason, !want)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	var incidents []verdict.Incident
	var past []notify.Delivery
	for id := range int64(4200) {
		incidents = append(incidents, incident(func(i *verdict.Incident) { i.ID = id + 1 }))
		for n := range 5 {
			past = append(past, told("slack", notify.Repeated, verdict.Critical, time.Duration(n)*day, func(d *notify.Delivery) { d.Incident = id + 1 }))
		}
	}
	p := policy()
	b.ReportAllocs()
	for b.Loop() {
		if _, out := notify.Decide(incidents, past, p, "run", now); len(out.Put) == 0 {
			b.Fatal("nothing to tell")
		}
	}
}
