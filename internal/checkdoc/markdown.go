package checkdoc

import (
	"bufio"
	"fmt"
	"io"

	"hubaudit/checks"
	"hubaudit/internal/text"
)

// Markdown writes the page docs/checks.md: an overview, then every check.
func Markdown(w io.Writer, registry []*checks.Check) error {
	p := page{bufio.NewWriter(w)}
	p.printf("<!-- Generated from checks/; change it there, then: go generate ./internal/checkdoc -->\n\n")
	p.printf("# The checks\n\n")
	p.printf("Each check is one invariant. `audit explain ID` shows the same in a terminal. " +
		"Severity and parameters can be set under `checks:` in the configuration, where `enabled: false` switches a check off; " +
		"`checks:` of a single hub goes before that, for checks with a verdict per hub.\n\n")
	p.printf("A check whose source could not be read is *unknown*, never a pass. " +
		"One whose source is absent by design is *skipped*.\n\n")
	p.printf("| Check | Severity | What must hold |\n|---|---|---|\n")
	for _, c := range registry {
		p.printf("| [`%s`](#%s) | %s | %s |\n", c.ID, c.ID, c.Severity, text.MarkdownDoc(c.Title))
	}
	for _, c := range registry {
		p.check(c)
	}
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write the page of the checks: %w", err)
	}
	return nil
}

type page struct{ w *bufio.Writer }

// printf writes; the error is kept by the writer and told by its Flush.
func (p page) printf(format string, args ...any) { _, _ = fmt.Fprintf(p.w, format, args...) }

func (p page) check(c *checks.Check) {
	p.printf("\n## %s\n\n**%s.**\n\n", c.ID, text.MarkdownDoc(c.Title))
	p.printf("- Severity: %s (%s)\n", c.Severity, severities[c.Severity])
	p.printf("- Judged: %s, since version %s\n", scopes[c.Scope], c.Since)
	if len(c.Needs) > 0 {
		p.printf("- Needs: %s\n", sourceNames(c.Needs))
	}
	if uses := onlyUsed(c); len(uses) > 0 {
		p.printf("- Uses, if there: %s\n", sourceNames(uses))
	}
	if len(c.Weighs) > 0 {
		p.printf("- Weighs, each by itself: %s\n", sourceNames(c.Weighs))
	}
	if c.Baseline {
		p.printf("- Compares with what was normal: `%s` accepts a new normal\n", acceptCommand(c))
	}
	if c.Expects {
		p.printf("- Expected changes: `%s` in the check's settings, or a list of such windows (%s)\n", expectExample, expectDays)
	}
	p.params(c.Params)
	p.prose("What a violation means", c.Doc.Meaning)
	p.prose("False alarms", c.Doc.FalseAlarms)
	p.list("What to do now", c.Doc.Do, func(i int) string { return fmt.Sprintf("%d. ", i+1) })
	p.list("What not to do", c.Doc.Dont, dash)
	p.list("Where it comes from", c.Doc.Sources, dash)
}

// acceptCommand is how a new normal of a check is accepted.
func acceptCommand(c *checks.Check) string {
	hub := " --hub HUB"
	if c.Scope == checks.PerCluster {
		hub = ""
	}
	return "audit accept " + c.ID + hub + " --reason \"…\""
}

func dash(int) string { return "- " }

func (p page) params(params []checks.Param) {
	if len(params) == 0 {
		return
	}
	p.printf("\n| Parameter | Default | Range | Meaning |\n|---|---|---|---|\n")
	for _, q := range params {
		p.printf("| `%s` | %s | %s | %s |\n", q.Name, value(q, q.Default), bounds(q), text.MarkdownDoc(q.Doc))
	}
}

func (p page) prose(heading, doc string) {
	if doc == "" {
		return
	}
	p.printf("\n### %s\n", heading)
	for _, paragraph := range text.Paragraphs(doc) {
		p.printf("\n%s\n", text.MarkdownDoc(paragraph))
	}
}

func (p page) list(heading string, items []string, bullet func(int) string) {
	if len(items) == 0 {
		return
	}
	p.printf("\n### %s\n\n", heading)
	for i, item := range items {
		p.printf("%s%s\n", bullet(i), text.MarkdownDoc(item))
	}
}
