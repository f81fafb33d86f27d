package text

import (
	"regexp"
	"strings"
	"unicode"
)

// MarkdownName returns a name as a Markdown code span, in which no renderer
// finds formatting, links or mentions, also within a table.
func MarkdownName(s string) string {
	if s == "" {
		return Name(s)
	}
	return codeSpan(Name(s))
}

// codeSpan sets clean text as code. A backtick would end the span and a bar
// the cell of a table, so these two are spelled out.
func codeSpan(s string) string { return "`" + codeEscaper.Replace(s) + "`" }

var codeEscaper = strings.NewReplacer("`", `\x60`, "|", `\x7c`)

// Markdown returns foreign prose (a message, an error, anything that may quote
// a name) as Markdown that renders as just that text, within a paragraph, a
// list item, a heading or a cell. Words with a character that some renderer
// takes for more than text are set as code: unlike backslashes this also holds
// back the links and mentions that renderers find after parsing, and the source
// stays readable. The whole is shortened to the given columns.
func Markdown(s string, columns int) string {
	words := strings.Fields(Sentence(s, columns))
	for i, w := range words {
		if i == 0 && startsBlock.MatchString(w) {
			words[i] = codeSpan(w)
			continue
		}
		words[i] = markdownWord(w)
	}
	return strings.Join(words, " ")
}

// startsBlock matches words that begin a list, a heading or a rule where they
// are the first of a block.
var startsBlock = regexp.MustCompile(`^([-+=:]+|\d+[.)])$`)

const (
	openers = `("'“‘`
	closers = `.,;:!?)"'”’`
)

// markdownWord sets a word as code unless it is harmless; punctuation around
// it stays outside.
func markdownWord(w string) string {
	core := strings.TrimLeft(w, openers)
	before := w[:len(w)-len(core)]
	core = strings.TrimRight(core, closers)
	after := w[len(before)+len(core):]
	if isHarmless(core) {
		return w
	}
	return before + codeSpan(core) + after
}

// isHarmless tells whether Markdown, its dialects and their autolinks see
// nothing but text in a word.
func isHarmless(w string) bool {
	if len(w) > 4 && strings.EqualFold(w[:4], "www.") || strings.Contains(w, "//") {
		return false
	}
	for i := range len(w) {
		c := w[i]
		switch {
		case c >= 0x80, isASCIILetter(c), isDigit(c), strings.IndexByte(`.,;'"()%/-+=?!`, c) >= 0:
		case c == ':' && i > 0 && i < len(w)-1 && isDigit(w[i-1]) && isDigit(w[i+1]): // a time of day
		default:
			return false
		}
	}
	return true
}

func isASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool       { return c >= '0' && c <= '9' }

// MarkdownDoc returns one paragraph of the registry's own documentation as
// Markdown, not for a table. What stands between backticks is code, as written
// there; the rest is treated as Markdown treats prose, so that a <placeholder> or
// a * shows as itself.
func MarkdownDoc(s string) string {
	parts := strings.Split(strings.Join(strings.Fields(s), " "), "`")
	var b strings.Builder
	for i, part := range parts {
		switch {
		case i%2 == 1 && i < len(parts)-1: // a lone last backtick opens nothing
			b.WriteString("`" + part + "`")
		default:
			b.WriteString(spaceLike(part, Markdown(part, len(part)+NameColumns)))
		}
	}
	return b.String()
}

// spaceLike puts back the spaces at the ends of a part that joined its
// neighbours.
func spaceLike(original, s string) string {
	if strings.HasPrefix(original, " ") {
		s = " " + s
	}
	if strings.HasSuffix(original, " ") && strings.TrimFunc(original, unicode.IsSpace) != "" {
		s += " "
	}
	return s
}
