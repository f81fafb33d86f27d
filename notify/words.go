package notify

import (
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// headline is the message in one line, for the lock screen of a phone. It may
// quote names: it is to be escaped like them.
func (m *Message) headline() string {
	return m.status() + " · " + m.subject()
}

// status says how bad it is and what changed.
func (m *Message) status() string {
	severity := strings.ToUpper(string(m.Incident.Severity))
	switch {
	case m.Kind == Resolved:
		return "RESOLVED"
	case unseen(m.Incident):
		return "STILL OPEN, NOT VISIBLE NOW"
	case m.Kind == Worse:
		return "NOW " + severity
	case m.Kind == Repeated:
		return "STILL " + severity
	}
	return severity
}

// subject is where and what.
func (m *Message) subject() string {
	if where := m.Incident.Hub; where != "" {
		return where + ": " + m.Incident.Summary
	}
	return m.Incident.Summary
}

// affected are up to most findings of the run in words, and how many more there are.
func (m *Message) affected(most int) (shown []string, more int) {
	if m.Verdict == nil {
		return nil, 0
	}
	n := min(most, len(m.Verdict.Findings))
	for _, f := range m.Verdict.Findings[:n] {
		shown = append(shown, f.Message)
	}
	return shown, max(m.Verdict.Count, len(m.Verdict.Findings)) - n
}

// number says how many of what: "1,003 users".
func (m *Message) number() string {
	kind := ""
	if m.Verdict != nil {
		kind = commonKind(m.Verdict.Findings)
	}
	return text.Count(m.Incident.Count, kind)
}

// commonKind is what all findings are about, "finding" where they differ.
func commonKind(findings []verdict.Finding) string {
	const mixed = "finding"
	if len(findings) == 0 || findings[0].Subject.Kind == "" {
		return mixed
	}
	for i := range findings {
		if findings[i].Subject.Kind != findings[0].Subject.Kind {
			return mixed
		}
	}
	return findings[0].Subject.Kind
}

// openFor is how long the incident has been or was open.
func (m *Message) openFor() string {
	end := m.runTime()
	if m.Kind == Resolved && !m.Incident.ResolvedAt.IsZero() {
		end = m.Incident.ResolvedAt
	}
	return text.Duration(end.Sub(m.Incident.OpenedAt))
}

// unseenWhy is why an open incident cannot be seen at present, "" if it can.
func (m *Message) unseenWhy() string {
	if !unseen(m.Incident) {
		return ""
	}
	why := "its check gave no answer in this run"
	if m.Verdict != nil && m.Verdict.Summary != "" {
		why = m.Verdict.Summary
	}
	return "It cannot be seen at present, which does not mean that it is over: " + why
}
