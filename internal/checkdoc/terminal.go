package checkdoc

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"hubaudit/checks"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var styles = map[verdict.Severity]text.Style{
	verdict.Critical: text.BoldRed, verdict.Error: text.Red, verdict.Warning: text.Yellow, verdict.Info: text.Blue,
}

// Explain writes one check's documentation for a terminal of so many columns;
// 0 means 80.
func Explain(w io.Writer, c *checks.Check, color bool, width int) error {
	p := text.NewPage(w, color, width)
	p.Print("", "", text.Span{Style: text.Bold, Text: c.ID})
	p.Print("", "", text.Doc(c.Title)...)
	p.Blank()
	label(p, "severity", text.Span{Style: styles[c.Severity], Text: string(c.Severity)}, text.Span{Text: ": " + severities[c.Severity]})
	label(p, "judged", text.Span{Text: scopes[c.Scope] + ", since version " + c.Since})
	if len(c.Needs) > 0 {
		label(p, "needs", text.Doc(sourceNames(c.Needs))...)
	}
	if uses := onlyUsed(c); len(uses) > 0 {
		label(p, "uses", text.Doc(sourceNames(uses)+", if there")...)
	}
	if len(c.Weighs) > 0 {
		label(p, "weighs", text.Doc(sourceNames(c.Weighs)+", each by itself")...)
	}
	if c.Baseline {
		label(p, "baseline", text.Doc("`"+acceptCommand(c)+"` accepts a new normal")...)
	}
	if c.Expects {
		label(p, "expect", text.Doc("`"+expectExample+"` or a list of such windows ("+expectDays+")")...)
	}
	for i, q := range c.Params {
		label(p, []string{"parameters", ""}[min(i, 1)], text.Doc("`"+q.Name+"`, "+value(q, q.Default)+" ("+bounds(q)+"): "+q.Doc)...)
	}
	section(p, "What a violation means", text.Paragraphs(c.Doc.Meaning), func(int) string { return "  " })
	section(p, "False alarms", text.Paragraphs(c.Doc.FalseAlarms), func(int) string { return "  " })
	section(p, "What to do now", c.Doc.Do, func(i int) string { return "  " + strconv.Itoa(i+1) + ". " })
	section(p, "What not to do", c.Doc.Dont, func(int) string { return "  - " })
	section(p, "Where it comes from", c.Doc.Sources, func(int) string { return "  - " })
	if err := p.Flush(); err != nil {
		return fmt.Errorf("write the explanation of %s: %w", c.ID, err)
	}
	return nil
}

func label(p *text.Page, name string, spans ...text.Span) {
	const columns = 12
	p.Label("", text.Span{Style: text.Dim, Text: name}, columns, spans...)
}

func section(p *text.Page, heading string, items []string, bullet func(int) string) {
	if len(items) == 0 {
		return
	}
	p.Blank()
	p.Print("", "", text.Span{Style: text.Bold, Text: heading})
	for i, item := range items {
		first := bullet(i)
		p.Print(first, strings.Repeat(" ", len(first)), text.Doc(item)...)
	}
}

// List writes one line per check, in the registry's order, for a terminal of
// so many columns; 0 means 80.
func List(w io.Writer, registry []*checks.Check, color bool, width int) error {
	p := text.NewPage(w, color, width)
	ids, grades := 0, 0
	for _, c := range registry {
		ids, grades = max(ids, len(c.ID)), max(grades, len(c.Severity))
	}
	for _, c := range registry {
		p.Row("", []text.Cell{
			{Span: text.Span{Style: text.Bold, Text: c.ID}, Columns: ids + 2},
			{Span: text.Span{Style: styles[c.Severity], Text: string(c.Severity)}, Columns: grades + 2},
		}, text.Doc(c.Title)...)
	}
	if err := p.Flush(); err != nil {
		return fmt.Errorf("write the list of checks: %w", err)
	}
	return nil
}
