package report

import (
	"io"
	"strconv"
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// rescueTerminal writes a rescue to a terminal.
type rescueTerminal struct {
	*rescueView
	*text.Page
	most int
}

// terminalLeft is how many claims of one reason a terminal lists.
const terminalLeft = 5

func writeRescueTerminal(w io.Writer, v *rescueView, o Options) error {
	t := &rescueTerminal{v, text.NewPage(w, o.Color, o.Width), o.MaxFindings}
	if t.most <= 0 {
		t.most = terminalLeft
	}
	t.head()
	t.list(text.BoldRed, "DO FIRST", t.first())
	t.leftOut()
	t.evidence()
	t.verification()
	t.list(text.Bold, "PUT IT IN PLACE", t.steps())
	return t.Flush()
}

func (t *rescueTerminal) section(style text.Style, heading string) {
	t.Blank()
	t.Print("", "", styled(style, heading))
}

func (t *rescueTerminal) head() {
	style := text.Magenta
	switch {
	case len(t.Differences) > 0:
		style = text.BoldRed
	case t.calm():
		style = text.Green
	}
	t.Print("", "  ", styled(text.Bold, text.Name(t.Plan.Hub)), plain(": "), styled(style, t.headline()))
	line := text.Time(t.At)
	if t.Cluster != "" {
		line = "cluster " + text.Name(t.Cluster) + " · " + line
	}
	t.Print("", "  ", styled(text.Dim, line))
}

func (t *rescueTerminal) evidence() {
	if len(t.Plan.Notes) > 0 {
		t.section(text.Magenta, "NOTES")
	}
	for _, note := range t.Plan.Notes {
		t.Print("  - ", "    ", sentence(note))
	}
	t.section(text.Bold, "EVIDENCE")
	for _, e := range t.Evidence {
		t.Print("  - ", "    ", sentence(e))
	}
	for _, row := range t.rows() {
		t.Label("  ", styled(text.Bold, row[0]), labelColumns, sentence(row[1]))
	}
}

func (t *rescueTerminal) leftOut() {
	if len(t.left) == 0 {
		return
	}
	t.section(text.Magenta, "LEFT OUT")
	for _, g := range t.left {
		t.Print("  ", "  ", styled(text.Bold, text.Number(len(g.items))+": "), sentence(g.title()))
		for _, l := range g.items[:min(len(g.items), t.most)] {
			t.Print("    - ", "      ", plain(g.item(l)))
		}
		if more := len(g.items) - t.most; more > 0 {
			t.Print("      ", "      ", plain("and "+text.Number(more)+" more; --output json has all"))
		}
	}
}

func (t *rescueTerminal) verification() {
	t.section(text.Bold, "VERIFIED")
	for _, d := range t.Differences[:min(len(t.Differences), t.most)] {
		t.Print("  - ", "    ", styled(text.BoldRed, "not as planned: "), sentence(d))
	}
	if more := len(t.Differences) - t.most; more > 0 {
		t.Print("    ", "    ", plain("and "+text.Number(more)+" more differences; --output json has all"))
	}
	t.Print("  ", "  ", plain(t.verified()))
	for _, d := range t.failing {
		style, label := severityStyle[d.Severity], string(d.Severity)
		if d.Outcome == verdict.Unknown {
			style, label = text.Magenta, "unknown"
		}
		t.Label("  ", styled(style, label), labelColumns, plain(text.Sentence(d.Summary, summaryColumns)), styled(text.Dim, " ("+d.Check+")"))
	}
}

func (t *rescueTerminal) list(style text.Style, heading string, steps []string) {
	if len(steps) == 0 {
		return
	}
	t.section(style, heading)
	for i, step := range steps {
		first := "  " + strconv.Itoa(i+1) + ". "
		t.Print(first, strings.Repeat(" ", len(first)), text.Doc(step)...)
	}
}
