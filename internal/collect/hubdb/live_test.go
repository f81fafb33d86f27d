package hubdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"

	"github.com/google/go-cmp/cmp"
)

// TestJournalModes reads the same content as every journal mode leaves it,
// open, closed or killed, and writes nothing.
func TestJournalModes(t *testing.T) {
	update := "UPDATE users SET name = 'in-wal-' || id"
	tests := []struct {
		name    string
		prepare func(t *testing.T, path string)
	}{
		{"delete", func(t *testing.T, p string) { shell(t, p, update) }},
		{"truncate", func(t *testing.T, p string) { shell(t, p, "PRAGMA journal_mode=TRUNCATE", update) }},
		{"persist", func(t *testing.T, p string) { shell(t, p, "PRAGMA journal_mode=PERSIST", update) }},
		{"wal, closed", func(t *testing.T, p string) { shell(t, p, "PRAGMA journal_mode=WAL", update) }},
		{"wal, open", func(t *testing.T, p string) { start(t, "wal-open", p) }},
		{"wal, killed", func(t *testing.T, p string) { start(t, "wal-killed", p).killed(t) }},
		{"wal, killed, without -shm", func(t *testing.T, p string) {
			start(t, "wal-killed", p).killed(t)
			must(t, os.Remove(p+"-shm"))
		}},
		{"hot journal", func(t *testing.T, p string) { shell(t, p, update); start(t, "hot-journal", p).killed(t) }},
		{"open transaction", func(t *testing.T, p string) { shell(t, p, update); start(t, "open-transaction", p) }},
	}
	plain := fixture(t, "hub-3.0.0")
	shell(t, plain, update)
	want := read(t, plain)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := fixture(t, "hub-3.0.0")
			tt.prepare(t, path)
			untouched(t, path, func() { same(t, want, read(t, path)) })
		})
	}
}

// TestHotJournalIsReal proves that the journal of the test above matters: the
// database file alone is torn.
func TestHotJournalIsReal(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	addUsers(t, path, 2000)
	want := read(t, path)
	start(t, "hot-journal", path).killed(t)
	if info, err := os.Stat(path + "-journal"); err != nil || info.Size() == 0 {
		t.Fatalf("no journal: %v", err)
	}
	same(t, want, read(t, path))
	must(t, os.Remove(path+"-journal"))
	if torn := read(t, path); cmp.Equal(want.Users, torn.Users) {
		t.Error("the killed transaction had not reached the file")
	}
}

// TestLinks: journals lie beside the file that a link points to, and a name
// may hold characters that mean something in a URI.
func TestLinks(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	want := read(t, path)
	start(t, "hot-journal", path).killed(t)
	link := filepath.Join(t.TempDir(), "current #1 50%25 ü.sqlite")
	must(t, os.Symlink(path, link))
	untouched(t, path, func() { same(t, want, read(t, link)) })

	odd := filepath.Join(t.TempDir(), "hub #1 50%25 & ü.sqlite")
	write(t, odd, fixtureBytes(t, "hub-3.0.0"))
	same(t, want, read(t, odd))
}

// TestSuperJournal: a journal that names a file elsewhere is refused, and that
// file stays.
func TestSuperJournal(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	start(t, "hot-journal", path).killed(t)
	victim := filepath.Join(t.TempDir(), "victim")
	write(t, victim, nil)
	journal, err := os.ReadFile(path + "-journal")
	must(t, err)
	sum := 0
	for _, b := range []byte(victim) {
		sum += int(b)
	}
	n := len(victim)
	record := append([]byte{0, 4, 0, 1}, victim...) // the lock page's number for pages of 4096 bytes
	record = append(record, 0, 0, 0, byte(n), 0, 0, byte(sum>>8), byte(sum))
	write(t, path+"-journal", append(append(journal, record...), journalMagic...))
	_, err = Read(t.Context(), Options{URL: path, BaseDir: "/"})
	wantFailure(t, err, facts.CauseUnreadable, "over several databases")
	if _, err := os.Stat(victim); err != nil {
		t.Error("the file that the journal names is gone")
	}
}

