package history_test

import (
	"strconv"
	"strings"
	"testing"

	"hubaudit/internal/history"
	"hubaudit/test/servers"
)

// TestPooled runs what is hardest on a shared history behind a pooler that gives
// each transaction whichever of few connections is free: many processes at once,
// and connections that break.
func TestPooled(t *testing.T) {
	d := startServer(t)
	t.Run("processes at once", func(t *testing.T) {
		const processes, runs = 8, 12
		database := newDatabase(t, d)
		p := servers.StartPgBouncer(t, d, "transaction", "default_pool_size = 2")
		var tasks []string
		for i := range processes {
			tasks = append(tasks, "cluster-"+strconv.Itoa(i%2)+" "+strconv.Itoa(runs))
		}
		children(t, at(p, database), tasks...)
		if n := number(t, d, database, "SELECT count(DISTINCT id) FROM hubaudit.runs"); n != processes*runs {
			t.Errorf("%d runs, want %d", n, processes*runs)
		}
		s := open(t, at(p, database))
		for i := range 2 {
			wantOneSpan(t, s, "cluster-"+strconv.Itoa(i), false)
		}
	})
	t.Run("cut connections", func(t *testing.T) {
		database := newDatabase(t, d)
		cutWhileRecording(t, d, database, at(servers.StartPgBouncer(t, d, "transaction"), database))
	})
}

// TestPoolerEnds: an open store goes on with a pooler that was started again.
func TestPoolerEnds(t *testing.T) {
	d := startServer(t)
	database := newDatabase(t, d)
	p := servers.StartPgBouncer(t, d, "transaction")
	s := open(t, at(p, database))
	must(t, s.Record(t.Context(), run("east", 0), moves()))
	p.Kill(t)
	wantError(t, s.Record(t.Context(), run("east", 1), moves()), "record a run in the history postgresql://")
	p.Restart(t)
	recorded, unknown := insist(t, s, run("east", 1)) // a connection of before may be tried first
	checkWhole(t, d, database, s, recorded+1, unknown)
}

// TestNotLetInByPooler are the ways in which a pooler stands in the way.
func TestNotLetInByPooler(t *testing.T) {
	d := startServer(t)
	database, fresh := newDatabase(t, d), newDatabase(t, d)
	must(t, open(t, at(d, database)).Record(t.Context(), run("east", 0), moves()))
	p := servers.StartPgBouncer(t, d, "transaction")
	full := servers.StartPgBouncer(t, d, "transaction", "max_client_conn = 1")
	guest := full.Admin(t, "")
	must(t, guest.PingContext(t.Context()))
	lost := servers.StartPgBouncer(t, d, "transaction", "query_wait_timeout = 2")
	lost.Exec(t, "", "SELECT 1")
	small := servers.StartPgBouncer(t, d, "transaction", "default_pool_size = 1", "query_wait_timeout = 2")
	for name, c := range map[string]struct {
		where history.Location
		says  string
	}{
		"statement pooling":  {at(servers.StartPgBouncer(t, d, "statement"), database), "set its pool_mode for this database to transaction or session"},
		"an option":          {at(p, database, "options=-cstatement_timeout%3D1"), "take it out of the URL"},
		"wrong password":     {history.Location{URL: at(p, database).URL, Password: "wrong"}, "the password is wrong"},
		"no such role":       {history.Location{URL: strings.Replace(at(p, database).URL, role, "nobody", 1), Password: password}, "no such role"},
		"clients":            {at(full, database), "raise its max_client_conn"},
		"too few to make it": {at(small, fresh), "the audit needs two: raise its pool size"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := history.Open(t.Context(), c.where)
			if err == nil {
				s.Close()
			}
			wantError(t, err, "open the history postgresql://", c.says)
		})
	}
	if n := number(t, d, fresh, "SELECT count(*) FROM pg_namespace WHERE nspname = 'hubaudit'"); n != 0 {
		t.Error("half a history was made")
	}
	// What is there already takes no more than one connection.
	must(t, open(t, at(small, database)).Record(t.Context(), run("east", 1), moves()))
}
