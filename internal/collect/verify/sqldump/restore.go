package sqldump

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// RestoreInto executes a dump in the empty scratch database that into opens. It
// is for the caller to see that it is empty, and to empty it again.
//
// Owners, rights, roles, extensions' comments, publications and what else lies
// outside of the database are left out; of several databases only the hub's is
// restored.
//
// A statement that the server refuses is the fault facts.CopyRefused, unless it
// may be the server's own: its rights, its space, or that it is older than the
// dump or of another make. Those, and what Load returns, are errors.
func RestoreInto(ctx context.Context, r io.Reader, f Format, into *sql.DB) (Report, error) {
	report := Report{Tables: map[string]int{}}
	conn, err := into.Conn(ctx)
	if err != nil {
		return report, fmt.Errorf("connecting to the scratch server: %w", err)
	}
	defer conn.Close()
	s := &restorer{ctx: ctx, report: &report}
	switch f {
	case PostgreSQLText, PostgreSQLCustom:
		s.server = &postgresServer{conn}
	case MySQL:
		s.server = &mysqlServer{conn}
	default:
		return report, fmt.Errorf("%w: a %s is not restored on a server", ErrUnsupported, f)
	}
	if err := s.server.begin(ctx); err != nil {
		return report, fmt.Errorf("preparing the scratch server: %w", err)
	}
	err = read(ctx, r, f, s, &report)
	if err == nil {
		err = s.flush()
	}
	if err != nil && !isFault(err) {
		return report, err
	}
	report.judge(err, s.hub)
	return report, nil
}

// server executes what a dump holds.
type server interface {
	// begin sets up the session.
	begin(ctx context.Context) error
	// wanted tells whether a statement is to be executed, and whether it does not
	// matter that the server refuses it.
	wanted(t *tokens) (execute, optional bool)
	exec(ctx context.Context, statement string) (rows int64, err error)
	copyFrom(ctx context.Context, statement string, rows io.Reader) (int64, error)
	// refusal is the code of an error that the server made of a statement, "" for
	// any other. own: it is about the server and not the statement.
	refusal(err error) (code string, own bool)
	version(ctx context.Context) (string, error)
	// drop is the statement that drops a table.
	drop(table string) string
}

// restorer passes a dump's statements on to a server.
type restorer struct {
	ctx    context.Context
	report *Report
	server server
	// several: the dump has sections of databases. hub: that of the hub has been
	// found, over: and left again. skip: the section is none.
	several, hub, over, skip bool
	// pending are the statements of a section that may turn out to be another
	// database's.
	pending []heldBack
	held    int
	made    []string // tables of this section
}

type heldBack struct {
	label, text string
	optional    bool
	table       string
}

// systemDatabases are a MySQL server's own.
var systemDatabases = []string{"mysql", "sys", "information_schema", "performance_schema"}

// database begins a section. What the one before it made is dropped, unless it
// was the hub's.
func (r *restorer) database(name string) error {
	r.over = r.over || r.hub
	if r.over {
		return nil
	}
	for _, table := range r.made {
		if _, err := r.server.exec(r.ctx, r.server.drop(table)); err != nil {
			return fmt.Errorf("removing the table %q of another database from the scratch database: %w", table, err)
		}
	}
	clear(r.report.Tables)
	r.report.Database, r.several, r.made, r.pending, r.held = name, true, nil, nil, 0
	r.skip = slices.Contains(systemDatabases, name)
	return nil
}

func (r *restorer) statement(st statement) error {
	if st.cut {
		return endedIn(st.text, st.dialect, st.describe())
	}
	if r.over || r.skip {
		return nil
	}
	t := &tokens{statement: &st}
	execute, optional := r.server.wanted(t)
	if !execute {
		return nil
	}
	h := heldBack{label: st.describe(), text: string(st.text), optional: optional}
	t.at = 0
	tok, err := t.next()
	if err != nil {
		return err
	}
	if tok.is("CREATE") {
		if h.table, err = r.creates(t); err != nil {
			return err
		}
	}
	if r.several && st.dialect == postgres && !tok.is("INSERT") {
		if r.held += len(h.text); r.held > maxItem {
			return corrupt("the dump has more than %d MiB of statements before its first row", maxItem>>20)
		}
		r.pending = append(r.pending, h)
		return nil
	}
	if err := r.decide(); err != nil || r.skip {
		return err
	}
	return r.execute(h, tok.is("INSERT") || tok.is("REPLACE"), &st)
}

