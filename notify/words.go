package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// headline is the message in one line, for the lock screen of a phone. It may
// quote names: it is to be escaped like them.
func (m *Message) headline() string {
	return m.status() + " · " + m.subject()
}

// upTo is as much of a text as fits into max characters, cut where a part of it
// ends with sep. It may still be longer where none does.
func upTo(s, sep string, max int) string {
	const cut = " …"
	for utf8.RuneCountInString(s) > max {
		end := strings.LastIndex(strings.TrimSuffix(s, cut), sep)
		if end <= 0 {
			break
		}
		s = s[:end] + strings.TrimRight(sep, "; ") + cut
	}
	return s
}

// status says how bad it is and what changed.
func (m *Message) status() string {
	severity := strings.ToUpper(string(m.Incident.Severity))
	switch {
	case m.Kind == Resolved:
		return "RESOLVED"
	case unseen(m.Incident):
		return "STILL " + severity + ", NOT VISIBLE NOW"
	case m.Kind == Worse:
		return severity + ", GETTING WORSE" // the severity may be what it was
	case m.Kind == Reopened:
		return severity + " AGAIN"
	case m.Kind == Repeated:
		return "STILL " + severity
	}
	return severity
}

// subject is where and what.
func (m *Message) subject() string {
	if where := cmp.Or(m.Incident.Hub, m.Incident.Cluster); where != "" {
		return where + ": " + m.Incident.Summary
	}
	return m.Incident.Summary
}

// affected are up to most findings of the run in words, the worst first and none
// that is silenced beside them, and how many more there are. One that the summary
// has said already is left out.
func (m *Message) affected(most int) (shown []string, more int) {
	if m.Verdict == nil {
		return nil, 0
	}
	findings := m.uncovered()
	total := max(m.Verdict.Count, len(findings))
	if total == 1 && len(findings) == 1 && strings.Contains(m.Incident.Summary, findings[0].Message) {
		return nil, 0
	}
	for _, severity := range append(slices.Clone(verdict.Severities), "") {
		for n := range findings {
			if len(shown) == most {
				return shown, total - most
			}
			if findings[n].Severity == severity {
				shown = append(shown, findings[n].Message)
			}
		}
	}
	return shown, total - len(shown)
}

// moreInJSON follows the number of findings that a message leaves out: reports for
// people leave out some, too.
const moreInJSON = " more; the JSON report holds all"

// roomFor is how many characters each of some lines may have, where most lines of
// perLine characters fit: a finding may end with what is to be done first, so that few
// are shown in full.
func roomFor(lines, most, perLine int) int {
	const full = 1500
	return max(perLine, min(perLine*most/max(lines, 1), full))
}

// number says how many of what: "1,003 users". What is silenced beside them is
// not among them, though the summary may count it.
func (m *Message) number() string {
	const mixed = "finding"
	if m.Verdict == nil {
		return text.Count(m.Incident.Count, mixed)
	}
	number := text.Count(m.Incident.Count, cmp.Or(text.Kind(commonKind(m.Verdict.Findings)), mixed))
	if n := m.Verdict.Silenced; n > 0 && m.Verdict.Silence == "" {
		number += fmt.Sprintf(" (%s more %s silenced)", text.Number(n), text.Plural(n, "is", "are"))
	}
	return number
}

// since is when it opened and how long ago, or that it is new.
func (m *Message) since() string {
	since := text.Time(m.Incident.OpenedAt)
	if m.Incident.State == verdict.Opened {
		return since + ", found by this run"
	}
	return fmt.Sprintf("%s (%s)", since, m.openFor())
}

// commonKind is what all findings are about, "" where they differ.
func commonKind(findings []verdict.Finding) string {
	for n := range findings {
		if findings[n].Subject.Kind != findings[0].Subject.Kind {
			return ""
		}
	}
	if len(findings) == 0 {
		return ""
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
