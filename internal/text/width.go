package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Width is how many columns of a terminal clean text takes.
func Width(s string) int {
	if isPlain(s) {
		return len(s)
	}
	return uniseg.StringWidth(s)
}

// Shorten cuts clean text to at most the given columns (at least 3). It takes
// from the middle, because names that are long are told apart by their ends.
func Shorten(s string, columns int) string {
	if len(s) <= columns || Width(s) <= columns {
		return s
	}
	tail := (columns - 1) / 3
	start, _ := fit(s, columns-1-tail)
	return s[:start] + "…" + lastColumns(s, tail)
}

// Cut cuts clean text to at most the given columns (at least 3) at its end, as
// what matters most in a sentence stands at its beginning.
func Cut(s string, columns int) string {
	if len(s) <= columns || Width(s) <= columns {
		return s
	}
	end, _ := fit(s, columns-1)
	return s[:end] + "…"
}

// fit returns the length in bytes and in columns of the longest beginning of s
// that takes no more than the given columns and breaks no character.
func fit(s string, columns int) (length, width int) {
	state := -1
	for rest := s; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if width+w > columns {
			return length, width
		}
		length, width = length+len(cluster), width+w
	}
	return length, width
}

// lastColumns returns the longest end of s within the given columns.
func lastColumns(s string, columns int) string {
	if from := len(s) - columns*utf8.UTFMax*(1+maxMarks); from > 0 {
		for from < len(s) && !utf8.RuneStart(s[from]) {
			from++
		}
		s = strings.TrimLeftFunc(s[from:], unicode.IsMark)
	}
	for over := Width(s) - columns; over > 0; over = Width(s) - columns {
		n, _ := fit(s, over)
		if n == 0 { // a wide character of which one column is too much
			n = len(firstCharacter(s))
		}
		s = s[n:]
	}
	return s
}

// firstCharacter is what a reader takes for the first character of s: one with
// all its marks.
func firstCharacter(s string) string {
	cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(s, -1)
	return cluster
}
