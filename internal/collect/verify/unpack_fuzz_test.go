package verify

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hubaudit/internal/facts"
)

// FuzzUnpack: whatever a copy holds, unpacking it ends, stays within its bounds
// and says either what it found or why it found nothing.
func FuzzUnpack(f *testing.F) {
	db := hubDB(f, "schema-0.7.2")[:8192]
	seeds := [][]byte{db, gzipped(f, db), zstded(f, db), xzed(f, db), tarred(f, file{"a.db", db, 0}, file{"a.db-wal", db[:99], 0}),
		zipped(f, file{"a.db", db, 0}), gzipped(f, tarred(f, file{"x.gz", gzipped(f, db), 1})), xzWithDictionary(),
		[]byte("BZh91AY&SY"), []byte("PGDMP\x01\x0e\x00"), []byte("Salted__"), {0x8c, 0x0d, 4, 9, 3, 2}, nil}
	for _, s := range seeds {
		f.Add(s)
		f.Add(s[:len(s)/2])
	}
	const most = 1 << 20
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		v := &verifier{Options: opening(b), dir: dir}
		v.MaxBytes = most
		path := v.newFile()
		must(t, os.WriteFile(path, b, 0o600))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		held, broken, err := v.unpackFile(ctx, path)
		if ctx.Err() != nil {
			t.Fatal("it does not end")
		}
		if err == nil && broken == nil && held == nil {
			t.Fatal("neither content nor an error")
		}
		if err != nil {
			var o facts.Opened
			note(&o, err)
			if o.Skipped == "" && o.Fault == "" {
				t.Fatalf("an error that says nothing: %v", err)
			}
		}
		written := int64(0)
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		must(t, err)
		for _, name := range files {
			info, err := os.Stat(name)
			must(t, err)
			if name != path {
				written += info.Size()
			}
		}
		if written > most+1 {
			t.Fatalf("%d bytes were written, at most %d may be", written, most)
		}
	})
}
