package report_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// document is the JSON report as a program that knows docs/json.md reads it.
type document struct {
	Schema string
	Run    struct {
		ID, Cluster, Version string
		StartedAt            time.Time
		DurationSeconds      float64
	}
	Summary verdict.Summary
	Notes   []string
	Sources []struct {
		Name, Status, Cause, Detail string
		Items                       map[string]int
		DurationSeconds             float64
	}
	Verdicts  []verdict.Verdict
	Incidents []struct {
		Check, Hub, State, Verdict, Severity, Summary, Fingerprint, Reason string
		Count                                                              int
		OpenedAt                                                           time.Time
		ResolvedAt                                                         *time.Time
	}
	Coverage []struct {
		Hub, Unknown string
		Homes        *struct {
			NeedBackup, Current, Older, None, Untold int
			Oldest                                   string
			OldestAt                                 time.Time
		}
		Database []struct {
			Name, Location, Good, Tested, Level, Trouble string
			Unread                                       bool
			GoodAt, TestedAt                             time.Time
		}
	}
}

func decode(t testing.TB, report string) document {
	t.Helper()
	var d document
	dec := json.NewDecoder(strings.NewReader(report))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("the JSON report cannot be read: %v\n%s", err, report)
	}
	return d
}

// checkJSON proves that a name arrives as it is, and shows nothing to a
// terminal on its way.
func checkJSON(t testing.TB, name string) {
	t.Helper()
	run := hostileRun(name)
	got := render(t, "json", run, report.Options{})
	for _, r := range got {
		if r != '\n' && (!unicode.IsPrint(r) || unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)) {
			t.Errorf("name %.80q gives the raw character %U", name, r)
		}
	}
	d := decode(t, got)
	want := string([]rune(name)) // a broken byte becomes U+FFFD, as JSON demands
	if have := d.Verdicts[1].Findings[0].Subject.Name; have != want {
		t.Errorf("name %.80q arrives as %.80q", name, have)
	}
	if have := d.Coverage[0].Database[0].Location; have != want || d.Coverage[1].Homes != nil {
		t.Errorf("name %.80q arrives in the table of backups as %.80q", name, have)
	}
	if len(d.Verdicts) != len(run.Verdicts) || len(d.Incidents) != len(run.Incidents) || len(d.Sources) != len(run.Sources) {
		t.Errorf("name %q changes the report", name)
	}
}

func TestJSONHoldsEverything(t *testing.T) {
	run := badRun()
	d := decode(t, render(t, "json", run, report.Options{MaxFindings: 1}))
	want := run.Verdicts
	for i := range want {
		if want[i].Findings == nil {
			want[i].Findings = []verdict.Finding{}
		}
	}
	if diff := cmp.Diff(want, d.Verdicts); diff != "" {
		t.Errorf("verdicts (-run +report):\n%s", diff)
	}
	if diff := cmp.Diff(run.Summary(), d.Summary); diff != "" {
		t.Error(diff)
	}
	if d.Schema != "hubaudit/v1" || d.Run.ID != run.ID || !d.Run.StartedAt.Equal(run.StartedAt) || d.Run.DurationSeconds != 1.234 {
		t.Errorf("run: %+v", d.Run)
	}
	resolved := d.Incidents[len(d.Incidents)-1]
	if resolved.State != "resolved" || resolved.ResolvedAt == nil || resolved.Reason != "the invariant holds again" {
		t.Errorf("resolved incident: %+v", resolved)
	}
	if open := d.Incidents[0]; open.ResolvedAt != nil || open.Verdict != "fail" {
		t.Errorf("open incident: %+v", open)
	}
}

// A list that is empty is [], and a map {}: programs need not tell null from
// missing.
func TestJSONHasNoNull(t *testing.T) {
	got := render(t, "json", &verdict.Run{StartedAt: time.Unix(0, 999), Sources: []facts.Source{{Name: "history", Status: facts.OK}},
		Verdicts: []verdict.Verdict{{Check: "pvc-lost", Outcome: verdict.Pass, Severity: verdict.Critical}}}, report.Options{})
	if strings.Contains(got, "null") || !strings.HasSuffix(got, "}\n") {
		t.Errorf("null, or no final newline:\n%s", got)
	}
	for _, want := range []string{`"findings": []`, `"notes": []`, `"items": {}`, `"incidents": []`, `"startedAt": "1970-01-01T00:00:00Z"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in:\n%s", want, got)
		}
	}
}

func TestJSONTimesAreUTC(t *testing.T) {
	run := healthyRun()
	berlin := time.FixedZone("CET", 3600)
	run.StartedAt = run.StartedAt.In(berlin).Add(987654321)
	if got := render(t, "json", run, report.Options{}); !strings.Contains(got, `"startedAt": "2026-11-20T12:00:00Z"`) {
		t.Errorf("got %s", got)
	}
}

func TestJSONLeavesOutNumbersThatAreNone(t *testing.T) {
	run := healthyRun()
	run.Verdicts[0].Series = map[string]float64{"users": 10, "nan": math.NaN(), "inf": math.Inf(1)}
	d := decode(t, render(t, "json", run, report.Options{}))
	if diff := cmp.Diff(map[string]float64{"users": 10}, d.Verdicts[0].Series); diff != "" {
		t.Error(diff)
	}
}

// The example in docs/json.md is a real report.
func TestDocumentedExample(t *testing.T) {
	run := healthyRun()
	run.Sources = run.Sources[2:3]
	run.Verdicts = run.Verdicts[:3]
	fail(run, "hub-cookie-id-null", verdict.Critical, "user \"alice\" (id 12) has the cookie_id NULL, a random text of their own is expected", 200*time.Minute,
		user(12, "alice", "user \"alice\" (id 12) has the cookie_id NULL, a random text of their own is expected", map[string]string{"created": "2026-11-20 09:12 UTC"}))
	unknown(run, "hub-cookie-id-duplicate", "the table of users could not be read to its end")
	at(run, "hub-user-count-drift").Series = map[string]float64{facts.SeriesUsers: 10}
	want := render(t, "json", run, report.Options{})

	const path = "../docs/json.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(doc, []byte("```json\n"))
	example, after, ok2 := bytes.Cut(rest, []byte("```\n"))
	if !ok || !ok2 {
		t.Fatalf("%s has no example", path)
	}
	if *update {
		doc = bytes.Join([][]byte{before, []byte("```json\n"), []byte(want), []byte("```\n"), after}, nil)
		if err := os.WriteFile(path, doc, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(example), want); diff != "" {
		t.Errorf("the example in %s is stale (-page +report); go test ./report -update\n%s", path, diff)
	}
}
