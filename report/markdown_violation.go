package report

import (
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// named is how many subjects the line "for whom" names.
const named = 3

func (m *markdown) violation(n int, d violation) {
	guide := m.guides[d.Check]
	m.printf("## %d. %s: %s\n\n", n, sentenceCase(string(d.Severity)), text.Markdown(d.Summary, summaryColumns))
	m.printf("- **Must hold:** %s (`%s`)\n", text.MarkdownDoc(m.title(d.Check)), d.Check)
	m.printf("- **Where:** %s\n", mdHub(d.Hub))
	m.printf("- **Since:** %s\n", m.since(d))
	m.printf("- **For whom:** %s\n\n", m.forWhom(d))
	if guide.Meaning != "" {
		m.printf("### What it means\n\n")
		for _, p := range text.Paragraphs(guide.Meaning) {
			m.printf("%s\n\n", text.MarkdownDoc(p))
		}
	}
	if len(guide.Do) > 0 {
		m.printf("### What to do now\n\n")
		for i, step := range guide.Do {
			m.printf("%d. %s\n", i+1, text.MarkdownDoc(step))
		}
		m.printf("\n")
	}
	if len(guide.Dont) > 0 {
		m.printf("### What not to do\n\n")
		for _, step := range guide.Dont {
			m.printf("- %s\n", text.MarkdownDoc(step))
		}
		m.printf("\n")
	}
	m.findings(d)
}

// forWhom counts the subjects and names the first few.
func (m *markdown) forWhom(d violation) string {
	s := md(d.affected)
	findings, more := shown(d, named)
	if len(findings) == 0 {
		return s
	}
	var names []string
	for _, f := range findings {
		if name := text.MarkdownName(f.Subject.Name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	s += ": " + strings.Join(names, ", ")
	if more > 0 {
		s += " …"
	}
	return s
}

func (m *markdown) findings(d violation) {
	findings, more := shown(d, m.most)
	if len(findings) == 0 {
		return
	}
	mixed, detailed := false, false
	for _, f := range findings {
		mixed = mixed || f.Severity != findings[0].Severity
		detailed = detailed || len(f.Details) > 0
	}
	m.printf("### Findings\n\n")
	m.row(mixed, detailed, "Severity", "Who or what", "Seen", "Details")
	m.row(mixed, detailed, "---", "---", "---", "---")
	for _, f := range findings {
		m.row(mixed, detailed, string(f.Severity), mdSubject(f.Subject), md(f.Message), mdDetails(f.Details))
	}
	m.printf("\n")
	if more > 0 {
		m.printf("… and %s.\n\n", remainder(d, more))
	}
}

func (m *markdown) row(mixed, detailed bool, severity, subject, message, details string) {
	if mixed {
		m.printf("| %s ", severity)
	}
	m.printf("| %s | %s ", subject, message)
	if detailed {
		m.printf("| %s ", details)
	}
	m.printf("|\n")
}

func mdSubject(s verdict.Subject) string {
	name := s.Name
	if s.Namespace != "" {
		name = s.Namespace + "/" + name
	}
	out := md(s.Kind) + " " + text.MarkdownName(name)
	if s.ID != "" && s.ID != s.Name {
		out += " (id " + md(s.ID) + ")"
	}
	return out
}

func mdDetails(details map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(details)) {
		parts = append(parts, md(key)+": "+text.Markdown(details[key], detailColumns))
	}
	return strings.Join(parts, "; ")
}
