package sqldump

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// maxName is longer than a name can be in PostgreSQL and MySQL, in bytes.
const maxName = 1024

// canName tells what a server takes for a name.
func (t token) canName() bool {
	return len(t.text) > 0 && len(t.text) <= maxName && utf8.Valid(t.text) && bytes.IndexByte(t.text, 0) < 0
}

// name reads schema.table; the schema is "" where there is none. Names without
// quotes are in lower case where PostgreSQL would have them so.
func (t *tokens) name() (schema, name string, err error) {
	for {
		tok, err := t.next()
		if err != nil {
			return "", "", err
		}
		// The sqlite shell writes CREATE TABLE IF NOT EXISTS 'name'.
		if !tok.isName() && (tok.kind != text || !t.anyType) {
			return "", "", t.wrong("where a name belongs")
		}
		if !tok.canName() {
			return "", "", t.wrong("in a name that no server takes")
		}
		schema, name = name, string(tok.text)
		if tok.kind == word && t.dialect == postgres {
			name = strings.ToLower(name)
		}
		if !t.accept(".") {
			return schema, name, nil
		}
	}
}

// names reads (a, b, c), without what follows each name, such as a length or an
// order. plain is false where something is no name but an expression.
func (t *tokens) names() (names []string, plain bool, err error) {
	if err := t.want("("); err != nil {
		return nil, false, err
	}
	plain = true
	for {
		tok, err := t.next()
		if err != nil {
			return nil, false, err
		}
		plain = plain && tok.isName()
		if tok.kind == word && t.dialect == postgres {
			tok.text = bytes.ToLower(tok.text)
		}
		if names = append(names, string(tok.text)); len(names) > maxColumns || len(tok.text) > maxName {
			return nil, false, t.wrong("in a list of names longer than any server takes")
		}
		if tok.is("(") {
			t.at--
		} else if next, _ := t.peek(); next.is("(") {
			plain = false // a function, or only the beginning of the values
		}
		end, err := t.skipTo(",", ")")
		if err != nil || end == ")" {
			return names, plain, err
		}
	}
}

// skipTo consumes up to and including one of these marks outside of brackets.
func (t *tokens) skipTo(marks ...string) (string, error) {
	depth := 0
	for {
		tok, err := t.next()
		if err != nil {
			return "", err
		}
		if depth == 0 {
			for _, m := range marks {
				if tok.is(m) {
					return m, nil
				}
			}
		}
		switch {
		case tok.kind == atEnd:
			return "", t.wrong("which ends too early")
		case tok.is("("):
			depth++
		case tok.is(")"):
			if depth--; depth < 0 {
				return "", t.wrong("with a bracket that nothing opened")
			}
		}
	}
}

// done wants the statement to end.
func (t *tokens) done() error {
	tok, err := t.next()
	if err == nil && tok.kind != atEnd {
		err = t.wrong("where it should end")
	}
	return err
}
