package hubapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hubaudit/internal/collect/web"
	"hubaudit/internal/facts"
)

// answer replaces all answers after the version by one.
func answer(status int, header http.Header, body string) http.Handler {
	hub := newFake(3)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hub/api/" {
			hub.ServeHTTP(w, r)
			return
		}
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

func TestAnswersThatAreRefusals(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html; charset=UTF-8"}}
	text := http.Header{"Content-Type": {"application/json"}}
	to := func(url string) http.Header { return http.Header{"Location": {url}} }
	for name, c := range map[string]struct {
		hub   http.Handler
		cause facts.Cause
		words []string
	}{
		"401":            {answer(401, text, `{"status": 401, "message": "token\nexpired"}`), facts.CauseForbidden, []string{"status 401", `the hub says "token expired"`, "load_roles"}},
		"403":            {answer(403, text, `{}`), facts.CauseForbidden, []string{"may not ask who the token is", "status 403", "list:users, read:users, read:servers and admin:server_state"}},
		"500":            {answer(500, text, `{"message": "Internal Server Error"}`), facts.CauseUnreadable, []string{"status 500", "see the hub's log"}},
		"503 for ever":   {answer(503, html, `<h1>Service unavailable</h1>`), facts.CauseUnreachable, []string{"status 503, also after several attempts"}},
		"a login page":   {answer(200, html, `<!DOCTYPE html><html>`), facts.CauseUnreadable, []string{"the answer is a web page (status 200)", "ends in /hub/api"}},
		"no type at all": {answer(200, http.Header{"Content-Type": nil}, `<!DOCTYPE html><html>`), facts.CauseUnreadable, []string{"the answer cannot be read", "ends in /hub/api"}},
		"to the login":   {answer(302, to("/hub/login?next=%2Fhub%2Fapi"), ""), facts.CauseUnreadable, []string{`/hub/login", which is not followed`}},
		"to a stranger":  {answer(301, to("https://user:pass@evil.example/hub/api/user"), ""), facts.CauseUnreadable, []string{`redirect to "https://evil.example/hub/api/user", which is not followed`}},
		"to nowhere":     {answer(302, http.Header{}, ""), facts.CauseUnreadable, []string{`redirect to "nowhere"`}},
		"half an answer": {answer(200, http.Header{"Content-Length": {"1000"}}, `{"kind": "service", "na`), facts.CauseUnreachable, []string{"no lasting connection, also after several attempts"}},
		"no JSON":        {answer(200, text, `{"kind": }`), facts.CauseUnreadable, []string{"the answer cannot be read"}},
		"a nameless hub": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"kind": "APIVersions"}`) }), facts.CauseUnreadable, []string{"names no version"}},
		"nothing there":  {http.NotFoundHandler(), facts.CauseMissing, []string{"status 404; the URL is not the hub's API"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, c.hub)
			wantFailure(t, err, c.cause, c.words...)
			if strings.Contains(err.Error(), "pass") || strings.Contains(err.Error(), "next=") {
				t.Errorf("the redirect's secrets are shown: %v", err)
			}
		})
	}
}

// TestARestartingHubIsWaitedFor: each question finds the hub away at first.
func TestARestartingHubIsWaitedFor(t *testing.T) {
	hub, seen := newFake(613), map[string]int{}
	var mu sync.Mutex // the client asks again while the server still ends a broken answer
	attempt := func(question string) int {
		mu.Lock()
		defer mu.Unlock()
		seen[question]++
		return seen[question]
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch attempt(r.URL.String()) {
		case 1:
			panic(http.ErrAbortHandler) // the connection breaks
		case 2:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"items": [`)
		default:
			hub.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	var pauses []time.Duration
	api, err := readFrom(t, t.Context(), server.URL+"/hub/api", &pauses)
	if err != nil || len(api.Users) != 613 {
		t.Fatalf("read %d users: %v", len(api.Users), err)
	}
	if first := []time.Duration{firstPause, 7 * time.Second, 4 * firstPause}; !slices.Equal(pauses[:min(3, len(pauses))], first) {
		t.Errorf("waited %v, want to begin with %v", pauses, first)
	}
	mu.Lock()
	defer mu.Unlock()
	for question, attempts := range seen {
		if attempts != 4 {
			t.Errorf("%s was asked %d times", question, attempts)
		}
	}
}

