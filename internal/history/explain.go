package history

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// refusal is an error that already says all there is to say: what was asked
// for cannot be done, though the history is well.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func refuse(format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...)}
}

// explain adds to an error what was being done, to which file, and what to do.
func (s *Store) explain(what string, err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return err
	}
	if advice := advice(err); advice != "" {
		return fmt.Errorf("%s the history %s: %w (%s)", what, s.path, err, advice)
	}
	return fmt.Errorf("%s the history %s: %w", what, s.path, err)
}

// advice says what to do about an error of SQLite, "" for one that says so itself.
func advice(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return "it was stopped before it was done; nothing of it was written"
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code() & 0xff { // the low byte is the primary code
	case sqlite3.SQLITE_FULL:
		return "make room on its disk; nothing of this was written"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return "the user that runs audit needs write access to the file and its folder"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Sprintf("another process has held it for %s: end that one, or try again", busyTimeout)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "the file is damaged: move it away together with its -journal file, keep both, and run again; " +
			"incidents that are still true will be opened anew"
	case sqlite3.SQLITE_IOERR:
		return "its disk or network file system failed, or is full: mend that and run again"
	}
	return ""
}