// TestLiveWriter reads while another process commits without a pause. Every
// answer is of one moment, and neither side sees an error.
func TestLiveWriter(t *testing.T) {
	for _, role := range []string{"writer-wal", "writer-delete"} {
		t.Run(role, func(t *testing.T) {
			path := fixture(t, "schema-5.5.1")
			before := read(t, path)
			writer := start(t, role, path)
			commits := 0
			for range 50 {
				r := read(t, path)
				if len(r.Database.Damage) > 0 || r.UsersRead != facts.Complete {
					t.Fatalf("damage: %v", r.Database.Damage)
				}
				n := r.Servers[0].Port
				for _, s := range r.Servers {
					if s.Port != n {
						t.Fatalf("servers of two moments: %v", r.Servers)
					}
				}
				more := min(n, 100)
				if len(r.Users) != len(before.Users)+more || len(r.Spawners) != len(before.Spawners)+more {
					t.Fatalf("%d commits, but %d users and %d spawners more", n, len(r.Users)-len(before.Users), len(r.Spawners)-len(before.Spawners))
				}
				if last := r.Users[len(r.Users)-1].Name; n > 0 && last != fmt.Sprintf("live-%d", n) {
					t.Fatalf("%d commits, but the last user is %s", n, last)
				}
				if n < commits {
					t.Fatalf("went back from %d to %d commits", commits, n)
				}
				commits = n
			}
			if said := writer.finish(t); said != "no error" {
				t.Errorf("the writer: %s", said)
			}
			if commits == 0 {
				t.Error("the writer committed nothing in the meantime")
			}
		})
	}
}

// TestAtTheSameTime reads one database many times at once.
func TestAtTheSameTime(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	want := read(t, path)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r, err := Read(t.Context(), Options{URL: path, BaseDir: "/"})
			if err != nil || !cmp.Equal(want, r) {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if len(claims.taken) != 0 {
		t.Errorf("claims left: %v", claims.taken)
	}
}

func TestLocked(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	holder := start(t, "exclusive-lock", path)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	untouched(t, path, func() {
		_, err := Read(ctx, Options{URL: path, BaseDir: "/"})
		wantFailure(t, err, facts.CauseTimeout, "stayed locked by another process")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v does not wrap the deadline", err)
		}
	})
	holder.finish(t)
	read(t, path)
}

func TestDeadline(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	untouched(t, path, func() {
		_, err := Read(ctx, Options{URL: path, BaseDir: "/"})
		wantFailure(t, err, facts.CauseTimeout, "allow this source more time")
	})
}

// TestDeadlineAnywhere lets the deadline pass at every stage. Whatever was
// read by then, a database that was not checked to the end is a failed source.
func TestDeadlineAnywhere(t *testing.T) {
	path := fixture(t, "schema-5.5.1")
	addUsers(t, path, 5000)
	untouched(t, path, func() {
		for allowed := 500 * time.Microsecond; ; allowed += allowed / 3 {
			ctx, cancel := context.WithTimeout(t.Context(), allowed)
			r, err := Read(ctx, Options{URL: path, BaseDir: "/"})
			cancel()
			if err == nil {
				if len(r.Users) != 5010 || len(r.Database.Damage) > 0 {
					t.Errorf("%d users, damage %v", len(r.Users), r.Database.Damage)
				}
				return
			}
			wantFailure(t, err, facts.CauseTimeout, "deadline")
		}
	})
}

// TestLostLog: a log that is gone is damage only where its index proves that
// it held something.
func TestLostLog(t *testing.T) {
	remove := func(t *testing.T, path string, suffixes ...string) {
		for _, s := range suffixes {
			must(t, os.Remove(path+s))
		}
	}
	t.Run("the index remains", func(t *testing.T) {
		path := fixture(t, "hub-3.0.0")
		start(t, "wal-killed", path).killed(t)
		remove(t, path, "-wal")
		var r Result
		untouched(t, path, func() { r = read(t, path) })
		if diff := cmp.Diff([]string{"wal-missing!"}, kinds(r)); diff != "" {
			t.Fatalf("damage (-want +got):\n%s", diff)
		}
		if m := r.Database.Damage[0].Message; !strings.Contains(m, "of which only 0 had reached the database") {
			t.Error(m)
		}
	})
	t.Run("both are gone", func(t *testing.T) {
		path := fixture(t, "hub-3.0.0")
		start(t, "wal-killed", path).killed(t)
		remove(t, path, "-wal", "-shm")
		if r := read(t, path); len(r.Database.Damage) > 0 {
			t.Errorf("damage without evidence: %v", r.Database.Damage)
		}
	})
	t.Run("an index of nothing", func(t *testing.T) {
		path := fixture(t, "hub-3.0.0")
		shell(t, path, "PRAGMA journal_mode=WAL")
		write(t, path+"-shm", make([]byte, 32768))
		if r := read(t, path); len(r.Database.Damage) > 0 {
			t.Errorf("damage without evidence: %v", r.Database.Damage)
		}
	})
}

