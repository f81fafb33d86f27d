package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hubaudit/internal/history"
)

// TestInterrupted stops a run while a source hangs: it ends as incomplete, says
// so, and leaves nothing in the history that a later run would take for facts.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "dump.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "hubaudit.yaml")
	if err := os.WriteFile(file, []byte("hubs: [{name: a}]\ncluster: {dump: dump.yaml}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "audit", "now", "--config", file)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns once the run reads
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitIncomplete {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(errOut.String(), "the run was interrupted; nothing of it was recorded") || out.Len() > 0 {
		t.Errorf("it printed %q and %q", out.String(), errOut.String())
	}
	store, err := history.Open(t.Context(), history.Location{URL: "sqlite:hubaudit.db", BaseDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if runs, err := store.Runs(t.Context(), "", 10); err != nil || len(runs) > 0 {
		t.Errorf("the history has runs %v, %v", runs, err)
	}
}
