package report_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/rescue"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/report"
)

// aRescue has one of everything, with a name in every place that may hold one.
func aRescue(name string) *report.Rescue {
	return &report.Rescue{Cluster: "prod", At: world.Now, Namespace: "datahub", Engine: "sqlite", Into: "fresh.sqlite", Out: "rescued.sqlite",
		Evidence: []string{"the backup " + name + ": 3 users"},
		Plan: &rescue.Plan{Hub: "datahub", Namespace: "datahub", Notes: []string{"a note on " + name},
			Users: []rescue.User{
				{ID: 7, Name: name, Admin: true, Created: world.Now, LastActivity: world.Now, NameFrom: rescue.FromBackup, IDFrom: rescue.FromBackup, Evidence: []string{"in the backup nightly, with the id 7"},
					Servers: []rescue.Server{{Namespace: "datahub", Claim: "claim-ann-7", From: rescue.FromName, Evidence: []string{"its name"}}, {Name: "lab", From: rescue.FromNothing}}},
				{ID: 8, Name: "bob", NameFrom: rescue.FromAnnotation, IDFrom: rescue.FromNothing},
			},
			LeftOut: []rescue.LeftOut{
				{Namespace: "datahub", Claim: "claim-a-b-9", Created: world.Now, Reason: rescue.ReasonLossy, Why: "the hyphens", Candidates: []string{"a-b", name, "a.b", "c", "d", "e"}, Hint: "most names have a hyphen, as " + name},
				{Namespace: "datahub", Claim: "claim-x", User: "x", Server: "lab", Reason: rescue.ReasonSecond, Why: "second to " + name, Candidates: []string{"x"},
					Proposal: &rescue.Decision{Claim: "claim-x", LeaveOut: true}},
				{Namespace: "datahub", Claim: "claim-y", Reason: rescue.ReasonSecond, Why: "second to claim-z"},
				{User: "gone", Reason: rescue.ReasonDecided, Why: "the mapping file leaves this user out", Decided: true},
			}},
		Written: rescue.Written{Users: 2, Servers: 2, Dropped: []string{"root"}},
		Verdicts: []verdict.Verdict{
			{Check: "pvc-orphaned", Hub: "datahub", Outcome: verdict.Fail, Severity: verdict.Info, Summary: "a claim of " + name},
			{Check: "hub-owner-missing", Hub: "datahub", Outcome: verdict.Fail, Severity: verdict.Error, Summary: "owners are missing"},
			{Check: "backup-none", Hub: "datahub", Outcome: verdict.Unknown, Severity: verdict.Critical, Summary: "not seen"},
			{Check: "hub-db-corrupt", Hub: "datahub", Outcome: verdict.Pass}, {Check: "pvc-lost", Hub: "datahub", Outcome: verdict.Skipped},
		}}
}

