package report_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

var update = flag.Bool("update", false, "rewrite the golden reports and the example in docs/json.md")

// render writes a report and fails the test where that cannot be done.
func render(t testing.TB, format string, run *verdict.Run, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, run, guides, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldenReports(t *testing.T) {
	runs := map[string]func() *verdict.Run{"healthy": healthyRun, "bad": badRun, "hostile": func() *verdict.Run { return hostileRun(hostileNames...) }}
	outputs := map[string]struct {
		format string
		o      report.Options
	}{
		"md": {format: "markdown"}, "html": {format: "html"}, "json": {format: "json"}, "txt": {format: "terminal"},
		"color.txt": {"terminal", report.Options{Color: true, Width: 100, MaxFindings: 2}},
	}
	for name, run := range runs {
		for ext, out := range outputs {
			t.Run(name+"."+ext, func(t *testing.T) {
				got := render(t, out.format, run(), out.o)
				path := filepath.Join("testdata", name+"."+ext)
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("-want +got; if it is meant, go test ./report -update\n%s", diff)
				}
			})
		}
	}
}

func TestSameRunSameBytes(t *testing.T) {
	for _, format := range report.Formats {
		first := render(t, format, badRun(), report.Options{})
		for range 20 {
			if again := render(t, format, badRun(), report.Options{}); again != first {
				t.Fatalf("%s differs from one rendering to the next:\n%s", format, cmp.Diff(first, again))
			}
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	err := report.Write(&bytes.Buffer{}, "pdf", healthyRun(), guides, report.Options{})
	if err == nil || err.Error() != `unknown report format "pdf": use one of html, json, markdown, openmetrics, terminal` {
		t.Errorf("got %v", err)
	}
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorIsTold(t *testing.T) {
	for _, format := range report.Formats {
		err := report.Write(full{}, format, badRun(), guides, report.Options{})
		if !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), "write the "+format+" report: ") {
			t.Errorf("%s: got %v", format, err)
		}
	}
}

func TestHeadline(t *testing.T) {
	skip := func(run *verdict.Run, checks ...string) {
		for _, c := range checks {
			at(run, c).Outcome = verdict.Skipped
		}
	}
	all := func(outcome verdict.Outcome) func(*verdict.Run) {
		return func(run *verdict.Run) {
			for i := range run.Verdicts {
				run.Verdicts[i].Outcome = outcome
			}
		}
	}
	oneFinding := user(1, "alice", "wrong", nil)
	for name, c := range map[string]struct {
		change func(*verdict.Run)
		want   string
	}{
		"healthy":          {func(*verdict.Run) {}, "All 8 invariants hold"},
		"healthy, skipped": {func(r *verdict.Run) { skip(r, "pvc-lost", "backup-none") }, "6 invariants hold, 2 skipped"},
		"one holds":        {func(r *verdict.Run) { all(verdict.Skipped)(r); at(r, "pvc-lost").Outcome = verdict.Pass }, "1 invariant holds, 7 skipped"},
		"the only one":     {func(r *verdict.Run) { r.Verdicts = r.Verdicts[:1] }, "The invariant holds"},
		"all skipped":      {all(verdict.Skipped), "Nothing was checked"},
		"no verdict":       {func(r *verdict.Run) { r.Verdicts = nil }, "Nothing was checked"},
		"all unknown":      {all(verdict.Unknown), "8 invariants could not be checked, none was seen to hold"},
		"one unknown":      {func(r *verdict.Run) { unknown(r, "pvc-lost", "why") }, "1 invariant could not be checked, 7 hold"},
		"one fails": {func(r *verdict.Run) { fail(r, "pvc-lost", verdict.Error, "s", 0, oneFinding) },
			"1 invariant is violated (1 error)"},
		"fails and unknown": {func(r *verdict.Run) {
			fail(r, "pvc-lost", verdict.Error, "s", 0, oneFinding)
			fail(r, "backup-none", verdict.Critical, "s", 0, oneFinding)
			unknown(r, "hub-cookie-id-null", "why")
		}, "2 invariants are violated (1 critical, 1 error), 1 could not be checked"},
		"out of sight": {func(r *verdict.Run) {
			skip(r, "pvc-lost")
			r.Incidents = []verdict.Incident{{ID: 1, Fingerprint: at(r, "pvc-lost").Fingerprint, State: verdict.Ongoing, Outcome: verdict.Skipped}}
		}, "7 invariants hold, 1 skipped, 1 incident still open but not visible"},
		"unread source that no check needs": {func(r *verdict.Run) { r.Sources[0].Status = facts.Failed },
			"All 8 invariants hold, 1 source could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			run := healthyRun()
			c.change(run)
			if got, _, _ := strings.Cut(render(t, "markdown", run, report.Options{}), "\n"); got != "# "+c.want {
				t.Errorf("got  %s\nwant # %s", got, c.want)
			}
			if got := render(t, "terminal", run, report.Options{Width: 200}); !strings.HasPrefix(got, c.want+"\n") {
				t.Errorf("the terminal starts otherwise:\n%.200s", got)
			}
		})
	}
}

