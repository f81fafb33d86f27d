package harness_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hubaudit/test/harness"
)

// toBeKilled makes this test binary a process that starts a cluster and waits.
const toBeKilled = "HUBAUDIT_TEST_TO_BE_KILLED"

func TestKilledProcessLeavesNothing(t *testing.T) {
	if os.Getenv(toBeKilled) != "" {
		harness.Start(t, harness.Options{ControllerManager: true})
		fmt.Println("started")
		select {}
	}
	temporary := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), toBeKilled+"=1", "TMPDIR="+temporary)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "started\n" {
		t.Fatalf("the process that is to start a cluster says %q, %v", line, err)
	}
	if n := len(mentioning(t, temporary)); n < 4 {
		t.Errorf("%d processes of the cluster are running, want its 3 and the reaper", n)
	}

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait() // its error is the kill
	harness.Poll(t, "the cluster's processes and files to be gone", func(context.Context) error {
		left, err := os.ReadDir(temporary)
		if err != nil {
			return err
		}
		if running := mentioning(t, temporary); len(left)+len(running) > 0 {
			return fmt.Errorf("left are %v and processes %v", left, running)
		}
		return nil
	})
}

// mentioning lists the command lines of processes that name the folder.
func mentioning(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it ended while it was looked at
		}
		if bytes.Contains(line, []byte(folder)) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}
