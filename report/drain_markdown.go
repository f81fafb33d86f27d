package report

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"hubaudit/internal/drain"
	"hubaudit/internal/text"
)

// markdownItems is how many volumes of one step Markdown lists.
const markdownItems = 50

// drainMarkdown writes a drain as Markdown.
type drainMarkdown struct {
	*Drain
	w    *bufio.Writer
	most int
}

func writeDrainMarkdown(w io.Writer, d *Drain, o Options) error {
	m := &drainMarkdown{d, bufio.NewWriter(w), o.MaxFindings}
	switch {
	case d.All:
		m.most = math.MaxInt
	case m.most <= 0:
		m.most = markdownItems
	}
	m.head()
	for i := range d.Steps {
		m.step(i)
	}
	if len(d.Gone) > 0 {
		m.printf("## Already without a copy, whatever is drained\n\n")
		m.items(d.Gone)
	}
	m.remedies()
	m.printf("## What was assumed\n\n")
	for _, s := range d.assumed() {
		m.printf("- %s\n", md(s))
	}
	return m.w.Flush()
}

// printf writes; the error is kept by the writer and told by its Flush.
func (m *drainMarkdown) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(m.w, format, args...)
}

func (m *drainMarkdown) head() {
	m.printf("# %s: %s\n\n", m.answer(), text.Markdown(m.headline(), summaryColumns))
	if m.Cluster != "" {
		m.printf("cluster %s · ", text.MarkdownName(m.Cluster))
	}
	m.printf("%s · ", text.Time(m.At))
	if m.Longhorn != "" {
		m.printf("Longhorn %s · ", text.MarkdownName(m.Longhorn))
	}
	m.printf("%s judged\n\n", text.Count(m.Judged, "volume"))
	if words := m.orderWords(text.MarkdownName); words != "" {
		m.printf("%s\n\n", words)
	}
	if len(m.Unknown)+len(m.Unclear) == 0 {
		return
	}
	m.printf("## Could not be told\n\n")
	for _, u := range m.Unknown {
		m.printf("- %s\n", md(u))
	}
	if len(m.Unknown) > 0 {
		m.printf("\n")
	}
	m.items(m.Unclear)
}

func (m *drainMarkdown) items(items []drain.Item) {
	if len(items) == 0 {
		return
	}
	m.printf("| User | Claim | Volume | Copies left | Why |\n| --- | --- | --- | --- | --- |\n")
	for i := range items[:min(len(items), m.most)] {
		it := &items[i]
		claim := "none"
		if it.Claim != "" {
			claim = text.MarkdownName(it.Namespace + "/" + it.Claim)
		}
		m.printf("| %s | %s | %s | %d | %s |\n", markdownOwner(it), claim, text.MarkdownName(it.Volume), it.Copies, md(it.Why))
	}
	m.printf("\n")
	if more := len(items) - m.most; more > 0 {
		m.printf("… and %s more; the JSON has all.\n\n", text.Number(more))
	}
}

func markdownOwner(it *drain.Item) string {
	switch {
	case it.Role == drain.RoleHub:
		return "hub " + text.MarkdownName(it.Hub) + " itself"
	case it.User != "" && it.Server != "":
		return text.MarkdownName(it.User) + ", server " + text.MarkdownName(it.Server)
	case it.User != "":
		return text.MarkdownName(it.User)
	}
	return "not known"
}

func (m *drainMarkdown) step(i int) {
	s := &m.Steps[i]
	m.printf("## Step %d, node %s: %s\n\n", i+1, text.MarkdownName(s.Node), m.stepTitle(s))
	if len(s.Lost) > 0 {
		m.printf("### Lost with this node, unless moved first\n\n")
		m.items(s.Lost)
	}
	if len(s.BelowKeep) > 0 {
		m.printf("### Below %s\n\n", m.copies(m.Keep))
		m.items(s.BelowKeep)
	}
	remarks := m.remarks(s, foreign{text.MarkdownName, md})
	for _, r := range remarks {
		m.printf("- %s\n", r)
	}
	if len(remarks) > 0 {
		m.printf("\n")
	}
}

func (m *drainMarkdown) remedies() {
	if len(m.Remedies) == 0 {
		return
	}
	m.printf("## What makes it safe\n\n")
	for i := range m.Remedies {
		r := &m.Remedies[i]
		m.printf("%d. %s", i+1, text.MarkdownDoc(r.Do))
		if r.Volumes > 0 {
			m.printf(" (%s)", text.Count(r.Volumes, "volume"))
		}
		if len(r.Nodes) > 0 {
			m.printf(" Nodes: %s.", firstOf(r.Nodes, 50, text.MarkdownName))
		}
		m.printf("\n")
	}
	m.printf("\n")
}
