package hubdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"hubaudit/internal/facts"
)

// appearance is what a file tells before SQLite opens it.
type appearance struct {
	size     int64
	modified time.Time
	// damage is set when the file is no SQLite database at all.
	damage *facts.Damage
}

var errNotRegular = errors.New("it is not a regular file")

// lookAt judges a file by its size and first bytes. SQLite is no judge here: to
// it an empty file is a sound, new database.
func lookAt(path string) (appearance, error) {
	// Before opening: opening a named pipe would wait for its other end.
	if info, err := os.Stat(path); err != nil {
		return appearance{}, err
	} else if !info.Mode().IsRegular() {
		return appearance{}, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return appearance{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return appearance{}, err
	}
	a := appearance{size: info.Size(), modified: info.ModTime().UTC()}
	start := make([]byte, 512)
	n, err := io.ReadFull(f, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return appearance{}, err
	}
	start = start[:n]
	if n == 0 {
		a.damage = zeroBytes(path)
		return a, nil
	}
	if !bytes.HasPrefix(start, []byte(sqliteMagic)) {
		a.damage, err = notSQLite(f, start, a.size)
		return a, err
	}
	return a, nil
}

func zeroBytes(path string) *facts.Damage {
	d := &facts.Damage{Kind: facts.DamageZeroBytes, Message: "the database file is empty (0 bytes)"}
	for _, suffix := range []string{walSuffix, journalSuffix} {
		if info, err := os.Stat(path + suffix); err == nil && info.Size() > 0 {
			d.HeldData, d.Recoverable = true, true
			d.Message += fmt.Sprintf(", but beside it lies a %s of %d bytes with rows of the lost database", suffix, info.Size())
		}
	}
	return d
}

// notSQLite says what a file is instead of a database.
func notSQLite(f *os.File, start []byte, size int64) (*facts.Damage, error) {
	d := &facts.Damage{Kind: facts.DamageNotSQLite}
	kind, known := contentKind(start)
	if !known {
		overwritten, err := hasPages(f, size)
		if err != nil {
			return nil, err
		}
		if overwritten {
			d.HeldData, d.Recoverable = true, true
			kind = "an SQLite database whose beginning was overwritten: what follows looks like its pages"
		}
	}
	d.Message = fmt.Sprintf("the file of %d bytes is not an SQLite database: it is %s", size, kind)
	return d, nil
}

const (
	sqliteMagic   = "SQLite format 3\x00"
	walSuffix     = "-wal"
	journalSuffix = "-journal"
	shmSuffix     = "-shm"
)

// header is what the first 100 bytes of a database say,
// https://www.sqlite.org/fileformat2.html#the_database_header.
type header struct {
	pageSize, pages, freePages  int64
	changeCounter, schemaCookie uint32
	// pagesValid: the writer knew of the page count and kept it true.
	pagesValid bool
	// wal: changes go to a write-ahead log.
	wal bool
}

const headerSize = 100

// parseHeader reads a header; of a shorter one everything is zero.
func parseHeader(b []byte) header {
	if len(b) < headerSize {
		return header{}
	}
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	h := header{pageSize: int64(binary.BigEndian.Uint16(b[16:])), pages: int64(u32(28)), freePages: int64(u32(36)),
		changeCounter: u32(24), schemaCookie: u32(40), pagesValid: u32(24) == u32(92),
		wal: b[18] == 2 || b[19] == 2}
	if h.pageSize == 1 {
		h.pageSize = 65536
	}
	return h
}

// truncated says what a file of that size lacks of what its header counts, ""
// if nothing.
func (h header) truncated(size int64) string {
	switch {
	case size < headerSize:
		return fmt.Sprintf("the file ends after %d bytes, within the header of %d", size, headerSize)
	case h.pagesValid && h.pages*h.pageSize > size:
		there := size / h.pageSize
		return fmt.Sprintf("the file ends after %d of the %d pages of %d bytes that its header counts: the last %d are missing",
			there, h.pages, h.pageSize, h.pages-there)
	}
	return ""
}

// heldData tells whether a database without tables shows traces of earlier
// ones. A file that a tool has just created has a change counter and a schema
// cookie of 0 or 1; the smallest hub counts 8 schema changes.
func (h header) heldData() bool {
	return h.freePages > 0 || h.schemaCookie > 2 || h.changeCounter > 8
}
