package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// patience is how long a fetch may take to notice that its deadline has passed.
const patience = 2 * time.Second

// fetch brings the copy into the private folder.
func (v *verifier) fetch(ctx context.Context) (string, error) {
	size := v.Copy.SizeBytes
	if size > v.MaxBytes {
		return "", skipped("the copy %q has %s, and at most %s are read: raise maxBytes of this backup, and the room for temporary files with it",
			v.Copy.Name, bytesOf(size), bytesOf(v.MaxBytes))
	}
	if free := freeBytes(v.dir); free >= 0 && free < 2*size {
		return "", unreadable("the folder for temporary files %q (TMPDIR) has %s left: the copy %q needs %s at least, make room or name another folder",
			os.TempDir(), bytesOf(free), v.Copy.Name, bytesOf(2*size))
	}
	path := v.newFile()
	n, err := v.bring(ctx, path, v.MaxBytes, v.openCopy)
	if err != nil {
		return "", err
	}
	if n != size {
		return "", unreadable("the copy %q was listed with %d bytes and fetched with %d: it is still being written, or the connection was cut; the next run fetches it again",
			v.Copy.Name, size, n)
	}
	return path, nil
}

// openCopy begins to read the copy. One that shows at its beginning that it
// cannot be opened here, as it is encrypted, is not fetched whole in every run.
func (v *verifier) openCopy(ctx context.Context) (io.ReadCloser, error) {
	r, err := v.Open(ctx)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(r, headSize)
	head, _ := in.Peek(headSize) // an error comes again when it is read
	if c := sniff(head); c.kind == closed {
		_ = r.Close() // nothing more is wanted of it
		return nil, v.refuse(c, nil)
	}
	return struct {
		io.Reader
		io.Closer
	}{in, r}, nil
}

// bring writes what open gives into a new file. One that hangs and does not
// notice its deadline, as in a dead network file system, is left behind.
func (v *verifier) bring(ctx context.Context, path string, most int64, open func(context.Context) (io.ReadCloser, error)) (int64, error) {
	type end struct {
		n   int64
		err error
	}
	done := make(chan end, 1)
	go func() {
		n, err := v.download(ctx, path, most, open)
		done <- end{n, err}
	}()
	select {
	case e := <-done:
		return e.n, e.err
	case <-ctx.Done():
	}
	select {
	case e := <-done:
		return e.n, e.err
	case <-time.After(patience):
		return 0, unreadable("fetching %q hangs: look whether its disk, network file system or server does", v.Copy.Name)
	}
}

func (v *verifier) download(ctx context.Context, path string, most int64, open func(context.Context) (io.ReadCloser, error)) (int64, error) {
	r, err := open(ctx)
	if _, refused := errors.AsType[*skipError](err); refused {
		return 0, err
	}
	if err != nil {
		return 0, unreadable("the copy %q cannot be fetched: %w", v.Copy.Name, err)
	}
	in := &reading{ctx: ctx, r: io.LimitReader(r, most+1)}
	n, err := writeFile(path, in)
	_ = r.Close() // all that it had was read
	switch {
	case in.err != nil:
		return n, unreadable("fetching the copy %q broke off after %s: %w", v.Copy.Name, bytesOf(n), in.err)
	case err != nil:
		return n, err
	case n > most:
		return n, skipped("the copy %q has more than the %s that are read at most: raise maxBytes of this backup", v.Copy.Name, bytesOf(most))
	}
	return n, nil
}

// reading heeds the deadline, and remembers a failure to read, to tell it from
// one to write.
type reading struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		r.err = err
		return 0, err
	}
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// local reads a private file. That it cannot be read is nothing that a decoder
// may take for a fault of its content.
type local struct {
	ctx context.Context
	r   io.Reader
}

func (l local) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, &skipError{true, err}
	}
	n, err := l.r.Read(p)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		err = unreadable("reading the fetched copy: %w", err)
	}
	return n, err
}

// writeFile writes a new private file.
func writeFile(path string, r *reading) (int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, noRoom(err)
	}
	n, err := io.Copy(f, r)
	closed := f.Close()
	switch {
	case r.err != nil:
		return n, r.err
	case err != nil:
		return n, noRoom(err)
	case closed != nil:
		return n, noRoom(closed)
	}
	return n, nil
}

// bringBeside fetches what lies beside an SQLite file and belongs to it.
func (v *verifier) bringBeside(ctx context.Context, path string) error {
	if v.Beside == nil {
		return nil
	}
	for _, suffix := range sidecars {
		_, err := v.bring(ctx, path+suffix, v.MaxBytes, func(ctx context.Context) (io.ReadCloser, error) { return v.Beside(ctx, suffix) })
		if missing(err) {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func missing(err error) bool {
	var failed *source.Error
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &failed) && failed.Cause == facts.CauseMissing
}

// noRoom is a failure to write into the folder for temporary files.
func noRoom(err error) error {
	what := "must be there and writable"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		what = "is full, or limits the size of files: it needs room for three times the unpacked copy"
	}
	return unreadable("the copy cannot be opened: the folder for temporary files %q (TMPDIR) %s: %w", os.TempDir(), what, err)
}

func bytesOf(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// remove deletes a file of the private folder that is not needed any more.
func remove(path string) error {
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("tidy up the private folder: %w", err)
	}
	return nil
}
