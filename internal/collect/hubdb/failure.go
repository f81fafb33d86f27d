package hubdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// failed says why a database could not be looked at, and what to do.
func failed(ctx context.Context, path string, err error) error {
	var made *source.Error
	cause, advice := facts.CauseUnreadable, "the operating system or SQLite refused it; the cause follows"
	switch {
	case errors.Is(err, errLocked):
		cause, advice = facts.CauseTimeout, "it stayed locked by another process until the deadline; look for a long transaction, a sqlite3 shell or a copy tool that has it open"
	case ctx.Err() != nil:
		cause, advice = facts.CauseTimeout, "it was not read and checked to the end before the deadline; allow this source more time"
		err = ctx.Err()
	case errors.As(err, &made):
		return source.Failed(made.Cause, err, "reading the hub's database %q", path)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		cause, advice = facts.CauseMissing, "there is no such file. If a hub starts now it makes a new, empty database there without a warning, and every user who logs in gets a new id and an empty home: "+
			"keep the hub stopped, then check that its volume is mounted here and that this is the hub's own db_url"
		if copies := datedCopies(path); len(copies) > 0 {
			advice += fmt.Sprintf(". Where it should be lie dated copies that upgrades left: %d, the newest %q of %d bytes", len(copies), copies[0].Name, copies[0].SizeBytes)
		}
	case errors.Is(err, fs.ErrPermission):
		cause, advice = facts.CauseForbidden, "this process may not read it; give it the user or group that owns the file (fsGroup in Kubernetes)"
	case errors.Is(err, errNotRegular):
		advice = "give the path of the database file itself"
	}
	return source.Failed(cause, err, "reading the hub's database %q: %s", path, advice)
}
