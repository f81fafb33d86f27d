package verify

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// brokenReader fails after its bytes.
type brokenReader struct {
	io.Reader
	err error
}

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

// TestFetchFails: what lies in fetching says nothing about the copy.
func TestFetchFails(t *testing.T) {
	privateTemp(t)
	db := hubDB(t, "hub-3.0.0")
	gives := func(r io.Reader, err error) func(*Options) {
		return func(o *Options) {
			o.Open = func(context.Context) (io.ReadCloser, error) {
				if err != nil {
					return nil, err
				}
				return io.NopCloser(r), nil
			}
		}
	}
	forbidden := source.Failed(facts.CauseForbidden, nil, "may not read it: allow s3:GetObject")
	for _, tt := range []struct {
		name   string
		change func(*Options)
		says   string
	}{
		{"forbidden", gives(nil, forbidden), "s3:GetObject"},
		{"the connection breaks", gives(brokenReader{bytes.NewReader(db[:9000]), errors.New("connection reset")}, nil), "broke off after 8.8 KiB: connection reset"},
		{"fewer bytes than listed", gives(bytes.NewReader(db[:9000]), nil), "fetched with 9000"},
		{"more bytes than listed", gives(io.MultiReader(bytes.NewReader(db), strings.NewReader("x")), nil), "still being written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantSkipped(t, look(t, db, tt.change), true, tt.says, `"copy"`)
		})
	}
}

// TestBrokenDecoder: what breaks a decoder costs neither the audit nor the folder.
func TestBrokenDecoder(t *testing.T) {
	privateTemp(t)
	before := magics
	t.Cleanup(func() { magics = before })
	magics = append(slices.Clone(magics), magics[0])
	last := &magics[len(magics)-1]
	last.start, last.open = "BREAK", func(io.Reader) (io.Reader, func(), error) { panic("index out of range") }
	wantSkipped(t, look(t, []byte("BREAK it")), true, "breaks the program", "index out of range")
}

