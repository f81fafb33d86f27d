// Package alertmanager tests telling a real Alertmanager, Debian's, of incidents.
package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"hubaudit/test/harness"
	"hubaudit/test/reaper"
)

// server is an Alertmanager that can be started again.
type server struct {
	url  string
	run  func()
	stop func()
}

// start runs an Alertmanager until the end of the test. It tells the Slack at
// slackURL, if that is not empty, of what it is told.
func start(t *testing.T, slackURL string) *server {
	t.Helper()
	r, err := reaper.New("hubaudit-alertmanager-")
	must(t, err)
	t.Cleanup(func() { must(t, r.Reap()) })
	config := filepath.Join(r.Dir, "alertmanager.yml")
	must(t, os.WriteFile(config, []byte(configuration(slackURL)), 0o600))
	address := freeAddress(t)
	s := &server{url: "http://" + address + "/alerts-here", stop: func() {}}
	wrapper, err := r.Wrap(find(t, "prometheus-alertmanager"))
	must(t, err)
	s.run = func() {
		cmd := exec.Command(wrapper, "--config.file="+config, "--storage.path="+filepath.Join(r.Dir, "data"), "--web.listen-address="+address,
			"--web.external-url="+s.url, "--cluster.listen-address=", "--log.level=warn")
		cmd.Dir = r.Dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		log, err := os.Create(filepath.Join(r.Dir, "log"))
		must(t, err)
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		must(t, cmd.Start())
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait() // it ends by being killed
			close(ended)
		}()
		s.stop = func() {
			_ = cmd.Process.Kill() // it may have ended
			<-ended
		}
		harness.Poll(t, "Alertmanager", func(ctx context.Context) error {
			select {
			case <-ended:
				said, _ := os.ReadFile(log.Name()) // nothing is said then
				t.Fatalf("Alertmanager ended: %s", said)
			default:
			}
			_, err := s.get(ctx, "/-/ready")
			return err
		})
	}
	s.run()
	t.Cleanup(func() { s.stop() })
	return s
}

// configuration tells at once, as far as Alertmanager can.
func configuration(slackURL string) string {
	receiver := ""
	if slackURL != "" {
		receiver = fmt.Sprintf(", slack_configs: [{api_url: %q, channel: '#hub-alerts', send_resolved: true, "+
			"text: '{{ range .Alerts }}{{ range .Annotations.SortedPairs }}{{ .Name }}: {{ .Value }}\n{{ end }}{{ end }}'}]", slackURL)
	}
	return "route: {receiver: all, group_by: [alertname, hub], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n" +
		"receivers: [{name: all" + receiver + "}]\n"
}

// get is the body of an answer with 200.
func (s *server) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", resp.StatusCode, body.Bytes())
	}
	return body.Bytes(), nil
}

// firing is one alert that Alertmanager holds for active.
type firing struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
}

// active are the alerts that fire now.
func (s *server) active(ctx context.Context) ([]firing, error) {
	body, err := s.get(ctx, "/api/v2/alerts?"+url.Values{"active": {"true"}}.Encode())
	if err != nil {
		return nil, err
	}
	var out []firing
	return out, json.Unmarshal(body, &out)
}

func find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: apt-get install prometheus-alertmanager", err)
	}
	return path
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
