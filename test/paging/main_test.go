// Package paging holds the whole product to a simple model of who must be told
// what: the real command, killed and run twice at once, on hubs that break and
// heal, with receivers that fail, by clocks that jump.
package paging

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"hubaudit/internal/world"
)

// Of one test run: the command under test, and the cluster in each of its states.
var binary, dumps string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hubaudit-paging-")
	if err == nil {
		binary, dumps = filepath.Join(dir, "audit"), filepath.Join(dir, "dumps")
		err = prepare()
	}
	status := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		status = m.Run()
		countUp()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// Folders of the cluster's states: all is well, and a node with replicas is gone.
const (
	clusterWhole  = "whole"
	nodeIsGone    = "gone"
	clusterUnread = "unread" // there is no such folder
)

func prepare() error {
	// Processes wait for disks and for one another more than they compute. The
	// command line comes after this.
	if err := flag.Set("test.parallel", strconv.Itoa(max(8, runtime.GOMAXPROCS(0)))); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", binary, "./cmd/audit")
	build.Dir, build.Env, build.Stderr = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	for _, state := range []string{clusterWhole, nodeIsGone} {
		s := world.Healthy(world.Size{Users: 3, Nodes: 4, Replicas: 3})
		if state == nodeIsGone {
			world.LoseNode(s, "worker-2")
		}
		dir := filepath.Join(dumps, state)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := world.WriteDump(dir, s); err != nil {
			return err
		}
	}
	return nil
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
