package notify

import (
	"slices"

	"hubaudit/internal/verdict"
)

// causes notes which open incidents explain others, and who hears of them.
func (d *decider) causes(incidents []verdict.Incident) {
	d.hear, d.explained = map[string][]string{}, map[string][]*verdict.Incident{}
	for n := range incidents {
		if i := &incidents[n]; i.ExplainedBy != "" && i.Silence == "" && i.State != verdict.Pending && i.State != verdict.Resolved {
			d.explained[i.ExplainedBy] = append(d.explained[i.ExplainedBy], i)
		}
	}
	for n := range incidents {
		if i := &incidents[n]; len(d.explained[i.Fingerprint]) > 0 && i.State != verdict.Resolved && i.Told() {
			d.hear[i.Fingerprint] = d.policy.routed(i)
		}
	}
}

// mutes tells whether a receiver is not to hear of an open incident: it is
// silenced, or explained by one that the receiver hears of.
func (d *decider) mutes(i *verdict.Incident, receiver string) bool {
	if i.Silence != "" || i.ExplainedBy == "" {
		return i.Silence != ""
	}
	hear, open := d.hear[i.ExplainedBy]
	return !open || slices.Contains(hear, receiver)
}

// explainsUnheard tells whether an incident explains one that its receiver would hear
// of otherwise, and that opened after the last message in which it could be named. In
// quiet hours one that would wait for their end does not count.
func (d *decider) explainsUnheard(cause *verdict.Incident, s *standing) bool {
	return slices.ContainsFunc(d.explained[cause.Fingerprint], func(i *verdict.Incident) bool {
		knows := find(d.standings[nameOf(i.ID, i.Fingerprint)], s.receiver)
		return openedAfter(i, s.shown.Run) && (knows == nil || !knows.open) && (d.quietEnd.IsZero() || !mayWait(Opened, i.Severity)) &&
			slices.Contains(d.policy.routed(i), s.receiver)
	})
}

// openedAfter tells whether an incident was opened, or opened again, by a later run
// than one of which the id is known. Ids begin with the time of the run.
func openedAfter(i *verdict.Incident, run string) bool {
	opened := i.OpenedAt
	if i.FailingSince.After(opened) {
		opened = i.FailingSince
	}
	return run != "" && opened.UTC().Format("20060102T150405Z") > run
}
