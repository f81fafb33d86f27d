package sqldump

import (
	"context"
	"errors"
	"fmt"
	"io"

	"hubaudit/internal/facts"
)

// maxItem bounds one statement and one row of COPY, in bytes. A hub's row is
// under 10 KB, and mysqldump begins a new INSERT after 1 MB.
const maxItem = 64 << 20

// maxTables bounds the tables of a dump, so that a made-up one costs no memory.
const maxTables = 10_000

// maxAllColumns bounds their columns likewise.
const maxAllColumns = 100_000

// fault is an error that lies in the dump.
type fault struct {
	kind   facts.CopyFault
	detail string
}

func (f *fault) Error() string { return f.detail }

func corrupt(format string, args ...any) error {
	return &fault{facts.CopyCorrupt, fmt.Sprintf(format, args...)}
}

func truncated(format string, args ...any) error {
	return &fault{facts.CopyTruncated, fmt.Sprintf(format, args...)}
}

// input is a window on a stream that grows to what is being looked at.
type input struct {
	ctx      context.Context
	r        io.Reader
	buf      []byte
	pos, end int // buf[pos:end] was read and not consumed
	err      error
}

func newInput(ctx context.Context, r io.Reader) *input {
	return &input{ctx: ctx, r: r, buf: make([]byte, 64<<10)}
}

// fill reads more behind the window. It returns io.EOF at the end of the stream.
func (in *input) fill() error {
	if in.err != nil {
		return in.err
	}
	if in.err = in.ctx.Err(); in.err != nil {
		return in.err
	}
	if in.end-in.pos >= maxItem {
		in.err = corrupt("a statement or row has more than %d MiB: a quote or the end of a line was lost", maxItem>>20)
		return in.err
	}
	if len(in.buf)-in.end < 16<<10 {
		in.shift()
	}
	for range 100 {
		n, err := in.r.Read(in.buf[in.end:])
		in.end += n
		if err != nil {
			in.err = err
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	in.err = io.ErrNoProgress
	return in.err
}

// shift makes room behind the window.
func (in *input) shift() {
	to := in.buf
	if in.end-in.pos > len(in.buf)/2 {
		to = make([]byte, 2*len(in.buf))
	}
	in.end = copy(to, in.buf[in.pos:in.end])
	in.pos, in.buf = 0, to
}

// window is what was read and not consumed; valid until the next fill.
func (in *input) window() []byte { return in.buf[in.pos:in.end] }

// at is a byte of the window, which grows to it; false at the end or an error.
func (in *input) at(i int) (byte, bool) {
	for in.pos+i >= in.end {
		if in.fill() != nil {
			return 0, false
		}
	}
	return in.buf[in.pos+i], true
}

// take consumes n bytes of the window; valid until the next fill.
func (in *input) take(n int) []byte {
	b := in.buf[in.pos : in.pos+n]
	in.pos += n
	return b
}

// failure is why there is no more, nil at the proper end of the stream.
func (in *input) failure() error {
	if errors.Is(in.err, io.EOF) {
		return nil
	}
	return in.err
}

// find gives the index of c at or behind i, false if the stream ends before.
func (in *input) find(i int, c byte) (int, bool) {
	for {
		w := in.window()
		for ; i < len(w); i++ {
			if w[i] == c {
				return i, true
			}
		}
		if in.fill() != nil {
			return i, false
		}
	}
}
