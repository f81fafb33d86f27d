package report_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// said is the text that a page shows in its body, without any space: where lines
// break is another question.
func said(t testing.TB, page string) string {
	t.Helper()
	root, err := nethtml.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range root.Descendants() {
		hidden := n.Parent != nil && slices.ContainsFunc(n.Parent.Attr, func(a nethtml.Attribute) bool { return a.Val == "unseen" })
		inHead := n.Parent != nil && (n.Parent.DataAtom == atom.Style || n.Parent.DataAtom == atom.Title)
		if n.Type == nethtml.TextNode && !hidden && !inHead {
			b.WriteString(strings.Join(strings.Fields(n.Data), ""))
		}
	}
	return b.String()
}

// TestHTMLSaysWhatMarkdownSays: the same words in the same order.
func TestHTMLSaysWhatMarkdownSays(t *testing.T) {
	// What Markdown has as list markers and labels with a colon, HTML has as elements.
	words := strings.NewReplacer("Musthold:", "Musthold", "Where:", "Where", "Since:", "Since", "Forwhom:", "Forwhom", "Because:", "Because")
	silenced := badRun()
	d := at(silenced, "lh-single-usable-replica")
	d.Findings[0].Silence, d.Silenced = "silence 3 by ann until 2026-11-30 12:00 UTC: the disk is on its way", 1
	explained := badRun()
	at(explained, "backup-none").Because = "the database was reset (hub-db-reset)"
	for name, run := range map[string]*verdict.Run{"healthy": healthyRun(), "bad": badRun(), "silenced": silenced, "explained": explained} {
		t.Run(name, func(t *testing.T) {
			want := words.Replace(said(t, toHTML(t, render(t, "markdown", run, report.Options{}))))
			got := words.Replace(said(t, render(t, "html", run, report.Options{})))
			if len(want) < 1000 {
				t.Fatalf("the Markdown says almost nothing: %s", want)
			}
			for i := range min(len(want), len(got)) {
				if want[i] != got[i] {
					t.Fatalf("they part here:\nMarkdown …%.120q\nHTML     …%.120q", want[max(0, i-40):], got[max(0, i-40):])
				}
			}
			if len(want) != len(got) {
				t.Errorf("Markdown says %d bytes, HTML %d", len(want), len(got))
			}
		})
	}
}

// checkHTML proves that a name changed nothing but text.
func checkHTML(t testing.TB, name string) {
	t.Helper()
	got, harmless := render(t, "html", hostileRun(name), report.Options{}), render(t, "html", hostileRun("alice"), report.Options{})
	if diff := gocmp.Diff(tags(t, harmless), tags(t, got)); diff != "" {
		t.Errorf("name %.80q changes the page (-harmless +hostile):\n%s", name, diff)
	}
	checkRunes(t, name, got)
}

func TestHostileNamesInHTML(t *testing.T) {
	for _, name := range append(hostileNames, strings.Repeat("a", 10_000), "javascript:alert(1)", "</title><script>alert(1)</script>", "</style><img src=x onerror=alert(1)>",
		`"><svg onload=alert(1)>`, "{{.Headline}}", "\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80") {
		checkHTML(t, name)
	}
}

// TestPage: notices come before the report, escaped, and without a run the page
// says so.
func TestPage(t *testing.T) {
	page, err := report.NewPage(healthyRun(), guides, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var with, without, empty bytes.Buffer
	for w, err := range map[io.Writer]error{
		&with:    page.Write(&with, report.Notice{Text: "all <b>well</b>"}, report.Notice{Text: "old", Bad: true}),
		&without: page.Write(&without), &empty: new(report.Page).Write(&empty, report.Notice{Text: "wait"}),
	} {
		if err != nil {
			t.Errorf("%v: %v", w, err)
		}
	}
	if !strings.Contains(with.String(), "<p class=\"notice\">all &lt;b&gt;well&lt;/b&gt;</p>\n<p class=\"notice bad\">old</p>\n<header>") {
		t.Errorf("notices are missing:\n%.6000s", with.String())
	}
	if without.String() != render(t, "html", healthyRun(), report.Options{}) {
		t.Error("without notices it is not the report")
	}
	if !strings.Contains(said(t, empty.String()), "waitNoreportyet") {
		t.Errorf("without a run:\n%s", empty.String())
	}
	if err := page.Write(full{}); err == nil {
		t.Error("a full disk is no error")
	}
}

// TestHTMLIsAccessible looks for what a screen reader needs, and for what would be
// loaded or run.
func TestHTMLIsAccessible(t *testing.T) {
	root, err := nethtml.Parse(strings.NewReader(render(t, "html", badRun(), report.Options{})))
	if err != nil {
		t.Fatal(err)
	}
	level, ids := 0, map[string]bool{}
	for n := range root.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "style" || a.Key == "href" && !strings.HasPrefix(a.Val, "#violation-") {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
		if id := attr["id"]; id != "" && ids[id] {
			t.Errorf("the id %q is there twice", id)
		} else if id != "" {
			ids[id] = true
		}
		switch n.DataAtom {
		case atom.Html:
			if attr["lang"] == "" {
				t.Error("the page has no language")
			}
		case atom.H1, atom.H2, atom.H3:
			now := int(n.Data[1] - '0')
			if now > level+1 {
				t.Errorf("<%s> follows a heading of level %d", n.Data, level)
			}
			level = now
		case atom.Th:
			if attr["scope"] != "col" || n.FirstChild == nil {
				t.Errorf("a header of a table without scope or text: %v", attr)
			}
		case atom.Table:
			if attr["aria-label"] == "" {
				t.Error("a table has no name")
			}
		case atom.Script, atom.Link, atom.Img, atom.Iframe, atom.Object, atom.Form:
			t.Errorf("there is a <%s>", n.Data)
		}
	}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "href" && !ids[strings.TrimPrefix(a.Val, "#")] {
				t.Errorf("a link leads nowhere: %s", a.Val)
			}
		}
	}
}

// BenchmarkHTML renders a run with many findings, of which few are shown.
func BenchmarkHTML(b *testing.B) {
	run := healthyRun()
	var findings []verdict.Finding
	for i := range 100_000 {
		findings = append(findings, user(i, fmt.Sprintf("student-%06d", i), "no cookie", nil))
	}
	fail(run, "hub-cookie-id-null", verdict.Critical, "100,000 users have no cookie_id", 0, findings...)
	for b.Loop() {
		if err := report.Write(io.Discard, "html", run, guides, report.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
