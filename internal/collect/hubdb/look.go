package hubdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

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
	switch start = start[:n]; {
	case n == 0:
		a.damage = zeroBytes(path)
	case !bytes.HasPrefix(start, []byte(sqliteMagic)):
		a.damage = &facts.Damage{Kind: facts.DamageNotSQLite, Message: fmt.Sprintf(
			"the file of %d bytes is not an SQLite database: it is %s. A hub cannot start on it.", a.size, contentKind(start))}
	}
	return a, nil
}

func zeroBytes(path string) *facts.Damage {
	d := &facts.Damage{Kind: facts.DamageZeroBytes,
		Message: "the database file is empty (0 bytes). A hub that starts on it makes new, empty tables without a warning, and counts its users from 1 again."}
	for _, suffix := range []string{walSuffix, journalSuffix} {
		if info, err := os.Stat(path + suffix); err == nil && info.Size() > 0 {
			d.HeldData = true
			d.Message += fmt.Sprintf(" Beside it lies a %s of %d bytes with rows of the lost database: copy it away before anything opens the file.", suffix, info.Size())
		}
	}
	return d
}

const (
	sqliteMagic   = "SQLite format 3\x00"
	walSuffix     = "-wal"
	journalSuffix = "-journal"
	shmSuffix     = "-shm"
)

// contentKinds are what has been found under a database's name, by how it
// begins; letters may be of either case.
var contentKinds = []struct{ start, kind string }{
	{"\x1f\x8b", "a gzip archive; unpack it"},
	{"PK\x03\x04", "a zip archive; unpack it"},
	{"BZh", "a bzip2 archive; unpack it"},
	{"\xfd7zXZ\x00", "an xz archive; unpack it"},
	{"\x28\xb5\x2f\xfd", "a zstd archive; unpack it"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"},
	{"<!doctype html", "an HTML page, as a failed download leaves it"},
	{"<html", "an HTML page, as a failed download leaves it"},
	{"<?xml", "an XML document, as a failed download leaves it"},
	{"version https://git-lfs", "a Git LFS pointer instead of the content"},
	{"pgdmp", "a PostgreSQL dump in custom format"},
	{"-- postgresql database dump", "a PostgreSQL dump as SQL text"},
	{"--\n-- postgresql database dump", "a PostgreSQL dump as SQL text"},
	{"-- mysql dump", "a MySQL dump as SQL text"},
	{"-- mariadb dump", "a MariaDB dump as SQL text"},
	{"/*m!", "a MariaDB dump as SQL text"},
	{"pragma foreign_keys", "an SQLite dump as SQL text; load it with sqlite3 NEW.sqlite < FILE"},
	{"begin transaction", "an SQLite dump as SQL text; load it with sqlite3 NEW.sqlite < FILE"},
	{"** this file contains an sqlite 2", "a database of SQLite 2"},
	{"\x37\x7f\x06\x82", "SQLite's write-ahead log (-wal) without its database"},
	{"\x37\x7f\x06\x83", "SQLite's write-ahead log (-wal) without its database"},
	{"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "SQLite's rollback journal (-journal) without its database"},
	{"{", "JSON or similar text"},
	{"[", "JSON or similar text"},
}

// contentKind says what the first bytes of a file look like. It never quotes
// them: they may hold secrets.
func contentKind(start []byte) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\xef\xbb\xbf")), " \t\r\n")
	for _, k := range contentKinds {
		if n := len(k.start); len(text) >= n && bytes.EqualFold(text[:n], []byte(k.start)) {
			return k.kind
		}
	}
	switch {
	case len(start) > 262 && string(start[257:262]) == "ustar":
		return "a tar archive; unpack it"
	case len(bytes.Trim(start, "\x00")) == 0:
		return "filled with zeros, as a lost or never written disk block is"
	case isText(start):
		return "text"
	}
	return "binary data of another or an encrypted kind, or its beginning was overwritten"
}

// isText allows for a rune cut off at the end.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return len(b) < utf8.UTFMax
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		b = b[n:]
	}
	return true
}

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
		return fmt.Sprintf("the file ends after %d bytes, within the header of %d.", size, headerSize)
	case h.pagesValid && h.pages*h.pageSize > size:
		return fmt.Sprintf("the file has %d bytes, but its header counts %d pages of %d bytes: the last %d bytes are missing.",
			size, h.pages, h.pageSize, h.pages*h.pageSize-size)
	}
	return ""
}

// heldData tells whether a database without tables shows traces of earlier
// ones. A file that a tool has just created has a change counter and a schema
// cookie of 0 or 1; the smallest hub counts 8 schema changes.
func (h header) heldData() bool {
	return h.freePages > 0 || h.schemaCookie > 2 || h.changeCounter > 8
}
