package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// markdownFindings is how many findings of one verdict are listed.
const markdownFindings = 10

// markdown writes a view as Markdown. Every foreign text in it goes through
// md, name or hub.
type markdown struct {
	*view
	w    *bufio.Writer
	most int // findings listed of one verdict
}

func writeMarkdown(w io.Writer, v *view, o Options) error {
	m := &markdown{view: v, w: bufio.NewWriter(w), most: o.MaxFindings}
	if m.most <= 0 {
		m.most = markdownFindings
	}
	m.head()
	m.glance()
	m.couldNotCheck()
	m.stillOpen()
	for i, d := range v.failing {
		m.violation(i+1, d)
	}
	m.silencedViolations()
	m.resolvedIncidents()
	m.backups()
	m.holdingChecks()
	m.skippedChecks()
	m.sources()
	return m.w.Flush()
}

// printf writes; the error is kept by the writer and told by its Flush.
func (m *markdown) printf(format string, args ...any) { _, _ = fmt.Fprintf(m.w, format, args...) }

func md(s string) string { return text.Markdown(s, messageColumns) }

func mdHub(hub string) string {
	if hub == "" {
		return "the cluster"
	}
	return text.MarkdownName(hub)
}

func (m *markdown) head() {
	m.printf("# %s\n\n", m.headline())
	var facts []string
	if m.run.Cluster != "" {
		facts = append(facts, "cluster "+text.MarkdownName(m.run.Cluster))
	}
	facts = append(facts, text.Time(m.run.StartedAt), "took "+text.Duration(m.run.Duration),
		strings.TrimSpace("hubaudit "+md(m.run.Version)), "run "+text.MarkdownName(m.run.ID))
	m.printf("%s\n\n", strings.Join(facts, " · "))
	for _, note := range m.run.Notes {
		m.printf("> **Note.** %s\n\n", md(note))
	}
	m.printf("%s\n\n", m.coverage())
}

// glance is a table of everything that needs somebody, so that neither a long
// list of what is unknown nor a long one of findings hides the rest.
func (m *markdown) glance() {
	if !m.needsGlance() {
		return
	}
	m.printf("| | No. | What | Hub | Since | For whom |\n|---|---|---|---|---|---|\n")
	if n := m.sum.Unknown; n > 0 {
		m.printf("| **unknown** | | %s could not be checked | %s | | |\n", text.Count(n, "invariant"), m.hubsOf(m.unknown))
	}
	if n := len(m.hidden); n > 0 {
		m.printf("| **still open** | | %s not visible at present (%s) | | %s | |\n", text.Count(n, "incident"), m.hidden[0].Severity, m.hiddenSince())
	}
	for i, d := range m.failing {
		m.printf("| **%s** | %d | %s | %s | %s | %s |\n", d.Severity, i+1, text.Markdown(d.Summary, summaryColumns), mdHub(d.Hub),
			m.since(d), md(d.affected))
	}
	if len(m.silenced) > 0 {
		m.printf("| **silenced** | | %s (%s) | | | |\n", text.Count(len(m.silenced), "violation"), m.silenced[0].Severity)
	}
	m.printf("\n")
}

func (m *markdown) hubsOf(groups []group) string {
	var hubs []string
	for _, g := range groups {
		for _, d := range g.verdicts {
			if h := mdHub(d.Hub); !slices.Contains(hubs, h) {
				hubs = append(hubs, h)
			}
		}
	}
	return strings.Join(hubs, ", ")
}

func (m *markdown) couldNotCheck() {
	if len(m.unknown) == 0 {
		return
	}
	m.printf("## Could not be checked\n\n%s\n\n", notFine)
	for _, g := range m.unknown {
		m.printf("- %s\n", md(g.key))
		if len(g.verdicts) > mostTitled {
			for _, h := range g.byHub() {
				m.printf("  - %s: `%s`\n", mdHub(h.key), strings.Join(h.checks(), "`, `"))
			}
			continue
		}
		for _, d := range g.verdicts {
			m.printf("  - %s: %s (`%s`, %s)\n", mdHub(d.Hub), text.MarkdownDoc(m.title(d.Check)), d.Check, d.Severity)
		}
	}
	m.printf("\n")
}

func (m *markdown) stillOpen() {
	if len(m.hidden) == 0 {
		return
	}
	m.printf("## Still open, not visible at present\n\n")
	m.printf("%s\n\n", notSeen)
	for _, inc := range m.hidden {
		m.printf("- **%s**: %s (%s, `%s`), open since %s, now %s\n", inc.Severity, text.Markdown(inc.Summary, summaryColumns),
			mdHub(inc.Hub), inc.Check, m.ago(inc.OpenedAt), unseen(inc))
	}
	m.printf("\n")
}

func (m *markdown) resolvedIncidents() {
	if len(m.resolved) == 0 {
		return
	}
	m.printf("## Resolved by this run\n\n")
	for _, inc := range m.resolved {
		m.printf("- **%s**: %s (%s, `%s`), open from %s for %s: %s\n", inc.Severity, text.Markdown(inc.Summary, summaryColumns),
			mdHub(inc.Hub), inc.Check, text.Time(inc.OpenedAt), text.Duration(inc.ResolvedAt.Sub(inc.OpenedAt)), md(inc.Reason))
	}
	m.printf("\n")
}

func (m *markdown) holdingChecks() {
	if len(m.holding) == 0 {
		return
	}
	m.printf("## Checked, and holds\n\n")
	for _, g := range m.holding {
		m.printf("- %s (`%s`): %s\n", text.MarkdownDoc(m.title(g.key)), g.key, m.hubsOf([]group{g}))
	}
	m.printf("\n")
}

func (m *markdown) skippedChecks() {
	if len(m.skipped) == 0 {
		return
	}
	m.printf("## Skipped\n\n")
	for _, g := range m.skipped {
		m.printf("- %s\n", md(g.key))
		for _, d := range g.verdicts {
			m.printf("  - %s: %s (`%s`)\n", mdHub(d.Hub), text.MarkdownDoc(m.title(d.Check)), d.Check)
		}
	}
	m.printf("\n")
}

func (m *markdown) sources() {
	m.printf("## Sources\n\n")
	if len(m.run.Sources) == 0 {
		m.printf("None was read.\n")
		return
	}
	m.printf("| Source | Status | Read | Took | Detail |\n|---|---|---|---|---|\n")
	for _, s := range m.run.Sources {
		status := string(s.Status)
		if s.Status == facts.Failed {
			status = "**" + status + "**"
		}
		m.printf("| %s | %s | %s | %s | %s |\n", text.MarkdownName(s.Name), status, md(items(s)), text.Duration(s.Duration), md(s.Detail))
	}
}
