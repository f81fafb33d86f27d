// Package pushgateway tests pushing the numbers of runs to a real Pushgateway,
// Debian's.
package pushgateway

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"hubaudit/test/harness"
	"hubaudit/test/reaper"
)

// server is a running Pushgateway.
type server struct {
	url string
	ca  []byte // of the certificate that signed the server's
}

const user, password = "audit", "correct horse"

// passwordHash is the password's by bcrypt, at the lowest cost:
// `htpasswd -nbBC 4 audit 'correct horse'`.
const passwordHash = "$2a$04$2R84hQi2AFRDLbHBjZS3SOR3t3MqdgXQJAH9PeoulWvVl0KSyknEm"

// start runs a Pushgateway that speaks TLS and asks for a password, until the end
// of the test.
func start(t testing.TB) *server {
	t.Helper()
	binary, err := exec.LookPath("prometheus-pushgateway")
	if err != nil {
		t.Fatalf("%v: apt-get install prometheus-pushgateway", err)
	}
	r, err := reaper.New("hubaudit-pushgateway-")
	must(t, err)
	t.Cleanup(func() { must(t, r.Reap()) })
	address := freeAddress(t)
	p := &server{url: "https://" + address, ca: secured(t, r.Dir)}
	wrapper, err := r.Wrap(binary)
	must(t, err)
	cmd := exec.Command(wrapper, "--web.listen-address="+address, "--web.config.file="+filepath.Join(r.Dir, "web.yml"))
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
	harness.Poll(t, "the Pushgateway", func(ctx context.Context) error {
		select {
		case <-ended:
			said, _ := os.ReadFile(log.Name()) // nothing is said then
			t.Fatalf("the Pushgateway ended: %s", said)
		default:
		}
		_, err := p.get(ctx, "/-/ready")
		return err
	})
	return p
}

// get reads a page of the server.
func (p *server) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(user, password)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(p.ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := io.Copy(&body, resp.Body); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", resp.StatusCode, body.String())
	}
	return body.String(), nil
}

// secured writes what has the server speak TLS and ask for a password, and returns
// its certificate.
func secured(t testing.TB, dir string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	config := "tls_server_config: {cert_file: server.crt, key_file: server.key}\nbasic_auth_users: {" + user + ": '" + passwordHash + "'}\n"
	for name, content := range map[string][]byte{
		"server.crt": certificate,
		"server.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		"web.yml":    []byte(config),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return certificate
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
