package report_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/report"
)

func somebody(name string, id int64) facts.Member {
	return facts.Member{Name: name, ID: id, Created: world.Now.AddDate(0, 0, -9)}
}

// aDiff has one of everything.
func aDiff(name string) *verdict.Diff {
	return &verdict.Diff{Cluster: "prod", Swapped: true,
		From: verdict.RunRef{ID: "20261120T120000Z-1", StartedAt: world.Now}, To: verdict.RunRef{ID: "20261120T121500Z-1", StartedAt: world.Now.Add(15 * time.Minute)},
		Hubs: []verdict.HubDiff{
			{Hub: "datahub", Before: 1003, After: 4, Vanished: []facts.Member{somebody(name, 12), {Name: "bob"}}, Appeared: []facts.Member{somebody("carol", 13)},
				Renamed:    []facts.Renamed{{Was: somebody("dave", 4), Now: somebody("david", 4)}},
				Renumbered: []facts.Renumbered{{Name: "erin", Was: 5, Now: 7, Created: world.Now.AddDate(0, 0, -9), CreatedNow: world.Now}}},
			{Hub: "dark", Unknown: "run 20261120T121500Z-1 did not see all users: locked"},
			{Hub: "quiet", Before: 7, After: 7, Hashed: true},
		}}
}

func renderDiff(t testing.TB, format string, d *verdict.Diff) string {
	t.Helper()
	var b strings.Builder
	if err := report.WriteDiff(&b, format, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDiffOnATerminal(t *testing.T) {
	const want = `Users from run 20261120T120000Z-1 (2026-11-20 12:00 UTC) to run 20261120T121500Z-1 (2026-11-20 12:15 UTC)
The runs were named the other way round; the earlier one comes first.

Hub datahub: 1,003 users, then 4
Vanished: 2
  NAME   ID  CREATED
  alice  12  2026-11-11 12:00 UTC
  bob    -   -
Appeared: 1
  NAME   ID  CREATED
  carol  13  2026-11-11 12:00 UTC
Renamed: 1
  WAS   NOW    ID  CREATED
  dave  david  4   2026-11-11 12:00 UTC
Another id: 1
  NAME  WAS  CREATED               NOW  CREATED
  erin  5    2026-11-11 12:00 UTC  7    2026-11-20 12:00 UTC

Hub dark: UNKNOWN: run 20261120T121500Z-1 did not see all users: locked

Hub quiet: 7 users, then 7
The history keeps hashes instead of names (members.names).
Nobody vanished, appeared, was renamed or got another id.
`
	if diff := cmp.Diff(want, renderDiff(t, "terminal", aDiff("alice"))); diff != "" {
		t.Error(diff)
	}
}

// TestLongDiff: a terminal shows some, JSON all.
func TestLongDiff(t *testing.T) {
	d := aDiff("alice")
	d.Hubs = d.Hubs[:1]
	d.Hubs[0].Vanished = nil
	for i := range 1053 {
		d.Hubs[0].Vanished = append(d.Hubs[0].Vanished, somebody(fmt.Sprintf("student-%04d", i), int64(i+1)))
	}
	page := renderDiff(t, "terminal", d)
	if n := strings.Count(page, "student-"); n != 50 || !strings.Contains(page, "Vanished: 1,053\n") || !strings.Contains(page, "  and 1,003 more; --output json has all\n") {
		t.Errorf("%d are shown:\n%s", n, page)
	}
	if n := strings.Count(renderDiff(t, "json", d), `"student-`); n != 1053 {
		t.Errorf("JSON has %d", n)
	}
	d.Hubs[0].Vanished = d.Hubs[0].Vanished[:50]
	if page := renderDiff(t, "terminal", d); strings.Contains(page, "more") {
		t.Errorf("50 are all shown:\n%s", page)
	}
}

// TestDiffAsJSON reads it as docs/json.md describes it.
func TestDiffAsJSON(t *testing.T) {
	type member struct {
		Name    string
		ID      int64
		Created time.Time
	}
	type run struct {
		ID        string
		StartedAt time.Time
	}
	var got struct {
		Schema, Cluster string
		From, To        run
		Hubs            []struct {
			Hub, Unknown       string
			Hashed             bool
			Before, After      int
			Vanished, Appeared []member
			Renamed            []struct{ Was, Now member }
			Renumbered         []struct {
				Name                string
				Was, Now            int64
				Created, CreatedNow time.Time
			}
		}
	}
	d := aDiff("alice")
	text := renderDiff(t, "json", d)
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got.Schema != report.DiffSchema || got.Cluster != "prod" || got.From != run(d.From) || got.To != run(d.To) || len(got.Hubs) != 3 {
		t.Errorf("the head is %+v", got)
	}
	h := got.Hubs[0]
	if h.Hub != "datahub" || h.Before != 1003 || h.After != 4 || h.Vanished[0] != member(d.Hubs[0].Vanished[0]) || h.Vanished[1] != (member{Name: "bob"}) ||
		h.Appeared[0] != member(d.Hubs[0].Appeared[0]) || h.Renamed[0].Was != member(d.Hubs[0].Renamed[0].Was) || h.Renamed[0].Now != member(d.Hubs[0].Renamed[0].Now) ||
		h.Renumbered[0].Was != 5 || h.Renumbered[0].Now != 7 || !h.Renumbered[0].CreatedNow.Equal(world.Now) {
		t.Errorf("the first hub is %+v", h)
	}
	if got.Hubs[1].Unknown != d.Hubs[1].Unknown || !got.Hubs[2].Hashed || strings.Contains(text, "null") {
		t.Errorf("the others are %+v\n%s", got.Hubs[1:], text)
	}
}

// TestDiffExample: the example in docs/json.md is a real one.
func TestDiffExample(t *testing.T) {
	docs, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	d := aDiff("")
	d.Hubs = []verdict.HubDiff{{Hub: "datahub", Before: 2, After: 2,
		Vanished: []facts.Member{{Name: "alice", ID: 12, Created: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}},
		Appeared: []facts.Member{{Name: "carol", ID: 13, Created: time.Date(2026, 11, 20, 12, 3, 11, 0, time.UTC)}}}}
	if example := "```json\n" + renderDiff(t, "json", d) + "```\n"; !strings.Contains(string(docs), example) {
		t.Errorf("docs/json.md does not have the example\n%s", example)
	}
}

// TestHostileNamesInADiff: a name changes nothing but text.
func TestHostileNamesInADiff(t *testing.T) {
	lines := strings.Count(renderDiff(t, "terminal", aDiff("alice")), "\n")
	for _, name := range hostileNames {
		page := renderDiff(t, "terminal", aDiff(name))
		if strings.Count(page, "\n") != lines {
			t.Errorf("name %.80q changes the lines:\n%s", name, page)
		}
		for _, r := range page + renderDiff(t, "json", aDiff(name)) {
			if r != '\n' && (!unicode.IsPrint(r) || unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)) {
				t.Errorf("name %.80q gives the raw character %U", name, r)
			}
		}
	}
}

func TestDiffFormats(t *testing.T) {
	if err := report.WriteDiff(&strings.Builder{}, "markdown", aDiff("a")); err == nil || !strings.Contains(err.Error(), "json, terminal") {
		t.Errorf("error %v", err)
	}
}
