package text

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func page(t *testing.T, color bool, width int, write func(*Page)) string {
	t.Helper()
	var b bytes.Buffer
	p := NewPage(&b, color, width)
	write(p)
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageWraps(t *testing.T) {
	got := page(t, false, 24, func(p *Page) {
		p.Print("- ", "  ", Span{Plain, "one two three four five "}, Span{Code, "get pods"}, Span{Plain, ", done"})
		p.Print("", "", Span{Plain, "a" + strings.Repeat("b", 30) + " c"})
		p.Print("  ", "    ", Span{Plain, strings.Repeat("名", 15)})
		p.Label("", Span{Bold, "label"}, 8, Span{Plain, "one two three four"})
		p.Label("", Span{Bold, "a long label"}, 8, Span{Plain, "one two three"})
		p.Print("> ", "> ")
		p.Blank()
		p.Print("", "", Span{Plain, "a\nb \x1b[31m"})
		p.Print("1. ", "   ", Span{Plain, "run "}, Span{Code, "get pods -n x"}, Span{Plain, ", then "}, Span{Code, "a command longer than a line"}, Span{Plain, ", done"})
	})
	want := `- one two three four
  five ` + "`get pods`" + `, done
abbbbbbbbbbbbbbbbbbbbbbb
bbbbbbb c
  名名名名名名名名名名名
    名名名名
label   one two three
        four
a long label one two
        three
> 

a\nb \x1b[31m
1. run ` + "`get pods -n x`" + `,
   then
   ` + "`a command longer than a line`" + `,
   done
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPageColours(t *testing.T) {
	got := page(t, true, 24, func(p *Page) {
		p.Print("", "  ", Span{Red, "one two three four five"}, Span{Plain, " plain "}, Span{Code, "x"})
	})
	if want := "\x1b[31mone two three four five\x1b[0m\n  plain \x1b[36mx\x1b[0m\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A page keeps foreign text to its width, and gives the terminal nothing but
// text, whatever it is made of.
func FuzzPage(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, i)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = minWidth + width&0x3f
		got := page(t, false, width, func(p *Page) {
			p.Print("  - ", "    ", Span{Bold, s}, Span{Plain, s + " " + s})
			p.Label(" ", Span{Plain, s}, 10, Span{Plain, s})
		})
		for line := range strings.SplitSeq(strings.TrimSuffix(got, "\n"), "\n") {
			if Width(line) > width {
				t.Errorf("%q at width %d: %q takes %d", s, width, line, Width(line))
			}
			for _, r := range line {
				if r < ' ' || r >= 0x7f && !visible(r) {
					t.Errorf("%q gives %U in %q", s, r, line)
				}
			}
		}
	})
}

func TestHumanWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 90 * time.Microsecond: "0 s", 400 * time.Microsecond: "0.4 ms", 7 * time.Millisecond: "7 ms", 999 * time.Millisecond: "999 ms",
		999999 * time.Microsecond: "1 s", time.Second: "1 s", 1234 * time.Millisecond: "1.2 s", 9960 * time.Millisecond: "10 s", 59900 * time.Millisecond: "59 s", time.Minute: "1 min",
		90 * time.Second: "1 min 30 s", 47 * time.Minute: "47 min", 200 * time.Minute: "3 h 20 min", 11 * time.Hour: "11 h",
		24 * time.Hour: "1 day", 50*time.Hour + 59*time.Minute: "2 days 2 h", 1000 * 24 * time.Hour: "1,000 days",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
	got := []string{Count(1, "user"), Count(0, "user"), Count(1003, "copy"), Count(-5, "volume"), Plural(1, "is", "are"), Plural(2, "is", "are"),
		Time(time.Date(2026, 11, 20, 13, 0, 59, 0, time.FixedZone("CET", 3600)))}
	want := []string{"1 user", "0 users", "1,003 copies", "-5 volumes", "is", "are", "2026-11-20 12:00 UTC"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzEscapeJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		encoded, err := json.Marshal(map[string]string{s: s})
		if err != nil {
			t.Fatal(err)
		}
		var want, got map[string]string
		escaped := EscapeJSON(encoded)
		for _, r := range string(escaped) {
			if !visible(r) {
				t.Errorf("%q gives %U", s, r)
			}
		}
		if err := json.Unmarshal(encoded, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(escaped, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q changes: %s", s, diff)
		}
	})
}
