package sqldump

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// data reads the blocks behind the table of contents, up to the end of the
// dump, and wants one for each entry that is to have one.
func (a *archive) data() error {
	for {
		if _, more := a.in.at(0); !more {
			break
		}
		if err := a.block(); err != nil {
			return err
		}
	}
	if err := a.in.failure(); err != nil {
		return err
	}
	for i := range a.entries {
		if e := &a.entries[i]; e.hasData && !e.done {
			return truncated("the dump ends before the data of %s", e.label())
		}
	}
	return nil
}

func (a *archive) block() error {
	at := a.read
	const what = "the head of a block of data"
	kind, err := a.byte(what)
	if err != nil {
		return err
	}
	id, err := a.int(what)
	if err != nil {
		return err
	}
	var e *entry
	if place := a.byID[id]; place > 0 {
		e = &a.entries[place-1]
	}
	if e == nil || !e.hasData || e.done || kind != blockData && kind != blockBlobs {
		return corrupt("a block of data at byte %d belongs to no entry of the table of contents", at)
	}
	if e.state == dataSet && e.offset != at {
		return corrupt("the data of %s are at byte %d and not where the table of contents says: pg_restore would not find them", e.label(), at)
	}
	e.done = true
	if kind == blockBlobs {
		return a.blobs(e)
	}
	return a.table(e)
}

// blobs passes large objects, of which a hub has none.
func (a *archive) blobs(e *entry) error {
	for {
		oid, err := a.int(e.label())
		if err != nil || oid == 0 {
			return err
		}
		if err := a.unpacked(e, func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }); err != nil {
			return err
		}
	}
}

// table passes on the rows of a table: a COPY's, or INSERT statements.
func (a *archive) table(e *entry) error {
	return a.unpacked(e, func(r io.Reader) error {
		text := strings.TrimSpace(e.copy)
		if !isCopy([]byte(text)) {
			return a.script(r, e.label())
		}
		in := newInput(a.in.ctx, r)
		a.number++
		st := statement{text: []byte(strings.TrimSuffix(text, ";")), number: a.number, dialect: postgres}
		lines := &copyLines{in: in}
		if err := a.rows(st, lines); err != nil {
			return err
		}
		rest, err := io.ReadAll(io.LimitReader(r, 64))
		if err == nil && len(bytes.TrimSpace(append(bytes.Clone(in.window()), rest...))) > 0 {
			err = corrupt("something stands behind the rows of %s", e.label())
		}
		return err
	})
}

// unpacked gives f the data of a block, and reads the block to its end: only
// there stands the checksum.
func (a *archive) unpacked(e *entry, f func(io.Reader) error) error {
	c := &chunks{a: a, what: "the data of " + e.label()}
	r, err := a.unpack(c)
	if err == nil {
		err = f(r)
	}
	if err == nil || errors.Is(err, io.EOF) {
		_, err = io.Copy(io.Discard, r)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, c)
	}
	switch {
	case err == nil, c.err != nil && !errors.Is(c.err, io.EOF):
		return c.failure()
	case isFault(err), errors.Is(err, ErrUnsupported), a.in.ctx.Err() != nil, !unpacking(err):
		return err
	}
	return corrupt("%s cannot be unpacked: their checksum or their packing is wrong", c.what)
}

// unpacking tells an error of packed data.
func unpacking(err error) bool {
	var own *packed
	return errors.As(err, &own)
}

// packed marks errors of the unpacker.
type packed struct{ error }

// marked marks the errors of a reader as an unpacker's.
type marked struct{ r io.Reader }

func (m marked) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		err = &packed{err}
	}
	return n, err
}

// maxWindow is what unpacking may take, in bytes.
const maxWindow = 64 << 20

func (a *archive) unpack(c io.Reader) (io.Reader, error) {
	switch a.compression {
	case "gzip":
		z, err := zlib.NewReader(c)
		if err != nil {
			return nil, &packed{err}
		}
		return marked{z}, nil
	case "zstd":
		z, err := zstd.NewReader(c, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("preparing to unpack zstd: %w", err)
		}
		return marked{z.IOReadCloser()}, nil
	}
	return c, nil
}

// chunks are the pieces of a block, each behind its length; one of length 0
// ends them.
type chunks struct {
	a    *archive
	what string
	left int
	err  error
}

func (c *chunks) Read(b []byte) (int, error) {
	for c.left == 0 && c.err == nil {
		if c.left, c.err = c.a.int(c.what); c.err == nil && c.left < 0 {
			c.err = corrupt("%s are broken: a piece has a negative length", c.what)
		} else if c.err == nil && c.left == 0 {
			c.err = io.EOF
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	if _, ok := c.a.in.at(0); !ok {
		_, c.err = c.a.bytes(1, c.what)
		return 0, c.err
	}
	n := min(len(b), c.left, len(c.a.in.window()))
	copy(b, c.a.in.take(n))
	c.a.read += int64(n)
	c.left -= n
	return n, nil
}

// failure is what kept the pieces from being read, nil at their proper end.
func (c *chunks) failure() error {
	if errors.Is(c.err, io.EOF) {
		return nil
	}
	return c.err
}
