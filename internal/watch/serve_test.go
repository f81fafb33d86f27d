package watch

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"

	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// get asks the Watch's handler.
func (b *bench) get(path string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	return w
}

// TestBeforeTheFirstRun: alive and not ready; nothing pretends to be a report.
func TestBeforeTheFirstRun(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		b.run = func(ctx context.Context, _ int) error { return busy(ctx, time.Minute) }
		b.begin()
		b.pass(time.Second)
		for path, want := range map[string]int{"/": 200, "/healthz": 200, "/readyz": 503, "/report.json": 503, "/report.md": 503, "/metrics": 200, "/favicon.ico": 404} {
			if got := b.get(path, nil); got.Code != want {
				t.Errorf("%s: %d, want %d: %s", path, got.Code, want, got.Body)
			}
		}
		if page := b.page(); !strings.Contains(page, "No report yet") || !strings.Contains(page, "No run has ended yet. A run has been going since") {
			t.Errorf("the page:\n%s", page)
		}
		b.pass(time.Minute)
		if got := b.get("/readyz", nil); got.Code != 200 || got.Body.String() != "ok\n" {
			t.Errorf("/readyz after the first run: %d %s", got.Code, got.Body)
		}
		b.stop(nil)
	})
}

// TestStale: the page turns red once it is older than two periods, not before.
func TestStale(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		b.run = func(_ context.Context, n int) error {
			if n > 1 {
				return context.DeadlineExceeded
			}
			return nil
		}
		b.begin()
		b.pass(2 * time.Hour)
		if page := b.page(); strings.Contains(page, "This report is old") || !strings.Contains(page, "This report is 2 h old. The next run is due at 2000-01-01 03:00 UTC (0 * * * *).") {
			t.Errorf("after two periods:\n%s", page)
		}
		b.pass(time.Minute)
		if page := b.page(); !strings.Contains(page, `<p class="notice bad">This report is old: it shows how things were at 2000-01-01 00:00 UTC, 2 h 1 min ago.`) {
			t.Errorf("after more than two periods:\n%s", page)
		}
		b.stop(nil)
	})
}

// TestStaleAfterReload: a report is held against the schedule from when that was
// taken over.
func TestStaleAfterReload(t *testing.T) {
	for _, c := range []struct {
		schedule string
		old      time.Duration // after the reload
	}{{"*/10 * * * *", 21 * time.Minute}, {"0 0 * * *", 48*time.Hour - 89*time.Minute}} {
		inBubble(t, "0 * * * *", func(b *bench) {
			b.run = func(_ context.Context, n int) error {
				if n > 1 {
					return context.DeadlineExceeded
				}
				return nil
			}
			b.o.Reload = func() (Job, error) { return b.job(c.schedule), nil }
			b.begin()
			b.pass(90 * time.Minute)
			b.signals <- Reload
			b.pass(c.old - time.Minute)
			if page := b.page(); strings.Contains(page, "This report is old") {
				t.Errorf("%s: it counts as old too early:\n%s", c.schedule, page)
			}
			b.pass(time.Minute)
			if page := b.page(); !strings.Contains(page, "This report is old") {
				t.Errorf("%s: it does not count as old:\n%s", c.schedule, page)
			}
			b.stop(nil)
		})
	}
}

func TestReports(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		b.begin()
		b.pass(time.Second)
		plain := b.get("/report.json", nil)
		var r struct{ Schema string }
		if err := json.Unmarshal(plain.Body.Bytes(), &r); err != nil || r.Schema != report.Schema || plain.Header().Get("Content-Type") != "application/json" {
			t.Errorf("/report.json: %v, %v, %v", err, r, plain.Header())
		}
		packed := b.get("/report.json", http.Header{"Accept-Encoding": {"gzip, br"}})
		z, err := gzip.NewReader(packed.Body)
		if err != nil || packed.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("packed: %v, %v", err, packed.Header())
		}
		if got, err := io.ReadAll(z); err != nil || string(got) != plain.Body.String() {
			t.Errorf("packed it is something else: %v\n%s", err, got)
		}
		if md := b.get("/report.md", nil); !strings.HasPrefix(md.Body.String(), "# The invariant holds\n") || md.Header().Get("Last-Modified") != "Sat, 01 Jan 2000 00:00:00 GMT" {
			t.Errorf("/report.md: %v\n%s", md.Header(), md.Body)
		}
		b.stop(nil)
	})
}

