package sqldump

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// statement is one statement of a dump, without what ends it. Its text is valid
// until the next one is read.
type statement struct {
	text   []byte
	number int // from 1
	*dialect
	// escapes: a backslash escapes in plain strings.
	escapes bool
	// cut: the dump ends in it.
	cut bool
}

// script takes a dump apart into statements.
type script struct {
	*dialect
	in        *input
	escapes   bool
	delimiter string
	special   [256]bool
	number    int
	// comment is given each comment between statements, and meta each line for
	// the client; see dialect.meta.
	comment, meta func(text []byte) error
}

func newScript(in *input, d *dialect) *script {
	nothing := func([]byte) error { return nil }
	return &script{dialect: d, in: in, escapes: d.backslash, delimiter: ";", special: d.special, comment: nothing, meta: nothing}
}

// next reads the next statement; io.EOF at the end of the dump.
func (s *script) next() (statement, error) {
	if err := s.skip(); err != nil {
		return statement{}, err
	}
	s.number++
	n, end, err := s.end()
	if err != nil {
		return statement{}, err
	}
	st := statement{text: s.in.take(n), number: s.number, dialect: s.dialect, escapes: s.escapes, cut: !end}
	if end {
		s.in.take(len(s.delimiter))
	}
	if s.dialect == postgres && bytes.HasPrefix(st.text, []byte("SET standard_conforming_strings")) {
		s.escapes = bytes.Contains(st.text, []byte("off"))
	}
	return st, nil
}

