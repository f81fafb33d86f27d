package sqldump

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// visitor takes what a dump holds, in its order.
type visitor interface {
	// database: what follows is of another database, of this name.
	database(name string) error
	statement(st statement) error
	// rows are those that follow the COPY statement st, to be read to their end.
	rows(st statement, rows *copyLines) error
}

// loader puts the hub's tables of a dump into SQLite.
type loader struct {
	ctx      context.Context
	tx       *sql.Tx
	report   *Report
	tables   map[[2]string]*table // by schema and name
	loaded   map[string]*table    // by name, those that the scratch database has
	columns  int                  // of all tables
	encoding encoding
	// extended: the database has extensions, and so tables that the dump has rows
	// of without making them.
	extended bool
	// found: the hub's database of several is loaded; what follows is only
	// parsed.
	found bool
	vals  []value
	parts [][]byte
}

func newLoader(ctx context.Context, tx *sql.Tx, report *Report) *loader {
	return &loader{ctx: ctx, tx: tx, report: report, tables: map[[2]string]*table{}, loaded: map[string]*table{}}
}

func (l *loader) exec(query string) error {
	_, err := l.tx.ExecContext(l.ctx, query)
	return err
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// database leaves one of several databases: it is forgotten, unless it is the
// hub's.
func (l *loader) database(name string) error {
	switch {
	case l.found:
		return nil
	case l.hasHub():
		l.found = true
		return nil
	}
	l.report.Database = name
	for table := range l.loaded {
		if err := l.exec("DROP TABLE " + quoteName(table)); err != nil {
			return fmt.Errorf("removing another database's tables from the scratch database: %w", err)
		}
	}
	clear(l.report.Tables)
	l.tables, l.loaded, l.encoding = map[[2]string]*table{}, map[string]*table{}, utf8Text
	l.extended, l.columns = false, 0
	return nil
}

// hasHub tells whether the tables loaded are a hub's.
func (l *loader) hasHub() bool { return l.loaded["users"] != nil && l.loaded["users"].isHubs() }

// statement makes tables, and inserts rows.
func (l *loader) statement(st statement) error {
	t := &tokens{statement: &st}
	verb, err := t.next()
	if err != nil || verb.kind == atEnd {
		return err
	}
	if verb.kind != word || !st.verbs[strings.ToUpper(string(verb.text))] {
		if st.cut {
			return endedIn(st.text, st.dialect, st.describe())
		}
		return corrupt("statement %d begins with what no dump writes", st.number)
	}
	if l.found {
		if st.cut {
			return endedIn(st.text, st.dialect, st.describe())
		}
		return nil
	}
	if err := l.perform(t, verb); err != nil {
		return err
	}
	if st.cut {
		return endedIn(st.text, st.dialect, st.describe())
	}
	return nil
}

func (l *loader) perform(t *tokens, verb token) error {
	switch {
	case verb.is("CREATE"):
		return l.create(t)
	case verb.is("ALTER") && t.accept("TABLE"):
		return t.alterTable(l.find)
	case verb.is("INSERT"), verb.is("REPLACE"):
		return l.insert(t)
	case verb.is("COPY"):
		return t.wrong("without the rows that belong to it")
	case verb.is("SET"):
		return l.set(t)
	}
	return nil
}

func (l *loader) create(t *tokens) error {
	if t.acceptAll("UNIQUE", "INDEX") {
		return t.uniqueIndex(l.find)
	}
	if t.accept("EXTENSION") {
		l.extended = true
		return nil
	}
	for _, kind := range []string{"UNLOGGED", "GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "FOREIGN"} {
		t.accept(kind)
	}
	if !t.accept("TABLE") {
		return nil
	}
	tb, err := t.createTable()
	if err != nil {
		return err
	}
	return l.addTable(tb, t.dialect)
}

// set reads the character set.
func (l *loader) set(t *tokens) error {
	names := t.accept("NAMES")
	if !names && !(t.accept("CLIENT_ENCODING") && (t.accept("=") || t.accept("TO"))) {
		return nil
	}
	tok, err := t.next()
	if err == nil {
		l.encoding = encodingOf(string(tok.text))
	}
	return err
}

// find gives a table that a statement names. The schema may be left out.
func (l *loader) find(schema, name string) (*table, error) {
	if tb := l.tables[[2]string{schema, name}]; tb != nil {
		return tb, nil
	}
	for key, tb := range l.tables {
		if key[1] == name && (schema == "" || key[0] == "") {
			return tb, nil
		}
	}
	if l.extended && core[name] == nil {
		return &table{schema: schema, name: name, loose: true}, nil
	}
	return nil, corrupt("the dump names a table %q that it does not make", name)
}

// addTable makes a table of the dump in the scratch database. Of tables of one
// name in several schemas it is the one that is a hub's.
func (l *loader) addTable(tb *table, d *dialect) error {
	key := [2]string{tb.schema, tb.name}
	if l.tables[key] != nil {
		return corrupt("the dump makes the table %q twice", tb.name)
	}
	l.columns += len(tb.columns)
	if len(l.tables) >= maxTables || l.columns > maxAllColumns {
		return corrupt("the dump has more than %d tables or %d columns", maxTables, maxAllColumns)
	}
	l.tables[key] = tb
	l.report.Tables[tb.name] += 0
	if strings.HasPrefix(strings.ToLower(tb.name), "sqlite_") {
		return nil
	}
	for name, other := range l.loaded {
		if !strings.EqualFold(name, tb.name) {
			continue
		}
		if core[tb.name] == nil || core[name] != nil && (!tb.isHubs() || other.isHubs() && tb.schema != "public") {
			return nil
		}
		if err := l.exec("DROP TABLE " + quoteName(name)); err != nil {
			return fmt.Errorf("replacing a table of the scratch database: %w", err)
		}
		delete(l.loaded, name)
		other.keep, other.insert = nil, nil
		break
	}
	return l.make(tb, d)
}

// make makes a table, of which only the core ones get their columns.
func (l *loader) make(tb *table, d *dialect) error {
	l.loaded[tb.name] = tb
	if core[tb.name] == nil {
		if err := l.exec("CREATE TABLE " + quoteName(tb.name) + " (x)"); err != nil {
			return fmt.Errorf("making a table in the scratch database: %w", err)
		}
		return nil
	}
	definitions := make([]string, len(tb.columns))
	var names, marks []string
	for i, c := range tb.columns {
		definitions[i] = quoteName(c.name) + " " + c.affinity(d)
		if c.notNull && strings.EqualFold(c.name, "cookie_id") {
			definitions[i] += " NOT NULL"
		}
		if slices.Contains(core[tb.name], strings.ToLower(c.name)) {
			tb.keep, names, marks = append(tb.keep, i), append(names, quoteName(c.name)), append(marks, "?")
		}
	}
	if len(definitions) == 0 {
		definitions = []string{"x"}
	}
	err := l.exec("CREATE TABLE " + quoteName(tb.name) + " (" + strings.Join(definitions, ", ") + ")")
	if err == nil && len(names) > 0 {
		tb.insert, err = l.tx.PrepareContext(l.ctx, "INSERT INTO "+quoteName(tb.name)+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")")
	}
	if err != nil {
		return fmt.Errorf("making the table %q in the scratch database: %w", tb.name, err)
	}
	return nil
}

// affinity is a type that makes SQLite keep values as convert gives them.
func (c *column) affinity(d *dialect) string {
	upper := strings.ToUpper(c.declared)
	switch {
	case !d.anyType && c.kind != kindText && c.kind != kindTime && c.kind != kindTimeZone, d.anyType && strings.Contains(upper, "INT"):
		return "INTEGER"
	case !d.anyType, strings.Contains(upper, "CHAR"), strings.Contains(upper, "CLOB"), strings.Contains(upper, "TEXT"):
		return "TEXT"
	case upper == "" || strings.Contains(upper, "BLOB"):
		return "BLOB"
	case strings.Contains(upper, "REAL"), strings.Contains(upper, "FLOA"), strings.Contains(upper, "DOUB"):
		return "REAL"
	}
	return "NUMERIC"
}

// finish makes the keys, which shows rows that are there twice.
func (l *loader) finish() error {
	for _, name := range slices.Sorted(maps.Keys(l.loaded)) {
		tb := l.loaded[name]
		for i, key := range tb.unique {
			if len(key) != 1 || !slices.ContainsFunc(tb.keep, func(at int) bool { return strings.EqualFold(tb.columns[at].name, key[0]) }) {
				continue
			}
			err := l.exec(fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s)", quoteName(fmt.Sprintf("hubaudit %s %d", name, i)), quoteName(name), quoteName(key[0])))
			if err != nil && strings.Contains(err.Error(), "UNIQUE constraint failed") {
				return corrupt("two rows of the table %q have the same %q, which the table says is unique", name, key[0])
			}
			if err != nil {
				return fmt.Errorf("making the keys of the table %q in the scratch database: %w", name, err)
			}
		}
	}
	return nil
}
