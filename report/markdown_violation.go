package report

import (
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

func (m *markdown) violation(n int, d violation) {
	guide := m.guides[d.Check]
	m.printf("## %d. %s: %s\n\n", n, sentenceCase(string(d.Severity)), text.Markdown(d.Summary, summaryColumns))
	m.printf("- **Must hold:** %s (`%s`)\n", text.MarkdownDoc(m.title(d.Check)), d.Check)
	m.printf("- **Where:** %s\n", mdHub(d.Hub))
	m.printf("- **Since:** %s\n", m.since(d))
	if d.Because != "" {
		m.printf("- **Because:** %s\n", md(d.Because))
	}
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
	names, more := d.first()
	if len(names) == 0 {
		return md(d.affected)
	}
	var codes []string
	for _, name := range names {
		codes = append(codes, text.MarkdownName(name))
	}
	s := md(d.affected) + ": " + strings.Join(codes, ", ")
	if more {
		s += " …"
	}
	return s
}

// findings lists what was seen. The details of findings are for programs, and
// in the JSON report only.
func (m *markdown) findings(d violation) {
	findings, more := shown(d, m.most)
	if len(findings) == 0 {
		return
	}
	graded := mixed(findings)
	m.printf("### Findings\n\n")
	m.row(graded, "Severity", "Who or what", "Seen")
	m.row(graded, "---", "---", "---")
	for _, f := range findings {
		m.row(graded, string(f.Severity), mdSubject(f.Subject), md(f.Message))
	}
	m.printf("\n")
	if more > 0 {
		m.printf("… and %s.\n\n", remainder(d, more))
	}
}

func (m *markdown) row(graded bool, severity, subject, message string) {
	if graded {
		m.printf("| %s ", severity)
	}
	m.printf("| %s | %s |\n", subject, message)
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
