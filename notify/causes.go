package notify

import (
	"slices"

	"hubaudit/internal/verdict"
)

// causes has the receivers of those incidents that are told of and explain others,
// by fingerprint.
func (d *decider) causes(incidents []verdict.Incident) map[string][]string {
	explain := map[string]bool{}
	for n := range incidents {
		explain[incidents[n].ExplainedBy] = true
	}
	hear := map[string][]string{}
	for n := range incidents {
		if i := &incidents[n]; explain[i.Fingerprint] && i.State != verdict.Resolved && i.Told() {
			hear[i.Fingerprint] = d.policy.routed(i)
		}
	}
	return hear
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
