package history_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/test/servers"
)

// cutter ends the connections of an audit, again and again at random moments,
// until it is told to stop, and returns how many it ended.
func cutter(t *testing.T, d *servers.Database, stop <-chan bool) <-chan int {
	admin := d.Admin(t, "")
	done := make(chan int, 1)
	go func() {
		cuts := 0
		rng := rand.New(rand.NewPCG(3, 4))
		for {
			select {
			case <-stop:
				done <- cuts
				return
			case <-time.After(time.Duration(rng.IntN(25)) * time.Millisecond):
			}
			var n int
			err := admin.QueryRow("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'hubaudit' AND state <> 'idle'").Scan(&n)
			if err != nil {
				t.Error(err)
			}
			cuts += n
		}
	}()
	return done
}

// insist records a run as an audit does that is started again after each
// failure, and tells in how many runs it was recorded, if that is known.
func insist(t *testing.T, s *history.Store, r *verdict.Run) (recorded, unknown int) {
	t.Helper()
	for range 1000 {
		err := s.Record(t.Context(), r, moves())
		switch {
		case err == nil:
			return 1, unknown
		case strings.Contains(err.Error(), "whether it was written is not known"):
			unknown++
		default:
			wantError(t, err, "record a run in the history postgresql://", "nothing of this was written")
		}
	}
	t.Fatal("it was never recorded")
	return 0, unknown
}

// TestCutConnections: a run whose connection was cut is written whole or not at
// all, and after any number of tries no incident is there twice, nor is a
// message.
func TestCutConnections(t *testing.T) {
	d := startServer(t)
	database := newDatabase(t, d)
	cutWhileRecording(t, d, database, at(d, database))
}

// cutWhileRecording cuts the connections that the server has from where a history
// is recorded in, by itself or through a pooler.
func cutWhileRecording(t *testing.T, d *servers.Database, database string, where history.Location) {
	t.Helper()
	s := open(t, where)
	stop := make(chan bool)
	cuts := cutter(t, d, stop)
	recorded, unknown := 0, 0
	for i := range 40 {
		n, u := insist(t, s, run("east", i))
		recorded, unknown = recorded+n, unknown+u
	}
	close(stop)
	n := <-cuts
	t.Logf("%d connections were cut; of %d commits it was not known whether they were made", n, unknown)
	if n < 20 {
		t.Errorf("only %d connections were cut: the test proves little", n)
	}
	checkWhole(t, d, database, s, recorded, unknown)
}

// checkWhole looks for half runs, lost ones, and what is there twice.
func checkWhole(t *testing.T, d *servers.Database, database string, s *history.Store, recorded, unknown int) {
	t.Helper()
	runs := number(t, d, database, "SELECT count(*) FROM hubaudit.runs")
	if runs < recorded || runs > recorded+unknown {
		t.Errorf("%d runs, of which %d are known and %d are not", runs, recorded, unknown)
	}
	for _, table := range []string{"documents", "series"} {
		if n := number(t, d, database, "SELECT count(*) FROM hubaudit."+table); n != runs {
			t.Errorf("%d rows in %s for %d runs", n, table, runs)
		}
	}
	wantOneSpan(t, s, "east", false)
	if n := number(t, d, database, "SELECT count(*) - count(DISTINCT incident) FROM hubaudit.deliveries"); n != 0 {
		t.Errorf("%d messages are queued twice", n)
	}
	if n := number(t, d, database, "SELECT count(*) FROM hubaudit.incidents"); n != number(t, d, database, "SELECT count(*) FROM hubaudit.deliveries") {
		t.Error("an incident was opened and nothing is queued of it")
	}
	last, err := s.Run(t.Context(), "east", history.Latest)
	must(t, err)
	if len(last.Verdicts) != 2 {
		t.Errorf("the last run has %d verdicts", len(last.Verdicts))
	}
}

// TestServerCrash: a server that crashed and recovers costs the audits of that
// time, and an open store goes on afterwards.
func TestServerCrash(t *testing.T) {
	d := startServer(t)
	database := newDatabase(t, d)
	s := open(t, at(d, database))
	recorded, unknown := insist(t, s, run("east", 0))
	var backend string
	admin := d.Admin(t, database)
	must(t, admin.QueryRow("SELECT pg_backend_pid()").Scan(&backend))
	pid, err := strconv.Atoi(backend)
	must(t, err)
	// One backend that is killed makes the server end all and recover.
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	failures := 0
	for second := 1; ; second++ {
		err := s.Record(t.Context(), run("east", second), moves())
		if err == nil {
			recorded++
			if failures > 0 {
				break
			}
			continue // the server has not noticed yet
		}
		wantError(t, err, "the history postgresql://")
		if failures++; failures == 20000 {
			t.Fatalf("it does not come back: %v\n%s", err, d.Log(t))
		}
		if strings.Contains(err.Error(), "not known") {
			unknown++
		}
	}
	t.Logf("%d failures while the server recovered", failures)
	checkWhole(t, d, database, s, recorded, unknown)
}
