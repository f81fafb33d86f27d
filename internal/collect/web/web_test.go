package web

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestProxySeesNoSecret(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	r := httptest.NewRequest(http.MethodGet, "http://prometheus.example.org/", nil)
	if u, err := Proxy(r); u != nil || err != nil {
		t.Errorf("the proxy for http is %v: %v", u, err)
	}
}

func TestClient(t *testing.T) {
	server := httptest.NewUnstartedServer(http.RedirectHandler("https://login.example.org/a?token=secret", http.StatusFound))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that is to fail
	server.StartTLS()
	defer server.Close()
	c, err := Client("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Get(server.URL); err == nil || !Untrusted(err) {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	trusting := server.Client()
	trusting.CheckRedirect = c.CheckRedirect
	resp, err := trusting.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if to := RedirectedTo(resp); resp.StatusCode != http.StatusFound || to != "https://login.example.org/a" {
		t.Errorf("status %d, to %q", resp.StatusCode, to)
	}
	none := filepath.Join(t.TempDir(), "none.pem")
	if _, err := Client(none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzBrief(f *testing.F) {
	f.Add("a\n b\x00\xff")
	f.Add(strings.Repeat("ü", 200))
	f.Fuzz(func(t *testing.T, text string) {
		got := Brief(text)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\t") || len(got) > 310 {
			t.Errorf("%q became %q", text, got)
		}
	})
}
