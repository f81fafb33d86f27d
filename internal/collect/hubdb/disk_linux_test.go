package hubdb

import (
	"database/sql"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
)

// A file system in memory of its own stands for the hub's volume: every Linux
// has one at /dev/shm, and nothing needs to be mounted.
func TestDiskOfAVolume(t *testing.T) {
	if device("/dev/shm") == device("/") {
		t.Skip("/dev/shm is no file system of its own here")
	}
	dir, err := os.MkdirTemp("/dev/shm", "hubaudit-disk-")
	if err != nil {
		t.Skipf("/dev/shm cannot be written to: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // nothing else is in there
	path := filepath.Join(dir, "jupyterhub.sqlite")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)"); err != nil {
		t.Fatal(err)
	}
	read := func(own bool) facts.Usage {
		r, err := Read(t.Context(), Options{URL: "sqlite:///" + path, OwnVolume: own})
		if err != nil {
			t.Fatal(err)
		}
		return r.Database.Disk
	}
	if got := read(false); got != (facts.Usage{}) {
		t.Errorf("outside of a pod the disk is %+v", got)
	}
	got := read(true)
	if got.CapacityBytes <= 0 || got.AvailableBytes <= 0 || got.AvailableBytes > got.CapacityBytes || got.UsedBytes > got.CapacityBytes {
		t.Errorf("the disk is %+v", got)
	}
	// The file system of the machine, or of the container, is not the hub's.
	path = filepath.Join("/", "jupyterhub.sqlite")
	if got := diskOf(path); got != (facts.Usage{}) {
		t.Errorf("of %s the disk is %+v", path, got)
	}
	copies := filepath.Join(dir, "copies")
	if err := os.Mkdir(copies, 0o700); err != nil {
		t.Fatal(err)
	}
	db1, elsewhere := filepath.Join(dir, "jupyterhub.sqlite"), t.TempDir()
	if !SameVolume(db1, copies) || SameVolume(db1, elsewhere) && device("/dev/shm") != device(elsewhere) || SameVolume("/", "/usr") || SameVolume(db1, filepath.Join(dir, "none")) {
		t.Errorf("on one volume: %s and %s %t, %[1]s and %[4]s %[5]t", db1, copies, SameVolume(db1, copies), elsewhere, SameVolume(db1, elsewhere))
	}
	if got := diskOf(filepath.Join(dir, "none", "x")); got != (facts.Usage{}) {
		t.Errorf("of a folder that is not there the disk is %+v", got)
	}
}

// What is kept for root is neither used nor available; a network file system may
// count in larger blocks than it says is best to read.
func TestUsage(t *testing.T) {
	s := syscall.Statfs_t{Bsize: 1 << 20, Frsize: 4096, Blocks: 1000, Bfree: 300, Bavail: 250, Files: 64, Ffree: 60}
	want := facts.Usage{CapacityBytes: 1000 * 4096, UsedBytes: 700 * 4096, AvailableBytes: 250 * 4096, Inodes: 64, InodesUsed: 4}
	if diff := cmp.Diff(want, usage(&s)); diff != "" {
		t.Error(diff)
	}
	s.Frsize = 0
	if got := usage(&s); got.CapacityBytes != 1000<<20 {
		t.Errorf("without a fragment's size: %+v", got)
	}
}