// Whatever a run is made of, a report says that there is nothing to do only
// where that is so.
func TestReassuresOnlyWhereAllIsWell(t *testing.T) {
	random := rand.New(rand.NewPCG(2017, 2023))
	outcomes := []verdict.Outcome{verdict.Pass, verdict.Pass, verdict.Pass, verdict.Pass, verdict.Skipped, verdict.Unknown, verdict.Fail}
	calm := 0
	for range 500 {
		run := healthyRun()
		fine := true
		passed := 0
		for i := range run.Verdicts {
			v := &run.Verdicts[i]
			switch v.Outcome = outcomes[random.IntN(len(outcomes))]; v.Outcome {
			case verdict.Pass:
				passed++
			case verdict.Fail, verdict.Unknown:
				fine = false
			}
		}
		if random.IntN(10) == 0 {
			run.Notes, fine = []string{"something about the run"}, false
		}
		if random.IntN(10) == 0 {
			run.Sources[3].Status, fine = facts.Failed, false
		}
		for _, format := range []string{"markdown", "html", "terminal"} {
			got := strings.Contains(strings.Join(strings.Fields(render(t, format, run, report.Options{})), " "), "There is nothing to do.")
			if want := fine && passed > 0; got != want {
				t.Fatalf("%s reassures: %v, want %v: %+v", format, got, want, run.Summary())
			}
		}
		if fine {
			calm++
		}
	}
	if calm == 0 {
		t.Error("not one of the runs was fine: the test proves nothing")
	}
}

func TestSinceWhen(t *testing.T) {
	since := time.Date(2026, 11, 20, 8, 40, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		since    *time.Time
		incident verdict.Incident
		want     string
	}{
		"ongoing":               {&since, verdict.Incident{ID: 1, State: verdict.Ongoing}, "2026-11-20 08:40 UTC (3 h 20 min)"},
		"only the incident":     {nil, verdict.Incident{ID: 1, State: verdict.Ongoing, OpenedAt: since}, "2026-11-20 08:40 UTC (3 h 20 min)"},
		"opened now":            {&since, verdict.Incident{ID: 1, State: verdict.Opened}, "new in this run"},
		"history out of reach":  {nil, verdict.Incident{State: verdict.Opened}, "not known"},
		"rendered from history": {&since, verdict.Incident{}, "2026-11-20 08:40 UTC (3 h 20 min)"},
	} {
		t.Run(name, func(t *testing.T) {
			run := healthyRun()
			fail(run, "pvc-lost", verdict.Critical, "lost", 0, user(1, "alice", "wrong", nil))
			d := at(run, "pvc-lost")
			d.Since = c.since
			c.incident.Fingerprint, c.incident.Outcome = d.Fingerprint, verdict.Fail
			run.Incidents = []verdict.Incident{c.incident}
			if got := render(t, "markdown", run, report.Options{}); !strings.Contains(got, "- **Since:** "+c.want+"\n") {
				t.Errorf("want since %s in:\n%s", c.want, got)
			}
		})
	}
}

func TestMoreFindingsThanShown(t *testing.T) {
	many := make([]verdict.Finding, 1003)
	for i := range many {
		many[i] = user(i, "u", "m", nil)
	}
	run := healthyRun()
	fail(run, "pvc-lost", verdict.Critical, "lost", 0, many...)
	for format, want := range map[string]string{"markdown": "… and 993 more; the JSON report holds all.", "terminal": "… and 998 more; the JSON report holds all"} {
		if got := render(t, format, run, report.Options{}); !strings.Contains(got, want) || !strings.Contains(got, "1,003 users") {
			t.Errorf("%s lacks %q or the number of users:\n%s", format, want, got)
		}
	}
	if got := render(t, "markdown", run, report.Options{MaxFindings: 1003}); strings.Contains(got, "more; the JSON") {
		t.Error("all are shown, but more are promised")
	}
	at(run, "pvc-lost").Findings = many[:4] // a history that keeps a few
	if got := render(t, "markdown", run, report.Options{}); !strings.Contains(got, "… and 999 more; they are not kept.") ||
		!strings.Contains(got, "1,003 findings") {
		t.Errorf("it does not tell that findings are missing:\n%s", got)
	}
}

func TestWorstFirst(t *testing.T) {
	run := healthyRun()
	one := func(id string) verdict.Finding { return user(1, id, "m", nil) }
	fail(run, "hub-cookie-id-null", verdict.Warning, "the warning", 0, one("a"))
	fail(run, "pvc-lost", verdict.Info, "the info", 0, one("b"))
	fail(run, "backup-none", verdict.Critical, "the second critical", 0, one("c"))
	fail(run, "lh-single-usable-replica", verdict.Critical, "the first critical", 0, one("d"))
	got := render(t, "markdown", run, report.Options{})
	last := 0
	for _, heading := range []string{"## 1. Critical: the first critical", "## 2. Critical: the second critical", "## 3. Warning: the warning", "## 4. Info: the info"} {
		at := strings.Index(got, heading+"\n")
		if at < last {
			t.Errorf("%q is missing or out of order in:\n%s", heading, got)
		}
		last = at
	}
}

// One lost database makes many checks unknown: they are listed by their ids, so
// that they do not fill the page before what was found.
func TestManyUnknownOfOneReason(t *testing.T) {
	run := &verdict.Run{ID: "1-1", StartedAt: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	for _, hub := range []string{"a", "b"} {
		for _, check := range []string{"hub-db-corrupt", "pvc-lost", "backup-none"} {
			run.Verdicts = append(run.Verdicts, verdict.Verdict{Check: check, Hub: hub, Outcome: verdict.Unknown, Severity: verdict.Error, Summary: "no power"})
		}
	}
	for format, want := range map[string]string{
		"terminal": "  no power\n    - a: hub-db-corrupt, pvc-lost, backup-none\n    - b: hub-db-corrupt, pvc-lost, backup-none\n",
		"markdown": "- no power\n  - `a`: `hub-db-corrupt`, `pvc-lost`, `backup-none`\n  - `b`: `hub-db-corrupt`, `pvc-lost`, `backup-none`\n",
	} {
		if got := render(t, format, run, report.Options{Width: 100}); !strings.Contains(got, want) {
			t.Errorf("%s: want\n%s in\n%s", format, want, got)
		}
	}
}
