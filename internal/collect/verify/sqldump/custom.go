package sqldump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The archive that pg_dump --format=custom writes: a header, a table of
// contents with the SQL of each object, and then a block of data for each table.
const (
	customMagic   = "PGDMP"
	archiveCustom = 1
	blockData     = 1
	blockBlobs    = 3
	// The sections of the table of contents.
	sectionPostData = 4
	// Where the table of contents says that an entry's data lie.
	dataNotSet, dataSet, dataNone = 1, 2, 3
)

// maxContents bounds the SQL of all objects, in bytes.
const maxContents = 64 << 20

// archive reads such a dump.
type archive struct {
	in *input
	visitor
	report      *Report
	version     int // minor; the major one is 1
	intSize     int
	offsetSize  int
	compression string
	read        int64 // bytes consumed
	entries     []entry
	byID        map[int]int // places in entries, from 1
	contents    int
	number      int
	escapes     bool
}

// entry is one of the table of contents.
type entry struct {
	id        int
	hasData   bool
	done      bool
	tag, desc string
	section   int
	sql, copy string
	namespace string
	state     byte
	offset    int64
}

// label says which entry, for errors.
func (e *entry) label() string { return fmt.Sprintf("%s %q", e.desc, e.tag) }

func readCustom(in *input, v visitor, report *Report) error {
	a := &archive{in: in, visitor: v, report: report, byID: map[int]int{}}
	report.Form = "pg_dump custom"
	if err := a.header(); err != nil {
		return err
	}
	if err := a.readContents(); err != nil {
		return err
	}
	if err := a.perform(func(e *entry) bool { return e.section != sectionPostData }); err != nil {
		return err
	}
	if err := a.data(); err != nil {
		return err
	}
	if err := a.perform(func(e *entry) bool { return e.section == sectionPostData }); err != nil {
		return err
	}
	report.Complete = true
	return nil
}

// perform passes on the SQL of some objects. What it makes of each is for the
// visitor to say: an object's SQL may be several statements.
func (a *archive) perform(which func(*entry) bool) error {
	for i := range a.entries {
		e := &a.entries[i]
		if !which(e) || e.sql == "" {
			continue
		}
		if err := a.script(strings.NewReader(e.sql), e.label()); err != nil {
			return err
		}
		e.sql = ""
	}
	return nil
}

// script passes on the statements of a text.
func (a *archive) script(text io.Reader, where string) error {
	s := newScript(newInput(a.in.ctx, text), postgres)
	s.number, s.escapes = a.number, a.escapes
	for {
		st, err := s.next()
		if errors.Is(err, io.EOF) {
			a.number, a.escapes = s.number, s.escapes
			return nil
		}
		if err == nil && st.cut {
			err = corrupt("the SQL of %s does not end", where)
		}
		if err == nil {
			err = a.statement(st)
		}
		if err != nil {
			return err
		}
	}
}

// bytes reads n bytes, valid until the next read.
func (a *archive) bytes(n int, what string) ([]byte, error) {
	if n > 0 {
		if _, ok := a.in.at(n - 1); !ok {
			if err := a.in.failure(); err != nil {
				return nil, err
			}
			return nil, truncated("the dump ends in %s, after %d bytes", what, a.read+int64(len(a.in.window())))
		}
	}
	a.read += int64(n)
	return a.in.take(n), nil
}

func (a *archive) byte(what string) (byte, error) {
	b, err := a.bytes(1, what)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// int reads a sign and a number, least byte first.
func (a *archive) int(what string) (int, error) {
	b, err := a.bytes(1+a.intSize, what)
	if err != nil {
		return 0, err
	}
	var n uint64
	for i := a.intSize; i > 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	if b[0] > 1 || n > 1<<31-1 {
		return 0, corrupt("a number in %s is none that pg_dump writes", what)
	}
	if b[0] == 1 {
		return -int(n), nil
	}
	return int(n), nil
}

// string reads a string; one that is absent is "".
func (a *archive) string(what string) (s string, present bool, err error) {
	n, err := a.int(what)
	if err != nil || n < 0 {
		return "", false, err
	}
	if a.contents += n; a.contents > maxContents {
		return "", false, corrupt("%s has more than %d MiB", what, maxContents>>20)
	}
	b, err := a.bytes(n, what)
	return string(b), true, err
}

// header reads what stands before the table of contents.
func (a *archive) header() error {
	const what = "its header"
	b, err := a.bytes(len(customMagic)+3, what)
	if err != nil {
		return err
	}
	major, minor := b[5], b[6]
	if !bytes.HasPrefix(b, []byte(customMagic)) || major != 1 || minor < 10 || minor > 40 {
		return corrupt("the header of the dump is none of a pg_dump in custom format")
	}
	if a.version = int(minor); a.version > 16 {
		return fmt.Errorf("%w: it is in pg_dump's custom format %d.%d, of a PostgreSQL newer than 18", ErrUnsupported, major, minor)
	}
	if b, err = a.bytes(3, what); err != nil {
		return err
	}
	a.intSize, a.offsetSize = int(b[0]), int(b[1])
	if a.intSize != 4 && a.intSize != 8 || a.offsetSize != 4 && a.offsetSize != 8 {
		return corrupt("the header of the dump gives sizes of numbers that no pg_dump uses")
	}
	if b[2] != archiveCustom {
		return fmt.Errorf("%w: it is in pg_dump's tar or directory format; make it with --format=custom or plain", ErrUnsupported)
	}
	if err := a.readCompression(what); err != nil {
		return err
	}
	for range 7 { // when it was made
		if _, err := a.int(what); err != nil {
			return err
		}
	}
	var texts [3]string // database, server's and pg_dump's version
	for i := range texts {
		if texts[i], _, err = a.string(what); err != nil {
			return err
		}
	}
	a.report.Version = clean(texts[1])
	a.report.Form = fmt.Sprintf("pg_dump custom %d.%d (%s) of PostgreSQL %s", major, minor, a.compression, a.report.Version)
	return nil
}

func (a *archive) readCompression(what string) error {
	if a.version < 15 {
		level, err := a.int(what)
		a.compression = "gzip"
		if level == 0 {
			a.compression = "not compressed"
		}
		return err
	}
	algorithm, err := a.byte(what)
	if err != nil {
		return err
	}
	switch algorithm {
	case 0:
		a.compression = "not compressed"
	case 1:
		a.compression = "gzip"
	case 2:
		return fmt.Errorf("%w: it is compressed with lz4; make it with --compress=gzip or zstd", ErrUnsupported)
	case 3:
		a.compression = "zstd"
	default:
		return corrupt("the header of the dump names a compression that pg_dump does not have")
	}
	return nil
}
