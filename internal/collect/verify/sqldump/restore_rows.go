package sqldump

import (
	"errors"
	"io"
)

// lineReader gives the rows of a COPY as a stream.
type lineReader struct {
	rows *copyLines
	line []byte
	left []byte // of line
	n    int
	err  error // of the dump
}

func (l *lineReader) Read(b []byte) (int, error) {
	if len(l.left) == 0 {
		line, err := l.rows.next()
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		if l.err = err; err != nil {
			return 0, err
		}
		l.n++
		l.line = append(append(l.line[:0], line...), '\n')
		l.left = l.line
	}
	n := copy(b, l.left)
	l.left = l.left[n:]
	return n, nil
}

func (l *lineReader) failure(err error, where string) error {
	if errors.Is(err, errCut) {
		return truncated("the dump ends in %s", where)
	}
	return err
}