func renderRescue(t testing.TB, format string, r *report.Rescue) string {
	t.Helper()
	var b strings.Builder
	if err := report.WriteRescue(&b, format, r, guides, report.Options{Width: 400}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRescueOnATerminal(t *testing.T) {
	const want = `datahub: 2 users with 2 servers were written to rescued.sqlite; 3 claims are left out and undecided
cluster prod · 2026-11-20 12:00 UTC

DO FIRST
  1. Keep the hub stopped: ` + "`kubectl -n datahub scale deploy/hub --replicas=0`" + `. On an empty database it gives everybody who logs in a new id, and with it an empty home.
  2. Delete no claim, no volume and no old database, whatever is said of them below.
  3. Decide what is left out (3, below) before a hub runs on the new database. Run again with ` + "`--propose mapping.yaml` and another `--out`" + `, for a file with an entry for each; correct it, and give it back with ` + "`--mapping mapping.yaml`" + `.

LEFT OUT
  2: second claims of servers that have another
    - claim-x: second to ann
    - claim-y: second to claim-z
  1: claims' names of 2016 and 2017, which do not tell the user's for certain: the hyphens
    - claim-a-b-9, created 2026-11-20: a-b, or ann, or a.b, or c, or d, or 1 more
  1: left out by the mapping file
    - user gone

NOTES
  - a note on ann

EVIDENCE
  - the backup ann: 3 users
  names       1 from a backup, 1 from the claim's annotations
  ids         1 from a backup, 1 new
  servers     1 from the claim's name, 1 without a claim
  dropped     1 user of the empty database whom nothing else knows; the hub makes those again whom its configuration names

VERIFIED
  1 invariant holds on the new file, as it was read back, 1 skipped
  error       owners are missing (hub-owner-missing)
  info        a claim of ann (pvc-orphaned)
  unknown     not seen (backup-none)

PUT IT IN PLACE
`
	page := renderRescue(t, "terminal", aRescue("ann"))
	head, steps, _ := strings.Cut(page, "PUT IT IN PLACE\n")
	if diff := cmp.Diff(want, head+"PUT IT IN PLACE\n"); diff != "" {
		t.Error(diff)
	}
	last := -1
	for _, step := range []string{"scale deploy/hub --replicas=0", "hub-db-before-rescue", "cp rescued.sqlite hub-db:", "sha256sum", "mv jupyterhub.sqlite* before-rescue-20261120T1200/", "cull.users", "scale deploy/hub --replicas=1", "one user", "audit now"} {
		at := strings.Index(steps, step)
		if at < last {
			t.Errorf("%q comes too early or not at all:\n%s", step, steps)
		}
		last = at
	}
	if strings.Contains(page, " rm ") || strings.Contains(page, "delete pvc") {
		t.Errorf("something is to be removed:\n%s", page)
	}
}

// TestRescueOutcomes: what was not written, or wrongly, is said first.
func TestRescueOutcomes(t *testing.T) {
	r := aRescue("ann")
	r.Out, r.Verdicts = "", nil
	if page := renderRescue(t, "terminal", r); !strings.Contains(page, "Nothing was written") || strings.Contains(page, "PUT IT IN PLACE") || !strings.Contains(page, "Keep the hub stopped") || !strings.Contains(page, "nothing was checked") {
		t.Error(page)
	}
	r = aRescue("ann")
	for i := range 60 {
		r.Differences = append(r.Differences, fmt.Sprintf("user %d is missing", i))
	}
	for _, format := range []string{"terminal", "markdown"} {
		if page := renderRescue(t, format, r); !strings.Contains(page, "WHAT WAS WRITTEN IS NOT WHAT WAS PLANNED") || !strings.Contains(page, "user 0 is missing") || !strings.Contains(page, "more differences") || !strings.Contains(page, "Do not use rescued.sqlite") || strings.Contains(page, "sha256sum") {
			t.Error(page)
		}
	}
	r = aRescue("ann")
	r.Engine, r.Into, r.Out = "postgresql", "postgresql://audit@db/new", "-"
	page := renderRescue(t, "terminal", r)
	for _, want := range []string{"was written to standard output", "psql --set=ON_ERROR_STOP=1 --file=rescued.sql", "postgresql://audit@db/new", "which no server has run yet"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	r.Engine = "mysql"
	if page := renderRescue(t, "terminal", r); !strings.Contains(page, "mysql --default-character-set=utf8mb4 NEW_DATABASE < rescued.sql") {
		t.Error(page)
	}
	r.Plan.LeftOut, r.Verdicts, r.Proposal = nil, nil, "m.yaml"
	if page := renderRescue(t, "terminal", r); !strings.Contains(page, "nothing is undecided") || strings.Contains(page, "LEFT OUT") || strings.Contains(page, "m.yaml") {
		t.Error(page)
	}
}

// TestLongRescue: people see some, JSON has all.
func TestLongRescue(t *testing.T) {
	r := aRescue("ann")
	for i := range 1000 {
		r.Plan.LeftOut = append(r.Plan.LeftOut, rescue.LeftOut{Claim: fmt.Sprintf("claim-many-%04d", i), Reason: rescue.ReasonTwins, Why: "same"})
	}
	for format, want := range map[string]int{"terminal": 5, "markdown": 50, "json": 1000} {
		page := renderRescue(t, format, r)
		if n := strings.Count(page, "claim-many-"); n != want || format != "json" && !strings.Contains(page, text1000(want)) {
			t.Errorf("%s shows %d:\n%.3000s", format, n, page)
		}
	}
}

func text1000(shown int) string { return fmt.Sprintf("and %d more", 1000-shown) }

func TestRescueAsJSON(t *testing.T) {
	var got struct {
		Schema, Cluster, Hub, At, Engine, Into, Out string
		Summary                                     struct {
			Users, Servers, LeftOut, Undecided int
			Names, IDs, Claims                 map[string]int
		}
		Notes, Evidence, Dropped, Differences []string
		Users                                 []struct {
			ID                                            int64
			Name, Created, LastActivity, NameFrom, IDFrom string
			Admin                                         bool
			Evidence                                      []string
			Servers                                       []struct {
				Name, Namespace, Claim, From string
				Evidence                     []string
			}
		}
		LeftOut []struct {
			Namespace, Claim, Created, User, Server, Reason, Why string
			Candidates                                           []string
			Hint                                                 string
			Decided                                              bool
			Proposal                                             map[string]any
		}
		Verdicts []map[string]any
	}
	text := renderRescue(t, "json", aRescue("ann"))
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got.Schema != "hubaudit/rescue/v1" || got.Summary.Users != 2 || got.Summary.LeftOut != 4 || got.Summary.Undecided != 3 || got.Summary.IDs["none"] != 1 ||
		len(got.Users) != 2 || !got.Users[0].Admin || got.Users[0].Servers[0].Claim != "claim-ann-7" || len(got.LeftOut) != 4 || len(got.Verdicts) != 5 ||
		got.LeftOut[1].Proposal["leaveOut"] != true || !got.LeftOut[3].Decided || got.Dropped[0] != "root" || !strings.Contains(got.LeftOut[0].Hint, "most names") {
		t.Errorf("%+v", got)
	}
	if strings.Contains(text, "null") {
		t.Errorf("an empty list is null:\n%s", text)
	}
}

// TestRescueSchemaIsDescribed: docs/rescue.md names every field of the report.
func TestRescueSchemaIsDescribed(t *testing.T) {
	docs, err := os.ReadFile("../docs/rescue.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{report.RescueSchema, "nameFrom", "idFrom", "undecided", "differences", "proposal", "hint", "hyphen: ", string(rescue.FromRule), string(rescue.ReasonLossy), string(rescue.ReasonNeighbour)} {
		if !strings.Contains(string(docs), word) {
			t.Errorf("docs/rescue.md does not mention %s", word)
		}
	}
}

// TestHostileNamesInARescue: a name changes nothing but text.
func TestHostileNamesInARescue(t *testing.T) {
	for _, format := range []string{"terminal", "markdown", "json"} {
		lines := strings.Count(renderRescue(t, format, aRescue("alice")), "\n")
		for _, name := range hostileNames {
			if format == "terminal" && len(name) > 200 {
				continue // is wrapped
			}
			page := renderRescue(t, format, aRescue(name))
			if strings.Count(page, "\n") != lines {
				t.Errorf("%s: name %.80q changes the lines:\n%s", format, name, page)
			}
			for _, r := range page {
				if r != '\n' && (!unicode.IsPrint(r) || unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)) {
					t.Errorf("%s: name %.80q gives the raw character %U", format, name, r)
				}
			}
		}
	}
}

func TestRescueFormats(t *testing.T) {
	if err := report.WriteRescue(&strings.Builder{}, "csv", aRescue("a"), guides, report.Options{}); err == nil || !strings.Contains(err.Error(), "json, markdown, terminal") {
		t.Errorf("error %v", err)
	}
}
