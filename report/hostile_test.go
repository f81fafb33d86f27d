package report_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	gmtext "github.com/yuin/goldmark/text"
	"golang.org/x/net/html/atom"

	nethtml "golang.org/x/net/html"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

var hostileNames = []string{
	"<!channel>", "![x](http://evil.example)", "<script>alert(1)</script>", "`code`", "``` \n<b>", "a|b", `a\|b`, "a\nb", "a\r\n\r\n# heading", "a\r\x1b[2Kb",
	"\x1b[31mred\x1b[0m", "\x1b]0;title\a", "\u009b31m", "user\u202etxt.exe", "\u2066iso\u2069", "zero\u200bwidth", "\ufeffbom", "soft\u00adhyphen",
	strings.Repeat("x", 300), strings.Repeat("名", 300), strings.Repeat("e\u0301\u0302\u0303\u0304\u0305", 60), "", " ", "  ", " a", "a ", "a  b", "\xff\xfe", "a\xc3",
	"http://evil.example", "https://evil.example/?a=b&c=d", "www.evil.example", "mail@evil.example", "mailto:mail@evil.example", "@everyone", "#1", "GH-1", ":smile:",
	"*b*", "**b**", "_i_", "__b__", "~~s~~", "[x]", "[ ] task", "[x]: http://evil.example", "[^1]", "<http://evil.example>", "&lt;b&gt;", "&#60;", "\\", "a\\", "\\`", "$x$",
	"- item", "+ item", "* item", "1. item", "1) item", "1.", "# h", "> quote", "---", "===", "***", "~~~", "    code", "\tcode", "| a | b |\n|---|---|", ":---", "|",
	"</code>", "<!--", "-->", "<![CDATA[", "<?php", "{{ 1 }}", "%s%n", "\u0301combining", "👩‍👩‍👧‍👦", "🇨🇭", "\u3164", "\u2028", "\u2029", "\u00a0", "\u0085", "\x7f", "\x00",
}

// hostileRun puts names wherever a run can hold foreign text. Each name gets
// the same number of everything, so that two runs of as many names differ in
// nothing but text.
func hostileRun(names ...string) *verdict.Run {
	run := healthyRun()
	first := names[0]
	run.Cluster, run.Version = first+"c", first
	var findings, volumes []verdict.Finding
	for i, name := range names {
		findings = append(findings, user(i, name, fmt.Sprintf("user %s (id %d) has no cookie", name, i), map[string]string{"raw": name, "quoted": fmt.Sprintf("%q", name)}))
		volumes = append(volumes, verdict.Finding{Subject: verdict.Subject{Kind: "volume", Namespace: name, Name: name, ID: name}, Message: name, Details: map[string]string{"k": name, "user": name}})
		run.Notes = append(run.Notes, name, "told about "+name)
	}
	fail(run, "hub-cookie-id-null", verdict.Critical, first, time.Hour, findings...)
	fail(run, "lh-single-usable-replica", verdict.Critical, "of "+first+" and "+first+".", 0, volumes...)
	unknown(run, "hub-user-count-drift", first)
	unknown(run, "hub-cookie-id-duplicate", "source hubdb/x could not be read: "+first)
	skipped := at(run, "backup-hub-db-missing")
	skipped.Outcome, skipped.Summary = verdict.Skipped, first
	run.Incidents = append(run.Incidents,
		verdict.Incident{ID: 8, Fingerprint: "hidden", Hub: first, Check: "hub-user-count-drift", State: verdict.Ongoing, Outcome: verdict.Unknown,
			Severity: verdict.Critical, Summary: first, Count: 1, OpenedAt: run.StartedAt.Add(-time.Hour)},
		verdict.Incident{ID: 5, Fingerprint: "resolved", Hub: first, Check: "pvc-lost", State: verdict.Resolved, Outcome: verdict.Pass, Severity: verdict.Error,
			Summary: first, Count: 1, OpenedAt: run.StartedAt.Add(-time.Hour), ResolvedAt: run.StartedAt, Reason: first})
	for i := range run.Verdicts {
		run.Verdicts[i].Hub = first + "h"
	}
	day := run.StartedAt.AddDate(0, 0, -1)
	run.Coverage = []verdict.Coverage{{Hub: first + "h", Homes: 1, Old: 1, Oldest: first, OldestAt: day, Database: []verdict.DatabaseBackup{
		{Name: first, Location: first, Good: first, GoodAt: day, Tested: first, TestedAt: day, Level: facts.VerifyRestore, Trouble: "the copy " + first}}},
		{Hub: first, Unknown: "source " + first + " failed"}}
	run.Sources = append(run.Sources, facts.Source{Name: first, Status: facts.Failed, Detail: first, Items: map[string]int{first: 1}})
	return run
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList, extension.CJK))

