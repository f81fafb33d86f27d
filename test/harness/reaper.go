package harness

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// A reaper ends a cluster's processes and removes its folder, when asked to or
// when this process has ended in whatever way, a panic and a kill included: it
// is a shell of its own that waits for the other end of its pipe to close.
type reaper struct {
	dir   string
	shell *exec.Cmd
	pipe  io.Closer
}

// reaperScript kills by id, and only a process whose command line names this
// cluster's folder: an id may since have been given to a stranger's process.
const reaperScript = `
read -r _
for pid in $(ls "$1/pids"); do
  grep -qsF "$1" "/proc/$pid/cmdline" && kill -9 "$pid"
done
# A process that is not quite dead may still add a file.
rm -rf "$1" || rm -rf "$1"
`

func newReaper() (*reaper, error) {
	dir, err := os.MkdirTemp("", "hubaudit-cluster-")
	if err != nil {
		return nil, fmt.Errorf("making a cluster's folder: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "pids"), 0o700); err != nil {
		return nil, fmt.Errorf("making a cluster's folder: %w", err)
	}
	shell := exec.Command("sh", "-c", reaperScript, "reaper", dir)
	// In a process group of its own it outlives an interrupt from the keyboard.
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := shell.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("making the reaper's pipe: %w", err)
	}
	if err := shell.Start(); err != nil {
		return nil, fmt.Errorf("starting the reaper: %w", err)
	}
	return &reaper{dir: dir, shell: shell, pipe: pipe}, nil
}

// wrap gives a command that notes its id for the reaper, then becomes the binary.
func (r *reaper) wrap(binary string) (string, error) {
	wrapper := filepath.Join(r.dir, filepath.Base(binary))
	script := fmt.Sprintf("#!/bin/sh\nset -e\n: >'%s/pids/'$$\nexec '%s' \"$@\"\n", r.dir, binary)
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		return "", fmt.Errorf("wrapping %s: %w", binary, err)
	}
	return wrapper, nil
}

func (r *reaper) reap() error {
	if err := r.pipe.Close(); err != nil {
		return fmt.Errorf("telling the reaper: %w", err)
	}
	if err := r.shell.Wait(); err != nil {
		return fmt.Errorf("waiting for the reaper: %w", err)
	}
	return nil
}
