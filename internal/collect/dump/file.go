package dump

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// maxObject bounds one object or YAML document that is held in memory.
	// etcd takes no object above 1.5 MiB.
	maxObject = 16 << 20
	// maxFile bounds one file, unpacked: more than 300,000 replicas need.
	maxFile = 4 << 30
)

// reading is one file while it is being read.
type reading struct {
	*reader
	input *limited
	// had are the kinds that the file has objects or lists of.
	had map[*seen]bool
}

// readFile reads one file. If it breaks off, the kinds that it had so far are
// incomplete.
func (r *reader) readFile(ctx context.Context, path string) (err error) {
	from := &reading{reader: r, had: map[*seen]bool{}}
	defer func() {
		if err == nil {
			return
		}
		if position, ok := errors.AsType[*positionError](err); ok {
			position.line = lineAt(path, position.offset)
		}
		for s := range from.had {
			s.mayMiss(fmt.Errorf("%s: %w", path, err))
		}
	}()
	input, err := open(path)
	if err != nil {
		return err
	}
	defer input.Close()
	from.input = &limited{ctx: ctx, r: input}
	return from.documents()
}

// open opens a file and unpacks it if it is gzipped, whatever its name.
func open(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	type readCloser struct {
		io.Reader
		io.Closer
	}
	buffered := bufio.NewReaderSize(file, 64<<10)
	if magic, err := buffered.Peek(2); err != nil || !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return readCloser{buffered, file}, nil // an error of Peek shows again when reading
	}
	zip, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("not a good gzip file: %w", err), file.Close())
	}
	return readCloser{zip, file}, nil
}

// positionError is a syntax error at a byte, of which the line is found later.
type positionError struct {
	offset int64
	line   int
	err    error
}

func (e *positionError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *positionError) Unwrap() error { return e.err }

// lineAt is the line of a byte in a file; 0 if it cannot be read again.
func lineAt(path string, offset int64) int {
	input, err := open(path)
	if err != nil {
		return 0
	}
	defer input.Close()
	lines := 1
	buf := make([]byte, 64<<10)
	for offset > 0 {
		n, err := input.Read(buf[:min(int64(len(buf)), offset)])
		lines += bytes.Count(buf[:n], []byte("\n"))
		offset -= int64(n)
		if err != nil {
			break
		}
	}
	return lines
}

// documents tells JSON from YAML by the first byte that is not space.
func (f *reading) documents() error {
	input := bufio.NewReaderSize(f.input, 64<<10)
	for {
		b, err := input.Peek(1)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case strings.IndexByte(" \t\r\n\xef\xbb\xbf", b[0]) >= 0: // also a byte order mark
			_, _ = input.Discard(1) // was peeked at, so it is there
		case b[0] == '{', b[0] == '[':
			return f.json(input)
		default:
			return f.yaml(input)
		}
	}
}

// limited ends the input when the context ends, when a file is endless, or
// when an object is: reset starts the count for the next object.
type limited struct {
	ctx         context.Context
	r           io.Reader
	total, last int64
}

func (l *limited) reset() { l.last = l.total }

func (l *limited) Read(p []byte) (int, error) {
	switch {
	case l.ctx.Err() != nil:
		return 0, l.ctx.Err()
	case l.total-l.last > maxObject:
		return 0, fmt.Errorf("an object is larger than %d MiB, which no Kubernetes object is", maxObject>>20)
	case l.total > maxFile:
		return 0, fmt.Errorf("the file is larger than %d GiB unpacked", maxFile>>30)
	}
	n, err := l.r.Read(p)
	l.total += int64(n)
	return n, err
}
