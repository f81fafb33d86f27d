package text

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"short", 5, "short"},
		{strings.Repeat("x", 40), 30, "xxxxxxxxxxxx… (+28 characters)"},
		{strings.Repeat("🔴", 20), 30, "🔴🔴🔴🔴🔴🔴… (+14 characters)"},
		{strings.Repeat("x", 40), 5, "xxxx…"},
	} {
		if got := Limit(c.in, c.max); got != c.want {
			t.Errorf("Limit(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

func TestSlack(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Slack("<!channel> & <http://evil|click>", 100), "&lt;!channel&gt; &amp; &lt;http://evil|click&gt;"},
		{Slack("run `kubectl get pvc -n <namespace>` now, and then wait", 50), "run `kubectl get pvc -n &lt;nam… (+27 characters)`"},
		{SlackCode("a`b", 20), "`aˋb`"},
		{SlackCode("<@U123>", 30), "`&lt;@U123&gt;`"},
		{SlackCode("", 20), "`(empty)`"},
		{SlackCode("  ", 20), "`(empty)`"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

var entity = regexp.MustCompile(`&(amp|lt|gt);`)

// FuzzSlack: whatever the text is, the result fits, holds no control sequence,
// no half an entity, no control character and no broken rune.
func FuzzSlack(f *testing.F) {
	for _, s := range []string{"", "alice", "<!channel>", "&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&", "`*_~", "\x1b[31m\u202e\xff",
		strings.Repeat("🔴<&>`", 100)} {
		f.Add(s, 40)
	}
	f.Fuzz(func(t *testing.T, s string, max int) {
		if max < 2+1 || max > 4000 {
			t.Skip("no limit of Slack's is as small or large")
		}
		code := SlackCode(s, max)
		if strings.Count(code, "`") != 2 || code[0] != '`' || code[len(code)-1] != '`' {
			t.Errorf("%q breaks out of its code span", code)
		}
		for _, out := range []string{code, Slack(s, max)} {
			if n := len(utf16.Encode([]rune(out))); n > max && max > len("`(empty)`") {
				t.Errorf("%d characters, at most %d: %q", n, max, out)
			}
			rest := entity.ReplaceAllString(out, "")
			if strings.ContainsAny(rest, "<>&") {
				t.Errorf("%q is not escaped", out)
			}
			if !utf8.ValidString(out) || strings.ContainsFunc(out, unicode.IsControl) {
				t.Errorf("%q holds broken or control characters", out)
			}
		}
	})
}