// TestDeadline: a copy that cannot be fetched or opened in time is left, even
// by a reader that hangs, and nothing of it stays.
func TestDeadline(t *testing.T) {
	db := hubDB(t, "hub-3.0.0")
	for _, after := range []int{0, 1, 3} {
		t.Run(fmt.Sprint("cancelled at read ", after), func(t *testing.T) {
			privateTemp(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := opening(db)
			reads := 0
			o.Open = func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(readFunc(func(p []byte) (int, error) {
					if reads++; reads > after {
						cancel()
					}
					return copy(p[:min(len(p), 100)], db), nil
				})), nil
			}
			wantSkipped(t, Copy(ctx, o), true, "before the deadline")
		})
	}
	t.Run("a reader that hangs", func(t *testing.T) {
		privateTemp(t)
		ctx, cancel := context.WithCancel(t.Context())
		hangs := make(chan struct{})
		t.Cleanup(func() { close(hangs) })
		o := opening(db)
		o.Open = func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(readFunc(func([]byte) (int, error) { cancel(); <-hangs; return 0, io.EOF })), nil
		}
		wantSkipped(t, Copy(ctx, o), true, "before the deadline")
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestBesides: what lies beside a plain SQLite file belongs to it.
func TestBesides(t *testing.T) {
	privateTemp(t)
	path := written(t, hubDB(t, "hub-3.0.0"))
	db := openDB(t, path, "_pragma=journal_mode(wal)&_pragma=wal_autocheckpoint(0)")
	execute(t, db, "INSERT INTO users (name, cookie_id) VALUES ('in-the-log', 'x')")
	main, wal := bytesIn(t, path), bytesIn(t, path+"-wal")
	beside := func(o *Options) {
		o.Beside = func(_ context.Context, suffix string) (io.ReadCloser, error) {
			if suffix != "-wal" {
				return nil, fmt.Errorf("open it: %w", fs.ErrNotExist)
			}
			return io.NopCloser(bytes.NewReader(wal)), nil
		}
	}
	wantOpened(t, look(t, main, beside), "sqlite with its write-ahead log", "", hubUsers+1, "")
	wantSkipped(t, look(t, main, func(o *Options) {
		o.Beside = func(context.Context, string) (io.ReadCloser, error) { return nil, errors.New("reset") }
	}), true, "reset")
}

// TestBombs: what is small and unpacks to more than it may is left, whatever it
// is packed in, before it fills the disk or the memory.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector")
	}
	temp := privateTemp(t)
	zeros := func(pack func(io.Writer) (io.WriteCloser, error), n int) []byte {
		var out bytes.Buffer
		w, err := pack(&out)
		must(t, err)
		for range n {
			_, err := w.Write(make([]byte, 1<<20))
			must(t, err)
		}
		must(t, w.Close())
		return out.Bytes()
	}
	gz := zeros(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }, 80)
	zst := zeros(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }, 80)
	nested := []byte("x")
	for range 9 {
		nested = gzipped(t, nested)
	}
	var many []file
	for i := range 60 {
		many = append(many, file{fmt.Sprintf("%d.db", i), []byte("x"), 0})
	}
	big := bytes.Repeat([]byte(sqliteMagic), 1<<21) // 32 MiB
	for _, tt := range []struct {
		name string
		copy []byte
		most int64
		says string
	}{
		{"gzip", gz, 64 << 20, "unpacks to more than the 64 MiB"},
		{"zstd", zst, 64 << 20, "unpacks to more than the 64 MiB"},
		{"gzip in tar, whatever its name", tarred(t, file{"notes.txt", gz, 0}), 64 << 20, "unpacks to more"},
		{"several in a tar", gzipped(t, tarred(t, file{"a.db", big, 0}, file{"b.db", big, 0}, file{"c.db", big, 0})), 80 << 20, "unpacks to more"},
		{"gzip in gzip in …", nested, 64 << 20, "packed more than 6 times"},
		{"a tar full of databases", tarred(t, many...), 64 << 20, "more than 50 databases"},
		{"as it is", make([]byte, 3<<20), 2 << 20, "raise maxBytes"},
		{"a dictionary of 4 GiB", xzWithDictionary(), 64 << 20, "a dictionary of 4.0 GiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantSkipped(t, look(t, tt.copy, func(o *Options) { o.MaxBytes = tt.most }), false, tt.says)
			if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// xzWithDictionary is an xz file that asks for the largest dictionary.
func xzWithDictionary() []byte {
	flags := []byte{0, 4}
	head := append([]byte("\xfd7zXZ\x00"), flags...)
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(flags))
	block := []byte{2, 0, 0x21, 1, 40, 0, 0, 0}
	block = binary.LittleEndian.AppendUint32(block, crc32.ChecksumIEEE(block))
	return append(append(head, block...), make([]byte, 64)...)
}

// TestXZDictionary reads what real xz writes for its presets.
func TestXZDictionary(t *testing.T) {
	if got := xzDictionary(xzed(t, []byte("x"))); got != 8<<20 {
		t.Errorf("%d", got)
	}
	if got := xzDictionary(xzWithDictionary()); got != 1<<32 {
		t.Errorf("%d", got)
	}
}

// TestPrivate: nobody else may read what is unpacked, and no secret gets into
// what is told of a copy.
func TestPrivate(t *testing.T) {
	temp := privateTemp(t)
	var secrets []string
	path := written(t, hubDB(t, "hub-3.0.0"))
	rows, err := openDB(t, path, "").Query("SELECT cookie_id FROM users")
	must(t, err)
	for rows.Next() {
		var s string
		must(t, rows.Scan(&s))
		secrets = append(secrets, s)
	}
	must(t, rows.Err())
	db := hubDB(t, "hub-3.0.0")
	seen := 0
	o := opening(gzipped(t, tarred(t, file{"hub.sqlite", db, 0})))
	o.Live = nil
	inner := o.Open
	o.Open = func(ctx context.Context) (io.ReadCloser, error) {
		err := filepath.WalkDir(temp, func(path string, d fs.DirEntry, err error) error {
			if path == temp || err != nil {
				return err
			}
			seen++
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %s", path, info.Mode())
			}
			return err
		})
		must(t, err)
		return inner(ctx)
	}
	got := Copy(t.Context(), o)
	wantOpened(t, got, "gzip, tar, sqlite", "", hubUsers, "")
	if seen == 0 || len(secrets) != hubUsers {
		t.Fatalf("%d private files seen, %d secrets", seen, len(secrets))
	}
	text := fmt.Sprintf("%+v %+v", got, *got.Content)
	for _, s := range secrets {
		if len(s) < 8 || strings.Contains(text, s) {
			t.Errorf("a cookie id got out (%d characters)", len(s))
		}
	}
	if strings.Contains(text, os.TempDir()) {
		t.Error("a path of the private folder got out")
	}
}
