// Package prometheus tests asking a real Prometheus, Debian's, how full volumes
// are and how many users a hub counts.
package prometheus

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/collect/prometheus"
	"hubaudit/test/servers"
)

// server is a running Prometheus.
type server struct {
	url    string
	caFile string // of the certificate that signed the server's, with secure
}

// setting is what a Prometheus is started with.
type setting struct {
	// config is its configuration; empty for one that scrapes nothing.
	config string
	// prefix is what the paths of its pages begin with.
	prefix string
	// secure has it ask for a user and a password, over TLS.
	secure bool
	// samples are stored before it starts, in OpenMetrics with times.
	samples string
}

// start runs a Prometheus until the end of the test.
func start(t testing.TB, s setting) *server {
	t.Helper()
	p := servers.NewProgram(t, "prometheus")
	data := filepath.Join(p.Dir, "data")
	if s.samples != "" {
		backfill(t, p.Dir, data, s.samples)
	}
	config := filepath.Join(p.Dir, "prometheus.yml")
	must(t, os.WriteFile(config, []byte(s.config), 0o600))
	args := []string{"--config.file=" + config, "--storage.tsdb.path=" + data, "--storage.tsdb.retention.time=100y", "--web.listen-address=" + p.Address,
		"--web.external-url=http://" + p.Address + s.prefix, "--log.level=warn"}
	if s.secure {
		args = append(args, "--web.config.file="+p.Secure(t))
	}
	p.Start(t, s.prefix+"/-/ready", args...)
	return &server{url: p.URL(s.prefix), caFile: p.CAFile}
}

// options are what a reader of its own hub needs.
func (p *server) options(at time.Time) prometheus.Options {
	return prometheus.Options{URL: p.url, CAFile: p.caFile, UserAgent: "hubaudit/test", HubNamespaces: []string{"jhub"}, At: at}
}

// backfill stores samples as they would have been scraped.
func backfill(t testing.TB, dir, data, samples string) {
	t.Helper()
	file := filepath.Join(dir, "samples.om")
	must(t, os.WriteFile(file, []byte(strings.TrimSpace(samples)+"\n# EOF\n"), 0o600))
	if out, err := exec.Command(servers.Find(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", file, data).CombinedOutput(); err != nil {
		t.Fatalf("storing samples: %v\n%s", err, out)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
