package verify

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"hubaudit/internal/facts"
)

// hubUsers is how many users hub-3.0.0 has.
const hubUsers = 35

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hubDB is the database of a real hub, one of those that the reader is tested with.
func hubDB(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "hubdb", "testdata", name+".sqlite.gz"))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	return b
}

// privateTemp gives the test a folder for temporary files of its own, which
// must be empty at its end.
func privateTemp(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left in the folder for temporary files: %v %v", left, err)
		}
	})
	return dir
}

// opening makes options that open these bytes.
func opening(b []byte, change ...func(*Options)) Options {
	o := Options{Copy: facts.BackupCopy{Name: "copy", SizeBytes: int64(len(b)), Ready: true}, Level: facts.VerifyOpen, MaxBytes: 64 << 20,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
	for _, c := range change {
		c(&o)
	}
	return o
}

func look(t testing.TB, b []byte, change ...func(*Options)) facts.Opened {
	t.Helper()
	return Copy(t.Context(), opening(b, change...))
}

// lacksOpenly tells whether a copy is not called good, or shows that it lacks users.
func lacksOpenly(o facts.Opened, users int) bool {
	return o.Fault != "" || o.Skipped != "" || o.Content == nil || len(o.Content.Users) < users
}

func gzipped(t testing.TB, b []byte) []byte {
	return through(t, b, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func zstded(t testing.TB, b []byte) []byte {
	return through(t, b, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
}

func xzed(t testing.TB, b []byte) []byte {
	return through(t, b, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
}

func through(t testing.TB, b []byte, pack func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := pack(&out)
	must(t, err)
	_, err = w.Write(b)
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

// file is one of an archive.
type file struct {
	name    string
	content []byte
	day     int // of modification
}

func tarred(t testing.TB, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	must(t, w.WriteHeader(&tar.Header{Name: "srv/", Typeflag: tar.TypeDir, Mode: 0o755}))
	for _, f := range files {
		must(t, w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.content)), Mode: 0o600, ModTime: time.Date(2026, 11, 1+f.day, 0, 0, 0, 0, time.UTC)}))
		_, err := w.Write(f.content)
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}

func zipped(t testing.TB, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		e, err := w.Create(f.name)
		must(t, err)
		_, err = e.Write(f.content)
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}

// openDB opens a database as a hub does.
func openDB(t testing.TB, path, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?"+params)
	must(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// written is a file with this content in a folder of its own.
func written(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
	must(t, os.WriteFile(path, b, 0o600))
	return path
}

func bytesIn(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// wantOpened compares what matters of an outcome; skips and details by a part.
func wantOpened(t *testing.T, got facts.Opened, form string, fault facts.CopyFault, users int, detail string) {
	t.Helper()
	n := -1
	if got.Content != nil {
		n = len(got.Content.Users)
	}
	if got.Form != form || got.Fault != fault || n != users || !strings.Contains(got.Detail, detail) || got.Skipped != "" {
		t.Errorf("form %q, fault %q (%s), %d users, skipped %q; want form %q, fault %q (… %s …), %d users",
			got.Form, got.Fault, got.Detail, n, got.Skipped, form, fault, detail, users)
	}
}

func wantSkipped(t *testing.T, got facts.Opened, unreadable bool, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got.Skipped, part) {
			t.Errorf("skipped %q, want %q in it", got.Skipped, part)
		}
	}
	if got.Skipped == "" || got.Fault != "" || got.Unreadable != unreadable || strings.Contains(got.Skipped, "\n") {
		t.Errorf("skipped %q, unreadable %v, fault %q (%s)", got.Skipped, got.Unreadable, got.Fault, got.Detail)
	}
}
