// Package prometheus tests asking a real Prometheus, Debian's, how full volumes
// are and how many users a hub counts.
package prometheus

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubaudit/internal/collect/prometheus"
	"hubaudit/test/harness"
	"hubaudit/test/reaper"
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
	// secure has it ask for the user and the password below, over TLS.
	secure bool
	// samples are stored before it starts, in OpenMetrics with times.
	samples string
}

const user, password = "audit", "correct horse"

// passwordHash is the password's by bcrypt, at the lowest cost:
// `htpasswd -nbBC 4 audit 'correct horse'`.
const passwordHash = "$2a$04$2R84hQi2AFRDLbHBjZS3SOR3t3MqdgXQJAH9PeoulWvVl0KSyknEm"

// start runs a Prometheus until the end of the test.
func start(t testing.TB, s setting) *server {
	t.Helper()
	binary := find(t, "prometheus")
	r, err := reaper.New("hubaudit-prometheus-")
	must(t, err)
	t.Cleanup(func() { must(t, r.Reap()) })
	data := filepath.Join(r.Dir, "data")
	if s.samples != "" {
		backfill(t, r.Dir, data, s.samples)
	}
	config := filepath.Join(r.Dir, "prometheus.yml")
	must(t, os.WriteFile(config, []byte(s.config), 0o600))
	address := freeAddress(t)
	p := &server{url: "http://" + address + s.prefix}
	args := []string{"--config.file=" + config, "--storage.tsdb.path=" + data, "--storage.tsdb.retention.time=100y", "--web.listen-address=" + address,
		"--web.external-url=http://" + address + s.prefix, "--log.level=warn"}
	if s.secure {
		p.url, p.caFile = "https://"+address+s.prefix, filepath.Join(r.Dir, "server.crt")
		args = append(args, "--web.config.file="+secured(t, r.Dir))
	}
	wrapper, err := r.Wrap(binary)
	must(t, err)
	cmd := exec.Command(wrapper, args...)
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
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	harness.Poll(t, "Prometheus", func(ctx context.Context) error {
		select {
		case <-ended:
			said, _ := os.ReadFile(log.Name()) // nothing is said then
			t.Fatalf("Prometheus ended: %s", said)
		default:
		}
		return p.ready(ctx)
	})
	return p
}

func (p *server) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/-/ready", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, password)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // only asked whether it is there
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
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
	if out, err := exec.Command(find(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", file, data).CombinedOutput(); err != nil {
		t.Fatalf("storing samples: %v\n%s", err, out)
	}
}

// secured writes what has a Prometheus speak TLS and ask for a password.
func secured(t testing.TB, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	config := "tls_server_config: {cert_file: server.crt, key_file: server.key}\nbasic_auth_users: {" + user + ": '" + passwordHash + "'}\n"
	for name, content := range map[string][]byte{
		"server.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"server.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		"web.yml":    []byte(config),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return filepath.Join(dir, "web.yml")
}

func find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: apt-get install prometheus", err)
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
