package sqldump

import (
	"bytes"
	"errors"
	"io"
)

// readSQLite reads what .dump of the sqlite shell writes, and iterdump of
// Python.
func readSQLite(in *input, v visitor, report *Report) error {
	report.Form = "SQL by the sqlite shell"
	s := newScript(in, sqlite)
	s.comment = func(c []byte) error {
		if bytes.Contains(c, []byte("CORRUPTION ERROR")) || bytes.Contains(c, []byte("****** ERROR:")) {
			return corrupt("the shell met an error in the database while it wrote this dump, and says so in it before statement %d: the database itself was damaged", s.number+1)
		}
		return nil
	}
	committed := false
	for {
		st, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		t := &tokens{statement: &st}
		switch {
		case t.accept("ROLLBACK") && !st.cut:
			return corrupt("the dump ends with ROLLBACK: the shell met errors in the database, and what it wrote undoes itself when it is restored")
		case t.accept("COMMIT") && !st.cut:
			committed = true
		case committed && !st.cut:
			return corrupt("statement %d stands behind COMMIT, which ends such a dump", st.number)
		}
		if err := v.statement(st); err != nil {
			return err
		}
	}
	if !committed {
		return truncated("the dump ends without COMMIT, which the sqlite shell writes last")
	}
	report.Complete = true
	return nil
}
