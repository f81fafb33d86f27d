package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"hubaudit/test/harness"
)

// watching is one pod of the Deployment.
type watching struct {
	cmd *exec.Cmd
	url string
	log chan string // what it has logged, when it has ended
}

// pod starts a pod, and returns when its first run has ended.
func (w *watchers) pod(t *testing.T) *watching {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, w.args...)
	cmd.Dir = w.p.dir
	cmd.Env = []string{"HOME=" + w.p.dir, "KUBECONFIG=" + w.p.kubeconfig}
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	pod := &watching{cmd: cmd, log: make(chan string, 1)}
	address := make(chan string, 1)
	go pod.follow(stderr, address)
	select {
	case a := <-address:
		pod.url = "http://" + a
	case log := <-pod.log:
		t.Fatalf("audit %s ended:\n%s", strings.Join(w.args, " "), log)
	}
	harness.Poll(t, "the first run of audit watch", func(ctx context.Context) error {
		status, body, err := pod.ask(ctx, "/readyz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("not ready: %s", body)
		}
		return err
	})
	return pod
}

var serving = regexp.MustCompile(`"address":"(127\.0\.0\.1:\d+)"`)

// follow reads the log to its end.
func (pod *watching) follow(stderr io.Reader, address chan<- string) {
	var log strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
		if found := serving.FindStringSubmatch(lines.Text()); found != nil {
			address <- found[1]
		}
	}
	pod.log <- log.String()
}

// end ends the pod as a kubelet does.
func (pod *watching) end(t *testing.T) {
	t.Helper()
	if err := pod.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log := <-pod.log
	if err := pod.cmd.Wait(); err != nil {
		t.Errorf("it did not end as it should: %v\n%s", err, log)
	}
}

func (pod *watching) ask(ctx context.Context, path string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, pod.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

func (pod *watching) get(t *testing.T, path string) string {
	t.Helper()
	status, body, err := pod.ask(t.Context(), path)
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: %d, %v: %s", path, status, err, body)
	}
	return body
}

// expectServed holds that the process is in order and that its metrics have these lines.
func (pod *watching) expectServed(t *testing.T, lines ...string) {
	t.Helper()
	if healthy := pod.get(t, "/healthz"); healthy != "ok\n" {
		t.Errorf("/healthz says %q", healthy)
	}
	metrics := pod.get(t, "/metrics")
	for _, line := range lines {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics do not hold %q:\n%s", line, metrics)
		}
	}
}
