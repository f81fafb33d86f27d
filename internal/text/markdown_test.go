package text

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gmtext "github.com/yuin/goldmark/text"
)

func TestMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"1,003 of 1,053 users have no cookie_id": "1,003 of 1,053 users have no `cookie_id`",
		`user "alice" (id 12) is gone.`:          `user "alice" (id 12) is gone.`,
		`user "mail@evil.example" is new`:        "user \"`mail@evil.example`\" is new",
		"see <!channel>, now":                    "see `<!channel>`, now",
		"at 12:30, a:b":                          "at 12:30, `a:b`",
		"kube/claims could not be read: 403":     "kube/claims could not be read: 403",
		"GET https://h/x: refused":               "GET `https://h/x`: refused",
		"- x":                                    "`-` x",
		"1. x":                                   "`1.` x",
		"in 1. x - y":                            "in 1. x - y",
		"a`b|c":                                  "`a" + `\x60b\x7cc` + "`",
		"":                                       "",
	} {
		if got := Markdown(in, 200); got != want {
			t.Errorf("Markdown(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMarkdownDoc(t *testing.T) {
	for in, want := range map[string]string{
		"Stop it: `kubectl get pods | grep hub`.": "Stop it: `kubectl get pods | grep hub`.",
		"bind\n  <claim> to pvc_name (`x`), then": "bind `<claim>` to `pvc_name` (`x`), then",
		"a lone ` stays": "a lone  stays",
		"`a` `b`":        "`a` `b`",
		"":               "",
	} {
		if got := MarkdownDoc(in); got != want {
			t.Errorf("MarkdownDoc(%q) = %q, want %q", in, got, want)
		}
	}
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList, extension.Typographer))

// places are where reports put foreign text.
const places = "# %[1]s\n\n%[1]s\n\n> %[1]s\n\n- %[1]s\n  - %[1]s\n\n1. %[1]s\n\n**x**: %[1]s (%[2]s), %[2]s\n\n| a | b |\n|---|---|\n| %[1]s | %[2]s |\n\n%[2]s\n\n- %[2]s\n\nend\n"

// shape is the structure of Markdown, in which code counts as text.
func shape(t testing.TB, markdown string) string {
	t.Helper()
	var b strings.Builder
	err := ast.Walk(gfm.Parser().Parse(gmtext.NewReader([]byte(markdown))), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n.Kind() {
		case ast.KindText, ast.KindString:
			return ast.WalkContinue, nil
		case ast.KindCodeSpan:
			return ast.WalkSkipChildren, nil
		}
		if entering {
			fmt.Fprintf(&b, "(%s", n.Kind())
		} else {
			b.WriteString(")\n")
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func checkShape(t testing.TB, s string) {
	t.Helper()
	prose := Markdown(s, 400)
	if prose == "" {
		prose = "-none-" // the callers' affair
	}
	harmless, got := fmt.Sprintf(places, "alice", "`alice`"), fmt.Sprintf(places, prose, MarkdownName(s))
	if diff := cmp.Diff(shape(t, harmless), shape(t, got)); diff != "" {
		t.Errorf("%q changes the document (-harmless +hostile):\n%s\n%s", s, diff, got)
	}
}

// Texts made of everything that means something in Markdown change nothing.
func TestMarkdownKeepsShape(t *testing.T) {
	pieces := append(strings.Split("`|``|\\|*|**|_|__|~~|[|]|(|)|](|![|<|>|</|<!--|-->|&|;|#|##|1.|1)|-|--|---|+|=|==|:|::|>|\"|'|.|,|!|?|$|^|@|/|//|http://|www.|://|a.b|a@b.c|x|é| |  ", "|"),
		"|", "\n", "\r", "\t", "\u202e", "\u200b", "\xff", "名", "\u0301", "&lt;", "{{")
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		checkShape(t, b.String())
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkShape(t, s) })
}
