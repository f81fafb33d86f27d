package history_test

import (
	"fmt"
	"testing"

	"hubaudit/internal/verdict"
	"hubaudit/test/servers"
)

// number asks for one.
func number(t *testing.T, d *servers.Database, database, query string, args ...any) (n int) {
	t.Helper()
	must(t, d.Admin(t, database).QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

// TestProcessesAtOnce has eight processes make one history at the same moment,
// and record runs in it: of clusters of their own, or all of one.
func TestProcessesAtOnce(t *testing.T) {
	d := startServer(t)
	const processes, runs = 8, 12
	for _, clusters := range []int{processes, 1} {
		t.Run(fmt.Sprintf("%d clusters", clusters), func(t *testing.T) {
			database := newDatabase(t, d)
			var tasks []string
			for i := range processes {
				tasks = append(tasks, fmt.Sprintf("cluster-%d %d", i%clusters, runs))
			}
			children(t, at(d, database), tasks...)

			if n := number(t, d, database, "SELECT count(DISTINCT id) FROM hubaudit.runs"); n != processes*runs {
				t.Errorf("%d runs, want %d", n, processes*runs)
			}
			if n := number(t, d, database, "SELECT count(*) FROM hubaudit.goose_db_version"); n != 2 {
				t.Errorf("%d rows of schema versions, want that of the first migration and that of none", n)
			}
			s := open(t, at(d, database))
			for i := range clusters {
				wantOneSpan(t, s, fmt.Sprintf("cluster-%d", i), clusters == processes)
			}
			if n := number(t, d, database, `SELECT count(*) FROM (SELECT incident, receiver, count(*) AS n FROM hubaudit.deliveries GROUP BY 1, 2) AS told WHERE n > 1`); n != 0 {
				t.Errorf("%d incidents are told twice", n)
			}
		})
	}
}

// TestClustersDoNotWait: while the run of one cluster is being recorded, that of
// another is, and a second one of the first waits for its turn.
func TestClustersDoNotWait(t *testing.T) {
	d := startServer(t)
	database := newDatabase(t, d)
	s, other := open(t, at(d, database)), open(t, at(d, database))
	inside, leave := make(chan bool), make(chan bool)
	slow := moves()
	plan := slow.Plan
	slow.Plan = func(incidents []verdict.Incident, told []verdict.Delivery) verdict.Outbox {
		close(inside)
		<-leave
		return plan(incidents, told)
	}
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- s.Record(t.Context(), run("east", 0), slow) }()
	<-inside
	must(t, other.Record(t.Context(), run("west", 0), moves()))
	go func() { second <- other.Record(t.Context(), run("east", 0), moves()) }()
	for waiting := 0; waiting == 0; {
		waiting = number(t, d, database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
	}
	close(leave)
	must(t, <-first)
	must(t, <-second)
	incidents, err := s.Incidents(t.Context(), "east", false)
	must(t, err)
	if len(incidents) != 2 {
		t.Errorf("%d incidents of two checks", len(incidents))
	}
}
