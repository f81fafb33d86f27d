package hubdb

import (
	"bytes"
	"io"
	"unicode/utf8"
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

// contentKind says what the first bytes of a file look like; known is false
// where that is no more than a guess. It never quotes them: they may hold
// secrets.
func contentKind(start []byte) (kind string, known bool) {
	text := bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\xef\xbb\xbf")), " \t\r\n")
	for _, k := range contentKinds {
		if n := len(k.start); len(text) >= n && bytes.EqualFold(text[:n], []byte(k.start)) {
			return k.kind, true
		}
	}
	switch {
	case len(start) > 262 && string(start[257:262]) == "ustar":
		return "a tar archive; unpack it", true
	case len(bytes.Trim(start, "\x00")) == 0:
		return "filled with zeros where it begins, as a lost or never written disk block is", false
	case isText(start):
		return "text", false
	}
	return "binary data of another or an encrypted kind", false
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

// hasPages tells whether a file that does not begin as a database goes on as
// one: most of the first pages behind the header's begin with the mark of a
// tree's page, as no page of a database that never was one does. Sizes of pages
// are those that SQLite has made by default.
func hasPages(f io.ReaderAt, size int64) (bool, error) {
	const most = 64
	for _, pageSize := range []int64{4096, 1024} {
		pages, marked := min(size/pageSize, most)-1, int64(0)
		for n := range pages {
			var b [1]byte
			if _, err := f.ReadAt(b[:], (n+1)*pageSize); err != nil {
				return false, err
			}
			if bytes.IndexByte([]byte{0x02, 0x05, 0x0a, 0x0d}, b[0]) >= 0 {
				marked++
			}
		}
		if pages >= 2 && 2*marked > pages {
			return true, nil
		}
	}
	return false, nil
}