// TestSame: which changes during a copy without a lock spoil it.
func TestSame(t *testing.T) {
	rollback := observed{main: fileState{exists: true, size: 8192}, start: "counter 1", journal: fileState{exists: true, size: 512}}
	wal := observed{main: fileState{exists: true, size: 8192}, start: "counter 1", walFile: fileState{exists: true, size: 4152}, generation: "salt 1"}
	tests := []struct {
		name   string
		before observed
		change func(*observed)
		locked bool
		want   bool
	}{
		{"nothing", rollback, func(*observed) {}, false, true},
		{"size", rollback, func(o *observed) { o.main.size++ }, false, false},
		{"time", rollback, func(o *observed) { o.main.modified = time.Unix(1, 0) }, false, false},
		{"change counter", rollback, func(o *observed) { o.start = "counter 2" }, false, false},
		{"journal gone", rollback, func(o *observed) { o.journal = fileState{} }, false, false},
		{"journal gone, locked", rollback, func(o *observed) { o.journal = fileState{} }, true, true},
		{"log begun", rollback, func(o *observed) { o.walFile.exists, o.generation = true, "salt 1" }, false, false},
		{"log grown", wal, func(o *observed) { o.walFile.size++ }, false, true},
		{"checkpoint", wal, func(o *observed) { o.main.size, o.start = 16384, "counter 2" }, false, true},
		{"log begun anew", wal, func(o *observed) { o.generation = "salt 2" }, false, false},
		{"log gone", wal, func(o *observed) { o.walFile, o.generation = fileState{}, "" }, false, false},
		{"log emptied", wal, func(o *observed) { o.generation = "" }, false, false},
	}
	for _, tt := range tests {
		after := tt.before
		tt.change(&after)
		if got := tt.before.same(after, tt.locked); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	file := fixture(t, "schema-0.7.2")
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	tests := []struct {
		name, url string
		cause     facts.Cause
		says      string
	}{
		{"missing file", "sqlite:///" + filepath.Join(dir, "none.sqlite"), facts.CauseMissing, "makes a new, empty database there"},
		{"missing folder", "sqlite:///" + filepath.Join(dir, "none", "hub.sqlite"), facts.CauseMissing, "check that its volume is mounted"},
		{"a file as folder", "sqlite:///" + filepath.Join(file, "hub.sqlite"), facts.CauseMissing, "no such file"},
		{"folder", "sqlite:///" + dir, facts.CauseUnreadable, "it is not a regular file"},
		{"device", "sqlite:////dev/zero", facts.CauseUnreadable, "it is not a regular file"},
		{"link to itself", "sqlite:///" + filepath.Join(dir, "loop"), facts.CauseUnreadable, "too many links"},
		{"empty", "", facts.CauseUnreadable, "is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Read(t.Context(), Options{URL: tt.url, BaseDir: dir})
			wantFailure(t, err, tt.cause, tt.says)
			if !cmp.Equal(Result{}, r) {
				t.Errorf("a result with the error: %+v", r)
			}
		})
	}
}

func TestNoTemporaryFolder(t *testing.T) {
	path := fixture(t, "schema-0.7.2")
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	_, err := Read(t.Context(), Options{URL: path, BaseDir: "/"})
	wantFailure(t, err, facts.CauseUnreadable, "TMPDIR")
}

func wantFailure(t *testing.T, err error, cause facts.Cause, says string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with cause %q that says %q", cause, says)
		return
	}
	var failed *source.Error
	if !errors.As(err, &failed) || failed.Cause != cause || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q (%T), want one line with cause %q that says %q", err, err, cause, says)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows the password: %v", err)
	}
}
