// Package backup finds and fetches the copies of a hub's database: files and
// objects in object storage that a backup job leaves behind, a managed database's
// own backups, and what backup systems in the cluster hold of its volume.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/internal/objecturl"
)

// Location is a place where copies of a hub's database lie.
//
// Whatever fails with it is a *source.Error: the cause lies in reading and tells
// nothing about the copy. That holds for the readers that Open returns too.
type Location interface {
	// List finds the copies, newest first; of more than 1,000 the newest. That
	// there are none is an answer.
	List(ctx context.Context) ([]facts.BackupCopy, error)
	// Open reads a copy that List told of, from beginning to end. The reader fails
	// unless it hands over as many bytes as were listed. ctx bounds its reading too.
	Open(ctx context.Context, c facts.BackupCopy) (io.ReadCloser, error)
	// Close lets go of connections.
	Close() error
}

// Options say which location it is: Files or CloudSQL is set.
type Options struct {
	// Files is a glob of paths or a URL of object storage, CloudSQL PROJECT/INSTANCE.
	Files, CloudSQL string
	// BaseDir is the folder that a relative path of Files is relative to.
	BaseDir string
	// CredentialsFile is the path of a file with the login; "" for the cloud's own
	// default: the environment, the workload's identity.
	CredentialsFile string
	// Counted is told by List how many copies there are in all; may be nil.
	Counted func(n int)
}

// NewLocation makes a Location. It reads the login and asks nobody, except
// where the cloud's default login has to be looked for; ctx bounds that alone.
func NewLocation(ctx context.Context, o Options) (Location, error) {
	if o.Counted == nil {
		o.Counted = func(int) {}
	}
	switch {
	case o.CloudSQL != "":
		return newCloudSQL(ctx, o)
	case objecturl.Is(o.Files):
		return newObjects(ctx, o)
	case filepath.IsAbs(o.Files):
		return files{o.Files, o.Counted}, nil
	}
	return files{filepath.Join(o.BaseDir, o.Files), o.Counted}, nil
}

// kept is how many copies of a location are kept: more than two years of daily
// ones, a month of hourly ones.
const kept = 1000

// newest keeps the newest of many copies.
type newest struct {
	copies []facts.BackupCopy
	all    int
}

func (n *newest) add(c facts.BackupCopy) {
	n.copies = append(n.copies, c)
	n.all++
	if len(n.copies) >= 2*kept {
		n.cut()
	}
}

func (n *newest) cut() {
	newestFirst(n.copies)
	if len(n.copies) > kept {
		n.copies = n.copies[:kept]
	}
}

// whole hands on the bytes of a copy. It fails where they are other than those
// that were listed, so that a connection that breaks is not taken for a copy that
// ends in the middle.
type whole struct {
	io.ReadCloser
	what string
	left int64
	// failed classes what went wrong with reading.
	failed func(error) error
}

// newWhole also fails if the size is not the listed one; -1 for one that is not
// told.
func newWhole(r io.ReadCloser, what string, size, listed int64, failed func(error) error) (io.ReadCloser, error) {
	if size >= 0 && size != listed {
		return nil, errors.Join(changed(what, size, listed), r.Close())
	}
	return &whole{r, what, listed, failed}, nil
}

func changed(what string, size, listed int64) error {
	return source.Failed(facts.CauseUnreadable, nil, "cannot read %s: it had %d bytes when it was listed and has %d now, so it is still being written or was replaced; the next run will read it", what, listed, size)
}

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.left -= int64(n)
	switch {
	case w.left < 0:
		return 0, source.Failed(facts.CauseUnreadable, nil, "cannot read %s: it is longer than it was when it was listed, so it is still being written; the next run will read it", w.what)
	case err == nil, errors.Is(err, io.EOF) && w.left == 0:
		return n, err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return n, source.Failed(facts.CauseUnreachable, nil, "cannot read %s: what was sent ended %d bytes before its end; the next run will try again", w.what, w.left)
	}
	return n, w.failed(err)
}

// quoted is a copy's name in messages.
func quoted(c facts.BackupCopy, where string) string {
	return fmt.Sprintf("copy %q of %s", c.Name, where)
}
