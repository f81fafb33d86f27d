package paging

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"
)

// act is what a gate does with one request instead of passing it on.
type act struct {
	// when the processes of the step are killed; "" for not at all.
	kill string
	// status is answered, with retryAfter as its header; 0 passes the request on.
	status     int
	retryAfter int
	// lost: the request is served, and the connection breaks before the answer.
	lost bool
	// late: the caller waits until it gives up, and then the request is served.
	late bool
}

// whenTaken is, instead of a number, the reply by which a mail server takes a mail.
const whenTaken = -1

// When a process is killed that sends something.
const (
	killHalfway = "while it sends"
	killBefore  = "before the receiver takes it"
	killTaken   = "after the receiver took it, before the answer"
	killAfter   = "right after the answer"
)

var killTimes = []string{killHalfway, killBefore, killTaken, killAfter}

// gate stands before a receiver's server.
type gate struct {
	name string
	http *httptest.Server
	mail net.Listener
	took func() int // mails that the server behind a mail gate has taken
	kill func()     // ends the processes of the step

	mu       sync.Mutex
	standing act         // of every request that has none of its own
	acts     map[int]act // by the number of the request in this step
	seen     int         // requests of this step
	lost     int         // answers of this step that nobody got, on purpose
}

func newGate(tb testing.TB, name, backend string, kill func()) *gate {
	to, err := url.Parse(backend)
	must(tb, err)
	g := &gate{name: name, kill: kill}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: to.Scheme, Host: to.Host})
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) {} // the client was killed
	g.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(proxy, w, r) }))
	// Slack's answers name an address to upload to, which must be the API's own host.
	proxy.ModifyResponse = func(resp *http.Response) error {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		body = bytes.ReplaceAll(body, []byte(to.Host), []byte(g.http.Listener.Addr().String()))
		resp.Body = io.NopCloser(bytes.NewReader(body))
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	tb.Cleanup(g.http.Close)
	return g
}

// at is the backend's address with the gate in front of it.
func (g *gate) at(tb testing.TB, backend string) string {
	u, err := url.Parse(backend)
	must(tb, err)
	gate, err := url.Parse(g.http.URL)
	must(tb, err)
	u.Host = gate.Host
	return u.String()
}

// plan begins a step.
func (g *gate) plan(acts map[int]act) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.acts, g.seen, g.lost = acts, 0, 0
}

// stand says what is done with all requests until told otherwise.
func (g *gate) stand(a act) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.standing = a
}

// next is what to do with the next request, or with a mail server's reply, which may
// be the one that takes a mail.
func (g *gate) next(taken bool) act {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, planned := g.acts[whenTaken]; taken && planned {
		return g.take(whenTaken)
	}
	g.seen++
	return g.take(g.seen - 1)
}

// take is what to do with one request, or reply of a mail server. The caller holds mu.
func (g *gate) take(n int) act {
	a, ok := g.acts[n]
	if !ok {
		return g.standing
	}
	delete(g.acts, n)
	if a.lost || a.late {
		g.lost++
	}
	return a
}

func (g *gate) lostAnswers() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lost
}

func (g *gate) serve(to http.Handler, w http.ResponseWriter, r *http.Request) {
	a := g.next(false)
	if a.kill == killHalfway {
		_, _ = io.ReadFull(r.Body, make([]byte, r.ContentLength/2)) // as much of it as there is
		g.kill()
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client was killed
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case a.kill == killBefore:
		g.kill()
	case a.status != 0:
		if a.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(a.retryAfter))
		}
		w.WriteHeader(a.status)
	case a.kill == killTaken:
		to.ServeHTTP(httptest.NewRecorder(), r)
		g.kill()
	case a.lost:
		to.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case a.late:
		<-r.Context().Done()
		to.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
	default:
		to.ServeHTTP(w, r)
		if a.kill == killAfter {
			_ = http.NewResponseController(w).Flush() // the client may be gone
			g.kill()
		}
	}
}

// newMailGate passes connections on, encrypted as they are, and may kill at a
// server's reply, or keep that back.
func newMailGate(tb testing.TB, name, backend string, took func() int, kill func()) *gate {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	g := &gate{name: name, mail: l, took: took, kill: kill}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { g.relay(client, backend) })
		}
	})
	tb.Cleanup(func() {
		must(tb, l.Close())
		open.Wait()
	})
	return g
}

// relay is one connection. Each reply of the server counts as a request.
func (g *gate) relay(client net.Conn, backend string) {
	defer client.Close()
	server, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	defer server.Close()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client) // until the client ends or dies
		_ = server.(*net.TCPConn).CloseWrite()
	})
	defer up.Wait()
	defer client.Close()
	reply, before := make([]byte, 4096), g.took()
	for {
		n, err := server.Read(reply)
		if n == 0 && err != nil {
			return
		}
		switch a := g.next(g.took() > before); {
		case a.kill != "" && a.kill != killAfter:
			g.kill()
			return
		case a.lost:
			return
		case a.late:
			up.Wait() // until the client gives up
			return
		default:
			if _, err := client.Write(reply[:n]); err != nil {
				return
			}
			if a.kill == killAfter {
				g.kill()
				return
			}
		}
	}
}