// shape is the structure of a Markdown document: every node that is more than
// text, with its depth. A code span counts as text.
func shape(t testing.TB, markdown string) []string {
	t.Helper()
	source := []byte(markdown)
	var nodes []string
	depth := 0
	err := ast.Walk(gfm.Parser().Parse(gmtext.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n.Kind() {
		case ast.KindText, ast.KindString:
			return ast.WalkContinue, nil
		case ast.KindCodeSpan:
			return ast.WalkSkipChildren, nil
		}
		if !entering {
			depth--
			return ast.WalkContinue, nil
		}
		line := strings.Repeat(" ", depth) + n.Kind().String()
		if h, ok := n.(*ast.Heading); ok {
			line += fmt.Sprint(h.Level)
		}
		nodes = append(nodes, line)
		depth++
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

func toHTML(t testing.TB, markdown string, options ...goldmark.Option) string {
	t.Helper()
	var b bytes.Buffer
	if err := goldmark.New(append(options, goldmark.WithExtensions(extension.GFM))...).Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// tags lists the HTML elements of a page but <code>, with their attributes.
func tags(t testing.TB, page string) []string {
	t.Helper()
	var all []string
	z := nethtml.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case nethtml.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			return all
		case nethtml.StartTagToken, nethtml.EndTagToken, nethtml.SelfClosingTagToken, nethtml.CommentToken, nethtml.DoctypeToken:
			if token := z.Token(); token.DataAtom != atom.Code {
				all = append(all, token.String())
			}
		}
	}
}

// checkMarkdown proves that a name changed nothing but text.
func checkMarkdown(t testing.TB, name string) {
	t.Helper()
	got, harmless := render(t, "markdown", hostileRun(name), report.Options{}), render(t, "markdown", hostileRun("alice"), report.Options{})
	if diff := gocmp.Diff(shape(t, harmless), shape(t, got)); diff != "" {
		t.Errorf("name %.80q changes the document (-harmless +hostile):\n%s", name, diff)
	}
	safe, unsafe := toHTML(t, got), toHTML(t, got, goldmark.WithRendererOptions(html.WithUnsafe()))
	if safe != unsafe {
		t.Errorf("name %.80q brings raw HTML into the document:\n%s", name, gocmp.Diff(safe, unsafe))
	}
	if diff := gocmp.Diff(tags(t, toHTML(t, harmless)), tags(t, unsafe)); diff != "" {
		t.Errorf("name %.80q changes the page (-harmless +hostile):\n%s", name, diff)
	}
	checkRunes(t, name, got)
}

// checkRunes proves that nothing but visible text reaches the reader.
func checkRunes(t testing.TB, name, got string) {
	t.Helper()
	if !utf8.ValidString(got) {
		t.Errorf("name %.80q gives invalid UTF-8", name)
	}
	for line := range strings.SplitSeq(got, "\n") {
		if text.Clean(line) != line {
			t.Errorf("name %.80q gives a line that is not clean: %.200q", name, line)
		}
	}
}

func checkTerminal(t testing.TB, name string) {
	t.Helper()
	for _, o := range []report.Options{{}, {Color: true, Width: 64}} {
		got := render(t, "terminal", hostileRun(name), o)
		for _, sgr := range []text.Style{"0", text.Bold, text.Dim, text.Red, text.BoldRed, text.Green, text.Yellow, text.Blue, text.Magenta, text.Code} {
			if o.Color {
				got = strings.ReplaceAll(got, "\x1b["+string(sgr)+"m", "")
			}
		}
		checkRunes(t, name, got)
		width := cmp.Or(o.Width, text.DefaultWidth)
		for line := range strings.SplitSeq(got, "\n") {
			if text.Width(line) > width {
				t.Errorf("name %.80q gives a line of more than %d columns: %.200q", name, width, line)
			}
		}
	}
}

func TestHostileNamesInMarkdown(t *testing.T) {
	for _, name := range hostileNames {
		checkMarkdown(t, name)
	}
}

func TestHostileNamesOnTerminal(t *testing.T) {
	for _, name := range hostileNames {
		checkTerminal(t, name)
	}
}

func TestHostileNamesInJSON(t *testing.T) {
	for _, name := range hostileNames {
		checkJSON(t, name)
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		checkMarkdown(t, name)
		checkHTML(t, name)
		checkTerminal(t, name)
		checkJSON(t, name)
	})
}
