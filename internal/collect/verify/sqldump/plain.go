package sqldump

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// plainDump is a dump by pg_dump as text, or by pg_dumpall of several databases.
type plainDump struct {
	visitor
	report           *Report
	cluster          bool
	complete         bool
	clusterCompleted bool
}

func readPlain(in *input, v visitor, report *Report) error {
	p := &plainDump{visitor: v, report: report}
	s := newScript(in, postgres)
	s.comment, s.meta = p.comment, p.meta
	p.describe()
	for {
		st, err := s.next()
		if errors.Is(err, io.EOF) {
			return p.end()
		}
		if err == nil && !st.cut && isCopy(st.text) {
			st.text = bytes.Clone(st.text)
			if err = s.blankLine(); err == nil {
				err = v.rows(st, &copyLines{in: in})
			}
		} else if err == nil {
			err = v.statement(st)
		}
		if err != nil {
			return err
		}
	}
}

func isCopy(statement []byte) bool { return bytes.HasPrefix(statement, []byte("COPY ")) }

// blankLine consumes the rest of the line, on which nothing may stand.
func (s *script) blankLine() error {
	err := s.line(func(rest []byte) error {
		if len(rest) > 0 {
			return corrupt("statement %d is broken: something stands between COPY and its rows", s.number)
		}
		return nil
	})
	if _, more := s.in.at(0); more && err == nil {
		s.in.take(1)
	}
	return err
}

// comment looks for the lines by which pg_dump begins and ends.
func (p *plainDump) comment(line []byte) error {
	c := strings.TrimSpace(strings.TrimLeft(string(line[:min(len(line), 200)]), "-"))
	switch {
	case c == "PostgreSQL database cluster dump":
		p.cluster = true
	case c == "PostgreSQL database cluster dump complete":
		p.clusterCompleted = true
	case c == "PostgreSQL database dump":
		p.complete = false
	case c == "PostgreSQL database dump complete":
		p.complete = true
	case strings.HasPrefix(c, "Dumped from database version "):
		p.report.Version = clean(strings.TrimPrefix(c, "Dumped from database version "))
	}
	p.describe()
	return nil
}

// meta reads the lines for psql.
func (p *plainDump) meta(line []byte) error {
	command, rest, _ := strings.Cut(string(line), " ")
	switch command {
	case `\connect`, `\c`:
		name := strings.Trim(rest, `"' `)
		if _, after, found := strings.Cut(rest, "dbname='"); found {
			name, _, _ = strings.Cut(after, "'")
		}
		return p.database(name)
	case `\restrict`, `\unrestrict`, `\encoding`:
		return nil
	}
	return corrupt("a line begins with a backslash and is no command that pg_dump writes")
}

func (p *plainDump) describe() {
	p.report.Form = "pg_dump"
	if p.cluster {
		p.report.Form = "pg_dumpall"
	}
	if p.report.Version != "" {
		p.report.Form += " of PostgreSQL " + p.report.Version
	}
}

func (p *plainDump) end() error {
	p.report.Complete = p.complete && !p.cluster || p.clusterCompleted
	if p.report.Complete {
		return nil
	}
	return truncated("the dump ends without the line %q, which pg_dump writes last", "-- PostgreSQL database dump complete")
}
