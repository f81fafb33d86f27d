package paging

import (
	"slices"
	"strings"

	"hubaudit/internal/verdict"
)

// shows tells whether a receiver shows a key as open.
func (s *story) shows(receiver string, k key) bool {
	fingerprint := verdict.Fingerprint("", k.hub, k.check)
	switch receiver {
	case toPager:
		return s.site.pager.Alert("hubaudit-" + fingerprint).Open
	case toAlert:
		for _, a := range s.site.alerts.Firing(s.now) {
			if a.Labels["check"] == k.check && a.Labels["hub"] == k.hub {
				return true
			}
		}
		return false
	case toSlack:
		return s.rootShows(k)
	}
	for _, m := range slices.Backward(s.messages) {
		if m.receiver == receiver && m.key == k {
			return !m.over()
		}
	}
	return false
}

// rootShows tells whether Slack shows a key as open: the incident's own message,
// which is brought up to date, or the last that is news since.
func (s *story) rootShows(k key) bool {
	for _, m := range slices.Backward(s.messages) {
		switch {
		case m.receiver != toSlack || m.key != k || m.forgotten:
		case m.digest, m.shared:
			return !m.over()
		default:
			for _, p := range s.site.bot.Posts() {
				if p.TS == m.thread {
					return !strings.Contains(p.Text, "RESOLVED")
				}
			}
		}
	}
	return false
}

// severity is the last that a receiver was told of a key.
func (s *story) severity(receiver string, k key) string {
	for _, m := range slices.Backward(s.messages) {
		if m.receiver == receiver && m.key == k && m.severity != "" {
			return m.severity
		}
	}
	return ""
}

// orphaned tells whether a receiver still shows a key as open because it was told so
// by a run that no history remembers: nobody knows what to take back.
func (s *story) orphaned(receiver string, k key) bool {
	last := map[string]message{} // by severity for alerts, of which each is another one
	for _, m := range s.messages {
		switch {
		case m.receiver != receiver || m.key != k:
		case receiver == toAlert:
			last[m.severity] = m
		default:
			last[""] = m
		}
	}
	for _, m := range last {
		if m.forgotten {
			return true
		}
	}
	return false
}
