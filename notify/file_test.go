package notify_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"hubaudit/notify"
)

// lines are the file's lines, each of which must be a message.
func lines(t *testing.T, path string) []map[string]any {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > 0 && !bytes.HasSuffix(content, []byte("\n")) {
		t.Error("the last line has no end")
	}
	var out []map[string]any
	scanner := bufio.NewScanner(bytes.NewReader(content))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if scanner.Text() == "" {
			continue // the end of a line that another writer had not yet written whole
		}
		out = append(out, unmarshalled(t, scanner.Bytes()))
	}
	return out
}

// TestFile: a line for each message, for the owner alone to read, also after the
// file was moved away.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	f := notify.NewFile("file", path)
	sent(t, f, critical())
	sent(t, f, named("two\nlines"))
	if got := lines(t, path); len(got) != 2 || got[0]["kind"] != "opened" || got[1]["kind"] != "repeated" {
		t.Errorf("%v", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := f.Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, path); len(got) != 1 || got[0]["kind"] != "test" {
		t.Errorf("after it was moved away: %v", got)
	}
}

// TestFileTorn: a line that a crash cut short ends before the next one.
func TestFileTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	if err := os.WriteFile(path, []byte(`{"schema":"hubau`), 0o600); err != nil {
		t.Fatal(err)
	}
	sent(t, notify.NewFile("file", path), critical())
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn, whole, _ := strings.Cut(string(content), "\n")
	if torn != `{"schema":"hubau` || !json.Valid([]byte(whole)) || !strings.HasSuffix(whole, "}\n") {
		t.Errorf("torn %q, whole %.80q", torn, whole)
	}
}

// TestFileTogether: lines of many writers at once do not mix.
func TestFileTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	var all sync.WaitGroup
	errs := make([]error, 20)
	for n := range errs {
		all.Go(func() { _, errs[n] = notify.NewFile("file", path).Send(t.Context(), critical()) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, path); len(got) != len(errs) {
		t.Errorf("%d lines", len(got))
	}
}

// TestFileErrors: each says which file and why; what waits for somebody is refused.
func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		words   string
		refused bool
	}{
		dir:                              {"it is not a regular file", true},
		pipe:                             {"it is not a regular file", true},
		filepath.Join(dir, "no", "file"): {syscall.ENOENT.Error(), true},
		"/dev/full":                      {"it is not a regular file", true},
	} {
		_, err := notify.NewFile("file", path).Send(t.Context(), critical())
		failed := (*notify.SendError)(nil)
		if !errors.As(err, &failed) || failed.Refused != want.refused || !strings.Contains(err.Error(), want.words) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestFileFull: on a full disk the error says so, and the message is tried again.
func TestFileFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	// A limit of this process's files stands in for the disk's end; in a child,
	// since it holds for all of them.
	if os.Getenv("HUBAUDIT_TEST_FULL") != "" {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100, Max: 100}); err != nil {
			t.Fatal(err)
		}
		_, err := notify.NewFile("file", path).Send(t.Context(), critical())
		failed := (*notify.SendError)(nil)
		if !errors.As(err, &failed) || failed.Refused || !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%v", err)
		}
		return
	}
	child(t, "TestFileFull", "HUBAUDIT_TEST_FULL=1")
}

// child runs one test of this package in a process of its own.
func child(t *testing.T, name string, env ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+name+"$")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
