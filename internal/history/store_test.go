package history

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

const cluster = "east"

// users is the series that most tests follow.
var users = facts.SeriesKey{Hub: world.HubName, Name: facts.SeriesUsers}

// TestMain lets the tests of several processes start this binary again.
func TestMain(m *testing.M) {
	if play, ok := childRoles[os.Getenv(childEnv)]; ok {
		os.Exit(play())
	}
	os.Exit(m.Run())
}

// open opens the history of a test, a file or what serverStore made, whose
// machine has the clock of its world.
func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), locationOf(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.clock = func() time.Time { return world.Now.Add(24 * time.Hour) }
	return s
}

// newStore makes an empty history: a file, or with HUBAUDIT_TEST_POSTGRES a
// database of its own on that server.
func newStore(t testing.TB) *Store {
	t.Helper()
	return open(t, newPlace(t))
}

// newPlace is where a history is to be made; see open.
func newPlace(t testing.TB) string {
	t.Helper()
	if os.Getenv(serverEnv) != "" {
		return newDatabase(t)
	}
	return filepath.Join(t.TempDir(), "h.db")
}

// execute changes a history by hand.
func execute(t testing.TB, s *Store, query string, args ...any) {
	t.Helper()
	err := s.write(t.Context(), "change", func(tx *transaction) error { _, err := tx.ExecContext(t.Context(), query, args...); return err })
	if err != nil {
		t.Fatal(err)
	}
}

// unsafe makes a file faster for a test of hundreds of runs: it need not survive
// a power failure.
func unsafe(t testing.TB, s *Store) {
	t.Helper()
	if _, file := s.engine.(sqliteFile); !file {
		return
	}
	if _, err := s.db.Exec("PRAGMA synchronous = OFF"); err != nil {
		t.Fatal(err)
	}
}

// runAt is a run at so many minutes after the world's noon, with all sources well.
func runAt(minute int, verdicts ...verdict.Verdict) *verdict.Run {
	return &verdict.Run{Cluster: cluster, StartedAt: world.Now.Add(time.Duration(minute) * time.Minute),
		Duration: 1234567890 * time.Nanosecond, Version: "1.0.0", Sources: world.Healthy(world.Small).Sources, Verdicts: verdicts}
}

// judged is a verdict of a check on the hub, with one finding if it fails.
func judged(check string, outcome verdict.Outcome) verdict.Verdict {
	v := verdict.Verdict{Check: check, Hub: world.HubName, Outcome: outcome, Severity: verdict.Error,
		Fingerprint: verdict.Fingerprint(cluster, world.HubName, check)}
	if outcome == verdict.Fail {
		v.Summary, v.Count = check+" is violated", 1
		v.Findings = []verdict.Finding{{Subject: verdict.Subject{Kind: "user", Name: "alice", ID: "1"},
			Severity: verdict.Error, Message: "alice is wrong"}}
	}
	return v
}

// counted is a verdict that measured a number of users.
func counted(outcome verdict.Outcome, n float64) verdict.Verdict {
	v := judged(checkUserDrift, outcome)
	v.Series = map[string]float64{facts.SeriesUsers: n}
	return v
}

func record(t testing.TB, s *Store, run *verdict.Run, good ...facts.SeriesKey) *verdict.Run {
	t.Helper()
	set := map[facts.SeriesKey]bool{}
	for _, key := range good {
		set[key] = true
	}
	if err := s.Record(t.Context(), run, Moves{Good: set}); err != nil {
		t.Fatal(err)
	}
	return run
}

// recordMoves records a run that saw users.
func recordMoves(t testing.TB, s *Store, run *verdict.Run, moves Moves) *verdict.Run {
	t.Helper()
	if err := s.Record(t.Context(), run, moves); err != nil {
		t.Fatal(err)
	}
	return run
}