// creates gives the table that a CREATE makes, "" for none.
func (r *restorer) creates(t *tokens) (string, error) {
	t.accept("UNLOGGED")
	if !t.accept("TABLE") {
		return "", nil
	}
	tb, err := t.createTable()
	if err != nil {
		return "", err
	}
	r.hub = r.hub || tb.name == "users" && tb.isHubs()
	return tb.name, nil
}

// decide executes what was held back, or skips the section: once its first row
// comes, all tables of a PostgreSQL database are known.
func (r *restorer) decide() error {
	if len(r.pending) == 0 {
		return nil
	}
	if !r.hub {
		r.skip, r.pending = true, nil
		return nil
	}
	pending := r.pending
	r.pending, r.several = nil, false
	for _, h := range pending {
		if err := r.execute(h, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// flush executes what is still held back at the end.
func (r *restorer) flush() error {
	if r.over {
		return nil
	}
	return r.decide()
}

// execute executes one statement; st is given for one that inserts rows.
func (r *restorer) execute(h heldBack, inserts bool, st *statement) error {
	rows, err := r.server.exec(r.ctx, h.text)
	if err != nil && h.optional {
		if code, _ := r.server.refusal(err); code != "" {
			return nil
		}
	}
	label := h.label
	if inserts {
		t := &tokens{statement: st}
		if _, name, found := insertTarget(t); found {
			r.report.Tables[name] += int(rows)
			label += fmt.Sprintf(" (rows of the table %q)", name)
		}
	}
	if err != nil {
		return r.refused(err, label)
	}
	if h.table != "" {
		r.made = append(r.made, h.table)
		r.report.Tables[h.table] += 0
	}
	return nil
}

func insertTarget(t *tokens) (schema, name string, found bool) {
	if more, err := t.skipToWord("INTO"); err != nil || !more {
		return "", "", false
	}
	schema, name, err := t.name()
	return schema, name, err == nil
}

// rows restores the rows of a COPY.
func (r *restorer) rows(st statement, rows *copyLines) error {
	if err := r.decide(); err != nil {
		return err
	}
	lines := &lineReader{rows: rows}
	if r.over || r.skip || r.several {
		_, err := io.Copy(io.Discard, lines)
		return lines.failure(err, "another database")
	}
	t := &tokens{statement: &st, at: len("COPY")}
	_, name, err := t.name()
	if err != nil {
		return err
	}
	if from, err := t.skipToWord("FROM"); err != nil || !from || !t.accept("STDIN") {
		return t.wrong("a COPY that is not FROM stdin")
	}
	n, err := r.server.copyFrom(r.ctx, string(st.text), lines)
	r.report.Tables[name] += int(n)
	if lines.err != nil {
		return lines.failure(lines.err, fmt.Sprintf("row %d of the table %q", lines.n+1, name))
	}
	if err != nil {
		return r.refused(err, fmt.Sprintf("%s (rows of the table %q)", st.describe(), name))
	}
	return nil
}

// refused makes a fault of what the server says to a statement, without its
// words: they may hold values.
func (r *restorer) refused(err error, where string) error {
	code, own := r.server.refusal(err)
	if code == "" || own {
		return fmt.Errorf("restoring the dump, %s: %w", where, err)
	}
	if why := r.unfit(); why != "" {
		return fmt.Errorf("restoring the dump, %s: the server refused it (%s), but %s", where, code, why)
	}
	return &fault{facts.CopyRefused, fmt.Sprintf("%s: the server refused it (%s)", where, code)}
}

// unfit says why it may be the server's fault, "" where it is not.
func (r *restorer) unfit() string {
	version, err := r.server.version(r.ctx)
	if err != nil || r.report.Version == "" {
		return ""
	}
	isMaria := func(v string) bool { return strings.Contains(strings.ToLower(v), "maria") }
	if isMaria(version) != isMaria(r.report.Version) || majorOf(version) < majorOf(r.report.Version) {
		return fmt.Sprintf("the dump is of version %s and the scratch server of %s: give one of the same make and at least that version", r.report.Version, clean(version))
	}
	return ""
}