// TestNoAttemptAfterTheDeadline: with no time for another attempt the last
// one's failure is told, not that time ran out.
func TestNoAttemptAfterTheDeadline(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), firstPause/2)
	defer cancel()
	var pauses []time.Duration
	_, err := readFrom(t, ctx, address+"/hub/api", &pauses)
	wantFailure(t, err, facts.CauseUnreachable, "no lasting connection", "refused", "see whether the hub runs")
	if len(pauses) != 0 {
		t.Errorf("waited %v", pauses)
	}
}

// TestASlowHub: the deadline passes while the hub thinks.
func TestASlowHub(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hub := newFake(613)
	hub.before = func(int) { cancel() }
	hub.answer = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		<-r.Context().Done()
		return true
	}
	server := httptest.NewServer(hub)
	defer server.Close()
	_, err := readFrom(t, ctx, server.URL+"/hub/api", nil)
	wantFailure(t, err, facts.CauseTimeout, "cannot list the users", "the run was stopped")
}

func TestAnEndlessAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("a quarter of a gigabyte, for whose every byte the race detector takes long")
	}
	hub := newFake(3)
	hub.answer = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		blank := bytes.Repeat([]byte(" "), 1<<20)
		for range maxBody>>20 + 1 {
			if _, err := w.Write(blank); err != nil {
				return true
			}
		}
		return true
	}
	_, err := read(t, hub)
	wantFailure(t, err, facts.CauseUnreadable, "the answer is larger than any hub's")
}

func TestTLS(t *testing.T) {
	hub := newFake(613)
	server := httptest.NewUnstartedServer(hub)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the client that does not trust it
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{URL: server.URL + "/hub/api/", Token: secret, CAFile: file}
	if api, err := Read(t.Context(), o); err != nil || len(api.Users) != 613 || api.Location != server.URL+"/hub/api" {
		t.Errorf("with the certificate: %d users at %s: %v", len(api.Users), api.Location, err)
	}
	o.CAFile = ""
	_, err := Read(t.Context(), o)
	wantFailure(t, err, facts.CauseUnreachable, "no trusted connection; set caFile")
	o.CAFile = filepath.Join(t.TempDir(), "gone.pem")
	_, err = Read(t.Context(), o)
	wantFailure(t, err, facts.CauseUnreadable, "(caFile)", "gone.pem")
	if err := os.WriteFile(o.CAFile, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Read(t.Context(), o)
	wantFailure(t, err, facts.CauseUnreadable, "holds no certificate in PEM")
}

func TestOptionsThatCannotWork(t *testing.T) {
	for name, c := range map[string]struct {
		o     Options
		words string
	}{
		"no URL":        {Options{Token: secret}, "its URL is none such as"},
		"no scheme":     {Options{URL: "hub:8081/hub/api", Token: secret}, "its URL is none such as"},
		"a file":        {Options{URL: "file:///hub/api", Token: secret}, "its URL is none such as"},
		"no token":      {Options{URL: "http://hub/hub/api"}, "the token is empty"},
		"a second line": {Options{URL: "http://u:p4ss@hub/hub/api?q=p4ss", Token: secret + "\nX: y"}, "at http://hub/hub/api: the token is empty or holds a blank"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(t.Context(), c.o)
			wantFailure(t, err, facts.CauseUnreadable, c.words)
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "p4ss") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

// TestNoProxySeesTheToken: over http a proxy would.
func TestNoProxySeesTheToken(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	if _, err := read(t, newFake(3)); err != nil {
		t.Error(err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://hub.example/hub/api", nil)
	if u, err := web.Proxy(r); u != nil || err != nil {
		t.Errorf("the proxy for http is %v: %v", u, err)
	}
}
