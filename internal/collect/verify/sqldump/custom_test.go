package sqldump

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"hubaudit/internal/facts"
)

// archiveWriter writes what pg_dump writes with --format=custom, in all the
// versions of which there is no pg_dump here.
type archiveWriter struct {
	bytes.Buffer
	minor       byte
	compression byte // as 1.15 and later number it
}

func (w *archiveWriter) int(n int) {
	sign := byte(0)
	if n < 0 {
		sign, n = 1, -n
	}
	w.Write([]byte{sign, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
}

func (w *archiveWriter) string(s string) {
	w.int(len(s))
	w.WriteString(s)
}

func (w *archiveWriter) head(entries int) {
	w.WriteString("PGDMP")
	w.Write([]byte{1, w.minor, 0, 4, 8, 1})
	switch {
	case w.minor >= 15:
		w.WriteByte(w.compression)
	case w.compression == 0:
		w.int(0)
	default:
		w.int(-1)
	}
	for range 7 {
		w.int(1)
	}
	w.string("hub")
	w.string("17.2 (Debian)")
	w.string("17.2")
	w.int(entries)
}

type testEntry struct {
	id, section     int
	tag, desc       string
	sql, copy, data string
}

func (w *archiveWriter) entry(e testEntry) {
	w.int(e.id)
	w.int(map[bool]int{true: 1}[e.data != ""])
	w.string("1259")
	w.string("16390")
	w.string(e.tag)
	w.string(e.desc)
	if w.minor >= 11 {
		w.int(e.section)
	}
	w.string(e.sql)
	w.int(-1)
	w.string(e.copy)
	w.string("public")
	w.string("")
	if w.minor >= 14 {
		w.string("heap")
	}
	if w.minor >= 16 {
		w.int('r')
	}
	w.string("hub")
	w.string("false")
	w.string("7")
	w.int(-1)
	w.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0})
}

func (w *archiveWriter) data(tb testing.TB, id int, text string) {
	tb.Helper()
	packed := []byte(text)
	switch w.compression {
	case 1:
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		_, err := z.Write(packed)
		must(tb, errors.Join(err, z.Close()))
		packed = b.Bytes()
	case 3:
		z, err := zstd.NewWriter(nil)
		must(tb, err)
		packed = z.EncodeAll(packed, nil)
	}
	w.WriteByte(1)
	w.int(id)
	for len(packed) > 0 {
		n := min(len(packed), 20)
		w.string(string(packed[:n]))
		packed = packed[n:]
	}
	w.int(0)
}

func writeArchive(tb testing.TB, minor, compression byte, entries ...testEntry) []byte {
	tb.Helper()
	w := &archiveWriter{minor: minor, compression: compression}
	w.head(len(entries))
	for _, e := range entries {
		w.entry(e)
	}
	for _, e := range entries {
		if e.data != "" {
			w.data(tb, e.id, e.data)
		}
	}
	return w.Bytes()
}

func hubEntries() []testEntry {
	return []testEntry{
		{1, 2, "ENCODING", "ENCODING", "SET client_encoding = 'UTF8';\n", "", ""},
		{2, 2, "users", "TABLE", pgTable, "", ""},
		{3, 3, "users", "TABLE DATA", "", "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n", "1\tann\tt\tx\n2\tbob\\nby\tf\tsecret\n\\.\n\n\n"},
		{4, 4, "users users_name_key", "CONSTRAINT", "ALTER TABLE ONLY public.users\n    ADD CONSTRAINT users_name_key UNIQUE (name);\n", "", ""},
	}
}

func TestCustomVersions(t *testing.T) {
	for minor := byte(10); minor <= 16; minor++ {
		for _, compression := range []byte{0, 1, 3} {
			if compression == 3 && minor < 15 {
				continue
			}
			entries := hubEntries()
			if minor == 10 { // it knows no sections: the order counts
				entries = entries[:3]
			}
			report, got := users(t, PostgreSQLCustom, string(writeArchive(t, minor, compression, entries...)))
			if got != "1/ann/1/x\n2/bob\nby/0/secret" || !report.Complete || report.Fault != "" || !strings.HasSuffix(report.Form, "PostgreSQL 17.2") {
				t.Errorf("1.%d, %d: %q, %+v", minor, compression, got, report)
			}
		}
	}
}

