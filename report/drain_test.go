package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/renderer/html"

	"hubaudit/internal/drain"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/world"
	"hubaudit/report"
)

func renderDrain(t testing.TB, format string, d *report.Drain, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteDrain(&b, format, d, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func planned(t testing.TB, s *facts.Snapshot, o drain.Options) *report.Drain {
	t.Helper()
	r, err := drain.Plan(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return &report.Drain{Cluster: "prod", At: s.Now, Result: r}
}

// oneCopy is a small healthy world in which one home has a single copy, on
// worker-3.
func oneCopy() *facts.Snapshot {
	s := world.Healthy(world.Small)
	volume := s.Longhorn.Volumes[1].Name
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == volume && r.NodeID != "worker-3" })
	world.Settle(s)
	return s
}

// everyDrain has everything that a drain's report can say, with names wherever
// somebody else's text may be.
func everyDrain(name string) *report.Drain {
	items := func(role drain.Role) []drain.Item {
		return []drain.Item{{Volume: name, Namespace: name, Claim: name, Hub: name, User: name + "u", Server: name + "s", Role: role, Copies: 1, Why: "lies on " + name},
			{Volume: name, Namespace: name, Claim: name, User: name + "u", Role: drain.RoleHome, Why: name}, {Volume: name, Role: drain.RoleOther, Why: name}}
	}
	r := &drain.Result{Options: drain.Options{Nodes: []string{name, name + "2"}, Rolling: true, WaitRebuild: true, Keep: 2}, Unknown: []string{"kube/nodes is failed: " + name}, Unclear: items(drain.RoleHome),
		Gone: items(drain.RoleHub), Judged: 7, Outside: 1, Blank: 2, Other: 3, Longhorn: name + "v", Remedies: []drain.Remedy{{Do: "Do `this`.", Nodes: []string{name}, Volumes: 3}},
		Order: &drain.Order{Nodes: []string{name, name + "2"}, SafeSteps: 1, Better: true}}
	r.Steps = []drain.Step{{Node: name, Note: "is not ready", Lost: items(drain.RoleHub), BelowKeep: items(drain.RoleHome), Apart: items(drain.RoleHome),
		Interrupted: []drain.Pod{{Namespace: name, Name: name, Moves: true}, {Namespace: name, Name: name, User: name, Claims: []string{name}}},
		Longhorn:    &drain.Longhorn{Holds: []drain.Hold{{Replica: name, Volume: name, Why: name}}, Unprotected: []string{name}, Trouble: name}, Budgets: []string{name}}}
	return &report.Drain{Cluster: name + "c", At: world.Now, Result: r}
}

func TestDrainHeadlines(t *testing.T) {
	unread := world.Healthy(world.Small)
	for i := range unread.Sources {
		if unread.Sources[i].Name == facts.LonghornReplicas {
			unread.Sources[i].Status, unread.Sources[i].Detail = facts.Failed, "403"
		}
	}
	unclear := world.Healthy(world.Small)
	unclear.Kube.Volumes[1].Driver = "who.knows/csi"
	for want, d := range map[string]*report.Drain{
		"SAFE: nothing is lost, each of 12 volumes keeps 1 usable copy or more\n":                                       planned(t, world.Healthy(world.Small), drain.Options{Nodes: []string{"worker-1"}}),
		"NOT SAFE: 1 volume would be lost\n":                                                                            planned(t, oneCopy(), drain.Options{Nodes: []string{"worker-3"}}),
		"NOT SAFE: 1 volume would be lost, the first with step 2 of 2\n":                                                planned(t, oneCopy(), drain.Options{Nodes: []string{"worker-1", "worker-3"}}),
		"NOT SAFE: 9 volumes would keep fewer than 3 usable copies\n":                                                   planned(t, world.Healthy(world.Small), drain.Options{Nodes: []string{"worker-1"}, Keep: 3}),
		"COULD NOT TELL: 1 thing could not be seen\n":                                                                   planned(t, unread, drain.Options{Nodes: []string{"worker-1"}}),
		"COULD NOT TELL: 1 volume may be lost, as its storage does not show where it is\n":                              planned(t, unclear, drain.Options{Nodes: []string{"worker-1"}}),
		"Of all orders, the safest is worker-1, worker-3: the first 1 step of 2 is safe there, of this one 0.\n":        planned(t, oneCopy(), drain.Options{Nodes: []string{"worker-3", "worker-1"}}),
		"Longhorn v1.12.1 itself would block this drain, because of 1 replica":                                          planned(t, oneCopy(), drain.Options{Nodes: []string{"worker-3"}}),
		"1 user's running server stops: student-0005.\n":                                                                planned(t, world.Healthy(world.Small), drain.Options{Nodes: []string{"worker-2"}}),
		"- user student-0001: pvc-00000003-0000-4000-8000-000000000002 (claim datahub/claim-student-0001) has its only": planned(t, oneCopy(), drain.Options{Nodes: []string{"worker-3"}}),
	} {
		if page := renderDrain(t, "terminal", d, report.Options{Width: 400}); !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// TestDrainLists: people see some of many, and all when they ask; JSON has all.
func TestDrainLists(t *testing.T) {
	s := world.Healthy(world.Size{Users: 100, Nodes: 4, Replicas: 1})
	d := planned(t, s, drain.Options{Nodes: []string{"worker-1"}})
	lost := len(d.Steps[0].Lost)
	if lost < 20 {
		t.Fatalf("only %d lost", lost)
	}
	if page := renderDrain(t, "terminal", d, report.Options{}); !strings.Contains(page, "more; --all lists them") {
		t.Errorf("a long list is not cut short:\n%s", page)
	}
	if n := strings.Count(renderDrain(t, "json", d, report.Options{}), `"copies"`); n != lost {
		t.Errorf("JSON has %d of %d", n, lost)
	}
	d.All = true
	if n := strings.Count(renderDrain(t, "terminal", d, report.Options{Width: 400}), "\n  - user "); n != lost {
		t.Errorf("all are %d of %d", n, lost)
	}
	if err := report.WriteDrain(&bytes.Buffer{}, "pdf", d, report.Options{}); err == nil || !strings.Contains(err.Error(), "json, markdown, terminal") {
		t.Errorf("error %v", err)
	}
}

// TestDrainJSON: the fields that are promised, under their names.
func TestDrainJSON(t *testing.T) {
	var got struct {
		Schema string
		Safe   bool
		Steps  []struct {
			Node      string
			Lost      []struct{ Volume, Namespace, Claim, User string }
			BelowKeep []struct {
				Volume string
				Copies int
			}
		}
	}
	if err := json.Unmarshal([]byte(renderDrain(t, "json", planned(t, oneCopy(), drain.Options{Nodes: []string{"worker-3"}, Keep: 3}), report.Options{})), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "hubaudit/drain/v1" || got.Safe || len(got.Steps) != 1 || got.Steps[0].Node != "worker-3" || len(got.Steps[0].BelowKeep) == 0 || got.Steps[0].BelowKeep[0].Copies != 2 {
		t.Fatalf("%+v", got)
	}
	want := struct{ Volume, Namespace, Claim, User string }{"pvc-00000003-0000-4000-8000-000000000002", "datahub", "claim-student-0001", "student-0001"}
	if diff := cmp.Diff(want, got.Steps[0].Lost[0]); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
}

// TestDrainGolden holds whole pages.
func TestDrainGolden(t *testing.T) {
	d := planned(t, oneCopy(), drain.Options{Nodes: []string{"worker-3", "worker-1"}, Keep: 2})
	for file, format := range map[string]string{"drain.txt": "terminal", "drain.md": "markdown", "drain.json": "json"} {
		got, name := renderDrain(t, format, d, report.Options{}), "testdata/"+file
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// TestHostileNamesInADrain: a name changes nothing but text, in any format.
func TestHostileNamesInADrain(t *testing.T) {
	for _, name := range hostileNames {
		checkDrain(t, name)
	}
}

func FuzzDrain(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { checkDrain(t, name) })
}

func checkDrain(t testing.TB, name string) {
	t.Helper()
	if name == "" {
		return // no name is another thing than a hostile one
	}
	d, harmless := everyDrain(name), everyDrain("Älice")
	got, want := renderDrain(t, "markdown", d, report.Options{}), renderDrain(t, "markdown", harmless, report.Options{})
	if diff := cmp.Diff(shape(t, want), shape(t, got)); diff != "" {
		t.Errorf("name %.80q changes the document:\n%s", name, diff)
	}
	if safe, unsafe := toHTML(t, got), toHTML(t, got, goldmark.WithRendererOptions(html.WithUnsafe())); safe != unsafe {
		t.Errorf("name %.80q brings raw HTML into the document:\n%s", name, cmp.Diff(safe, unsafe))
	}
	checkRunes(t, name, got)
	page := renderDrain(t, "terminal", d, report.Options{Width: 64})
	checkRunes(t, name, page)
	for line := range strings.SplitSeq(page, "\n") {
		if text.Width(line) > 64 && !strings.Contains(line, "`") { // code is left to be copied
			t.Errorf("name %.80q gives a line of %d columns: %.200q", name, text.Width(line), line)
		}
	}
	if encoded := renderDrain(t, "json", d, report.Options{}); !json.Valid([]byte(encoded)) {
		t.Errorf("name %.80q gives no JSON", name)
	}
}

// A step is never called fine for what could not be seen.
func TestStepOfWhatIsUnknown(t *testing.T) {
	for want, sources := range map[string][]string{
		"STEP 1 worker-1: could not be told\n":                       {facts.LonghornReplicas, facts.KubeVolumes},
		"STEP 1 worker-1: nothing is lost of what could be judged\n": {facts.KubePods},
		"STEP 1 worker-1: nothing is lost\n":                         nil,
	} {
		s := world.Healthy(world.Small)
		for _, name := range sources {
			world.Fail(s, name, facts.CauseTimeout, "gave up after 30s")
		}
		d := planned(t, s, drain.Options{Nodes: []string{"worker-1"}})
		if page := renderDrain(t, "terminal", d, report.Options{}); !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}
