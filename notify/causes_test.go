package notify_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// TestExplainedLater: what opens after its cause was told is named in another message
// about the cause, as nobody is told of it otherwise.
func TestExplainedLater(t *testing.T) {
	type list = []notify.Delivery
	const before, after = "20260520T100000Z-3", "20991231T000000Z-1" // the cause was told before or after the other opened
	run := func(id string) func(*notify.Delivery) { return func(d *notify.Delivery) { d.Run = id } }
	hourAgo := func(receiver, of string) notify.Delivery {
		return told(receiver, notify.Opened, verdict.Critical, time.Hour, run(of))
	}
	effect := func(change ...func(*verdict.Incident)) verdict.Incident {
		i := incident(append([]func(*verdict.Incident){func(i *verdict.Incident) {
			i.ID, i.Fingerprint, i.Check, i.ExplainedBy, i.Because = 8, "f8", "pvc-orphaned", "f7", "the database was reset"
		}}, change...)...)
		return i
	}
	heard := told("mail", notify.Opened, verdict.Critical, time.Minute, func(d *notify.Delivery) { d.Incident, d.Fingerprint, d.ID = 8, "f8", 2 })
	never := func(p *notify.Policy) { p.Repeat = 0 }
	for name, c := range map[string]struct {
		effect verdict.Incident
		told   list
		policy notify.Policy
		want   []string
	}{
		"told of the cause before":    {effect(), list{hourAgo("mail", before)}, policy(to("mail"), never), []string{"mail: explains-more", "put mail repeated"}},
		"named when that was told":    {effect(), list{hourAgo("mail", after)}, policy(to("mail"), never), []string{"mail: nothing-new"}},
		"named in a later message":    {effect(), list{hourAgo("mail", before), told("mail", notify.Repeated, verdict.Critical, 0, run(after))}, policy(to("mail")), []string{"mail: nothing-new"}},
		"of a time without runs":      {effect(), list{hourAgo("mail", "")}, policy(to("mail")), []string{"mail: nothing-new"}},
		"told by itself before":       {effect(), list{hourAgo("mail", before), heard}, policy(to("mail")), []string{"mail: nothing-new", "mail: explained"}},
		"what is shown is mended":     {effect(), list{hourAgo("slack", before)}, policy(to("slack")), []string{"slack: words-changed", "put slack changed"}},
		"a state hears in every run":  {effect(), list{hourAgo("alertmanager", before)}, policy(to("alertmanager")), []string{"alertmanager: state-repeated", "put alertmanager changed"}},
		"not for this receiver":       {effect(severity(verdict.Warning)), list{hourAgo("pagerduty", before)}, policy(), []string{"pagerduty: nothing-new", "slack: not-told", "put slack opened"}},
		"silenced":                    {effect(silenced), list{hourAgo("mail", before)}, policy(to("mail")), []string{"mail: nothing-new"}},
		"over":                        {effect(resolved), list{hourAgo("mail", before)}, policy(to("mail")), []string{"mail: nothing-new"}},
		"opened again":                {effect(func(i *verdict.Incident) { i.OpenedAt, i.FailingSince = now.Add(-900*day), now }), list{hourAgo("mail", before)}, policy(to("mail")), []string{"mail: explains-more", "put mail repeated"}},
		"a warning, at night":         {effect(severity(verdict.Warning)), list{hourAgo("mail", before)}, policy(to("mail"), nightly), []string{"mail: nothing-new"}},
		"an error, at night":          {effect(severity(verdict.Error)), list{hourAgo("mail", before)}, policy(to("mail"), nightly), []string{"mail: explains-more", "put mail repeated"}},
		"the cause has not been told": {effect(), nil, policy(to("mail")), []string{"mail: not-told", "put mail opened"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, decided(notify.Decide([]verdict.Incident{incident(), c.effect}, c.told, c.policy, "run", now))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
