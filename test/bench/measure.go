package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// usage is what a process cost.
type usage struct {
	Wall, CPU time.Duration
	Peak      int64  // bytes of resident memory
	Output    string // what it printed
}

// measured runs a command and returns what it cost. It is started by a small
// process in between: Linux counts what the parent had in memory as the
// child's own peak, and this one has the whole world in memory.
func measured(r *runner, self string, env, command []string) usage {
	cmd := exec.CommandContext(r.ctx, self, append([]string{"measure"}, command...)...)
	cmd.Env = env
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		r.Fatalf("run %s: %w", command[0], err)
	}
	var u usage
	if err := json.Unmarshal(out, &u); err != nil {
		r.Fatalf("measure %s: %w", command[0], err)
	}
	return u
}

// measure is the process in between.
func measure(command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	start := time.Now()
	err := cmd.Run()
	u := usage{Wall: time.Since(start), Output: out.String()}
	if err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.Peak = used.Maxrss * 1024 // Linux counts in kilobytes
	return json.NewEncoder(os.Stdout).Encode(u)
}
