// Package alertmanager tests telling a real Alertmanager, Debian's, of incidents.
package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hubaudit/test/servers"
)

// prefix is what the paths of Alertmanager's pages begin with.
const prefix = "/alerts-here"

// server is an Alertmanager that can be started again.
type server struct {
	*servers.Program
	url string
	run func()
}

// start runs an Alertmanager until the end of the test. It tells the Slack at
// slackURL, if that is not empty, of what it is told.
func start(t *testing.T, slackURL string) *server {
	t.Helper()
	p := servers.NewProgram(t, "prometheus-alertmanager")
	config := filepath.Join(p.Dir, "alertmanager.yml")
	must(t, os.WriteFile(config, []byte(configuration(slackURL)), 0o600))
	s := &server{Program: p, url: p.URL(prefix)}
	s.run = func() {
		p.Start(t, prefix+"/-/ready", "--config.file="+config, "--storage.path="+filepath.Join(p.Dir, "data"), "--web.listen-address="+p.Address,
			"--web.external-url="+s.url, "--cluster.listen-address=", "--log.level=warn")
	}
	s.run()
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

// firing is one alert that Alertmanager holds for active.
type firing struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
}

// active are the alerts that fire now.
func (s *server) active(ctx context.Context) ([]firing, error) {
	body, err := s.Get(ctx, prefix+"/api/v2/alerts?"+url.Values{"active": {"true"}}.Encode())
	if err != nil {
		return nil, err
	}
	var out []firing
	return out, json.Unmarshal(body, &out)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
