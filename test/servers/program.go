package servers

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
	"hubaudit/test/ports"
	"hubaudit/test/reaper"
)

// Program is a server of a Debian package that a test starts with arguments of
// its own, such as Prometheus. It ends with the test.
type Program struct {
	// Dir is its folder, and where it runs.
	Dir string
	// Address is 127.0.0.1 and the port that was reserved for it.
	Address string
	// CAFile and CA are its certificate, as a file and in PEM, once it is Secure.
	CAFile string
	CA     []byte

	name  string
	path  string // of the wrapper that the reaper knows
	ended chan struct{}
	cmd   *exec.Cmd
}

// User and Password are what a Secure program asks for.
const User, Password = "audit", "correct horse"

// passwordHash is the password's by bcrypt, at the lowest cost:
// `htpasswd -nbBC 4 audit 'correct horse'`.
const passwordHash = "$2a$04$2R84hQi2AFRDLbHBjZS3SOR3t3MqdgXQJAH9PeoulWvVl0KSyknEm"

// NewProgram makes the folder of a program and reserves its address.
func NewProgram(tb testing.TB, name string) *Program {
	tb.Helper()
	r, err := reaper.New("hubaudit-" + name + "-")
	check(tb, err)
	tb.Cleanup(func() { check(tb, r.Reap()) })
	path, err := r.Wrap(Find(tb, name))
	check(tb, err)
	return &Program{Dir: r.Dir, Address: fmt.Sprintf("127.0.0.1:%d", ports.Reserve(tb)), name: name, path: path}
}

// Secure writes what has a program of the Prometheus family speak TLS and ask for
// User and Password, and gives the file for --web.config.file.
func (p *Program) Secure(tb testing.TB) string {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(tb, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	check(tb, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(tb, err)
	p.CA, p.CAFile = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), filepath.Join(p.Dir, "server.crt")
	config := "tls_server_config: {cert_file: server.crt, key_file: server.key}\nbasic_auth_users: {" + User + ": '" + passwordHash + "'}\n"
	for name, content := range map[string][]byte{
		"server.crt": p.CA,
		"server.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		"web.yml":    []byte(config),
	} {
		check(tb, os.WriteFile(filepath.Join(p.Dir, name), content, 0o600))
	}
	return filepath.Join(p.Dir, "web.yml")
}

// Start starts the program and waits until the page at ready answers. After Kill
// it may be started again.
func (p *Program) Start(tb testing.TB, ready string, args ...string) {
	tb.Helper()
	log, err := os.Create(filepath.Join(p.Dir, "log"))
	check(tb, err)
	defer log.Close()
	p.cmd, p.ended = exec.Command(p.path, args...), make(chan struct{})
	p.cmd.Dir = p.Dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	check(tb, p.cmd.Start())
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // it ends by being killed
		close(ended)
	}(p.cmd, p.ended)
	tb.Cleanup(p.Kill)
	harness.Poll(tb, p.name, func(ctx context.Context) error {
		select {
		case <-p.ended:
			said, _ := os.ReadFile(log.Name()) // nothing is said then
			tb.Fatalf("%s ended: %s", p.name, said)
		default:
		}
		_, err := p.Get(ctx, ready)
		return err
	})
}

// Kill ends the program, if it has not ended.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// URL is where a path of the program is.
func (p *Program) URL(path string) string {
	if p.CA != nil {
		return "https://" + p.Address + path
	}
	return "http://" + p.Address + path
}

// Get is the body of an answer with 200.
func (p *Program) Get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL(path), nil)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if p.CA != nil {
		req.SetBasicAuth(User, Password)
		pool.AppendCertsFromPEM(p.CA)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
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
