package sqldump

import (
	"bytes"
	"encoding/hex"
	"strings"
)

type tokenKind byte

const (
	atEnd  tokenKind = iota
	word             // a keyword or a name without quotes
	quoted           // a name in quotes
	text             // a string
	number
	blob // bytes in hexadecimal
	bits // digits of 0 and 1
	mark // one character
)

// token is a piece of a statement. Its text is decoded, and valid as long as
// the statement's.
type token struct {
	kind tokenKind
	text []byte
}

// is tells a keyword or mark, in upper case.
func (t token) is(what string) bool {
	return (t.kind == word || t.kind == mark) && len(t.text) == len(what) && strings.EqualFold(string(t.text), what)
}

// isName tells what can be a name.
func (t token) isName() bool { return t.kind == word || t.kind == quoted }

// tokens takes a statement apart.
type tokens struct {
	*statement
	at int
}

func (t *tokens) peek() (token, error) {
	at := t.at
	tok, err := t.next()
	t.at = at
	return tok, err
}

// accept consumes a keyword or mark if it is the next.
func (t *tokens) accept(what string) bool {
	at := t.at
	if tok, err := t.next(); err == nil && tok.is(what) {
		return true
	}
	t.at = at
	return false
}

// acceptAll consumes keywords if they are all next.
func (t *tokens) acceptAll(words ...string) bool {
	at := t.at
	for _, w := range words {
		if !t.accept(w) {
			t.at = at
			return false
		}
	}
	return true
}

func (t *tokens) want(what string) error {
	if t.accept(what) {
		return nil
	}
	return t.wrong("without the %q that belongs there", what)
}

// wrong is a mistake in the statement; where it was cut off, that is it.
func (t *tokens) wrong(format string, args ...any) error {
	if t.cut {
		return endedIn(t.statement.text, t.dialect, t.describe())
	}
	args = append([]any{t.number, t.at}, args...)
	return corrupt("statement %d is broken at its byte %d, "+format, args...)
}

// next reads on, over blanks and comments.
func (t *tokens) next() (token, error) {
	s := t.statement.text
	for t.at < len(s) {
		c := s[t.at]
		switch {
		case isSpace(c):
			t.at++
		case c == '-' && bytes.HasPrefix(s[t.at:], []byte("--")) && (!t.conditional || t.at+2 == len(s) || isSpace(s[t.at+2])):
			if n := bytes.IndexByte(s[t.at:], '\n'); n >= 0 {
				t.at += n
			} else {
				t.at = len(s)
			}
		case c == '/' && bytes.HasPrefix(s[t.at:], []byte("/*")):
			t.comment()
		case c == '*' && t.conditional && bytes.HasPrefix(s[t.at:], []byte("*/")):
			t.at += 2
		default:
			return t.read(c)
		}
	}
	return token{}, nil
}

// comment passes a comment, or only the opening of one that is code.
func (t *tokens) comment() {
	s := t.statement.text
	if t.conditional && (bytes.HasPrefix(s[t.at:], []byte("/*!")) || bytes.HasPrefix(s[t.at:], []byte("/*M!"))) {
		t.at += bytes.IndexByte(s[t.at:], '!') + 1
		for t.at < len(s) && isDigit(s[t.at]) {
			t.at++
		}
		return
	}
	depth := 0
	for t.at < len(s) {
		switch {
		case bytes.HasPrefix(s[t.at:], []byte("*/")):
			t.at += 2
			if depth--; depth <= 0 {
				return
			}
		case bytes.HasPrefix(s[t.at:], []byte("/*")) && (t.nested || depth == 0):
			t.at += 2
			depth++
		default:
			t.at++
		}
	}
}

func (t *tokens) read(c byte) (token, error) {
	switch {
	case c == '\'':
		return t.quote(text, c, t.escapes)
	case c == '"' && t.doubleQuoted:
		return t.quote(text, c, t.escapes)
	case c == '"', c == '`' && t.backtick:
		return t.quote(quoted, c, false)
	case c == '[' && t.bracket:
		return t.bracketed()
	case c == '$' && t.dollar:
		return t.dollars()
	case isDigit(c), c == '.' && t.at+1 < len(t.statement.text) && isDigit(t.statement.text[t.at+1]):
		return t.number10()
	case isWord(c), c == '@':
		return t.word()
	}
	t.at++
	return token{mark, t.statement.text[t.at-1 : t.at]}, nil
}

