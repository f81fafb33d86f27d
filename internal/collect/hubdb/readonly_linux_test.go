package hubdb

import (
	"os"
	"path/filepath"
	"testing"

	"hubaudit/internal/collect/nobody"
	"hubaudit/internal/facts"
)

// open to all are the folders above a test's, which testing makes private.
func openToAll(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
}

// TestReadOnlyFolder reads as a mount without write permission: nothing may be
// created beside the database, whatever state it is in.
func TestReadOnlyFolder(t *testing.T) {
	for name, prepare := range map[string]func(path string){
		"delete":                   func(string) {},
		"wal, closed":              func(p string) { shell(t, p, "PRAGMA journal_mode=WAL") },
		"wal, killed":              func(p string) { start(t, "wal-killed", p).killed(t) },
		"wal, killed, without shm": func(p string) { start(t, "wal-killed", p).killed(t); must(t, os.Remove(p+"-shm")) },
		"hot journal":              func(p string) { start(t, "hot-journal", p).killed(t) },
	} {
		t.Run(name, func(t *testing.T) {
			path := fixture(t, "hub-3.0.0")
			prepare(path)
			dir := filepath.Dir(path)
			openToAll(t, dir)
			must(t, os.Chmod(dir, 0o555))
			t.Cleanup(func() { must(t, os.Chmod(dir, 0o755)) })
			temp := t.TempDir()
			must(t, os.Chmod(temp, 0o777))
			t.Setenv("TMPDIR", temp)
			before := folder(t, dir)
			nobody.Do(t, func() {
				if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o644); err == nil {
					t.Error("the folder is not read-only")
				}
				if r := read(t, path); len(r.Users) != 35 || len(r.Database.Damage) > 0 {
					t.Errorf("%d users, damage %v", len(r.Users), r.Database.Damage)
				}
			})
			if after := folder(t, dir); len(after) != len(before) {
				t.Errorf("before %v\nafter %v", before, after)
			}
		})
	}
}

func TestForbidden(t *testing.T) {
	path := fixture(t, "schema-0.7.2")
	openToAll(t, filepath.Dir(path))
	must(t, os.Chmod(path, 0o600))
	if os.Getuid() != 0 {
		must(t, os.Chmod(path, 0))
	}
	nobody.Do(t, func() {
		_, err := Read(t.Context(), Options{URL: path, BaseDir: "/"})
		wantFailure(t, err, facts.CauseForbidden, "may not read it")
	})
}
