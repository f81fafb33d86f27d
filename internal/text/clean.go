// Package text turns other people's text into text that changes nothing but
// what is read. Names of users, servers and nodes, and error messages that
// quote them, may hold anything: line breaks, terminal escapes, markup,
// bidirectional overrides, broken UTF-8. A name shown by this package stays
// one piece of visible text, on one line, of bounded length.
//
// It also holds the few words that all outputs share: numbers, plurals, times,
// and the layout of a page in a terminal.
package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NameColumns is the width to which names and single words are shortened.
const NameColumns = 64

// maxMarks is how many combining marks may stand on one character. Living
// scripts need no more; a pile of them paints over the lines around it.
const maxMarks = 4

// Clean returns s as one line of visible text in valid UTF-8. Whatever has no
// shape of its own or moves what is around it (control characters, bidirectional
// and zero-width characters, spaces other than the plain one, broken bytes) is
// spelled out as Go would: \n, \x1b, \u202e. So two names that differ in such a
// character look different. Clean of clean text changes nothing.
func Clean(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	marks := maxMarks // on the character before; a mark needs one to stand on
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			marks = maxMarks
		case !visible(r) || unicode.Is(unicode.M, r) && marks >= maxMarks:
			spellOut(&b, r)
			marks = maxMarks
		case unicode.Is(unicode.M, r):
			b.WriteRune(r)
			marks++
		case r == ' ':
			b.WriteRune(r)
			marks = maxMarks
		default:
			b.WriteRune(r)
			marks = 0
		}
		i += size
	}
	return b.String()
}

// isPlain tells whether s is printable ASCII, as almost all names are.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// visible tells whether a character has a shape of its own and leaves the
// order of those around it alone.
func visible(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

func spellOut(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < utf8.RuneSelf:
		fmt.Fprintf(b, `\x%02x`, r)
	case r > 0xffff:
		fmt.Fprintf(b, `\U%08x`, r)
	default:
		fmt.Fprintf(b, `\u%04x`, r)
	}
}

// Name returns a name as it is shown: clean, shortened to NameColumns, with
// the spaces visible that a reader would miss, and never empty.
func Name(s string) string {
	if s == "" {
		return "(empty)"
	}
	return Shorten(showSpaces(Clean(s)), NameColumns)
}

// showSpaces spells out spaces at the ends and next to each other.
func showSpaces(s string) string {
	if !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") && !strings.Contains(s, "  ") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			b.WriteString(`\x20`)
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// Sentence returns prose that may quote names: clean, single spaces, each word
// shortened to NameColumns and the whole to the given columns.
func Sentence(s string, columns int) string {
	words := strings.Fields(Clean(head(s, columns)))
	for i, w := range words {
		words[i] = Shorten(w, NameColumns)
	}
	return Cut(strings.Join(words, " "), columns)
}

// head bounds the work on a text of which only a few columns are shown. It
// keeps twice what could be shown, so that Shorten still sees that it is long.
func head(s string, columns int) string {
	most := 2 * columns * utf8.UTFMax * (1 + maxMarks)
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
