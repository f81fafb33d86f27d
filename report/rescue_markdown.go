package report

import (
	"bufio"
	"fmt"
	"io"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// rescueMarkdown writes a rescue as Markdown.
type rescueMarkdown struct {
	*rescueView
	w    *bufio.Writer
	most int
}

// markdownLeft is how many claims of one reason Markdown lists.
const markdownLeft = 50

func writeRescueMarkdown(w io.Writer, v *rescueView, o Options) error {
	m := &rescueMarkdown{v, bufio.NewWriter(w), o.MaxFindings}
	if m.most <= 0 {
		m.most = markdownLeft
	}
	m.head()
	m.list("Do first", m.first())
	m.leftOut()
	m.evidence()
	m.verification()
	m.list("Put it in place", m.steps())
	return m.w.Flush()
}

func (m *rescueMarkdown) list(heading string, steps []string) {
	if len(steps) == 0 {
		return
	}
	m.printf("## %s\n\n", heading)
	for i, step := range steps {
		m.printf("%d. %s\n", i+1, text.MarkdownDoc(step))
	}
	m.printf("\n")
}

// printf writes; the error is kept by the writer and told by its Flush.
func (m *rescueMarkdown) printf(format string, args ...any) { _, _ = fmt.Fprintf(m.w, format, args...) }

func (m *rescueMarkdown) head() {
	m.printf("# Rescue of hub %s: %s\n\n", text.MarkdownName(m.Plan.Hub), md(m.headline()))
	if m.Cluster != "" {
		m.printf("cluster %s · ", text.MarkdownName(m.Cluster))
	}
	m.printf("%s\n\n", text.Time(m.At))
}

func (m *rescueMarkdown) evidence() {
	for _, note := range m.Plan.Notes {
		m.printf("> **Note.** %s\n\n", md(note))
	}
	m.printf("## Evidence\n\n")
	for _, e := range m.Evidence {
		m.printf("- %s\n", md(e))
	}
	for _, row := range m.rows() {
		m.printf("- **%s**: %s\n", row[0], md(row[1]))
	}
	m.printf("\n")
}

func (m *rescueMarkdown) leftOut() {
	if len(m.left) == 0 {
		return
	}
	m.printf("## Left out\n\n")
	for _, g := range m.left {
		m.printf("- **%s**: %s\n", text.Number(len(g.items)), md(g.title()))
		for _, l := range g.items[:min(len(g.items), m.most)] {
			m.printf("  - %s\n", md(g.item(l)))
		}
		if more := len(g.items) - m.most; more > 0 {
			m.printf("  - and %s more; the JSON report holds all\n", text.Number(more))
		}
	}
	m.printf("\n")
}

func (m *rescueMarkdown) verification() {
	m.printf("## Verified\n\n")
	for _, d := range m.Differences[:min(len(m.Differences), m.most)] {
		m.printf("- **not as planned**: %s\n", md(d))
	}
	if more := len(m.Differences) - m.most; more > 0 {
		m.printf("- and %s more differences; the JSON report holds all\n", text.Number(more))
	}
	m.printf("- %s\n", m.verified())
	for _, d := range m.failing {
		label := string(d.Severity)
		if d.Outcome == verdict.Unknown {
			label = "unknown"
		}
		m.printf("- **%s**: %s (`%s`)\n", label, text.Markdown(d.Summary, summaryColumns), d.Check)
	}
	m.printf("\n")
}
