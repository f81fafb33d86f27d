package sqldump

import (
	"bytes"
	"strconv"
	"strings"
)

// value is one value of a row; text is valid as long as the statement's.
type value struct {
	kind tokenKind // word for NULL, and else text, number, blob or bits
	text []byte
}

func (v value) null() bool { return v.kind == word }

// value reads one value of an INSERT.
func (t *tokens) value() (value, error) {
	tok, err := t.next()
	if err != nil {
		return value{}, err
	}
	v := value(tok)
	switch tok.kind {
	case text, number, blob, bits:
	case mark:
		v, err = t.signed(tok)
	case word:
		v, err = t.keyword(tok)
	default:
		err = t.wrong("where a value belongs")
	}
	if err != nil {
		return v, err
	}
	return v, t.cast()
}

func (t *tokens) signed(sign token) (value, error) {
	if sign.is("-") || sign.is("+") {
		from := t.at - 1
		if tok, err := t.next(); err == nil && tok.kind == number {
			return value{number, t.statement.text[from:t.at]}, nil
		}
	}
	return value{}, t.wrong("where a value belongs")
}

func (t *tokens) keyword(tok token) (value, error) {
	switch {
	case tok.is("NULL"), tok.is("DEFAULT"):
		return value{kind: word}, nil
	case tok.is("TRUE"):
		return value{number, []byte("1")}, nil
	case tok.is("FALSE"):
		return value{number, []byte("0")}, nil
	case tok.text[0] == '_' && t.conditional: // the string's character set
		next, err := t.next()
		if err == nil && next.kind != text && next.kind != blob {
			err = t.wrong("where a string belongs")
		}
		return value(next), err
	case t.dialect == sqlite:
		return t.call(tok, 0)
	}
	return value{}, t.wrong("where a value belongs")
}

// cast passes '…'::type, of which the type may be several words.
func (t *tokens) cast() error {
	for t.dialect == postgres && t.acceptAll(":", ":") {
		for more := true; more; {
			if _, _, err := t.name(); err != nil {
				return err
			}
			next, err := t.peek()
			if err != nil {
				return err
			}
			more = next.isName()
		}
	}
	return nil
}

// maxNesting is deeper than the two calls by which the shell writes the ends of
// lines.
const maxNesting = 8

// call works out the functions by which the sqlite shell writes strings with
// line ends: replace(replace('…','\r',char(13)),'\n',char(10)) and unistr('…').
func (t *tokens) call(function token, depth int) (value, error) {
	if depth > maxNesting {
		return value{}, t.wrong("in calls within calls that no dump writes")
	}
	if err := t.want("("); err != nil {
		return value{}, err
	}
	var args [][]byte
	for {
		tok, err := t.next()
		if err == nil && tok.kind == word {
			var v value
			v, err = t.call(tok, depth+1)
			tok.text = v.text
		} else if err == nil && tok.kind != text && tok.kind != number {
			err = t.wrong("where a string belongs")
		}
		if err != nil {
			return value{}, err
		}
		if args = append(args, tok.text); len(args) > 3 {
			return value{}, t.wrong("in a call that no dump writes")
		}
		if t.accept(")") {
			break
		}
		if err := t.want(","); err != nil {
			return value{}, err
		}
	}
	return t.evaluate(function, args)
}

func (t *tokens) evaluate(function token, args [][]byte) (value, error) {
	switch {
	case function.is("REPLACE") && len(args) == 3 && len(args[1]) > 0:
		// The shell replaces by one byte, which keeps a made-up dump from growing.
		if len(args[2]) <= len(args[1]) {
			return value{text, bytes.ReplaceAll(args[0], args[1], args[2])}, nil
		}
	case function.is("CHAR") && len(args) == 1:
		if n, err := strconv.ParseUint(string(args[0]), 10, 21); err == nil {
			return value{text, []byte(string(rune(n)))}, nil
		}
	case function.is("UNISTR") && len(args) == 1:
		if s, ok := unistr(string(args[0])); ok {
			return value{text, []byte(s)}, nil
		}
	}
	return value{}, t.wrong("in a call that no dump writes")
}

// unistr decodes \XXXX, \uXXXX, \+XXXXXX, \UXXXXXXXX and \\.
func unistr(s string) (string, bool) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		skip, digits := 0, 4
		switch {
		case strings.HasPrefix(after, `\`):
			b.WriteByte('\\')
			s = after[1:]
			continue
		case strings.HasPrefix(after, "u"):
			skip = 1
		case strings.HasPrefix(after, "+"):
			skip, digits = 1, 6
		case strings.HasPrefix(after, "U"):
			skip, digits = 1, 8
		}
		if len(after) < skip+digits {
			return "", false
		}
		n, err := strconv.ParseUint(after[skip:skip+digits], 16, 32)
		if err != nil {
			return "", false
		}
		b.WriteRune(rune(n))
		s = after[skip+digits:]
	}
}
