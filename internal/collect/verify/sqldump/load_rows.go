package sqldump

import (
	"errors"
	"io"
	"unicode/utf8"
)

// rows loads the rows of a COPY.
func (l *loader) rows(st statement, rows *copyLines) error {
	var tb *table
	var order []int
	if !l.found {
		var err error
		if tb, order, err = l.copyTarget(st); err != nil {
			return err
		}
	} else {
		tb = &table{}
	}
	pick := tb.pick(order)
	for n := 1; ; n++ {
		line, err := rows.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errCut):
			return truncated("the dump ends in row %d of the table %q", n, tb.name)
		case err != nil:
			return inRow(err, n, tb.name)
		case l.found:
			continue
		case l.encoding == utf8Text && !utf8.Valid(line):
			return corrupt("row %d of the table %q is not in UTF-8, as the dump says it is: a server refuses all rows of the table with it", n, tb.name)
		}
		l.parts = fields(line, len(order), l.parts[:0])
		if len(order) == 0 && len(line) == 0 {
			l.parts = l.parts[:0]
		}
		if len(l.parts) != len(order) {
			return corrupt("row %d of the table %q has not the %d values that it should have", n, tb.name, len(order))
		}
		l.vals = l.vals[:0]
		for _, at := range pick {
			v, ok := value{kind: word}, true
			if at >= 0 {
				v, ok = copyValue(l.parts[at])
			}
			if !ok {
				return corrupt("row %d of the table %q ends in the middle of a character", n, tb.name)
			}
			l.vals = append(l.vals, v)
		}
		if err := l.add(tb, n); err != nil {
			return err
		}
	}
}

// copyTarget reads COPY table (columns) FROM stdin.
func (l *loader) copyTarget(st statement) (*table, []int, error) {
	t := &tokens{statement: &st, at: len("COPY")}
	tb, err := t.known(l.find)
	if err != nil {
		return nil, nil, err
	}
	order := tb.all()
	if tok, err := t.peek(); err != nil || tok.is("(") {
		names, _, err := t.names()
		if err == nil {
			order, err = tb.places(names)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if !t.acceptAll("FROM", "STDIN") {
		return nil, nil, t.wrong("a COPY that is not FROM stdin")
	}
	return tb, order, t.done()
}
