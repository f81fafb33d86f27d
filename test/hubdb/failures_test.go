package hubdb_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/test/servers"
)

// wantFailure reads what must fail: with this cause, in one line that says this
// much and not the password, and with nothing read.
func wantFailure(t *testing.T, url, password string, cause facts.Cause, says string) {
	t.Helper()
	wantFailureWithin(t, time.Minute, url, password, cause, says)
}

func wantFailureWithin(t *testing.T, within time.Duration, url, password string, cause facts.Cause, says string) {
	t.Helper()
	r, err := tryToRead(t, url, within)
	if err == nil {
		t.Fatalf("it was read: %v", r.Items())
	}
	record := source.Record("hubdb/hub", r.Items(), 0, err)
	if record.Status != facts.Failed || record.Cause != cause || !strings.Contains(record.Detail, says) {
		t.Errorf("%s, %s: %s; want the cause %s and %q", record.Status, record.Cause, record.Detail, cause, says)
	}
	if strings.ContainsAny(record.Detail, "\n\r\t") || strings.Contains(record.Detail, password) {
		t.Errorf("not one line, or with the password: %q", record.Detail)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), password) {
			t.Errorf("with the password: %q", e)
		}
	}
	if len(r.Users)+len(r.Spawners)+len(r.Servers)+len(r.Database.Tables) > 0 {
		t.Errorf("half of it was read: %v", r.Items())
	}
}

// TestServerAway are the ways of not even getting in.
func TestServerAway(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			database := loadHub(t, d)
			url := func(user, password, database string, options ...string) string {
				return d.URL(drivers[d.Engine], user, password, database, options...)
			}
			at := func(hostAndPort string) string {
				return strings.Replace(url(reader, readerPassword, database), fmt.Sprintf("localhost:%d", d.Port), hostAndPort, 1)
			}
			good := url(reader, readerPassword, database)
			read(t, good)
			const wrong = "hunter2hunter2"
			wantFailure(t, url(reader, wrong, database), wrong, facts.CauseForbidden, "password")
			wantFailure(t, url("nobody", wrong, database), wrong, facts.CauseForbidden, "password")
			wantFailure(t, url(reader, readerPassword, "nosuch"), readerPassword, facts.CauseMissing, "no database of that name")
			wantFailure(t, at("nosuch..invalid:5432"), readerPassword, facts.CauseUnreachable, "cannot be resolved")
			wantFailure(t, at("localhost:1"), readerPassword, facts.CauseUnreachable, "nothing answers")
			wantFailure(t, at(silent(t)), readerPassword, facts.CauseUnreachable, "connection broke off")

			one := map[string]string{"postgresql": "ALTER ROLE reader CONNECTION LIMIT 1", "mysql": "GRANT USAGE ON *.* TO reader@'%' WITH MAX_USER_CONNECTIONS 1"}
			d.Exec(t, "", one[d.Engine])
			taken, err := connect(t, d, reader, readerPassword, database).Conn(t.Context())
			must(t, err)
			wantFailure(t, good, readerPassword, facts.CauseUnreachable, "no connection left")
			must(t, taken.Close())

			d.Kill(t)
			wantFailure(t, good, readerPassword, facts.CauseUnreachable, "nothing answers")
		})
	}
}

// silent is the address of a server that hangs up on everybody.
func silent(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	tb.Cleanup(func() { must(tb, l.Close()) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// TestBrokenWhileReading lets something happen to the server or the session
// when a part of the users has come through.
func TestBrokenWhileReading(t *testing.T) {
	for _, start := range []func(testing.TB, ...string) *servers.Database{servers.StartPostgres, servers.StartMariaDB} {
		d := start(t)
		makeReader(t, d)
		database := loadHub(t, d)
		addUsers(t, d, database, 50000)
		session := func() int {
			var id int
			query := map[string]string{"postgresql": "SELECT pid FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active'",
				"mysql": "SELECT id FROM information_schema.processlist WHERE user = 'reader'"}[d.Engine]
			must(t, d.Admin(t, "").QueryRow(query).Scan(&id))
			return id
		}
		statement := func(pg, my string) func() {
			return func() {
				d.Exec(t, "", fmt.Sprintf(map[string]string{"postgresql": pg, "mysql": my}[d.Engine], session()))
			}
		}
		steps := []struct {
			name   string
			do     func()
			cause  facts.Cause
			within time.Duration
			says   string
		}{
			{"canceled", statement("SELECT pg_cancel_backend(%d)", "KILL QUERY %d"), facts.CauseTimeout, time.Minute, "an administrator"},
			{"terminated", statement("SELECT pg_terminate_backend(%d)", "KILL %d"), facts.CauseUnreachable, time.Minute, "nothing that was read until then is used"},
			{"hanging", nil, facts.CauseTimeout, 3 * time.Second, "before the deadline"},
			{"killed", func() { d.Kill(t) }, facts.CauseUnreachable, time.Minute, "nothing that was read until then is used"},
		}
		for _, step := range steps {
			t.Run(d.Engine+" "+step.name, func(t *testing.T) {
				p := startProxy(t, d, 1<<20, step.do)
				url := strings.Replace(d.URL(drivers[d.Engine], reader, readerPassword, database), fmt.Sprintf("localhost:%d", d.Port), p.address, 1)
				wantFailureWithin(t, step.within, url, readerPassword, step.cause, step.says)
				if !p.happened() {
					t.Error("it failed before so much was read")
				}
			})
		}
	}
}

// TestLocked holds a lock on the users that keeps readers out.
func TestLocked(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			database := loadHub(t, d)
			url := d.URL(drivers[d.Engine], reader, readerPassword, database)
			lock, unlock, says := []string{"BEGIN", "LOCK TABLE users IN ACCESS EXCLUSIVE MODE"}, "ROLLBACK", `the lock is held by process `
			if d.Engine == "mysql" {
				lock, unlock, says = []string{"LOCK TABLES users WRITE"}, "UNLOCK TABLES", "stayed locked by another session"
			}
			holder, err := d.Admin(t, database).Conn(t.Context())
			must(t, err)
			for _, s := range lock {
				_, err := holder.ExecContext(t.Context(), s)
				must(t, err)
			}
			wantFailureWithin(t, 4*time.Second, url, readerPassword, facts.CauseTimeout, says)
			_, err = holder.ExecContext(t.Context(), unlock)
			must(t, err)
			read(t, url)
		})
	}
}
