package notify_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"hubaudit/notify"
)

// FuzzMailServer: whatever a mail server says, the receiver does not crash, ends,
// and takes a mail for sent only after the server asked for it.
func FuzzMailServer(f *testing.F) {
	for _, said := range []string{"", "220 hello\r\n", "554 go away\r\n", "220 a\r\n250 a\r\n250 from\r\n250 to\r\n354 go\r\n250 ok\r\n221 bye\r\n",
		"220 a\r\n250-a\r\n250 SMTPUTF8\r\n250 from\r\n550 to\r\n", "220 a\r\n502 what?\r\n250 helo\r\n451 later\r\n", "220-\r\n220", "999 \x1b[31m\r\n",
		"220 a\r\n250 a\r\n250 from\r\n450 to\r\n250 reset\r\n", strings.Repeat("220-a\r\n", 1000)} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var done sync.WaitGroup
		done.Go(func() { recite(l, said) })
		o := notify.EmailOptions{From: "a@example.org", To: []string{"b@example.org"}, Server: l.Addr().String(), TLS: notify.TLSNone}
		_, err = notify.NewEmail("email", o, new(pauses).option()).Send(t.Context(), critical())
		_ = l.Close()
		done.Wait()
		failed, posted := (*notify.SendError)(nil), (*notify.PostedError)(nil)
		if err == nil && !strings.Contains(said, "354") || err != nil && !errors.As(err, &failed) && !errors.As(err, &posted) {
			t.Errorf("%q: %v", said, err)
		}
	})
}

// TestMailServerWithoutEnd: a greeting that never ends is left.
func TestMailServerWithoutEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() { recite(l, strings.Repeat("220-and so on\r\n", 200_000)) })
	o := notify.EmailOptions{From: "a@example.org", To: []string{"b@example.org"}, Server: l.Addr().String(), TLS: notify.TLSNone}
	_, err = notify.NewEmail("email", o, new(pauses).option()).Send(t.Context(), critical())
	checkError(t, err, "more than a mail server has to say", nil)
	_ = l.Close()
	done.Wait()
}

// recite says the same on every connection, whatever it is asked.
func recite(l net.Listener, said string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, said) // the client may leave at any time
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
}
