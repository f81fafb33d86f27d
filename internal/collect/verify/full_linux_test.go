package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hubaudit/internal/facts"
)

// TestMain becomes the child of TestNoRoom when asked to.
func TestMain(m *testing.M) {
	if path := os.Getenv("VERIFY_TEST_COPY"); path != "" {
		child(path)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// told is how a child's opening ended.
type told struct {
	Skipped    string
	Unreadable bool
	Users      int
	Left       []string
}

// child opens a copy where files may have 100 KiB at most.
func child(path string) {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	const limit = 100 << 10
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}))
	info, err := os.Stat(path)
	check(err)
	got := Copy(context.Background(), Options{Copy: facts.BackupCopy{Name: "copy", SizeBytes: info.Size()}, Level: facts.VerifyOpen, MaxBytes: 1 << 30,
		Open: func(context.Context) (io.ReadCloser, error) { return os.Open(path) }})
	out := told{Skipped: got.Skipped, Unreadable: got.Unreadable}
	if got.Content != nil {
		out.Users = len(got.Content.Users)
	}
	out.Left, err = filepath.Glob(filepath.Join(os.TempDir(), "*"))
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(out))
}

// TestNoRoom: where the folder for temporary files has no room for the copy or
// for what it unpacks to, that is said, nothing is said of the copy, and nothing
// is left.
func TestNoRoom(t *testing.T) {
	db := hubDB(t, "hub-3.0.0") // 168 KiB
	for name, b := range map[string][]byte{"the copy": db, "what it unpacks to": gzipped(t, db)} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "VERIFY_TEST_COPY="+written(t, b), "TMPDIR="+temp)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			must(t, err)
			var got told
			must(t, json.Unmarshal(out, &got))
			if !strings.Contains(got.Skipped, fmt.Sprintf("the folder for temporary files %q (TMPDIR) is full", temp)) || !got.Unreadable || got.Users != 0 || len(got.Left) > 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("not even to begin", func(t *testing.T) {
		temp := privateTemp(t)
		got := look(t, db, func(o *Options) { o.MaxBytes, o.Copy.SizeBytes = 1<<61, 1<<60 })
		wantSkipped(t, got, true, fmt.Sprintf("%q", temp), "make room")
	})
}