// word reads a keyword or name, or the string of which it is the prefix.
func (t *tokens) word() (token, error) {
	s, from := t.statement.text, t.at
	for t.at++; t.at < len(s) && (isWord(s[t.at]) || s[t.at] == '$' || s[t.at] == '@'); t.at++ {
	}
	w := s[from:t.at]
	if len(w) != 1 || t.at == len(s) || s[t.at] != '\'' {
		return token{word, w}, nil
	}
	switch w[0] | 0x20 {
	case 'e':
		return t.quote(text, '\'', true)
	case 'n':
		return t.quote(text, '\'', t.escapes)
	case 'b':
		return t.quote(bits, '\'', false)
	case 'x':
		tok, err := t.quote(text, '\'', false)
		if err != nil {
			return tok, err
		}
		return t.hex(tok.text)
	}
	return token{word, w}, nil
}

func (t *tokens) hex(digits []byte) (token, error) {
	b := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(b, digits); err != nil {
		return token{}, t.wrong("in bytes written as hexadecimal digits")
	}
	return token{blob, b}, nil
}

func (t *tokens) number10() (token, error) {
	s, from := t.statement.text, t.at
	if s[t.at] == '0' && t.conditional && t.at+1 < len(s) && s[t.at+1] == 'x' {
		for t.at += 2; t.at < len(s) && isWord(s[t.at]); t.at++ {
		}
		return t.hex(s[from+2 : t.at])
	}
	for ; t.at < len(s); t.at++ {
		c := s[t.at]
		sign := (c == '+' || c == '-') && s[t.at-1]|0x20 == 'e'
		if !isDigit(c) && c != '.' && c|0x20 != 'e' && !sign || t.at == from && sign {
			break
		}
	}
	return token{number, s[from:t.at]}, nil
}

// mysqlEscapes are MySQL's letters behind a backslash; others stand for
// themselves. PostgreSQL's E'…' has these and a few that no dump writes.
var mysqlEscapes = map[byte]byte{'0': 0, 'b': '\b', 'n': '\n', 'r': '\r', 't': '\t', 'Z': 26}

// quote reads what stands in quotes.
func (t *tokens) quote(kind tokenKind, q byte, escapes bool) (token, error) {
	s := t.statement.text
	t.at++
	from := t.at
	var decoded []byte
	for t.at < len(s) {
		c := s[t.at]
		switch {
		case c == q && t.at+1 < len(s) && s[t.at+1] == q:
			decoded = append(append(decoded, s[from:t.at]...), q)
			t.at += 2
			from = t.at
		case c == q:
			t.at++
			if decoded == nil {
				return token{kind, s[from : t.at-1]}, nil
			}
			return token{kind, append(decoded, s[from:t.at-1]...)}, nil
		case c == '\\' && escapes && t.at+1 < len(s):
			e := s[t.at+1]
			decoded = append(decoded, s[from:t.at]...)
			if plain, ok := mysqlEscapes[e]; ok {
				e = plain
			} else if (e == '%' || e == '_') && t.conditional {
				decoded = append(decoded, '\\')
			}
			decoded = append(decoded, e)
			t.at += 2
			from = t.at
		default:
			t.at++
		}
	}
	return token{}, t.wrong("in a string that does not end")
}

func (t *tokens) bracketed() (token, error) {
	s := t.statement.text[t.at+1:]
	n := bytes.IndexByte(s, ']')
	if n < 0 {
		return token{}, t.wrong("in a name that does not end")
	}
	t.at += n + 2
	return token{quoted, s[:n]}, nil
}

// dollars reads $tag$…$tag$.
func (t *tokens) dollars() (token, error) {
	s := t.statement.text[t.at:]
	n := bytes.IndexByte(s[1:], '$') + 2
	if n < 2 || n > maxTag || bytes.ContainsFunc(s[1:n-1], func(r rune) bool { return r < 0x80 && !isWord(byte(r)) }) {
		t.at++
		return token{mark, s[:1]}, nil
	}
	end := bytes.Index(s[n:], s[:n])
	if end < 0 {
		return token{}, t.wrong("in a string that does not end")
	}
	t.at += n + end + n
	return token{text, s[n : n+end]}, nil
}