// TestMetrics: what is served is what Prometheus can read.
func TestMetrics(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		b.begin()
		b.pass(90 * time.Minute)
		got := b.get("/metrics", nil)
		families, err := ptr(expfmt.NewTextParser(model.UTF8Validation)).TextToMetricFamilies(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]float64{"hubaudit_watch_runs_skipped_total": 0, "hubaudit_watch_next_run_timestamp_seconds": 946692000,
			"hubaudit_watch_config_last_reload_successful": 1, "hubaudit_watch_config_last_reload_success_timestamp_seconds": 0,
			"hubaudit_last_run_timestamp_seconds": 946688400, "hubaudit_run_complete": 1, "hubaudit_messages_queued": 3} {
			f := families[name]
			if f == nil || f.Metric[0].GetCounter().GetValue()+f.Metric[0].GetGauge().GetValue() != want {
				t.Errorf("%s is %v, want %v", name, f, want)
			}
		}
		for _, name := range []string{"hubaudit_watch_runs_total", "go_goroutines", "process_resident_memory_bytes"} {
			if families[name] == nil {
				t.Errorf("%s is missing", name)
			}
		}
		b.stop(nil)
	})
}

func ptr[T any](v T) *T { return &v }

func TestOnlyReading(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		for _, path := range []string{"/", "/report.json", "/report.md", "/metrics", "/healthz", "/readyz"} {
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace} {
				w := httptest.NewRecorder()
				b.Handler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("x")))
				if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
					t.Errorf("%s %s: %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
				}
			}
			if got := b.get(path, nil); got.Code == http.StatusMethodNotAllowed || !strings.Contains(got.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-") ||
				!strings.Contains(got.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") || got.Header().Get("X-Content-Type-Options") != "nosniff" ||
				got.Header().Get("Referrer-Policy") != "no-referrer" || got.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d, %v", path, got.Code, got.Header())
			}
		}
	})
}

// TestHosts: where it listens on loopback, no foreign page gets at it under a name
// of its own.
func TestHosts(t *testing.T) {
	inBubble(t, "0 * * * *", func(b *bench) {
		for host, want := range map[string]int{"localhost:9732": 200, "LOCALHOST": 200, "127.0.0.1:9732": 200, "[::1]:9732": 200, "audit.example.org": 200,
			"evil.example:9732": 421, "192.0.2.1:9732": 421, "localhost.evil.example": 421, "": 421} {
			r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
			r.Host = host
			w := httptest.NewRecorder()
			b.Handler("audit.example.org").ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("host %q: %d, want %d", host, w.Code, want)
			}
			if want == 421 && !strings.Contains(w.Body.String(), "ask for localhost") {
				t.Errorf("host %q: %q does not say what to do", host, w.Body)
			}
		}
		if got := b.get("/healthz", nil); got.Code != 200 { // of example.com
			t.Errorf("without a list of hosts: %d", got.Code)
		}
	})
}

// TestServe answers on a real port, ends what it is answering, and lets the port go.
func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-ctx.Done()
		_, _ = io.WriteString(w, "whole")
	})
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, handler, zerolog.Nop()) }()
	answer := make(chan string, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		r, err := client.Get("http://" + listener.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		answer <- string(body)
	}()
	<-arrived
	cancel()
	if got := <-answer; got != "whole" {
		t.Errorf("the answer is %q", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
}

// BenchmarkRender makes all that is kept of a run with many findings.
func BenchmarkRender(b *testing.B) {
	run := aRun(time.Unix(0, 0))
	for i := range 100_000 {
		name := fmt.Sprintf("student-%06d", i)
		run.Verdicts[0].Findings = append(run.Verdicts[0].Findings, verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: name, ID: fmt.Sprint(i)},
			Severity: verdict.Critical, Message: fmt.Sprintf("user %q has no cookie_id", name)})
	}
	run.Verdicts[0].Outcome, run.Verdicts[0].Count = verdict.Fail, 100_000
	for b.Loop() {
		r, err := render(run, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(r.json)+len(r.markdown)), "kept-B")
	}
}
