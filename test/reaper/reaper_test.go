package reaper_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"hubaudit/test/reaper"
)

const poll = 20 * time.Millisecond

// toBeKilled makes this test binary a process that starts another and waits.
const toBeKilled = "HUBAUDIT_TEST_TO_BE_KILLED"

func TestKilledProcessLeavesNothing(t *testing.T) {
	if os.Getenv(toBeKilled) != "" {
		r := start(t)
		// With nothing to wait for the runtime would call it a deadlock and end it.
		io.Copy(io.Discard, os.Stdin)
		runtime.KeepAlive(r) // its pipe is closed with it
		return
	}
	temporary := t.TempDir()
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), toBeKilled+"=1", "TMPDIR="+temporary)
	if _, err := parent.StdinPipe(); err != nil { // open for as long as it runs
		t.Fatal(err)
	}
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	process := filepath.Join("/proc", strings.TrimSpace(line), "cmdline")
	deadline := time.After(time.Minute)
	// A process has no command line for the moment between its start and its program's.
	for {
		b, err := os.ReadFile(process)
		if err == nil && strings.Contains(string(b), temporary) {
			break
		}
		select {
		case <-time.After(poll):
		case <-deadline:
			t.Fatalf("%s is %q, %v", process, b, err)
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait() // its error is the kill
	for {
		left, err := os.ReadDir(temporary)
		running, _ := os.ReadFile(process) // it is gone when all is well
		if err == nil && len(left) == 0 && !strings.Contains(string(running), temporary) {
			return
		}
		select {
		case <-time.After(poll):
		case <-deadline:
			t.Fatalf("left are %v (%v) and the process %q", left, err, running)
		}
	}
}

// start starts a process of the reaper's and tells its id.
func start(t *testing.T) *reaper.Reaper {
	r, err := reaper.New("reaped-")
	if err != nil {
		t.Fatal(err)
	}
	shell, err := r.Wrap("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(shell, "-c", "while :; do sleep 0.05; done", r.Dir)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if noted, err := os.ReadDir(filepath.Join(r.Dir, "pids")); err == nil && len(noted) == 1 {
			break
		}
		<-time.After(poll)
	}
	fmt.Println(process.Process.Pid)
	return r
}
