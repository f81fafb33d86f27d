package report

import (
	"io"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

const (
	terminalFindings = 5  // listed of one verdict
	labelColumns     = 12 // of the labels before lines
	maxSourceColumns = 30 // of the source's name, to keep room for its detail
)

// terminal writes a view to a terminal. The page cleans all text; foreign text
// is shortened here.
type terminal struct {
	*view
	*text.Page
	most int // findings listed of one verdict
}

func writeTerminal(w io.Writer, v *view, o Options) error {
	t := &terminal{view: v, Page: text.NewPage(w, o.Color, o.Width), most: o.MaxFindings}
	if t.most <= 0 {
		t.most = terminalFindings
	}
	t.head()
	t.glance()
	t.couldNotCheck()
	t.stillOpen()
	for i, d := range v.failing {
		t.violation(i+1, d)
	}
	t.silencedViolations()
	t.resolvedIncidents()
	t.backups()
	t.holdingChecks()
	t.skippedChecks()
	t.sources()
	t.last()
	return t.Flush()
}

var severityStyle = map[verdict.Severity]text.Style{
	verdict.Critical: text.BoldRed, verdict.Error: text.Red, verdict.Warning: text.Yellow, verdict.Info: text.Blue,
}

// headlineStyle is the colour of the worst that the run found.
func (t *terminal) headlineStyle() text.Style {
	switch {
	case len(t.failing) > 0:
		return severityStyle[t.failing[0].Severity]
	case t.calm():
		return text.Green
	default:
		return text.Magenta
	}
}

func plain(s string) text.Span                    { return text.Span{Style: text.Plain, Text: s} }
func styled(style text.Style, s string) text.Span { return text.Span{Style: style, Text: s} }

func sentence(s string) text.Span { return plain(text.Sentence(s, messageColumns)) }

func hub(name string) string {
	if name == "" {
		return "the cluster"
	}
	return text.Name(name)
}

// section starts a block under a heading.
func (t *terminal) section(style text.Style, heading string) {
	t.Blank()
	t.Print("", "", styled(style, heading))
}

func (t *terminal) head() {
	t.Print("", "", styled(t.headlineStyle(), t.headline()))
	var facts []string
	if t.run.Cluster != "" {
		facts = append(facts, "cluster "+text.Name(t.run.Cluster))
	}
	facts = append(facts, text.Time(t.run.StartedAt), "took "+text.Duration(t.run.Duration), strings.TrimSpace("hubaudit "+text.Sentence(t.run.Version, text.NameColumns)),
		"run "+text.Name(t.run.ID))
	t.Print("", "", styled(text.Dim, strings.Join(facts, " · ")))
	for _, note := range t.run.Notes {
		t.Blank()
		t.Print("", "  ", styled(text.Magenta, "Note: "), sentence(note))
	}
	t.Blank()
	t.Print("", "", plain(t.coverage()))
}

// glance is one line for everything that needs somebody.
func (t *terminal) glance() {
	if !t.needsGlance() {
		return
	}
	t.Blank()
	line := func(style text.Style, label string, spans ...text.Span) {
		t.Label("  ", styled(style, label), labelColumns, spans...)
	}
	if n := t.sum.Unknown; n > 0 {
		line(text.Magenta, "unknown", plain(text.Count(n, "invariant")+" could not be checked"))
	}
	if n := len(t.hidden); n > 0 {
		line(text.Magenta, "still open", plain(text.Count(n, "incident")+" not visible at present, "+string(t.hidden[0].Severity)+", since "+t.hiddenSince()))
	}
	for _, d := range t.failing {
		line(severityStyle[d.Severity], string(d.Severity), plain(text.Sentence(d.Summary, summaryColumns)),
			styled(text.Dim, " ("+hub(d.Hub)+", "+t.sinceClause(d)+")"))
	}
	if n := len(t.silenced); n > 0 {
		line(text.Bold, "silenced", plain(text.Count(n, "violation")+", "+string(t.silenced[0].Severity)))
	}
}

func (t *terminal) couldNotCheck() {
	if len(t.unknown) == 0 {
		return
	}
	t.section(text.Magenta, "COULD NOT BE CHECKED")
	t.Print("  ", "  ", plain(notFine))
	for _, g := range t.unknown {
		t.Print("  ", "  ", sentence(g.key))
		if len(g.verdicts) > mostTitled {
			for _, h := range g.byHub() {
				t.Print("    - ", "      ", plain(hub(h.key)+": "+strings.Join(h.checks(), ", ")))
			}
			continue
		}
		for _, d := range g.verdicts {
			t.titled("    - ", d, d.Check+", "+string(d.Severity))
		}
	}
}

// titled is one line for a verdict: where, what must hold, and a remark.
func (t *terminal) titled(first string, d *verdict.Verdict, remark string) {
	spans := append([]text.Span{plain(hub(d.Hub) + ": ")}, text.Doc(t.title(d.Check))...)
	t.Print(first, strings.Repeat(" ", len(first)), append(spans, styled(text.Dim, " ("+remark+")"))...)
}

func (t *terminal) stillOpen() {
	if len(t.hidden) == 0 {
		return
	}
	t.section(text.Magenta, "STILL OPEN, NOT VISIBLE AT PRESENT")
	t.Print("  ", "  ", plain(notSeen))
	for _, inc := range t.hidden {
		t.Print("  ", "    ", styled(severityStyle[inc.Severity], string(inc.Severity)), plain(" "),
			plain(text.Sentence(inc.Summary, summaryColumns)), styled(text.Dim, " ("+hub(inc.Hub)+", "+inc.Check+", open since "+
				t.ago(inc.OpenedAt)+", now "+unseen(inc)+")"))
	}
}

func (t *terminal) resolvedIncidents() {
	if len(t.resolved) == 0 {
		return
	}
	t.section(text.Green, "RESOLVED BY THIS RUN")
	for _, inc := range t.resolved {
		t.Print("  ", "    ", styled(severityStyle[inc.Severity], string(inc.Severity)), plain(" "),
			plain(text.Sentence(inc.Summary, summaryColumns)), plain(" ("+hub(inc.Hub)+", "+inc.Check+"), open from "+
				text.Time(inc.OpenedAt)+" for "+text.Duration(inc.ResolvedAt.Sub(inc.OpenedAt))+": "), sentence(inc.Reason))
	}
}

func (t *terminal) holdingChecks() {
	if len(t.holding) == 0 {
		return
	}
	t.section(text.Green, "CHECKED, AND HOLDS")
	for _, g := range t.holding {
		var hubs []string
		for _, d := range g.verdicts {
			hubs = append(hubs, hub(d.Hub))
		}
		spans := append(text.Doc(t.title(g.key)), styled(text.Dim, " ("+g.key+": "+strings.Join(hubs, ", ")+")"))
		t.Print("  ", "    ", spans...)
	}
}

func (t *terminal) skippedChecks() {
	if len(t.skipped) == 0 {
		return
	}
	t.section(text.Bold, "SKIPPED")
	for _, g := range t.skipped {
		t.Print("  ", "  ", sentence(g.key))
		for _, d := range g.verdicts {
			t.titled("    - ", d, d.Check)
		}
	}
}

func (t *terminal) sources() {
	t.section(text.Bold, "SOURCES")
	columns := 0
	for _, s := range t.run.Sources {
		columns = min(max(columns, text.Width(text.Name(s.Name))), maxSourceColumns)
	}
	for _, s := range t.run.Sources {
		style := map[facts.Status]text.Style{facts.OK: text.Green, facts.Failed: text.BoldRed}[s.Status]
		spans := []text.Span{styled(style, string(s.Status)), plain(" (" + text.Duration(s.Duration) + ")")}
		for _, part := range []string{items(s), s.Detail} {
			if part != "" {
				spans = append(spans, plain(" "), sentence(part))
			}
		}
		t.Label("  ", plain(text.Name(s.Name)), columns+2, spans...)
	}
}

// last repeats the headline where the eye is when the output has scrolled by.
func (t *terminal) last() {
	if t.calm() {
		return
	}
	t.Blank()
	t.Print("", "", styled(t.headlineStyle(), t.headline()))
}
