package sqldump

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// copyLines are the rows behind a COPY … FROM stdin, up to the line \. that
// ends them.
type copyLines struct {
	in    *input
	ended bool
}

// errCut: the dump ends before the rows do.
var errCut = errors.New("the rows do not end")

// next gives a line without its end, valid until the next one; io.EOF behind
// the last.
func (c *copyLines) next() ([]byte, error) {
	if c.ended {
		return nil, io.EOF
	}
	i := 0
	for {
		w := c.in.window()
		if n := bytes.IndexByte(w[i:], '\n'); n >= 0 {
			line := c.in.take(i + n + 1)
			line = bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
			if string(line) == `\.` {
				c.ended = true
				return nil, io.EOF
			}
			return line, nil
		}
		i = len(w)
		if c.in.fill() != nil {
			if err := c.in.failure(); err != nil {
				return nil, err
			}
			return nil, errCut
		}
	}
}

// fields takes a row apart, up to most fields and one more; it appends to into.
func fields(line []byte, most int, into [][]byte) [][]byte {
	for len(into) <= most {
		n := bytes.IndexByte(line, '\t')
		if n < 0 {
			return append(into, line)
		}
		into, line = append(into, line[:n]), line[n+1:]
	}
	return into
}

// copyEscapes are COPY's letters behind a backslash.
var copyEscapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// copyValue decodes a field; false for a backslash with nothing behind it.
func copyValue(field []byte) (value, bool) {
	at := bytes.IndexByte(field, '\\')
	if at < 0 {
		return value{text, field}, true
	}
	if string(field) == `\N` {
		return value{kind: word}, true
	}
	decoded := make([]byte, 0, len(field))
	for at >= 0 {
		decoded = append(decoded, field[:at]...)
		if field = field[at+1:]; len(field) == 0 {
			return value{}, false
		}
		c, n := field[0], 1
		if plain, ok := copyEscapes[c]; ok {
			c = plain
		} else if digits := octal(field); digits > 0 {
			code, _ := strconv.ParseUint(string(field[:digits]), 8, 16)
			c, n = byte(code), digits
		}
		decoded, field = append(decoded, c), field[n:]
		at = bytes.IndexByte(field, '\\')
	}
	return value{text, append(decoded, field...)}, true
}

// octal counts up to three octal digits.
func octal(b []byte) int {
	n := 0
	for n < len(b) && n < 3 && b[n] >= '0' && b[n] <= '7' {
		n++
	}
	return n
}
