// Package reaper ends the processes that a test started and removes their
// folder, when asked to or when the test's process has ended in whatever way, a
// panic and a kill included.
package reaper

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Reaper is a shell of its own that waits for the other end of its pipe to
// close.
type Reaper struct {
	// Dir is the folder that will be removed; only its owner may look into it.
	Dir   string
	shell *exec.Cmd
	pipe  io.Closer
}

// script kills by id, and only a process whose command line names the folder:
// an id may since have been given to a stranger's process.
const script = `
read -r _
for pid in $(ls "$1/pids"); do
  grep -qsF "$1" "/proc/$pid/cmdline" && kill -9 "$pid"
done
# A process that is not quite dead may still add a file.
rm -rf "$1" || rm -rf "$1"
`

// New makes a folder, whose name begins with prefix, and its reaper. The folder is
// where TMPDIR says, or else in memory where there is much of it: servers wait for
// the disk most of their time, for data that need not outlive the machine.
func New(prefix string) (*Reaper, error) {
	dir, err := os.MkdirTemp(place(), prefix)
	if err != nil {
		return nil, fmt.Errorf("making the processes' folder: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "pids"), 0o700); err != nil {
		return nil, fmt.Errorf("making the processes' folder: %w", err)
	}
	shell := exec.Command("sh", "-c", script, "reaper", dir)
	// In a process group of its own it outlives an interrupt from the keyboard.
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := shell.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("making the reaper's pipe: %w", err)
	}
	if err := shell.Start(); err != nil {
		return nil, fmt.Errorf("starting the reaper: %w", err)
	}
	return &Reaper{Dir: dir, shell: shell, pipe: pipe}, nil
}

// memory is a file system that every Linux has; containers often get a small one.
const memory, enough = "/dev/shm", 4 << 30 // bytes

// place is the folder in which to make folders, "" for the usual one.
func place() string {
	var s syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &s) != nil {
		return ""
	}
	if s.Flags&syscall.MS_NOEXEC != 0 || s.Bavail*uint64(s.Bsize) < enough { // Wrap's commands are in it
		return ""
	}
	return memory
}

// Wrap gives a command that notes its id for the reaper, then becomes the binary.
func (r *Reaper) Wrap(binary string) (string, error) {
	wrapper := filepath.Join(r.Dir, filepath.Base(binary))
	script := fmt.Sprintf("#!/bin/sh\nset -e\n: >'%s/pids/'$$\nexec '%s' \"$@\"\n", r.Dir, binary)
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		return "", fmt.Errorf("wrapping %s: %w", binary, err)
	}
	return wrapper, nil
}

// Reap does it now.
func (r *Reaper) Reap() error {
	if err := r.pipe.Close(); err != nil {
		return fmt.Errorf("telling the reaper: %w", err)
	}
	if err := r.shell.Wait(); err != nil {
		return fmt.Errorf("waiting for the reaper: %w", err)
	}
	return nil
}
