package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// seeds are texts that some output takes for more than text.
var seeds = []string{
	"alice", "", " ", "a  b", " a ", "a\nb", "\r\n", "\tx", "\x1b[31mred\x1b[0m", "\x00\x7f", "\u0085\u009b", "a\u00a0b", "\u2028\u2029", "a\u202eb", "\u2066x\u2069",
	"\u200b\u200d\ufeff\u00ad", "\u3164\u115f\u034f", "a\ufe0f", "\U000e0041", "\U000e0101", "\xff\xfe", "a\xc3", "\u0301a", "a\u0301\u0302\u0303\u0304\u0305\u0306", " \u0301",
	"名前", "👩‍👩‍👧", "🇨🇭", "José", "नमस्ते", "한국어", "שלום", strings.Repeat("x", 300), strings.Repeat("名", 300), strings.Repeat("e\u0301", 300),
	"<!channel>", "![x](http://evil.example)", "<script>", "`code`", "a|b", `a\|b`, `\`, "*b* _i_ ~~s~~", "1. x", "1.", "- x", "+", "# x", "> x", "---", "===", ":", ":---",
	"http://evil.example", "www.evil.example", "mail@evil.example", "&lt;", "[x]: /y", "[^1]", "[ ]", "$x$", "@all", "#1", "a:b", "12:30", "GH-1",
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"alice": "alice", "a b": "a b", "José 名前": "José 名前", "שלום": "שלום", "a\u0301": "a\u0301",
		"a\nb\r\tc": `a\nb\r\tc`, "\x00\x1b[31m\x7f": `\x00\x1b[31m\x7f`, "\u009b": `\u009b`, "a\u202eb": `a\u202eb`, "a\u200bb": `a\u200bb`,
		"a\u00a0b": `a\u00a0b`, "\u2028": `\u2028`, "\U000e0041": `\U000e0041`, "a\ufe0f": `a\ufe0f`, "\u3164": `\u3164`,
		"\xff": `\xff`, "a\xc3": `a\xc3`, "\ufffd": "\ufffd",
		"\u0301a": `\u0301a`, " \u0301": ` \u0301`, "a\u0301\u0302\u0303\u0304\u0305": "a\u0301\u0302\u0303\u0304" + `\u0305`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"": "(empty)", " ": `\x20`, " a": `\x20a`, "a ": `a\x20`, "a  b": `a \x20b`, "a b": "a b", "a\nb": `a\nb`,
		strings.Repeat("x", 64):                      strings.Repeat("x", 64),
		"start" + strings.Repeat("x", 290) + "-end5": "start" + strings.Repeat("x", 37) + "…" + strings.Repeat("x", 16) + "-end5",
	} {
		if got := Name(in); got != want {
			t.Errorf("Name(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSentence(t *testing.T) {
	got := Sentence("the  user \n"+strings.Repeat("x", 100)+" is gone", 200)
	if want := `the user \n` + strings.Repeat("x", 40) + "…" + strings.Repeat("x", 21) + " is gone"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := Sentence(strings.Repeat("word ", 1e6), 20); got != "word word word word…" {
		t.Errorf("got %q", got)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean := Clean(s)
		for _, r := range clean {
			if !visible(r) {
				t.Errorf("Clean(%q) has %U", s, r)
			}
		}
		if again := Clean(clean); again != clean {
			t.Errorf("Clean(%q) is not stable: %q, then %q", s, clean, again)
		}
		for _, columns := range []int{3, 4, 7, 64} {
			short := Shorten(clean, columns)
			if w := Width(short); w > columns || !utf8.ValidString(short) {
				t.Errorf("Shorten(%q, %d) = %q, %d columns", clean, columns, short, w)
			}
			if Width(clean) <= columns && short != clean {
				t.Errorf("Shorten(%q, %d) = %q, but it fits", clean, columns, short)
			}
		}
		if name := Name(s); name == "" || Width(name) > NameColumns || Clean(name) != name {
			t.Errorf("Name(%q) = %q", s, name)
		}
	})
}

func TestShortenKeepsCharactersWhole(t *testing.T) {
	got := []string{Shorten(strings.Repeat("名", 10), 10), Shorten(strings.Repeat("e\u0301", 10), 7), Shorten("🇨🇭🇩🇪🇫🇷🇮🇹", 7)}
	want := []string{"名名名…名", "e\u0301e\u0301e\u0301e\u0301…e\u0301e\u0301", "🇨🇭🇩🇪…🇮🇹"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
