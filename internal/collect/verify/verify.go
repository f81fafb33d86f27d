// Package verify opens copies of a hub's database and tells what is in them: it
// fetches a copy into a private folder, unpacks it by its content, and reads it
// with the reader of the live database. Nothing of a copy stays behind.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
)

// Options say which copy to open, and how far to test it.
type Options struct {
	Copy facts.BackupCopy
	// Open gives the copy from its beginning. The caller of Copy keeps what it needs
	// to do so; the reader is closed here.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Beside opens the file that lies beside the copy under its name and a suffix
	// such as -wal. An error that is fs.ErrNotExist says that there is none. May be
	// nil.
	Beside func(ctx context.Context, suffix string) (io.ReadCloser, error)
	// Level is facts.VerifyOpen or facts.VerifyRestore.
	Level string
	// MaxBytes bounds the copy as it was fetched, and again what it unpacks to.
	MaxBytes int64
	// Scratch is where a server's dump may be restored.
	Scratch Scratch
	// Live is the hub as it is now. Names that the copy has too are kept once, and
	// of several databases in one archive the one with its file's name is the
	// hub's. May be nil.
	Live *facts.Hub
}

// Scratch is an empty database on a server, which a restore fills and empties
// again. It is never one that is audited.
type Scratch struct {
	// URL is a db_url of PostgreSQL or MySQL, "" for none. Password is used where it
	// has none; relative paths in it are relative to BaseDir.
	URL, Password, BaseDir string
	// Refused says why it must not be used, "" if it may.
	Refused string
	// Audited are the databases of the hubs, none of which it may be, whatever its
	// address is.
	Audited []Audited
}

// Audited is the database of a hub.
type Audited struct {
	Hub      string
	Database hubdb.Options
}

// prefix begins the name of each private folder. It is that of hubdb's private
// copies, so that what a killed process left is removed with those.
const prefix = "hubaudit-copy-"

// Copy fetches, unpacks and opens one copy. It takes disk for the copy three
// times over in the folder for temporary files, all of which is removed again,
// and memory for the rows that it holds. What is wrong with the copy is its
// Fault; that it could not be told is in Skipped.
func Copy(ctx context.Context, o Options) (opened facts.Opened) {
	opened = facts.Opened{Copy: o.Copy, Level: facts.VerifyOpen}
	dir, err := os.MkdirTemp("", prefix+"verify-*")
	if err != nil {
		note(&opened, noRoom(err))
		return opened
	}
	// A folder that cannot be removed is the temp folder's owner's to clean. A
	// fetch that hangs may still write into it for a while, to no effect.
	defer func() { _ = os.RemoveAll(dir) }()
	// Copies are other people's bytes in decoders of other people: what breaks one of
	// them must not cost the audit.
	defer func() {
		if broken := recover(); broken != nil {
			opened = facts.Opened{Copy: o.Copy, Level: facts.VerifyOpen}
			note(&opened, unreadable("the copy %q breaks the program that reads it (%v): restore it by hand to see what it is, and report this", o.Copy.Name, broken))
		}
	}()
	v := &verifier{Options: o, dir: dir}
	if err := v.run(ctx, &opened); err != nil {
		if ctx.Err() != nil {
			err = unreadable("fetching and opening the copy %q was not finished before the deadline: %w", o.Copy.Name, ctx.Err())
		}
		note(&opened, err)
	}
	if opened.Content != nil {
		settle(opened.Content, o)
	}
	return opened
}

// verifier is the work on one copy.
type verifier struct {
	Options
	dir   string // private, mode 0700
	files int    // how many were made in dir
}

func (v *verifier) run(ctx context.Context, opened *facts.Opened) error {
	fetched, err := v.fetch(ctx)
	if err != nil {
		return err
	}
	held, broken, err := v.unpackFile(ctx, fetched)
	if err != nil {
		return err
	}
	f, err := v.choose(ctx, held)
	switch {
	case broken != nil: // the packing, which comes before what that does to the content
		opened.Form = strings.Join(held.layers, ", ")
		if f != nil {
			opened.Form, opened.Content = f.opened.Form, f.opened.Content
		}
		return broken
	case err != nil:
		opened.Form = strings.Join(held.layers, ", ")
		return err
	}
	opened.Form, opened.NoLog, opened.Content, opened.Fault, opened.Detail = f.opened.Form, f.opened.NoLog, f.opened.Content, f.opened.Fault, f.opened.Detail
	if opened.Fault == "" && v.Level == facts.VerifyRestore {
		return v.restore(ctx, f, opened)
	}
	return nil
}

// newFile names a file in the private folder.
func (v *verifier) newFile() string {
	v.files++
	return filepath.Join(v.dir, fmt.Sprintf("%d", v.files))
}

// faultError is what is wrong with a copy.
type faultError struct {
	fault facts.CopyFault
	err   error
}

func (e *faultError) Error() string { return e.err.Error() }
func (e *faultError) Unwrap() error { return e.err }

func faulty(fault facts.CopyFault, format string, args ...any) error {
	return &faultError{fault, fmt.Errorf(format, args...)}
}

// skipError is why a copy was not tested. Unreadable is as in facts.Opened.
type skipError struct {
	unreadable bool
	err        error
}

func (e *skipError) Error() string { return e.err.Error() }
func (e *skipError) Unwrap() error { return e.err }

func skipped(format string, args ...any) error {
	return &skipError{false, fmt.Errorf(format, args...)}
}

func unreadable(format string, args ...any) error {
	return &skipError{true, fmt.Errorf(format, args...)}
}

// note puts an error where it belongs.
func note(opened *facts.Opened, err error) {
	var f *faultError
	var s *skipError
	switch {
	case errors.As(err, &s):
		opened.Skipped, opened.Unreadable = oneLine(err), s.unreadable
	case errors.As(err, &f):
		opened.Fault, opened.Detail = f.fault, oneLine(err)
	default: // of this machine
		opened.Skipped, opened.Unreadable = oneLine(err), true
	}
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// settle makes of what was read in a private folder the facts of the copy.
func settle(content *facts.Hub, o Options) {
	d := &content.Database
	d.Location, d.Modified, d.Disk, d.Copies = o.Copy.Name, time.Time{}, facts.Usage{}, nil
	share(content, o.Live)
}
