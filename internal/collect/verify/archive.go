package verify

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// untar goes through an archive.
func (u *unpacker) untar(in io.Reader, layers []string) error {
	u.layers = layers
	tail := &tail{r: in}
	archive := tar.NewReader(tail)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && h.Typeflag == tar.TypeReg {
			err = u.entry(archive, h.Name, h.ModTime, layers)
		}
		if err != nil {
			return tarBroken(err, u.entries)
		}
	}
	u.layers = layers
	if err := drain(tail); err != nil {
		return err
	}
	if !tail.zeros() {
		return faulty(facts.CopyTruncated, "the tar archive has no end mark after its %d files: what came behind them is missing", u.entries)
	}
	return nil
}

func tarBroken(err error, files int) error {
	var fault *faultError
	var skip *skipError
	switch {
	case errors.As(err, &fault), errors.As(err, &skip), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return faulty(facts.CopyTruncated, "the tar archive ends in the middle, within or behind file %d", files)
	}
	return faulty(facts.CopyCorrupt, "the tar archive is broken within or behind file %d: %w", files, err)
}

// unzip goes through an archive that is the copy itself.
func (u *unpacker) unzip(file *os.File) error {
	u.layers = []string{"zip"}
	archive, err := zip.NewReader(file, u.Copy.SizeBytes)
	if err != nil {
		return faulty(facts.CopyTruncated, "the zip archive has no list of its files at the end, or a broken one: %w", err)
	}
	for _, e := range archive.File {
		if !e.Mode().IsRegular() {
			continue
		}
		if e.Flags&1 != 0 {
			return u.refuse(content{what: "zip", why: encrypted}, nil)
		}
		r, err := e.Open()
		if err != nil {
			return faulty(facts.CopyCorrupt, "file %d of the zip archive cannot be opened: %w", u.entries+1, err)
		}
		out := &decoded{r: local{u.ctx, r}, what: "zip", left: u.MaxBytes, most: u.MaxBytes}
		err = errors.Join(u.entry(out, e.Name, e.Modified, u.layers[:1:1]), r.Close())
		if err != nil {
			return err
		}
	}
	return nil
}

// entry looks at one file of an archive.
func (u *unpacker) entry(in io.Reader, name string, modified time.Time, layers []string) error {
	if u.entries++; u.entries == 1 {
		u.first = name
	}
	if why := aServers(name); why != "" {
		u.servers = why
	}
	for _, suffix := range sidecars {
		if strings.HasSuffix(name, suffix) {
			u.beside[name] = u.newFile()
			return u.write(u.beside[name], in)
		}
	}
	if err := u.unpack(in, name, modified, layers); err != nil {
		return err
	}
	return drain(in)
}

// drain reads to the end, to have checksums looked at.
func drain(in io.Reader) error {
	_, err := io.Copy(io.Discard, in)
	return err
}

// tail remembers the last bytes that were read.
type tail struct {
	r    io.Reader
	last [512]byte
	n    int64
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	if n >= len(t.last) {
		copy(t.last[:], p[n-len(t.last):n])
	} else {
		copy(t.last[:], t.last[n:])
		copy(t.last[len(t.last)-n:], p[:n])
	}
	return n, err
}

// zeros tells whether it ended with a block of zeros, as a tar archive does.
func (t *tail) zeros() bool { return t.n > 0 && t.last == [512]byte{} }
