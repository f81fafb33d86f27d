// Package notifytest has servers that behave like Slack's and PagerDuty's as
// far as hubaudit uses them. They listen on loopback, enforce the limits that
// the vendors publish, fail as told, and remember what they accepted.
package notifytest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Fault is what a server does with one request instead of serving it. The
// first of Status, Hang and Reset that is set counts.
type Fault struct {
	// Status answers with this HTTP status, RetryAfter as its header and Body;
	// a redirect leads to where it came from.
	Status     int
	RetryAfter string
	Body       string
	// Hang does not answer until the client gives up.
	Hang bool
	// Reset breaks the connection instead of answering.
	Reset bool
	// Served does all the work first: the request counts as accepted, and only
	// its answer is lost.
	Served bool
	// Struck is called, if set, when the request has arrived.
	Struck func()
}

// server is the part that both vendors' servers share.
type server struct {
	http     *httptest.Server
	mu       sync.Mutex
	faults   map[string][]Fault
	requests map[string]int
	closed   chan struct{}
}

// newServer serves every request under the name that nameOf gives it, once its
// http is started.
func newServer(nameOf func(*http.Request) string, serve http.HandlerFunc) *server {
	s := &server{faults: map[string][]Fault{}, requests: map[string]int{}, closed: make(chan struct{})}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // all of it: only then is a client noticed that gives up
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fault, ok := s.next(nameOf(r))
		if !ok {
			serve(w, r)
			return
		}
		if fault.Served {
			serve(httptest.NewRecorder(), r)
		}
		s.strike(fault, w, r)
	}))
	return s
}

// Fail makes the next requests of that name fail, one fault each. Names are
// Slack's methods, "upload" and "webhook"; PagerDuty's is "enqueue".
func (s *server) Fail(name string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[name] = append(s.faults[name], faults...)
}

// Requests is how many requests of that name came, failed ones too.
func (s *server) Requests(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[name]
}

// Close stops the server; requests that hang are broken off.
func (s *server) Close() {
	close(s.closed)
	s.http.Close()
}

func (s *server) next(name string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[name]++
	queue := s.faults[name]
	if len(queue) == 0 {
		return Fault{}, false
	}
	s.faults[name] = queue[1:]
	return queue[0], true
}

func (s *server) strike(f Fault, w http.ResponseWriter, r *http.Request) {
	if f.Struck != nil {
		f.Struck()
	}
	switch {
	case f.Status != 0:
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		if f.Status/100 == 3 {
			w.Header().Set("Location", r.URL.Path)
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
	case f.Reset:
		reset(w)
	}
}

// reset closes the connection with RST, so that the client does not read an end
// of file. The test that uses it fails on the answer if it cannot be done.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
