package outputs

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// answer is how a sink answers. echo has its secret in one of its forms.
type answer func(w http.ResponseWriter, r *http.Request, echo string)

// sink is a server that keeps whatever it is sent.
type sink struct {
	url, host string
	own       []string // the secrets that it may be sent
	answer    answer
	asked     atomic.Int64
	mu        sync.Mutex
	got       bytes.Buffer
}

func newSink(t testing.TB, a answer) *sink {
	s, server := newUnstartedSink(a)
	server.Start()
	t.Cleanup(server.Close)
	s.url, s.host = server.URL, server.Listener.Addr().String()
	return s
}

func newUnstartedSink(a answer) (*sink, *httptest.Server) {
	if a == nil {
		a = accept
	}
	s := &sink{answer: a}
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that are to fail
	return s, server
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dump, err := httputil.DumpRequest(r, true)
	if err != nil {
		return // the client has gone
	}
	s.mu.Lock()
	s.got.Write(dump)
	s.mu.Unlock()
	s.answer(w, r, s.echo())
}

// echo is one of the sink's secrets, in another form each time.
func (s *sink) echo() string {
	n := int(s.asked.Add(1))
	if len(s.own) == 0 {
		return "nothing"
	}
	all := forms(s.own[n%len(s.own)])
	return all[n/len(s.own)%len(all)]
}

// received is all that came.
func (s *sink) received() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.got.Bytes())
}

// accept is an answer that every receiver takes for its own.
func accept(w http.ResponseWriter, r *http.Request, _ string) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/files.getUploadURLExternal"):
		fmt.Fprintf(w, `{"ok": true, "file_id": "F1", "upload_url": "http://%s/upload"}`, r.Host)
	case strings.HasPrefix(r.URL.Path, "/api/"):
		_, _ = io.WriteString(w, `{"ok": true, "channel": "C1", "ts": "1.1", "files": [{"id": "F1"}]}`)
	case strings.HasPrefix(r.URL.Path, "/v2/enqueue"):
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status": "success", "dedup_key": "x"}`)
	default:
		_, _ = io.WriteString(w, "ok")
	}
}

// refuse says no and repeats the secret wherever a client may look.
func refuse(status int) answer {
	return func(w http.ResponseWriter, r *http.Request, echo string) {
		line := strings.NewReplacer("\r", " ", "\n", " ").Replace(echo)
		w.Header().Set("X-Echo", line)
		w.Header().Set("WWW-Authenticate", line)
		w.Header().Set("Retry-After", "3600")
		if status/100 == 3 {
			w.Header().Set("Location", "/login/"+line+"?from="+line)
		}
		if strings.HasPrefix(r.URL.Path, "/api/") && status/100 == 2 {
			_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": echo, "needed": echo})
			return
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, echo+" is wrong")
	}
}

// refuseJSON is refuse in the words of those who answer in JSON.
func refuseJSON(status int) answer {
	return func(w http.ResponseWriter, _ *http.Request, echo string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "errorType": echo, "error": echo, "message": echo, "errors": []string{echo, "no: " + echo}, "ok": false})
	}
}

// cut breaks the connection.
func cut(w http.ResponseWriter, _ *http.Request, _ string) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// hang answers when the client has gone. Struck is called when it waits.
func hang(struck func()) answer {
	return func(_ http.ResponseWriter, r *http.Request, _ string) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the client has gone
		struck()
		<-r.Context().Done()
	}
}

// mailSink is a mail server that refuses a login and repeats it.
type mailSink struct {
	address string
	ca      []byte // PEM
	own     string
	asked   atomic.Int64
}

func newMailSink(t testing.TB) *mailSink {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(certified.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates})
	must(t, err)
	s := &mailSink{address: l.Addr().String(), ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
	})
	return s
}

func (s *mailSink) serve(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 mail.example.org\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch {
		case strings.HasPrefix(lines.Text(), "EHLO"):
			fmt.Fprint(conn, "250-mail.example.org\r\n250 AUTH PLAIN\r\n")
		case strings.HasPrefix(lines.Text(), "AUTH"):
			all := forms(s.own)
			echo := all[int(s.asked.Add(1))%len(all)]
			fmt.Fprintf(conn, "535-no such login\r\n535 %s %s\r\n", lines.Text(), echo)
		case strings.HasPrefix(lines.Text(), "QUIT"):
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "500 what?\r\n")
			return
		}
	}
}
