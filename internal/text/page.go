package text

import (
	"bufio"
	"io"
	"strings"
)

// Style is how a span of a page looks where colour is wanted: the parameters
// of an ANSI SGR sequence.
type Style string

const (
	Plain   Style = ""
	Bold    Style = "1"
	Dim     Style = "2"
	Red     Style = "31"
	BoldRed Style = "1;31"
	Green   Style = "32"
	Yellow  Style = "33"
	Blue    Style = "34"
	Magenta Style = "1;35"
	Code    Style = "36" // commands and names in documentation; in backticks where there is no colour
)

// Span is a piece of text in one style.
type Span struct {
	Style Style
	Text  string
}

// Widths of a page: what it has unless told otherwise, and the narrowest that
// still leaves room for text beside an indent.
const (
	DefaultWidth = 80
	minWidth     = 24
)

// Page writes text to a terminal, wrapped to its width. Whatever it is given
// is cleaned: nothing but Page's own sequences reaches the terminal's controls.
// Code is never broken, so that a command can be copied: one that is longer
// than a line is left to the terminal.
type Page struct {
	w     *bufio.Writer
	color bool
	width int
	now   Style // of the bytes written last
	col   int
}

// NewPage starts a page of so many columns; 0 means DefaultWidth.
func NewPage(w io.Writer, color bool, width int) *Page {
	if width == 0 {
		width = DefaultWidth
	}
	return &Page{w: bufio.NewWriter(w), color: color, width: max(width, minWidth)}
}

// Flush writes what is buffered and returns the first error of the page.
func (p *Page) Flush() error { return p.w.Flush() }

// Blank ends a block with an empty line.
func (p *Page) Blank() { _ = p.w.WriteByte('\n') } // Flush reports the error, here and below

// Print writes one paragraph. The first line starts with first, the following
// ones with rest; both are the program's own text.
func (p *Page) Print(first, rest string, spans ...Span) {
	p.put(Plain, first)
	p.col = Width(first)
	p.flow(rest, spans)
}

// Cell is the beginning of a line that has columns.
type Cell struct {
	Span
	Columns int // with the space after it
}

// Label writes one paragraph beside a label that is so many columns wide.
func (p *Page) Label(indent string, label Span, columns int, spans ...Span) {
	p.Row(indent, []Cell{{label, columns}}, spans...)
}

// Row writes one paragraph beside cells. Where one of them is too long for its
// columns, all become the beginning of the paragraph.
func (p *Page) Row(indent string, cells []Cell, spans ...Span) {
	rest, inline, fits := indent, []Span{}, true
	for i := range cells {
		c := &cells[i]
		c.Text = Clean(c.Text)
		rest += strings.Repeat(" ", c.Columns)
		inline = append(inline, c.Span, Span{Plain, " "})
		fits = fits && Width(c.Text) < c.Columns
	}
	if !fits {
		p.Print(indent, rest, append(inline, spans...)...)
		return
	}
	p.put(Plain, indent)
	for _, c := range cells {
		p.put(c.Style, c.Text)
		p.put(Plain, strings.Repeat(" ", c.Columns-Width(c.Text)))
	}
	p.col = Width(rest)
	p.flow(rest, spans)
}

// flow writes spans word by word and ends the paragraph.
func (p *Page) flow(rest string, spans []Span) {
	fresh := true // nothing but the indent on this line
	for _, word := range words(p.marked(spans)) {
		width := 0
		for _, s := range word {
			width += Width(s.Text)
		}
		if !fresh && p.col+1+width > p.width {
			p.newline(rest)
		} else if !fresh {
			p.put(p.now, " ")
			p.col++
		}
		for _, s := range word {
			p.breakable(s, rest)
		}
		fresh = false
	}
	p.style(Plain)
	_ = p.w.WriteByte('\n')
}

// marked cleans the spans, and sets code in backticks where it has no colour.
func (p *Page) marked(spans []Span) []Span {
	out := make([]Span, len(spans))
	for i, s := range spans {
		s.Text = Clean(s.Text)
		if s.Style == Code && !p.color {
			s.Text = "`" + s.Text + "`"
		}
		out[i] = s
	}
	return out
}

// words splits spans, but not code, at spaces; a word may have pieces of
// several styles.
func words(spans []Span) [][]Span {
	var all [][]Span
	var word []Span
	for _, s := range spans {
		if s.Style == Code {
			word = append(word, s)
			continue
		}
		for i, part := range strings.Split(s.Text, " ") {
			if i > 0 && len(word) > 0 {
				all, word = append(all, word), nil
			}
			if part != "" {
				word = append(word, Span{s.Style, part})
			}
		}
	}
	if len(word) > 0 {
		all = append(all, word)
	}
	return all
}

// breakable writes a piece of a word, on several lines if one is too short and
// it is not code.
func (p *Page) breakable(s Span, rest string) {
	for {
		n, width := fit(s.Text, p.width-p.col)
		if s.Style == Code || p.col > p.width { // the latter: punctuation after code that stands out
			n, width = len(s.Text), Width(s.Text)
		} else if n == 0 && p.col <= Width(rest) { // not even one character fits: let it stand out
			n = len(firstCharacter(s.Text))
			width = Width(s.Text[:n])
		}
		p.put(s.Style, s.Text[:n])
		p.col += width
		if s.Text = s.Text[n:]; s.Text == "" {
			return
		}
		p.newline(rest)
	}
}

func (p *Page) newline(rest string) {
	p.style(Plain)
	_ = p.w.WriteByte('\n')
	p.put(Plain, rest)
	p.col = Width(rest)
}

func (p *Page) put(s Style, text string) {
	if text == "" {
		return
	}
	p.style(s)
	_, _ = p.w.WriteString(text)
}

// style switches the terminal to a style.
func (p *Page) style(s Style) {
	if !p.color || s == p.now {
		return
	}
	if p.now != Plain {
		_, _ = p.w.WriteString("\x1b[0m")
	}
	if s != Plain {
		_, _ = p.w.WriteString("\x1b[" + string(s) + "m")
	}
	p.now = s
}

// Paragraphs splits documentation at empty lines.
func Paragraphs(doc string) []string {
	var out []string
	for p := range strings.SplitSeq(doc, "\n\n") {
		if strings.TrimSpace(p) != "" {
			out = append(out, p)
		}
	}
	return out
}

// Doc splits a paragraph of the registry's own documentation into spans: what
// stands between backticks is code.
func Doc(s string) []Span {
	parts := strings.Split(strings.Join(strings.Fields(s), " "), "`")
	var spans []Span
	for i, part := range parts {
		switch {
		case i%2 == 1 && i < len(parts)-1:
			spans = append(spans, Span{Code, part})
		case part != "":
			spans = append(spans, Span{Plain, part})
		}
	}
	return spans
}
