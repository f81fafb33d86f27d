package history_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/test/servers"
)

const role, password = "auditor", "p@ss:w/rd%20?#&=+é"

// noon is when the first run of a test starts.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// startServer starts a server with a role that may log in and no more.
func startServer(tb testing.TB, options ...string) *servers.Database {
	tb.Helper()
	d := servers.StartPostgres(tb, options...)
	d.Exec(tb, "", "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"'")
	return d
}

// newDatabase makes an empty database that belongs to the role.
func newDatabase(tb testing.TB, d *servers.Database) string {
	tb.Helper()
	name := d.NewDatabase(tb)
	d.Exec(tb, "", "ALTER DATABASE "+name+" OWNER TO "+role)
	return name
}

// at is where the role finds a database, over TCP and with its password apart.
func at(d *servers.Database, database string, options ...string) history.Location {
	url := fmt.Sprintf("postgresql+psycopg2://%s@localhost:%d/%s", role, d.Port, database)
	if len(options) > 0 {
		url += "?" + strings.Join(options, "&")
	}
	return history.Location{URL: url, Password: password}
}

func open(tb testing.TB, where history.Location) *history.Store {
	tb.Helper()
	s, err := history.Open(tb.Context(), where)
	must(tb, err)
	tb.Cleanup(func() { s.Close() })
	return s
}

// run is one of a cluster, so many seconds after noon: the check "a" fails
// always, "b" every other time.
func run(cluster string, second int) *verdict.Run {
	judged := func(check string, outcome verdict.Outcome) verdict.Verdict {
		return verdict.Verdict{Check: check, Hub: "hub", Outcome: outcome, Severity: verdict.Error, Summary: check, Count: 1,
			Fingerprint: verdict.Fingerprint(cluster, "hub", check), Series: map[string]float64{"n": float64(second)}}
	}
	b := judged("b", verdict.Pass)
	if second%2 == 0 {
		b = judged("b", verdict.Fail)
	}
	b.Series = nil
	return &verdict.Run{Cluster: cluster, StartedAt: noon.Add(time.Duration(second) * time.Second), Version: "1",
		Sources:  []facts.Source{{Name: "history", Status: facts.OK, Items: map[string]int{"baselines": 1}}},
		Verdicts: []verdict.Verdict{judged("a", verdict.Fail), b}}
}

// moves queue one message for each incident that was opened.
func moves() history.Moves {
	return history.Moves{Good: map[facts.SeriesKey]bool{{Hub: "hub", Name: "n"}: true},
		Plan: func(incidents []verdict.Incident, told []verdict.Delivery) (out verdict.Outbox) {
			queued := map[int64]bool{}
			for _, d := range told {
				queued[d.Incident] = true
			}
			for _, inc := range incidents {
				if inc.State != verdict.Resolved && !queued[inc.ID] {
					out.Put = append(out.Put, verdict.Delivery{Incident: inc.ID, Fingerprint: inc.Fingerprint, Receiver: "r",
						Kind: verdict.DeliveryOpened, Severity: inc.Severity, Count: inc.Count, Summary: inc.Summary})
				}
			}
			return out
		}}
}

// wantError fails unless err says all of parts, in one line and without the password.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(fmt.Sprintf("%+v %#v", err, err), password) {
		t.Errorf("not one line, or with the password: %q", err)
	}
}

// Environment of a child: what it is to do, and with which history.
const (
	childEnv = "HUBAUDIT_TEST_CHILD"
	urlEnv   = "HUBAUDIT_TEST_URL"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(childEnv); task != "" {
		if err := child(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child opens the history, says so, waits until it may begin, and records so
// many runs of a cluster: "east 10".
func child(task string) error {
	ctx := context.Background()
	var cluster string
	var runs int
	if _, err := fmt.Sscan(task, &cluster, &runs); err != nil {
		return err
	}
	if _, err := io.ReadAll(os.Stdin); err != nil { // closed when all are there
		return err
	}
	s, err := history.Open(ctx, history.Location{URL: os.Getenv(urlEnv), Password: password})
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range runs {
		if _, err := s.Past(ctx, cluster, noon); err != nil {
			return err
		}
		if err := s.Record(ctx, run(cluster, i), moves()); err != nil {
			return err
		}
	}
	return nil
}

// children runs processes that all begin at the same time, and waits for them.
func children(t *testing.T, where history.Location, tasks ...string) {
	t.Helper()
	var begin []io.Closer
	var wait sync.WaitGroup
	for _, task := range tasks {
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), childEnv+"="+task, urlEnv+"="+where.URL)
		var out strings.Builder
		c.Stdout, c.Stderr = &out, &out
		in, err := c.StdinPipe()
		must(t, err)
		must(t, c.Start())
		t.Cleanup(func() { _ = c.Process.Kill() }) // an error means that it has ended
		begin = append(begin, in)
		wait.Go(func() {
			if err := c.Wait(); err != nil {
				t.Errorf("%s: %v: %s", task, err, &out)
			}
		})
	}
	for _, in := range begin {
		must(t, in.Close())
	}
	wait.Wait()
}