func past(t testing.TB, s *Store) facts.Past {
	t.Helper()
	p, err := s.Past(t.Context(), cluster, world.Now.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func incidentsOf(t testing.TB, s *Store, openOnly bool) []verdict.Incident {
	t.Helper()
	list, err := s.Incidents(t.Context(), cluster, openOnly)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func count(t testing.TB, s *Store, query string, args ...any) int {
	t.Helper()
	var n int
	err := s.read(t.Context(), "count in", func(tx *transaction) error { return tx.QueryRowContext(t.Context(), query, args...).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantError fails unless err says all of parts and nothing of a password.
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
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %q shows a password", err)
	}
}

func diff(t *testing.T, want, got any) {
	t.Helper()
	if reflect.DeepEqual(want, got) { // cmp is slow with 100,000 findings
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want - got +\n%s", d)
	}
}

func TestNewHistoryIsEmpty(t *testing.T) {
	s := newStore(t)
	diff(t, facts.Past{Baselines: map[facts.SeriesKey]facts.Baseline{}, Marks: map[facts.SeriesKey]facts.Mark{}, Sources: map[string]facts.PastSource{}, Sizes: map[facts.SizeKey]facts.PastSize{}}, past(t, s))
	runs, err := s.Runs(t.Context(), cluster, 10)
	if err != nil || len(runs) != 0 {
		t.Errorf("runs %v, error %v", runs, err)
	}
	_, err = s.Run(t.Context(), cluster, Latest)
	wantError(t, err, `no run of cluster "east" yet`, "audit now")
	if _, file := s.engine.(sqliteFile); !file {
		return
	}
	if mode := count(t, s, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'delete'"); mode != 1 {
		t.Error("the journal is not a rollback journal")
	}
	if sync := count(t, s, "PRAGMA synchronous"); sync != 3 {
		t.Errorf("synchronous is %d, want 3 (EXTRA)", sync)
	}
}

func TestFileIsPrivateAndRelativeToTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Location{URL: "sqlite:sub?mode=ro&x=%20#y.db", BaseDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Stat(filepath.Join(dir, "sub?mode=ro&x=%20#y.db"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	path := newPlace(t)
	s := open(t, path)
	run := record(t, s, runAt(0, counted(verdict.Pass, 1000), judged("a", verdict.Fail)), users)
	before := past(t, s)
	s.Close()
	s = open(t, path)
	diff(t, before, past(t, s))
	got, err := s.Run(t.Context(), cluster, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, run, got)
}

// TestMigrations takes the schema down and up again, and opens it half-way.
func TestMigrations(t *testing.T) {
	path := newPlace(t)
	s := open(t, path)
	record(t, s, runAt(0, judged("a", verdict.Fail)))
	provider, err := s.engine.migrations(s.db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	tables := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'"
	if _, file := s.engine.(sqliteFile); !file {
		tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'hubaudit' AND tablename NOT LIKE 'goose%'"
	}
	if n := count(t, s, tables); n != 0 {
		t.Errorf("%d tables are left", n)
	}
	s.Close()
	s = open(t, path)
	record(t, s, runAt(1, judged("a", verdict.Fail)))
	if n := count(t, s, "SELECT count(*) FROM runs"); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

func TestClustersAreApart(t *testing.T) {
	s := newStore(t)
	record(t, s, runAt(0, counted(verdict.Fail, 1000)), users)
	for _, list := range []func() (int, error){
		func() (int, error) { l, err := s.Incidents(t.Context(), "west", false); return len(l), err },
		func() (int, error) { l, err := s.Runs(t.Context(), "west", 5); return len(l), err },
		func() (int, error) {
			p, err := s.Past(t.Context(), "west", world.Now)
			return len(p.Baselines) + len(p.Sources), err
		},
	} {
		if n, err := list(); n != 0 || err != nil {
			t.Errorf("%d entries of another cluster, error %v", n, err)
		}
	}
	_, err := s.Run(t.Context(), "west", Latest)
	wantError(t, err, "no run")
}

func TestContextEndsWaiting(t *testing.T) {
	s := newStore(t)
	other := open(t, s.path)
	tx, err := other.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = s.Record(ctx, runAt(0), Moves{})
	wantError(t, err, s.path, "stopped before it was done")
}

func TestAdviceForFailuresOfTheStore(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	onlyFile(t)
	record100 := func(s *Store) error { return s.Record(t.Context(), manyFindings(20000), Moves{}) }
	pragma := func(text string) func(*testing.T, *Store) {
		return func(t *testing.T, s *Store) {
			if _, err := s.db.Exec("PRAGMA " + text); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		prepare func(*testing.T, *Store)
		advice  string
	}{
		"full disk":      {pragma("max_page_count = 1"), "make room on its disk"},
		"read-only file": {pragma("query_only = 1"), "needs write access"},
		"locked": {func(t *testing.T, s *Store) {
			tx, err := open(t, s.path).db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { tx.Rollback() })
			pragma("busy_timeout = 1")(t, s)
		}, "another process has held it"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			record(t, s, runAt(-1, judged("a", verdict.Fail)))
			c.prepare(t, s)
			wantError(t, record100(s), s.path, "record a run in", c.advice)
			if n := count(t, s, "SELECT count(*) FROM runs"); n != 1 {
				t.Errorf("%d runs, want the one before", n)
			}
		})
	}
}

// manyFindings is a run in which a check found n violations.
func manyFindings(n int) *verdict.Run {
	v := judged("pvc-orphaned", verdict.Fail)
	v.Findings, v.Count = make([]verdict.Finding, n), n
	for i := range v.Findings {
		name := "student-" + strings.Repeat("x", i%7) + number(float64(i))
		v.Findings[i] = verdict.Finding{Severity: verdict.Warning, Message: "claim-" + name + " belongs to no user of the hub",
			Subject: verdict.Subject{Kind: "claim", Name: "claim-" + name, Namespace: world.Namespace},
			Details: map[string]string{"user": name, "volume": "pvc-" + number(float64(i*7919))}}
	}
	return runAt(0, v)
}
