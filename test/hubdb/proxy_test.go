package hubdb_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"hubaudit/test/servers"
)

// proxy stands between the audit and a server. When the server has sent so many
// bytes in one connection it holds them back and lets something happen.
type proxy struct {
	address string
	server  string
	after   int64
	// do is what happens; nil to hang until the test ends.
	do   func()
	mu   sync.Mutex
	done int
	end  chan struct{}
}

func startProxy(tb testing.TB, d *servers.Database, after int64, do func()) *proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	p := &proxy{address: l.Addr().String(), server: fmt.Sprintf("127.0.0.1:%d", d.Port), after: after, do: do, end: make(chan struct{})}
	var wait sync.WaitGroup
	tb.Cleanup(func() {
		close(p.end)
		must(tb, l.Close())
		wait.Wait()
	})
	wait.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { p.pass(client) })
		}
	})
	return p
}

// happened tells whether so much was read.
func (p *proxy) happened() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done > 0
}

// pass passes on what both sides say until one of them ends.
func (p *proxy) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	// Little is on its way, so that the server is still at it when something happens.
	if err := server.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, client) // ends when either side does
		_ = server.Close()
	}()
	if _, err := io.CopyN(client, server, p.after); err != nil {
		return
	}
	p.mu.Lock()
	p.done++
	p.mu.Unlock()
	if p.do == nil {
		<-p.end
		return
	}
	p.do()
	_, _ = io.Copy(client, server)
}