func TestCustomWithInserts(t *testing.T) {
	entries := hubEntries()
	entries[2].copy, entries[2].data = "", "INSERT INTO public.users VALUES (1, 'ann', true, 'x');\n\n\n"
	report, got := users(t, PostgreSQLCustom, string(writeArchive(t, 14, 1, entries...)))
	if got != "1/ann/1/x" || !report.Complete {
		t.Errorf("%q, %+v", got, report)
	}
}

func TestCustomFaults(t *testing.T) {
	whole := writeArchive(t, 16, 0, hubEntries()...)
	packed := writeArchive(t, 16, 1, hubEntries()...)
	changed := func(b []byte, at int) string {
		b = bytes.Clone(b)
		b[at] ^= 0x40
		return string(b)
	}
	without := hubEntries()
	without[2].data = "1\tann\tt\tx\n"
	more := hubEntries()
	more[2].data += "2\tcy\tt\ty\n"
	data := bytes.Index(whole, []byte("1\tann"))
	for name, c := range map[string]struct {
		dump   string
		fault  facts.CopyFault
		detail string
	}{
		"the header":                   {"PGDMP\x01", facts.CopyTruncated, "header"},
		"another major version":        {"PGDMP\x07\x0e\x00\x04\x08\x01", facts.CopyCorrupt, "header"},
		"the contents":                 {string(whole[:200]), facts.CopyTruncated, "table of contents"},
		"a length":                     {changed(whole, data-1), facts.CopyCorrupt, ""},
		"the number of a block":        {changed(whole, data-9), facts.CopyCorrupt, "belongs to no entry"},
		"the data":                     {string(whole[:data+15]), facts.CopyTruncated, `TABLE DATA "users"`},
		"before the data":              {string(whole[:data-11]), facts.CopyTruncated, "before the data of"},
		"the checksum":                 {changed(packed, len(packed)-7), facts.CopyCorrupt, "cannot be unpacked"},
		"the packing":                  {changed(packed, bytes.LastIndex(packed, []byte("\x78\x9c"))), facts.CopyCorrupt, "cannot be unpacked"},
		"rows without their end":       {string(writeArchive(t, 16, 1, without...)), facts.CopyTruncated, "row 2"},
		"rows behind their end":        {string(writeArchive(t, 16, 1, more...)), facts.CopyCorrupt, "behind the rows"},
		"an entry twice":               {string(writeArchive(t, 16, 1, append(hubEntries(), hubEntries()[3])...)), facts.CopyCorrupt, "impossible number"},
		"nothing behind the contents":  {string(writeArchive(t, 16, 1)), facts.CopyEmpty, "no table"},
		"a kind of packing of its own": {string(writeArchive(t, 16, 9, hubEntries()...)), facts.CopyCorrupt, "compression"},
	} {
		report, _ := users(t, PostgreSQLCustom, c.dump)
		if report.Fault != c.fault || !strings.Contains(report.Detail, c.detail) || report.Complete || strings.Contains(report.Detail, "secret") {
			t.Errorf("%s: %+v, wanted %s with %q", name, report, c.fault, c.detail)
		}
	}
}

// TestCustomCut: no beginning of a dump is ever called complete.
func TestCustomCut(t *testing.T) {
	for _, compression := range []byte{0, 1, 3} {
		whole := writeArchive(t, 16, compression, hubEntries()...)
		for n := range whole {
			if report, _ := users(t, PostgreSQLCustom, string(whole[:n])); report.Complete || report.Fault == "" {
				t.Fatalf("%d, %d of %d bytes: %+v", compression, n, len(whole), report)
			}
		}
	}
}

func TestCustomUnsupported(t *testing.T) {
	for name, dump := range map[string][]byte{
		"lz4":   writeArchive(t, 16, 2, hubEntries()...),
		"newer": writeArchive(t, 17, 1, hubEntries()...),
		"tar":   []byte("PGDMP\x01\x0e\x00\x04\x08\x03"),
	} {
		report, err := Load(t.Context(), bytes.NewReader(dump), PostgreSQLCustom, memory(t))
		if !errors.Is(err, ErrUnsupported) || report.Fault != "" {
			t.Errorf("%s: %v, %s", name, err, fmt.Sprintf("%+v", report))
		}
	}
}
