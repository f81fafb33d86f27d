package sqldump

import (
	"slices"
	"strings"
)

// maxColumns is more than any table of a hub has by far, and fewer than SQLite
// can make.
const maxColumns = 1600

// maxKeys bounds the keys of a table likewise.
const maxKeys = 100

// constraintWords begin what is no column in the brackets of a CREATE TABLE.
var constraintWords = []string{"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "EXCLUDE", "LIKE", "PERIOD"}

// columnWords end a column's type.
var columnWords = []string{"NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "REFERENCES", "CHECK", "CONSTRAINT", "COLLATE",
	"GENERATED", "AS", "AUTO_INCREMENT", "COMMENT", "ON", "STORAGE", "COMPRESSION", "VIRTUAL", "INVISIBLE"}

// createTable reads what follows CREATE TABLE.
func (t *tokens) createTable() (*table, error) {
	t.acceptAll("IF", "NOT", "EXISTS")
	schema, name, err := t.name()
	if err != nil {
		return nil, err
	}
	tb := &table{schema: schema, name: name}
	if t.accept("OF") || t.acceptAll("PARTITION", "OF") {
		tb.loose = true
		return tb, nil
	}
	if err := t.want("("); err != nil {
		return nil, err
	}
	if t.accept(")") {
		tb.loose = t.accept("INHERITS")
		return tb, nil
	}
	for end := ","; end == ","; {
		if end, err = t.element(tb); err != nil {
			return nil, err
		}
		if len(tb.columns) > maxColumns || len(tb.unique) > maxKeys {
			return nil, corrupt("the table %q has more than %d columns or %d keys", name, maxColumns, maxKeys)
		}
	}
	tb.loose = tb.loose || t.accept("INHERITS")
	return tb, nil
}

// element reads one column or constraint and the mark behind it.
func (t *tokens) element(tb *table) (end string, err error) {
	at := t.at
	tok, err := t.next()
	if err != nil {
		return "", err
	}
	if tok.kind == word && slices.Contains(constraintWords, strings.ToUpper(string(tok.text))) {
		t.at = at
		return t.constraint(tb)
	}
	if !tok.isName() || !tok.canName() {
		return "", t.wrong("where a column's name belongs")
	}
	c := column{name: string(tok.text)}
	if tb.column(c.name) >= 0 {
		return "", corrupt("the table %q has the column %q twice", tb.name, c.name)
	}
	if c.declared, err = t.columnType(); err != nil {
		return "", err
	}
	c.kind = kindAny
	if !t.anyType {
		c.kind = kindOf(strings.ToLower(c.declared))
	}
	tb.columns = append(tb.columns, c)
	return t.columnRest(tb, &tb.columns[len(tb.columns)-1])
}

// columnType reads words and brackets up to what else can be said of a column.
func (t *tokens) columnType() (string, error) {
	var declared strings.Builder
	for {
		at := t.at
		tok, err := t.next()
		if err != nil {
			return "", err
		}
		upper := strings.ToUpper(string(tok.text))
		if tok.is(",") || tok.is(")") || tok.kind == atEnd || tok.kind == word && slices.Contains(columnWords, upper) {
			t.at = at
			return declared.String(), nil
		}
		if declared.Len() > 0 && tok.kind == word {
			declared.WriteByte(' ')
		}
		declared.Write(tok.text)
		if tok.is("(") {
			from := t.at
			if _, err := t.skipTo(")"); err != nil {
				return "", err
			}
			declared.Write(t.statement.text[from:t.at])
		}
	}
}

// columnRest reads what follows a column's type.
func (t *tokens) columnRest(tb *table, c *column) (end string, err error) {
	for {
		switch {
		case t.acceptAll("NOT", "NULL"):
			c.notNull = true
		case t.accept("GENERATED"), t.accept("INVISIBLE"):
			tb.loose = true
		case t.acceptAll("PRIMARY", "KEY"), t.accept("UNIQUE"):
			tb.unique = append(tb.unique, []string{c.name})
		case t.accept(","):
			return ",", nil
		case t.accept(")"):
			return ")", nil
		case t.accept("("):
			if _, err := t.skipTo(")"); err != nil {
				return "", err
			}
		default:
			tok, err := t.next()
			if err == nil && tok.kind == atEnd {
				err = t.wrong("in a column's definition")
			}
			if err != nil {
				return "", err
			}
		}
	}
}

// constraint reads [CONSTRAINT name] UNIQUE|PRIMARY KEY (…) and passes any
// other, up to the mark behind it.
func (t *tokens) constraint(tb *table) (end string, err error) {
	if t.accept("CONSTRAINT") {
		if _, _, err := t.name(); err != nil {
			return "", err
		}
	}
	if t.acceptAll("PRIMARY", "KEY") || t.accept("UNIQUE") {
		if err := t.uniqueColumns(tb); err != nil {
			return "", err
		}
	}
	return t.skipTo(",", ")")
}

// uniqueColumns reads the columns of a key, behind words and the key's name.
func (t *tokens) uniqueColumns(tb *table) error {
	for {
		tok, err := t.peek()
		if err != nil {
			return err
		}
		if !tok.isName() {
			break
		}
		if tok.is("USING") { // an index that is already there
			return nil
		}
		if _, err := t.next(); err != nil {
			return err
		}
	}
	names, plain, err := t.names()
	if err != nil {
		return err
	}
	if plain && len(tb.unique) <= maxKeys {
		for _, name := range names {
			if tb.column(name) < 0 {
				return corrupt("a key of the table %q names a column %q that it does not have", tb.name, name)
			}
		}
		tb.unique = append(tb.unique, names)
	}
	return nil
}

// uniqueIndex reads what follows CREATE UNIQUE INDEX; find gives a table by its
// name, nil for one that is not to be had.
func (t *tokens) uniqueIndex(find func(schema, name string) (*table, error)) error {
	if _, err := t.skipToWord("ON"); err != nil {
		return err
	}
	t.accept("ONLY")
	tb, err := t.known(find)
	if tb == nil || err != nil {
		return err
	}
	if t.accept("USING") {
		if _, err := t.next(); err != nil {
			return err
		}
	}
	names, plain, err := t.names()
	if err != nil {
		return err
	}
	partial, err := t.skipToWord("WHERE")
	if plain && !partial && len(tb.unique) <= maxKeys {
		tb.unique = append(tb.unique, names)
	}
	return err
}

// skipToWord consumes up to and including a keyword; false at the statement's
// end.
func (t *tokens) skipToWord(keyword string) (bool, error) {
	for {
		tok, err := t.next()
		if err != nil || tok.kind == atEnd {
			return false, err
		}
		if tok.is(keyword) {
			return true, nil
		}
	}
}

func (t *tokens) known(find func(schema, name string) (*table, error)) (*table, error) {
	schema, name, err := t.name()
	if err != nil {
		return nil, err
	}
	return find(schema, name)
}

// alterTable reads what follows ALTER TABLE for the keys that it adds. Only then
// the table must be known: views and sequences are altered so too.
func (t *tokens) alterTable(find func(schema, name string) (*table, error)) error {
	t.acceptAll("IF", "EXISTS")
	t.accept("ONLY")
	schema, name, err := t.name()
	if err != nil {
		return err
	}
	for {
		tok, err := t.next()
		if err != nil || tok.kind == atEnd {
			return err
		}
		if !tok.is("ADD") {
			continue
		}
		if t.accept("CONSTRAINT") {
			if _, _, err := t.name(); err != nil {
				return err
			}
		}
		if !t.acceptAll("PRIMARY", "KEY") && !t.accept("UNIQUE") {
			continue
		}
		tb, err := find(schema, name)
		if err == nil {
			err = t.uniqueColumns(tb)
		}
		if err != nil {
			return err
		}
	}
}