// skip consumes blanks, comments and lines for the client.
func (s *script) skip() error {
	for {
		c, ok := s.in.at(0)
		if !ok {
			if err := s.in.failure(); err != nil {
				return err
			}
			return io.EOF
		}
		var err error
		switch {
		case isSpace(c):
			s.in.take(1)
		case c == '-' && s.is(1, "-"):
			err = s.line(s.comment)
		case c == '/' && s.is(1, "*") && !s.isCode(0):
			i, closed := s.commentEnd(0)
			if !closed {
				return s.cutOff("in a comment")
			}
			err = s.comment(s.in.take(i))
		case c == '\\' && s.dialect.meta:
			err = s.line(s.meta)
		case (c == 'D' || c == 'd') && s.conditional && s.isFold("DELIMITER "):
			err = s.line(s.setDelimiter)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// line consumes a line and gives it, trimmed, to f.
func (s *script) line(f func([]byte) error) error {
	i, _ := s.in.find(0, '\n')
	if err := s.in.failure(); err != nil {
		return err
	}
	return f(bytes.TrimSpace(s.in.take(i)))
}

func (s *script) setDelimiter(line []byte) error {
	d := string(bytes.TrimSpace(line[len("DELIMITER"):]))
	if d == "" || len(d) > 16 {
		return corrupt("statement %d: DELIMITER without a sensible delimiter", s.number+1)
	}
	s.special = s.dialect.special
	s.delimiter, s.special[d[0]] = d, true
	return nil
}

// is tells whether text stands at i of the window.
func (s *script) is(i int, text string) bool {
	_, ok := s.in.at(i + len(text) - 1)
	return ok && string(s.in.window()[i:i+len(text)]) == text
}

func (s *script) isFold(text string) bool {
	_, ok := s.in.at(len(text) - 1)
	return ok && strings.EqualFold(string(s.in.window()[:len(text)]), text)
}

// isCode tells a comment that a server reads as a statement. The one that
// switches on the client's sandbox is not.
func (s *script) isCode(i int) bool {
	if !s.conditional || !s.is(i, "/*!") && !s.is(i, "/*M!") {
		return false
	}
	return !s.is(i, `/*!999999\-`) && !s.is(i, `/*M!999999\-`)
}

// end finds the end of the statement at the window's start: its length and
// whether a delimiter follows, else the dump ends there.
func (s *script) end() (n int, found bool, err error) {
	depth := 0
	var body atomicBody
	for i := 0; ; {
		i = s.plain(i)
		c, ok := s.in.at(i)
		if !ok {
			return i, false, s.in.failure()
		}
		next, whole := i+1, true
		switch {
		case c == s.delimiter[0] && depth == 0 && s.is(i, s.delimiter):
			if !body.open(s.dialect, s.in.window()[:i]) {
				return i, true, nil
			}
		case c == '\'', c == '"', c == '`' && s.backtick:
			next, whole = s.quoted(i, c)
		case c == '[' && s.bracket:
			next, whole = s.in.find(i, ']')
			next++
		case c == '$' && s.dollar:
			next, whole = s.dollarQuoted(i)
		case c == '-' && s.isLineComment(i):
			next, _ = s.in.find(i, '\n')
		case c == '#' && s.conditional:
			return 0, false, corrupt("statement %d has a # that no dump writes", s.number)
		case c == '/' && s.is(i+1, "*") && !s.isCode(i):
			next, whole = s.commentEnd(i)
		case c == '(' && s.nested:
			depth++
		case c == ')' && s.nested:
			if depth--; depth < 0 {
				return 0, false, corrupt("statement %d has a bracket that nothing opened", s.number)
			}
		}
		if !whole {
			return s.in.end - s.in.pos, false, s.in.failure()
		}
		i = next
	}
}

// plain skips bytes without a meaning of their own.
func (s *script) plain(i int) int {
	for w := s.in.window(); i < len(w); i++ {
		if s.special[w[i]] {
			return i
		}
	}
	return i
}

// isLineComment: MySQL wants a blank behind the two hyphens.
func (s *script) isLineComment(i int) bool {
	if !s.is(i, "--") {
		return false
	}
	c, ok := s.in.at(i + 2)
	return !s.conditional || !ok || isSpace(c)
}

// quoted finds the end of what begins with a quote at i. A doubled quote in it
// ends one and begins the next.
func (s *script) quoted(i int, quote byte) (end int, closed bool) {
	escapes := quote != '`' && (s.escapes && (quote == '\'' || s.doubleQuoted)) || quote == '\'' && s.dollar && escapeString(s.in.window(), i)
	for i++; ; i++ {
		w := s.in.window()
		for i < len(w) && w[i] != quote && w[i] != '\\' {
			i++
		}
		c, ok := s.in.at(i)
		switch {
		case !ok:
			return i, false
		case c == quote:
			return i + 1, true
		case c == '\\' && escapes:
			i++
		}
	}
}

// escapeString tells whether the quote at i opens a string of the form E'…'.
func escapeString(w []byte, i int) bool {
	return i > 0 && (w[i-1] == 'E' || w[i-1] == 'e') && (i == 1 || !isWord(w[i-2]))
}

// commentEnd finds the end of the comment at i.
func (s *script) commentEnd(i int) (end int, closed bool) {
	depth := 0
	for {
		switch {
		case s.is(i, "*/"):
			if depth--; depth <= 0 {
				return i + 2, true
			}
			i += 2
		case s.is(i, "/*") && (s.nested || depth == 0):
			depth++
			i += 2
		default:
			if i++; i > s.in.end-s.in.pos {
				return i, false
			}
		}
	}
}

// maxTag is longer than any tag of a dollar-quoted string.
const maxTag = 128

// dollarQuoted finds the end of a string $tag$…$tag$ at i. A dollar sign that
// begins none is passed.
func (s *script) dollarQuoted(i int) (end int, closed bool) {
	if i > 0 && isWord(s.in.window()[i-1]) {
		return i + 1, true
	}
	j := i + 1
	for c, ok := s.in.at(j); ok && isWord(c) && j-i < maxTag; c, ok = s.in.at(j) {
		j++
	}
	if c, ok := s.in.at(j); !ok || c != '$' || isDigit(s.in.window()[i+1]) {
		return i + 1, true
	}
	tag := string(s.in.window()[i : j+1])
	for j++; ; j++ {
		var ok bool
		if j, ok = s.in.find(j, '$'); !ok {
			return j, false
		}
		if s.is(j, tag) {
			return j + len(tag), true
		}
	}
}

// cutOff is the end of the dump in the middle of something, or why it could
// not be read on. With the text of a dump's end in it, it was not cut off: a
// byte in it is wrong.
func (s *script) cutOff(where string) error {
	if err := s.in.failure(); err != nil {
		return err
	}
	return endedIn(s.in.window(), s.dialect, where)
}

func endedIn(rest []byte, d *dialect, where string) error {
	last := rest[max(0, len(rest)-4096):]
	for _, end := range d.ends {
		if bytes.Contains(last, []byte(end)) {
			return corrupt("a quote, bracket or line end is broken %s: what ends the dump stands inside it", where)
		}
	}
	return truncated("the dump ends %s", where)
}

// describe says where this statement is.
func (st *statement) describe() string { return fmt.Sprintf("in statement %d", st.number) }
