package kube

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

const kubeconfig = `apiVersion: v1
kind: Config
current-context: first
contexts:
- {name: first, context: {cluster: one, user: me}}
- {name: second, context: {cluster: two, user: me}}
clusters:
- {name: one, cluster: {server: "https://one.invalid"}}
- {name: two, cluster: {server: "https://two.invalid"}}
users:
- {name: me, user: {token: s3cret}}
`

// outside makes the process look like one outside of any cluster.
func outside(t *testing.T, kubeconfig string) {
	t.Helper()
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", kubeconfig)
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindConfig(t *testing.T) {
	for context, host := range map[string]string{"": "https://one.invalid", "second": "https://two.invalid"} {
		outside(t, write(t, kubeconfig))
		config, err := findConfig(context)
		if err != nil {
			t.Fatal(err)
		}
		if config.Host != host || config.BearerToken != "s3cret" {
			t.Errorf("context %q gives %s", context, config.Host)
		}
	}
}

func TestConnectFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		content, context string
		cause            facts.Cause
		detail           string
	}{
		"nothing":         {"", "", facts.CauseMissing, "found no Kubernetes configuration"},
		"unknown context": {kubeconfig, "third", facts.CauseMissing, `no context "third"`},
		"not YAML":        {"{{", "", facts.CauseUnreadable, "cannot use the kubeconfig"},
		"bad CA": {strings.Replace(kubeconfig, `server: "https://one.invalid"`, `server: "https://one.invalid", certificate-authority-data: "bm9uZQ=="`, 1), "",
			facts.CauseUnreadable, "cannot use the kubeconfig"},
	} {
		t.Run(name, func(t *testing.T) {
			path := ""
			if tt.content != "" {
				path = write(t, tt.content)
			}
			outside(t, path)
			_, err := Connect(Options{Context: tt.context})
			if err == nil {
				t.Fatal("connected")
			}
			sources := Unreachable(err)
			if len(sources) != len(Sources()) {
				t.Fatalf("%d sources, want %d", len(sources), len(Sources()))
			}
			for _, s := range sources {
				if s.Status != facts.Failed || s.Cause != tt.cause || !strings.Contains(s.Detail, tt.detail) || strings.Contains(s.Detail, "s3cret") {
					t.Errorf("got %+v, want %s with %q", s, tt.cause, tt.detail)
				}
			}
		})
	}
}

func TestConnectWithoutTheNamedFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no-such-kubeconfig")
	outside(t, missing)
	_, err := Connect(Options{})
	if got := Unreachable(err)[0]; got.Cause != facts.CauseMissing || !strings.Contains(got.Detail, missing) {
		t.Errorf("got %+v, want the file named", got)
	}
}

// TestRequests holds what a cluster's administrator may see of the audit.
func TestRequests(t *testing.T) {
	seen := make(chan *http.Request, 100)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Clone(t.Context())
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	outside(t, write(t, strings.Replace(kubeconfig, `"https://one.invalid"`, fmt.Sprintf("%q, certificate-authority-data: %s", server.URL, ca), 1)))
	c, err := Connect(Options{UserAgent: "hubaudit/1.2"})
	if err != nil {
		t.Fatal(err)
	}
	c.Read(t.Context())
	close(seen)
	for r := range seen {
		if r.Method != http.MethodGet || r.UserAgent() != "hubaudit/1.2" || r.ProtoMajor != 1 || r.URL.Query().Has("watch") || strings.Contains(r.URL.Path, "secret") {
			t.Errorf("sent %s %s with %v", r.Method, r.URL, r.Header)
		}
		if got := r.Header.Get("Authorization"); got != "Bearer s3cret" {
			t.Errorf("%s has no token", r.URL)
		}
	}
}

func TestUntrustedCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	outside(t, write(t, strings.Replace(kubeconfig, "https://one.invalid", server.URL, 1)))
	c, err := Connect(Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, sources := c.Read(t.Context())
	for _, s := range sources {
		if s.Cause != facts.CauseUnreachable || !strings.Contains(s.Detail, "certificate authority") {
			t.Errorf("got %+v", s)
		}
	}
}

func TestBriefErrors(t *testing.T) {
	err := explain(source.Failed(facts.CauseMissing, nil, "as it was"), "list x", "")
	if err.Error() != "as it was" {
		t.Errorf("got %q", err)
	}
	long := (&brief{errorText(strings.Repeat("ü\n\x80", 400))}).Error()
	if len(long) > 410 || strings.Contains(long, "\n") || !utf8.ValidString(long) {
		t.Errorf("not brief: %q", long)
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }
