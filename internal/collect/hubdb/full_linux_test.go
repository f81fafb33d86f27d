package hubdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

func init() {
	roles["full-temp"] = func(path string) {
		check(syscall.Mount("tmpfs", os.TempDir(), "tmpfs", 0, "size=64k"))
		tellRead(path)
	}
	roles["limited-files"] = func(path string) {
		const limit = 64 << 10
		check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}))
		tellRead(path)
	}
}

// told is how a child's reading ended.
type told struct {
	Cause facts.Cause
	Says  string
	Users int
	// Left is what stayed in the folder for temporary files.
	Left []string
}

func tellRead(path string) {
	r, err := Read(context.Background(), Options{URL: path, BaseDir: "/"})
	out := told{Users: len(r.Users)}
	var failed *source.Error
	if errors.As(err, &failed) {
		out.Cause, out.Says = failed.Cause, err.Error()
	}
	out.Left, err = filepath.Glob(filepath.Join(os.TempDir(), "*"))
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(out))
}

// TestNoRoomForTheCopy: a folder for temporary files that is full, for the copy
// itself and for rolling it back, gives one clear line and leaves nothing there.
func TestNoRoomForTheCopy(t *testing.T) {
	whole := fixture(t, "hub-3.0.0")
	hot := fixture(t, "schema-0.7.2") // it fits, its recovery does not
	shell(t, hot, "PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0")
	start(t, "wal-killed", hot).killed(t)
	for _, tt := range []struct{ name, role, path string }{
		{"a full file system", "full-temp", whole}, {"a log that does not fit any more", "full-temp", hot}, {"a limit on files", "limited-files", whole},
	} {
		t.Run(tt.name, func(t *testing.T) {
			temp := t.TempDir()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "HUBDB_TEST_CHILD="+tt.role, "HUBDB_TEST_PATH="+tt.path, "TMPDIR="+temp)
			cmd.Stderr = os.Stderr
			if tt.role == "full-temp" {
				ownMounts(t, cmd)
			}
			out, err := cmd.Output()
			must(t, err)
			var got told
			must(t, json.Unmarshal(out, &got))
			want := fmt.Sprintf("the folder for temporary files %q (TMPDIR) is full", temp)
			if got.Cause != facts.CauseUnreadable || !strings.Contains(got.Says, want) || strings.Contains(got.Says, "\n") || !strings.Contains(got.Says, tt.path) {
				t.Errorf("it said %s %q, want one line with %q", got.Cause, got.Says, want)
			}
			if got.Users != 0 || len(got.Left) > 0 {
				t.Errorf("%d users, left in the folder: %v", got.Users, got.Left)
			}
		})
	}
}

// ownMounts lets a command mount what only it sees.
func ownMounts(t *testing.T, cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	try := exec.Command("true")
	try.SysProcAttr = cmd.SysProcAttr
	if err := try.Run(); err != nil {
		t.Skipf("this machine lets nobody have mounts of their own (%v); the limit on files tests the same", err)
	}
}

// TestVanished: a file that goes away at any step is missing, not broken.
func TestVanished(t *testing.T) {
	path := fixture(t, "schema-0.7.2")
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	must(t, os.Remove(path))
	_, err = observe(f, path)
	wantFailure(t, failed(t.Context(), path, err), facts.CauseMissing, "keep the hub stopped")
	_, err = lookAt(path)
	wantFailure(t, failed(t.Context(), path, err), facts.CauseMissing, "keep the hub stopped")
	write(t, path+".2026-09-01-101500", []byte("copy"))
	_, err = Read(t.Context(), Options{URL: path, BaseDir: "/"})
	wantFailure(t, err, facts.CauseMissing, `dated copies that upgrades left: 1, the newest "jupyterhub.sqlite.2026-09-01-101500" of 4 bytes`)
	must(t, os.Symlink(path, path+".link"))
	_, err = Read(t.Context(), Options{URL: path + ".link", BaseDir: "/"})
	wantFailure(t, err, facts.CauseMissing, "there is no such file")
}
