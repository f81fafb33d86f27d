package verify

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/verdict"
)

// restoredOnServer: a copy is restored where the configuration says so, and
// never into the database of a hub, by whatever address.
func restoredOnServer(t *testing.T, hub live, dumps map[string][]byte) {
	for way, b := range dumps {
		t.Run(way, func(t *testing.T) {
			scratch := empty(t, hub.server)
			s := newSite(t, hub)
			s.put(t, "nightly", "jupyterhub", b, made)
			s.audit(t) // it is opened, and was not restored
			s.restoreInto(t, scratch.url)
			a := s.auditAt(t, now.Add(time.Minute))
			a.wantPass(t)
			if row := a.location(t, "nightly"); row.Level != "restore" || row.Trouble != "" || !row.TestedAt.Equal(now.Add(time.Minute)) {
				t.Errorf("%+v", row)
			}
			if left := scratch.read(t); len(left.Users) > 0 || len(left.Database.Tables) > 0 {
				t.Errorf("%d users and the tables %v are left", len(left.Users), left.Database.Tables)
			}
			a = s.auditAt(t, now.Add(time.Hour))
			if row := a.location(t, "nightly"); row.Level != "restore" || !row.TestedAt.Equal(now.Add(time.Minute)) {
				t.Errorf("an hour later: %+v", row)
			}

			t.Run("the hub's own", func(t *testing.T) { refusedScratch(t, s, hub) })
		})
	}
}

// refusedScratch: nothing is written to the hub's own database under another
// address, also where that has lost its tables and waits for its hub.
func refusedScratch(t *testing.T, s *site, hub live) {
	gone := empty(t, hub.server)
	s.hub = gone
	own := fmt.Sprintf(":%d/", hub.server.Port)
	s.restoreInto(t, strings.Replace(gone.url, own, fmt.Sprintf(":%d/", tunnel(t, hub.server.Port)), 1))
	s.put(t, "nightly", "jupyterhub", hub.dump(t), made.Add(time.Second))
	a := s.audit(t)
	said := a.location(t, "nightly").Trouble + a.of(t, "backup-restore-mismatch").Summary
	if !strings.Contains(said, `that of hub "datahub" under another address`) || a.of(t, "backup-restore-mismatch").Outcome == verdict.Pass {
		t.Errorf("it says %s", said)
	}
	if tables := gone.read(t).Database.Tables; len(tables) > 0 {
		t.Errorf("the hub's own database got %v", tables)
	}
	t.Log(said)
}

// tunnel is another port of a server.
func tunnel(t *testing.T, to int) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // closed
			}
			out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
			if err != nil {
				_ = in.Close() // the client says so
				continue
			}
			// Either side's end closes both.
			pump := func(a, b net.Conn) {
				_, _ = io.Copy(a, b)
				_, _ = a.Close(), b.Close()
			}
			go pump(in, out)
			go pump(out, in)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}
