package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubaudit/internal/audit"
	"hubaudit/notify/notifytest"
)

// watched is a running audit watch.
type watched struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // of its log
	log   strings.Builder
	url   string
}

// emptied is a configuration of a hub whose database was emptied, which is worth
// a page.
func emptied(t *testing.T, notify string) (file string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"lost.sqlite": "", "claims.yaml": "apiVersion: v1\nkind: PersistentVolumeClaimList\nitems: []\n",
		"hubaudit.yaml": "hubs: [{name: lost, database: sqlite:///lost.sqlite}]\ncluster: {dump: claims.yaml}\nhistory: sqlite:history.db\n" + notify +
			"  routes: [{severity: critical, to: [slack]}]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "hubaudit.yaml")
}

// startWatch starts the real command on a port that is free.
func startWatch(t *testing.T, file string, args ...string) *watched {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	w := &watched{t: t, lines: make(chan string, 10_000),
		cmd: exec.CommandContext(ctx, "audit", append([]string{"watch", "--config", file, "--schedule", "@every 24h", "--listen", "127.0.0.1:0"}, args...)...)}
	stderr, err := w.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			w.lines <- s.Text()
		}
	}()
	w.url = "http://" + regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(w.until("serving the report"))
	return w
}

// until reads the log up to a line with these words.
func (w *watched) until(words string) string {
	w.t.Helper()
	for line := range w.lines {
		w.log.WriteString(line + "\n")
		if strings.Contains(line, words) {
			return line
		}
	}
	w.t.Fatalf("it ended without saying %q:\n%s", words, w.log.String())
	return ""
}

func (w *watched) signal(s os.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// end waits for the end of the process and returns its status.
func (w *watched) end() int {
	w.t.Helper()
	for line := range w.lines {
		w.log.WriteString(line + "\n")
	}
	_ = w.cmd.Wait() // its status says how it went
	return w.cmd.ProcessState.ExitCode()
}

func (w *watched) get(path string) (int, string) {
	w.t.Helper()
	r, err := http.Get(w.url + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func slackOnly(t *testing.T) (*notifytest.SlackServer, string) {
	slack := notifytest.NewSlackServer()
	t.Cleanup(slack.Close)
	t.Setenv("SLACK_TOKEN", notifytest.SlackToken)
	return slack, fmt.Sprintf("notify:\n  slack: {token: \"${SLACK_TOKEN}\", channel: %q, apiURL: %q}\n", notifytest.SlackChannel, slack.APIURL())
}

// TestWatch follows one process from its first run over a good and a broken
// configuration to its end.
func TestWatch(t *testing.T) {
	slack, receivers := slackOnly(t)
	file := emptied(t, receivers)
	w := startWatch(t, file)
	w.until("a run has ended")
	for path, want := range map[string]string{"/readyz": "ok", "/healthz": "ok", "/": "the database file is empty", "/report.json": `"hubaudit/v1"`, "/report.md": "# 1 invariant",
		"/metrics": `hubaudit_watch_runs_total{result="incomplete"} 1`} {
		if status, body := w.get(path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, want %q in\n%.3000s", path, status, want, body)
		}
	}
	if _, metrics := w.get("/metrics"); !strings.Contains(metrics, `hubaudit_findings{check="hub-db-corrupt",hub="lost",severity="critical"} 1`) {
		t.Errorf("the run's own numbers are missing:\n%s", metrics)
	}
	if n := len(slack.Posts()); n == 0 {
		t.Error("nobody was told")
	}

	w.signal(syscall.SIGHUP)
	w.until("the configuration was read again")
	good := read(t, file)
	for _, broken := range []string{good + "cheks: {}\n", good + "watch: {schedule: \"0 0 31 2 *\"}\n", strings.Replace(good, "token: \"${SLACK_TOKEN}\"", "tokenFile: nowhere", 1)} {
		if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		w.signal(syscall.SIGHUP)
		w.until("the new configuration is refused")
	}
	if _, page := w.get("/"); !strings.Contains(page, "and refused; the one before goes on") || !strings.Contains(page, "nowhere") {
		t.Errorf("the page does not say that the configuration was refused:\n%.3000s", page)
	}
	if _, metrics := w.get("/metrics"); !strings.Contains(metrics, "hubaudit_watch_config_last_reload_successful 0\n") {
		t.Errorf("the metrics do not say so:\n%s", metrics)
	}

	w.signal(syscall.SIGTERM)
	if status := w.end(); status != exitClean || !strings.Contains(w.log.String(), `"message":"stopped"`) {
		t.Errorf("it left with status %d; log:\n%s", status, w.log.String())
	}
	if strings.Contains(w.log.String(), notifytest.SlackToken) {
		t.Errorf("the log shows the token:\n%s", w.log.String())
	}
	c := &common{config: file}
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := c.load(nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := audit.OpenHistory(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if runs, err := store.Runs(t.Context(), "", 10); err != nil || len(runs) != 1 {
		t.Errorf("the history has runs %v, %v: want one", runs, err)
	}
}

// TestWatchStopsWhileSlackHangs: what hangs is broken off, and sent once more before
// the end if there is time; else the next run sends it. A second signal ends it at
// once.
func TestWatchStopsWhileSlackHangs(t *testing.T) {
	for name, c := range map[string]struct {
		hangs, signals, status int
		told                   bool // before the end
	}{
		"once":          {1, 1, exitClean, true},
		"for ever":      {100, 1, exitClean, false},
		"second signal": {100, 2, exitIncomplete, false},
	} {
		t.Run(name, func(t *testing.T) {
			slack, receivers := slackOnly(t)
			file := emptied(t, receivers)
			struck := make(chan struct{}, c.hangs)
			for range c.hangs {
				slack.Fail("chat.postMessage", notifytest.Fault{Hang: true, Struck: func() { struck <- struct{}{} }})
			}
			w := startWatch(t, file, "--grace", map[int]string{1: "4s", 2: "1m"}[c.signals])
			<-struck
			w.signal(syscall.SIGTERM)
			w.until(`"message":"stopping"`)
			if c.signals > 1 {
				<-struck // it tries again
				w.signal(syscall.SIGTERM)
			}
			if status := w.end(); status != c.status {
				t.Errorf("it left with status %d, want %d; log:\n%s", status, c.status, w.log.String())
			}
			if told := len(slack.Posts()) > 0; told != c.told {
				t.Errorf("told before the end: %v; log:\n%s", told, w.log.String())
			}
		})
	}
}

// TestWatchNeedsItsPort: an address that is taken is told at once.
func TestWatchNeedsItsPort(t *testing.T) {
	_, receivers := slackOnly(t)
	file := emptied(t, receivers)
	w := startWatch(t, file, "--no-notify")
	out, err := exec.CommandContext(t.Context(), "audit", "watch", "--config", file, "--listen", strings.TrimPrefix(w.url, "http://")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "give another host:port with --listen") {
		t.Errorf("%v: %s", err, out)
	}
	w.signal(syscall.SIGTERM)
	if status := w.end(); status != exitClean {
		t.Errorf("it left with status %d", status)
	}
}
