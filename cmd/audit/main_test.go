package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"hubaudit/notify/notifytest"
)

var update = flag.Bool("update", false, "write the expected output of the scripts again")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"audit": main})
}

// TestScripts runs the real command. Each script is one story; `status N` runs
// audit and holds its exit status against N.
func TestScripts(t *testing.T) {
	worlds, err := filepath.Abs(filepath.Join("..", "..", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() { // those in which goroutines share something, for the race detector
		scripts = slices.DeleteFunc(scripts, func(file string) bool {
			return !slices.Contains([]string{"metrics.txtar", "notify.txtar", "silence.txtar", "watch.txtar"}, filepath.Base(file))
		})
	}
	testscript.Run(t, testscript.Params{
		Files:         scripts,
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			slack, pagerduty := notifytest.NewSlackServer(), notifytest.NewPagerDutyServer()
			e.Defer(slack.Close)
			e.Defer(pagerduty.Close)
			e.Setenv("WORLDS", worlds)
			e.Setenv("SLACK_API", slack.APIURL())
			e.Setenv("SLACK_TOKEN", notifytest.SlackToken)
			e.Setenv("PAGERDUTY_API", pagerduty.URL())
			e.Setenv("PAGERDUTY_KEY", notifytest.PagerDutyKey)
			e.Setenv("TZ", "Australia/Melbourne") // no output may depend on it
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "fresh": fresh},
	})
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: status N ARG…")
	}
	got := 0
	if err := ts.Exec("audit", args[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run audit: %v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("audit %v left with status %d, want %d\n%s\n%s", args[1:], got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// runAudit runs one command line in this process and returns what it printed.
func runAudit(t *testing.T, args ...string) (status int, out, errOut string) {
	t.Helper()
	dir := t.TempDir()
	outFile, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	errFile, err := os.Create(filepath.Join(dir, "err"))
	if err != nil {
		t.Fatal(err)
	}
	defer outFile.Close()
	defer errFile.Close()
	status = execute(t.Context(), args, streams{in: os.Stdin, out: outFile, err: errFile})
	return status, read(t, outFile.Name()), read(t, errFile.Name())
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
