package history_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"hubaudit/internal/history"
	"hubaudit/test/servers"
)

// link is the network between an audit and its server. It breaks once, when the
// audit says a certain thing, and works from then on.
type link struct {
	server string
	says   []byte
	passed bool // whether the server hears it, and only its answer is lost
	broken chan bool
	over   chan bool // closed once both ends are as they stay
}

// breakWhen gives a location behind a link that breaks.
func breakWhen(t *testing.T, d *servers.Database, where history.Location, says string, passed bool) (history.Location, *link) {
	t.Helper()
	l := &link{server: "127.0.0.1:" + strconv.Itoa(d.Port), says: []byte(says), passed: passed, broken: make(chan bool, 1), over: make(chan bool)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			audit, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			go l.carry(t, audit)
		}
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	where.URL = strings.Replace(where.URL, ":"+strconv.Itoa(d.Port), ":"+strconv.Itoa(port), 1) + "?sslmode=disable"
	return where, l
}

// carry takes what one connection says to the server, and back.
func (l *link) carry(t *testing.T, audit net.Conn) {
	defer audit.Close()
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		t.Error(err)
		return
	}
	defer server.Close()
	answers := make(chan bool)
	go func() {
		defer close(answers)
		_, _ = io.Copy(audit, server) // until either end closes
	}()
	said := make([]byte, 1<<20)
	for {
		n, err := audit.Read(said)
		if err != nil {
			server.Close()
			<-answers
			return
		}
		if bytes.Contains(said[:n], l.says) {
			select {
			case l.broken <- true:
				l.cut(audit, server, said[:n], answers)
				return
			default: // it broke before
			}
		}
		if _, err := server.Write(said[:n]); err != nil {
			return
		}
	}
}

// cut closes both ends, once the server has answered the last words if it is to hear
// them: answers ends when there is nobody to take one.
func (l *link) cut(audit, server net.Conn, last []byte, answers chan bool) {
	defer close(l.over)
	audit.Close()
	if !l.passed {
		return
	}
	if _, err := server.Write(last); err == nil {
		<-answers
	}
}

// TestLinkBreaks: a run is written whole or not at all wherever in it the
// connection is lost, and the audit says what it knows of that.
func TestLinkBreaks(t *testing.T) {
	d := startServer(t)
	for name, c := range map[string]struct {
		says    string
		passed  bool
		error   string
		written int
	}{
		"in the middle":           {"INSERT INTO documents", false, "the connection broke off", 0},
		"before the commit":       {"commit\x00", false, "whether it was written is not known", 0},
		"the commit's answer":     {"commit\x00", true, "whether it was written is not known", 1},
		"with the lock requested": {"pg_advisory_xact_lock", true, "nothing of this was written", 0},
	} {
		t.Run(name, func(t *testing.T) {
			database := newDatabase(t, d)
			must(t, open(t, at(d, database)).Close())
			where, l := breakWhen(t, d, at(d, database), c.says, c.passed)
			s := open(t, where)
			wantError(t, s.Record(t.Context(), run("east", 0), moves()), "record a run in the history postgresql://", c.error)
			<-l.over
			if n := number(t, d, database, "SELECT count(*) FROM hubaudit.runs"); n != c.written {
				t.Errorf("%d runs were written, want %d", n, c.written)
			}
			must(t, s.Record(t.Context(), run("east", 1), moves()))
			checkWhole(t, d, database, s, c.written+1, 0)
		})
	}
}
