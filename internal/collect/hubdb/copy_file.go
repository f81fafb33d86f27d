package hubdb

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	sqlite3 "modernc.org/sqlite/lib"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// copyFile copies what the file holds at the beginning, in steps between which
// ctx may end it. What a log gains meanwhile belongs to later transactions.
func copyFile(ctx context.Context, to string, from *os.File) error {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return noRoom(err)
	}
	defer out.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	in := &readError{r: io.LimitReader(from, info.Size())}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := io.CopyN(out, in, 8<<20)
		switch {
		case in.err != nil:
			return in.err
		case errors.Is(err, io.EOF):
			return out.Close()
		case err != nil:
			return noRoom(err)
		}
	}
}

// readError remembers a failure to read, to tell it from one to write.
type readError struct {
	r   io.Reader
	err error
}

func (r *readError) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// noRoom is a failure to write the private copy.
func noRoom(err error) error {
	what := "must be there and writable"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) || isFull(err) {
		what = "is full, or limits the size of files: it needs room for the whole database and its log"
	}
	return source.Failed(facts.CauseUnreadable, err, "a private copy of it cannot be made: the folder for temporary files %q (TMPDIR) %s", os.TempDir(), what)
}

// isFull tells SQLite's errors in writing the private copy, which is all it
// writes. A full disk is an I/O error to it where it grows the log's index.
func isFull(err error) bool {
	return code(err) == sqlite3.SQLITE_FULL || code(err) == sqlite3.SQLITE_IOERR
}
