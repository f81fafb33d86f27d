package notify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// file appends messages to a file.
type file struct {
	name, path string
	kind
}

// NewFile appends each message to a file as one line of the JSON that a webhook
// gets. The file is made if it is not there, for its owner alone to read, and
// opened anew for each message, so that it can be moved away at any time.
func NewFile(name, path string, options ...Option) Receiver {
	return &file{name, path, newSender(fileKind, options).kind}
}

func (f *file) Name() string { return f.name }

func (f *file) Keeps() Keeps { return KeepsNothing }

func (f *file) Send(ctx context.Context, m Message) (string, error) {
	line, err := m.payload()
	if err != nil {
		return "", &SendError{Err: err, Refused: true}
	}
	return "", f.write(ctx, line)
}

func (f *file) Test(ctx context.Context) error {
	now := time.Now().UTC().Truncate(time.Second)
	line, err := testPayload(fmt.Sprintf("msg_test_%d", now.Unix()), now)
	if err != nil {
		return err
	}
	return f.write(ctx, line)
}

func (f *file) write(ctx context.Context, line []byte) error {
	if err := ctx.Err(); err != nil {
		return &SendError{Err: fmt.Errorf("append to %s: %w", f.path, err)}
	}
	if err := appendLine(f.path, line); err != nil {
		// A full disk or one that is read-only for a while gets room again; the
		// others wait for somebody.
		advice := fileAdvice(err)
		return &SendError{Err: fmt.Errorf("append to %s.path: %w%s", f.key, err, f.advise(advice)), Refused: advice != ""}
	}
	return nil
}

var errNotRegular = errors.New("it is not a regular file")

// fileAdvice is what somebody has to do about an error; "" where it may pass.
func fileAdvice(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the folder of KEY.path must exist: make it, or mount its volume"
	case errors.Is(err, fs.ErrPermission):
		return "the user that runs audit needs write access to the file of KEY.path and to its folder"
	case errors.Is(err, errNotRegular):
		return "name another file in KEY.path"
	}
	return ""
}

// appendLine adds a line that is on the disk when it returns. A line that a
// crash or a full disk left torn is ended first, so that it spoils no other; one
// that another process is just writing may be taken for torn, which leaves an
// empty line.
func appendLine(path string, line []byte) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("open %s: %w", path, errNotRegular) // a pipe would keep the run waiting
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	torn, err := isTorn(f, info.Size())
	if err != nil {
		return err
	}
	whole := make([]byte, 0, len(line)+2)
	if torn {
		whole = append(whole, '\n')
	}
	// One write, so that the lines of two processes do not mix.
	if _, err := f.Write(append(append(whole, line...), '\n')); err != nil {
		return err
	}
	if err := f.Sync(); err != nil || info.Size() > 0 {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// isTorn tells whether the file's last line has no end.
func isTorn(f *os.File, size int64) (bool, error) {
	if size == 0 {
		return false, nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// syncFolder makes a new file's name as lasting as its content.
func syncFolder(path string) (err error) {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	return folder.Sync()
}
