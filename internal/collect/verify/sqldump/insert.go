package sqldump

import (
	"errors"
	"fmt"
)

// insert reads INSERT INTO table [(columns)] VALUES (…), (…).
func (l *loader) insert(t *tokens) error {
	t.accept("IGNORE")
	if err := t.want("INTO"); err != nil {
		return err
	}
	schema, name, err := t.name()
	if err != nil {
		return err
	}
	tb, err := l.findOwn(t, schema, name)
	if err != nil || tb == nil {
		return err
	}
	order := tb.all()
	if tok, err := t.peek(); err != nil || tok.is("(") {
		names, _, err := t.names()
		if err == nil {
			order, err = tb.places(names)
		}
		if err != nil {
			return err
		}
	} else if tb.loose && core[tb.name] == nil {
		tb.rows++ // at least
		l.report.Tables[tb.name]++
		return nil
	}
	if t.accept("OVERRIDING") && !t.acceptAll("SYSTEM", "VALUE") {
		return t.wrong("where OVERRIDING SYSTEM VALUE belongs")
	}
	if t.acceptAll("DEFAULT", "VALUES") {
		return l.defaults(t, tb)
	}
	if err := t.want("VALUES"); err != nil {
		return err
	}
	if err := l.insertRows(t, tb, order); err != nil {
		return err
	}
	return t.conflict()
}

// findOwn is find without SQLite's own tables, which no dump makes.
func (l *loader) findOwn(t *tokens, schema, name string) (*table, error) {
	if t.anyType && len(name) > 7 && name[:7] == "sqlite_" {
		return nil, nil
	}
	return l.find(schema, name)
}

// defaults is the row of a table without columns.
func (l *loader) defaults(t *tokens, tb *table) error {
	tb.rows++
	l.report.Tables[tb.name]++
	return t.conflict()
}

// conflict passes ON CONFLICT DO NOTHING, and wants the end.
func (t *tokens) conflict() error {
	t.acceptAll("ON", "CONFLICT", "DO", "NOTHING")
	return t.done()
}

// insertRows reads (…), (…).
func (l *loader) insertRows(t *tokens, tb *table, order []int) error {
	pick := tb.pick(order)
	row := make([]value, len(order))
	for more := true; more; more = t.accept(",") {
		n := tb.rows + 1
		if err := t.row(row); err != nil {
			return inRow(err, n, tb.name)
		}
		l.vals = l.vals[:0]
		for _, at := range pick {
			v := value{kind: word}
			if at >= 0 {
				v = row[at]
			}
			l.vals = append(l.vals, v)
		}
		if err := l.add(tb, n); err != nil {
			return err
		}
	}
	return nil
}

// inRow says of a fault in which row it is.
func inRow(err error, n int, name string) error {
	var f *fault
	if errors.As(err, &f) {
		return &fault{f.kind, fmt.Sprintf("%s, in row %d of the table %q", f.detail, n, name)}
	}
	return err
}

// row reads (a, b, c), as many as row has.
func (t *tokens) row(row []value) error {
	if err := t.want("("); err != nil {
		return err
	}
	for i := range row {
		if i > 0 {
			if err := t.want(","); err != nil {
				return err
			}
		}
		var err error
		if row[i], err = t.value(); err != nil {
			return err
		}
	}
	return t.want(")")
}

// add counts row n of a table and keeps l.vals of it, as tb.keep orders them.
func (l *loader) add(tb *table, n int) error {
	tb.rows++
	l.report.Tables[tb.name]++
	if tb.insert == nil {
		return nil
	}
	args := make([]any, len(l.vals))
	for i, v := range l.vals {
		c := &tb.columns[tb.keep[i]]
		if l.encoding == otherEncoding && !ascii(v.text) {
			return fmt.Errorf("%w: row %d of the table %q is in a character set other than UTF-8 and Latin 1; make the dump with --encoding=UTF8 or --default-character-set=utf8mb4", ErrUnsupported, n, tb.name)
		}
		var ok bool
		if args[i], ok = c.convert(v, l.encoding); !ok {
			return corrupt("row %d of the table %q has a value in its column %q that no server would take there", n, tb.name, c.name)
		}
	}
	if _, err := tb.insert.ExecContext(l.ctx, args...); err != nil {
		return fmt.Errorf("inserting row %d of the table %q into the scratch database: %w", n, tb.name, err)
	}
	return nil
}
