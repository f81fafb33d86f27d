package watch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"hubaudit/report"
)

// Limits of the server: everything that it is asked for is small or packed.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = time.Minute
	idleTimeout    = time.Minute
	maxHeaderBytes = 16 << 10
	closeTimeout   = 2 * time.Second
)

// Serve answers on a listener until the context ends, and closes it. Requests that
// are being answered then get a moment to end.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger zerolog.Logger) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: log.New(logger, "", 0)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	} else if err != nil {
		return fmt.Errorf("stop serving HTTP on %s: %w", listener.Addr(), err)
	}
	return nil
}

func (s *status) handler(hosts []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage)
	mux.HandleFunc("GET /report.json", s.servePacked("application/json", func(r *rendered) []byte { return r.json }))
	mux.HandleFunc("GET /report.md", s.servePacked("text/markdown; charset=utf-8", func(r *rendered) []byte { return r.markdown }))
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.gatherer(), promhttp.HandlerOpts{Registry: s.registry, ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true}))
	mux.HandleFunc("GET /healthz", probe(s.stuck))
	mux.HandleFunc("GET /readyz", probe(s.unready))
	return secured(mux, hosts)
}

// secured adds the headers that keep a browser from doing more with a page than
// showing it.
func secured(next http.Handler, hosts []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", report.ContentSecurityPolicy+"; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if len(hosts) > 0 && !known(r.Host, hosts) {
			http.Error(w, "this server does not answer under that name: ask for localhost or 127.0.0.1, or set notify.reportURL to the name that it has for you", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// known tells whether the host of a request is one of the given, or this machine's own.
func known(host string, hosts []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return addr.IsLoopback()
	}
	for _, h := range append(hosts, "localhost") {
		if strings.EqualFold(host, h) {
			return true
		}
	}
	return false
}

// refreshSeconds is after how long a browser that was left open asks again, so that
// nobody looks at an old page that calls itself new.
const refreshSeconds = "60"

func (s *status) servePage(w http.ResponseWriter, _ *http.Request) {
	now := s.clock()
	s.mu.Lock()
	page, notices := &report.Page{}, s.notices(now)
	if s.last != nil {
		page = s.last.page
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Refresh", refreshSeconds)
	_ = page.Write(w, notices...) // the client is gone
}

// servePacked serves a report that is kept as gzip.
func (s *status) servePacked(contentType string, of func(*rendered) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		last := s.last
		s.mu.Unlock()
		if last == nil {
			http.Error(w, "there is no report yet", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Last-Modified", last.at.Format(http.TimeFormat))
		w.Header().Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(of(last)) // the client is gone
			return
		}
		z, err := gzip.NewReader(bytes.NewReader(of(last)))
		if err != nil {
			http.Error(w, "the report is broken", http.StatusInternalServerError)
			return
		}
		_, _ = io.Copy(w, z) // the client is gone
	}
}

// probe answers whether there is anything to complain about.
func probe(complaint func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if why := complaint(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n") // the client is gone
	}
}
