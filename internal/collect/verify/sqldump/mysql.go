package sqldump

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// mysqlDump is a dump by mysqldump or mariadb-dump.
type mysqlDump struct {
	visitor
	report    *Report
	tool      string
	completed bool
	// saved: the dump saved a setting at its begin that it restores as the very
	// last, which is left out with --compact.
	saved, restored bool
}

func readMySQL(in *input, v visitor, report *Report) error {
	m := &mysqlDump{visitor: v, report: report}
	report.Form = m.form()
	s := newScript(in, mySQL)
	s.comment = m.comment
	for {
		st, err := s.next()
		if errors.Is(err, io.EOF) {
			return m.end()
		}
		if err == nil {
			err = m.take(st)
		}
		if err != nil {
			return err
		}
	}
}

func (m *mysqlDump) take(st statement) error {
	t := &tokens{statement: &st}
	if st.cut {
		return m.statement(st)
	}
	switch {
	case t.accept("USE"):
		_, name, err := t.name()
		if err != nil {
			return err
		}
		return m.database(name)
	case t.acceptAll("CREATE", "DATABASE"):
		return nil
	case bytes.Contains(st.text[:min(len(st.text), 64)], []byte("SET @OLD_SQL_NOTES=")):
		m.saved = true
	case bytes.Contains(st.text[:min(len(st.text), 64)], []byte("SET SQL_NOTES=@OLD_SQL_NOTES")):
		m.restored = true
	}
	return m.statement(st)
}

// comment looks for the lines by which the tools begin and end.
func (m *mysqlDump) comment(line []byte) error {
	c := string(line[:min(len(line), 200)])
	switch {
	case strings.HasPrefix(c, "-- MySQL dump "):
		m.tool = "mysqldump"
	case strings.HasPrefix(c, "-- MariaDB dump "):
		m.tool = "mariadb-dump"
	}
	if version, ok := strings.CutPrefix(c, "-- Server version"); ok {
		m.report.Version = clean(version)
	}
	m.completed = m.completed || strings.HasPrefix(c, "-- Dump completed")
	m.report.Form = m.form()
	return nil
}

func (m *mysqlDump) form() string {
	form := m.tool
	if form == "" {
		form = "mysqldump"
	}
	if m.report.Version != "" {
		form += " of " + m.report.Version
	}
	return form
}

func (m *mysqlDump) end() error {
	switch {
	case m.completed, m.tool == "" && m.restored:
		m.report.Complete = true
	case m.tool != "":
		return truncated("the dump ends without the line %q, which %s writes last", "-- Dump completed", m.tool)
	case m.saved:
		return truncated("the dump ends without SET SQL_NOTES=@OLD_SQL_NOTES, which mysqldump writes last")
	default:
		m.report.Detail = "the dump was made without comments (--compact or --skip-comments), so that whether it is whole cannot be told from its end"
	}
	return nil
}
