package audit

import "hubaudit/internal/verdict"

// heard lets people be told of an incident for its own sake as long as they do not
// hear of its cause: while that is pending, silenced, or over.
func heard(incidents []verdict.Incident) []verdict.Incident {
	told := map[string]bool{}
	for i := range incidents {
		if inc := &incidents[i]; inc.Told() && inc.State != verdict.Resolved {
			told[inc.Fingerprint] = true
		}
	}
	for i := range incidents {
		if inc := &incidents[i]; !told[inc.ExplainedBy] {
			inc.ExplainedBy, inc.Because = "", ""
		}
	}
	return incidents
}
