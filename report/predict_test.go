package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/yuin/goldmark"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
	"hubaudit/internal/world"
	"hubaudit/report"
)

func renderPrediction(t testing.TB, format string, p *report.Prediction, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WritePrediction(&b, format, p, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// forecast predicts a world's first hub as the command does.
func forecast(t testing.TB, s *facts.Snapshot, c prediction.Change) *report.Prediction {
	t.Helper()
	h := s.Hubs[0]
	under, err := prediction.Under(h.KubeSpawner, c)
	if err != nil {
		t.Fatal(err)
	}
	owners := attribution.New(s)
	hub := report.HubPrediction{Hub: h, Under: under, Changes: c.Words(h.KubeSpawner, under)}
	if hub.Starts, err = prediction.Predict(s, h, under, owners); err != nil {
		t.Fatal(err)
	}
	if !c.IsZero() {
		if hub.Today, err = prediction.Predict(s, h, h.KubeSpawner, owners); err != nil {
			t.Fatal(err)
		}
	}
	return &report.Prediction{Cluster: "prod", At: s.Now, Hubs: []report.HubPrediction{hub}}
}

// allOutcomes has one start of each outcome and cause, with names wherever
// somebody else's text may be, and a hub of which nothing is known.
func allOutcomes(version string, names ...string) *report.Prediction {
	h := &facts.Hub{Name: names[0], Namespace: names[0], KubeSpawner: facts.KubeSpawner{Version: version, Chart: names[0], VersionFrom: names[0]}}
	h.Database.Engine = "postgresql"
	under := facts.KubeSpawner{Version: "7.0.0", Chart: names[0], VersionFrom: names[0], PVCNameTemplate: names[0], SlugScheme: names[0], RememberPVCName: true, LegacyNames: true}
	hub := report.HubPrediction{Hub: h, Under: under, Changes: []string{"with the template " + names[0]}}
	for i, name := range names {
		for _, k := range []struct {
			outcome prediction.Outcome
			cause   prediction.Cause
			data    string
		}{
			{prediction.Same, "", name}, {prediction.Same, "", ""}, {prediction.Other, prediction.CauseCollision, ""}, {prediction.Other, prediction.CauseCollision, name + "d"},
			{prediction.Empty, prediction.CauseRunning, name + "d"}, {prediction.Empty, prediction.CauseForgotten, name + "d"}, {prediction.Empty, prediction.CauseNoState, name + "d"},
			{prediction.Empty, prediction.CauseUnreachable, name + "d"}, {prediction.Empty, prediction.CauseMissing, ""}, {prediction.Pending, prediction.CauseUnusable, name},
			{prediction.Pending, prediction.CauseMissing, name + "d"},
		} {
			st := prediction.Start{Hub: h.Name, User: name, UserID: int64(i + 1), SpawnerID: int64(i + 1), Server: name, Namespace: name, Claim: name, Because: name,
				Outcome: k.outcome, Cause: k.cause, Data: k.data, New: k.data == ""}
			if k.data != "" {
				st.DataNamespace, st.Content = name+"n", prediction.Content{Bytes: 150 << 20, LastUsed: world.Now}
			}
			if k.outcome == prediction.Other {
				st.Owner = attribution.Owner{Hub: name + "h", User: name + "o", UserID: 3, Server: name}
			}
			hub.Starts = append(hub.Starts, st)
		}
	}
	hub.Today = slices.Clone(hub.Starts)
	unknown := report.HubPrediction{Hub: &facts.Hub{Name: names[0]}, Unknown: "it says " + names[0]}
	return &report.Prediction{Cluster: names[0] + "c", At: world.Now, All: true, Hubs: []report.HubPrediction{hub, unknown}}
}

// sharedHomes is a hub whose home directories are all on one claim.
func sharedHomes() *facts.Snapshot {
	s := world.AgedBefore()
	s.Hubs[0].KubeSpawner.Homes = facts.Homes{Claim: "shared-data", SubPath: "home/{username}"}
	return s
}

func TestGoldenPredictions(t *testing.T) {
	predictions := map[string]*report.Prediction{
		"predict-upgrade": forecast(t, world.AgedBefore(), prediction.Change{Chart: "4.4.0"}),
		"predict-today":   forecast(t, world.Aged(), prediction.Change{}),
		"predict-back":    forecast(t, world.Aged(), prediction.Change{KubeSpawner: "6.2.0"}),
		"predict-homes":   forecast(t, sharedHomes(), prediction.Change{Chart: "4.4.0"}),
		"predict-healthy": forecast(t, world.Healthy(world.Small), prediction.Change{}),
		"predict-hostile": allOutcomes("6.2.0", hostileNames...),
	}
	predictions["predict-hostile"].All = false
	for name, p := range predictions {
		for ext, format := range map[string]string{"txt": "terminal", "md": "markdown", "json": "json", "sql": "sql"} {
			if name == "predict-hostile" && (ext == "json" || ext == "sql") {
				continue // they leave nothing out and would be long
			}
			t.Run(name+"."+ext, func(t *testing.T) {
				got := renderPrediction(t, format, p, report.Options{MaxFindings: 4})
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

// TestPredictionAsJSON reads it as docs/json.md describes it: all starts, each
// with its outcome.
func TestPredictionAsJSON(t *testing.T) {
	type start struct {
		Hub, User, Server, Claim, Outcome, Data string
		UserID, SpawnerID                       int64
		Namespace, Directory, Cause, Because    string
		New                                     bool
		Owner                                   *struct{ Hub, User, Server string }
		Today, DataNamespace                    string
		DataBytes                               int64
		DataInUse                               bool
		DataLastUsed                            time.Time
		Claims                                  []string
	}
	var got struct {
		Schema, Cluster string
		At              time.Time
		Hubs            []struct {
			Hub, Unknown string
			Under        *struct {
				Kubespawner, Chart, From, PVCNameTemplate, SlugScheme, HomesClaim, SubPath string
				Changes                                                                    []string
				RememberPVCName, HandleLegacyNames                                         bool
			}
			Same, Empty, Other, Pending int
		}
		Starts []start
	}
	p := forecast(t, world.AgedBefore(), prediction.Change{Chart: "4.4.0"})
	p.Hubs = append(p.Hubs, report.HubPrediction{Hub: &facts.Hub{Name: "dark"}, Unknown: "locked"})
	page := renderPrediction(t, "json", p, report.Options{})
	dec := json.NewDecoder(strings.NewReader(page))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("%v\n%s", err, page)
	}
	h := got.Hubs[0]
	if got.Schema != "hubaudit/predict/v1" || got.Cluster != "prod" || !got.At.Equal(p.At) || len(got.Hubs) != 2 || got.Hubs[1].Unknown != "locked" || got.Hubs[1].Under != nil {
		t.Errorf("the head is %+v", got.Hubs)
	}
	if h.Same != 10 || h.Empty != 12 || h.Other != 1 || h.Pending != 0 || h.Under.Kubespawner != "7.0.0" || h.Under.Chart != "4.4.0" || len(h.Under.Changes) != 1 {
		t.Errorf("the hub is %+v, %+v", h, h.Under)
	}
	if len(got.Starts) != 23 || strings.Contains(page, "null") {
		t.Errorf("%d starts", len(got.Starts))
	}
	cem := got.Starts[slices.IndexFunc(got.Starts, func(s start) bool { return s.User == "cem" && s.Server == "lab" })]
	want := start{Hub: "datahub", User: "cem", Server: "lab", Claim: "claim-cem--lab", Outcome: "empty", Data: "claim-cemlab", UserID: 9, SpawnerID: 11,
		Namespace: "datahub", Cause: "unreachable", Because: "its name is rendered from claim-{user_server}", New: true, Today: "same",
		DataNamespace: "datahub", DataBytes: 150 << 20, DataLastUsed: cem.DataLastUsed, Claims: []string{"claim-cemlab", "claim-cem-lab"}}
	if diff := cmp.Diff(want, cem); diff != "" || cem.DataLastUsed.IsZero() {
		t.Errorf("cem's start (-want +got):\n%s", diff)
	}
}

// TestPredictionExample: the example in docs/json.md is a real one.
func TestPredictionExample(t *testing.T) {
	l := world.NewLife(world.Era{Chart: "3.3.8", From: world.Now.AddDate(0, -1, 0)})
	l.Join("jane-doe")
	l.Start("jane-doe", "")
	p := forecast(t, l.End(world.Now), prediction.Change{Chart: "4.4.0"})
	docs, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	if example := "```json\n" + renderPrediction(t, "json", p, report.Options{}) + "```\n"; !strings.Contains(string(docs), example) {
		t.Errorf("docs/json.md does not have the example\n%s", example)
	}
}

// TestPredictionSQL: a statement for every server that has files elsewhere,
// none for what a statement cannot mend.
func TestPredictionSQL(t *testing.T) {
	for engine, want := range map[string]string{
		"sqlite":     `UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-max-4') WHERE id = 4;`,
		"mysql":      `UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-max-4') WHERE id = 4;`,
		"postgresql": `UPDATE spawners SET state = (coalesce(state, '{}')::jsonb || '{"pvc_name": "claim-max-4"}')::text WHERE id = 4;`,
	} {
		p := forecast(t, world.Aged(), prediction.Change{})
		p.Hubs[0].Hub.Database.Engine = engine
		page := renderPrediction(t, "sql", p, report.Options{})
		if !strings.Contains(page, "\n"+want+"\n") || strings.Count(page, "\nUPDATE ") != 10 || strings.Count(page, "decide by hand") != 1 {
			t.Errorf("%s:\n%s", engine, page)
		}
	}
	p := forecast(t, world.Aged(), prediction.Change{})
	for i := range p.Hubs[0].Starts {
		st := &p.Hubs[0].Starts[i]
		st.SpawnerID, st.DataNamespace = 0, "other"
	}
	if page := renderPrediction(t, "sql", p, report.Options{}); !strings.Contains(page, `INSERT INTO spawners (user_id, name, state) VALUES (4, '', '{"pvc_name": "claim-max-4", "namespace": "other"}');`) {
		t.Errorf("a server without a row:\n%s", page)
	}
	for name, p := range map[string]*report.Prediction{
		"KubeSpawner 6": forecast(t, world.Aged(), prediction.Change{KubeSpawner: "6.2.0"}), "nothing lost": forecast(t, world.Healthy(world.Small), prediction.Change{}),
		"hostile claims": allOutcomes("7.0.0", "x', state='{}' --")} {
		if page := renderPrediction(t, "sql", p, report.Options{}); strings.Contains(page, "\nUPDATE") || strings.Contains(page, "\nINSERT") {
			t.Errorf("%s:\n%s", name, page)
		}
	}
}

func TestPredictionHeadlines(t *testing.T) {
	for want, p := range map[string]*report.Prediction{
		"All 11 servers find their home at their next start":                               forecast(t, world.Healthy(world.Small), prediction.Change{}),
		"All 11 servers find their home with slug scheme escape":                           forecast(t, world.Healthy(world.Small), prediction.Change{SlugScheme: "escape"}),
		"The only server finds its home at their next start":                               forecast(t, world.Healthy(world.Size{Users: 1, Nodes: 3, Replicas: 3}), prediction.Change{}),
		"The hub has no users: there is no server to predict":                              forecast(t, world.Healthy(world.Size{Nodes: 3, Replicas: 3}), prediction.Change{}),
		"11 of 11 servers would not find their home after going back to":                   forecast(t, world.Healthy(world.Small), prediction.Change{Chart: "3.3.8"}),
		"chart 3.3.8 (KubeSpawner 6.2.0); today all would":                                 forecast(t, world.Healthy(world.Small), prediction.Change{Chart: "3.3.8"}),
		"13 of 23 servers would not find their home after the upgrade to":                  forecast(t, world.AgedBefore(), prediction.Change{Chart: "4.4.0"}),
		"chart 4.4.0 (KubeSpawner 7.0.0); 6 of them would not today either":                forecast(t, world.AgedBefore(), prediction.Change{Chart: "4.4.0"}),
		"11 of 27 servers would not find their home with slug scheme safe; the same today": forecast(t, world.Aged(), prediction.Change{SlugScheme: "safe"}),
	} {
		if page := renderPrediction(t, "terminal", p, report.Options{Width: 400}); !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// TestPredictionLists: people see some of many, JSON all; who finds their home
// is listed only when asked for.
func TestPredictionLists(t *testing.T) {
	p := forecast(t, world.Healthy(world.Size{Users: 300, Nodes: 4, Replicas: 3}), prediction.Change{Chart: "3.3.8"})
	for format, want := range map[string]string{"terminal": "and 320 more", "markdown": "and 280 more"} {
		if page := renderPrediction(t, format, p, report.Options{}); !strings.Contains(page, want) {
			t.Errorf("no %q in\n%.2000s", want, page)
		}
	}
	if n := strings.Count(renderPrediction(t, "json", p, report.Options{}), `"outcome"`); n != 330 {
		t.Errorf("JSON has %d", n)
	}
	p = forecast(t, world.Healthy(world.Small), prediction.Change{})
	if strings.Contains(renderPrediction(t, "terminal", p, report.Options{}), "student-0001") {
		t.Error("who finds their home is listed")
	}
	p.All = true
	if !strings.Contains(renderPrediction(t, "terminal", p, report.Options{}), "- user student-0001 mounts claim-student-0001 (") {
		t.Error("who finds their home is not listed although it was asked for")
	}
	if err := report.WritePrediction(&bytes.Buffer{}, "pdf", p, report.Options{}); err == nil || !strings.Contains(err.Error(), "json, markdown, sql, terminal") {
		t.Errorf("error %v", err)
	}
}

// TestHostileNamesInAPrediction: a name changes nothing but text, in any format.
func TestHostileNamesInAPrediction(t *testing.T) {
	for _, name := range hostileNames {
		checkPrediction(t, name)
	}
}

func FuzzPrediction(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { checkPrediction(t, name) })
}

func checkPrediction(t testing.TB, name string) {
	t.Helper()
	for _, version := range []string{"6.2.0", "7.0.0"} {
		p, harmless := allOutcomes(version, name), allOutcomes(version, "Älice")
		got, want := renderPrediction(t, "markdown", p, report.Options{}), renderPrediction(t, "markdown", harmless, report.Options{})
		if diff := cmp.Diff(shape(t, want), shape(t, got)); diff != "" {
			t.Errorf("name %.80q changes the document:\n%s", name, diff)
		}
		if safe, unsafe := toHTML(t, got), toHTML(t, got, goldmark.WithRendererOptions(html.WithUnsafe())); safe != unsafe {
			t.Errorf("name %.80q brings raw HTML into the document:\n%s", name, cmp.Diff(safe, unsafe))
		}
		checkRunes(t, name, got)
		page := renderPrediction(t, "terminal", p, report.Options{Width: 64})
		checkRunes(t, name, page)
		for line := range strings.SplitSeq(page, "\n") {
			if text.Width(line) > 64 && !strings.Contains(line, "`") { // code is left to be copied
				t.Errorf("name %.80q gives a line of %d columns: %.200q", name, text.Width(line), line)
			}
		}
		sql := renderPrediction(t, "sql", p, report.Options{})
		checkRunes(t, name, sql)
		for line := range strings.SplitSeq(sql, "\n") {
			if line != "" && !strings.HasPrefix(line, "-- ") && !strings.HasPrefix(line, "UPDATE spawners SET state = ") {
				t.Errorf("name %.80q gives the SQL %.200q", name, line)
			}
		}
		if encoded := renderPrediction(t, "json", p, report.Options{}); !json.Valid([]byte(encoded)) {
			t.Errorf("name %.80q gives no JSON", name)
		}
	}
}
