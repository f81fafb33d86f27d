package prometheus

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
)

func TestFailures(t *testing.T) {
	answer := func(status int, media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const asJSON = "application/json"
	for name, tt := range map[string]struct {
		h     http.HandlerFunc
		cause facts.Cause
		words []string
	}{
		"no login":       {answer(401, "text/plain", "Unauthorized"), facts.CauseForbidden, []string{"status 401", "tokenFile"}},
		"not allowed":    {answer(403, asJSON, `{"status":"error","errorType":"forbidden","error":"no tenant\nhere"}`), facts.CauseForbidden, []string{"status 403", `"no tenant here"`}},
		"not there":      {answer(404, "text/plain", "404 page not found"), facts.CauseMissing, []string{"--web.route-prefix"}},
		"a web page":     {answer(200, "text/html; charset=utf-8", "<html>"), facts.CauseUnreadable, []string{"web page", "/graph"}},
		"a proxy's page": {answer(502, "text/html", "<html>"), facts.CauseUnreachable, []string{"status 502"}},
		"starting":       {answer(503, "text/plain", "Service Unavailable"), facts.CauseUnreachable, []string{"still starts"}},
		"slow query":     {answer(503, asJSON, `{"status":"error","errorType":"timeout","error":"query timed out"}`), facts.CauseTimeout, []string{"--query.timeout"}},
		"bad query":      {answer(400, asJSON, `{"status":"error","errorType":"bad_data","error":"parse error"}`), facts.CauseUnreadable, []string{"bad_data", "parse error", "prometheus.matchers"}},
		"too many":       {answer(422, asJSON, `{"status":"error","errorType":"execution","error":"too many samples"}`), facts.CauseUnreadable, []string{"too many samples"}},
		"error in 200":   {answer(200, asJSON, `{"status":"error","errorType":"execution","error":"storage"}`), facts.CauseUnreadable, []string{"storage"}},
		"server's error": {answer(500, "text/plain", "boom"), facts.CauseUnreadable, []string{"status 500"}},
		"warnings": {answer(200, asJSON, `{"status":"success","warnings":["store x unavailable"],"data":{"resultType":"vector","result":[]}}`),
			facts.CauseUnreadable, []string{"may be missing", "store x unavailable"}},
		"not JSON":    {answer(200, "text/plain", "hello"), facts.CauseUnreadable, []string{"cannot be read"}},
		"another API": {answer(200, asJSON, `{"items":[]}`), facts.CauseUnreadable, []string{`its status is ""`}},
		"a list":      {answer(200, asJSON, `[1]`), facts.CauseUnreadable, []string{"instead of an object"}},
		"a matrix":    {answer(200, asJSON, `{"status":"success","data":{"resultType":"matrix","result":[]}}`), facts.CauseUnreadable, []string{"a matrix"}},
		"no vector":   {answer(200, asJSON, `{"status":"success"}`), facts.CauseUnreadable, []string{"no vector"}},
		"null":        {answer(200, asJSON, `{"status":"success","data":null}`), facts.CauseUnreadable, []string{"no vector"}},
		"no value":    {answer(200, asJSON, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}`), facts.CauseUnreadable, []string{"time"}},
		"no number":   {answer(200, asJSON, vector("a/b=x")), facts.CauseUnreadable, []string{"no number: x"}},
		"two answers": {answer(200, asJSON, vector()+vector()), facts.CauseUnreadable, []string{"follows"}},
		"cut short":   {answer(200, asJSON, vector("a/b=1")[:80]), facts.CauseUnreachable, []string{"unexpected EOF"}},
		"to a login": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://login.example.org/start?back="+secret, http.StatusFound)
		}, facts.CauseUnreadable, []string{`"https://login.example.org/start"`}},
		"hangs up": {func(w http.ResponseWriter, r *http.Request) {
			panic(http.ErrAbortHandler)
		}, facts.CauseUnreachable, []string{"no lasting connection"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, tt.h)
			wantFailure(t, err, tt.cause, tt.words...)
		})
	}
}

func TestNotReached(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Read(t.Context(), Options{URL: url})
	wantFailure(t, err, facts.CauseUnreachable, url, "network policy")
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err := Read(ctx, Options{URL: server.URL})
	wantFailure(t, err, facts.CauseTimeout, "--timeout")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = Read(ctx, Options{URL: server.URL})
	wantFailure(t, err, facts.CauseTimeout, "stopped")
}

func TestTrust(t *testing.T) {
	server := httptest.NewUnstartedServer(answers{"capacity": vector("hub/db=1")})
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are to fail
	server.StartTLS()
	defer server.Close()
	_, err := Read(t.Context(), Options{URL: server.URL})
	wantFailure(t, err, facts.CauseUnreachable, "caFile")
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Read(t.Context(), Options{URL: server.URL, CAFile: file})
	wantFailure(t, err, facts.CauseUnreadable, "no certificate")
}

func TestOptionsRefused(t *testing.T) {
	for _, o := range []Options{{}, {URL: "prometheus:9090"}, {URL: "ftp://x"}, {URL: "http://u:" + secret + "@x"}, {URL: "http://x", Token: secret + "\n"}, {URL: "http://[" + secret}} {
		_, err := Read(t.Context(), o)
		wantFailure(t, err, facts.CauseUnreadable, "asking Prometheus")
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}
