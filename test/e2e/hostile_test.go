package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/notify/notifytest"
)

// hostileNames are names of users that would do something where they are not
// taken for text.
var hostileNames = []string{"<!channel>", "new\nline", "\x1b[31mred", strings.Repeat("long", 75), "|table|row|", "![x](http://evil.example)",
	"<script>alert(1)</script>", "`code` *bold* # head"}

// named is a world in which the first users have these names, in the database
// and in the annotations of claims and pods, and in which all of them are in
// some trouble that a report tells of.
func named(names []string) *facts.Snapshot {
	s := healthyWorld(world.Small)
	hub := s.Hubs[0]
	var ids []int64
	for i, name := range names {
		was := hub.Users[i].Name
		hub.Users[i].Name = name
		ids = append(ids, hub.Users[i].ID)
		for j := range s.Kube.Claims {
			if s.Kube.Claims[j].User == was {
				s.Kube.Claims[j].User, s.Kube.Claims[j].Phase = name, "Lost"
			}
		}
		for j := range s.Kube.Pods {
			if s.Kube.Pods[j].User == was {
				s.Kube.Pods[j].User = name
			}
		}
		world.AddClaim(s, facts.Claim{Name: fmt.Sprintf("claim-second-%d", i), User: name, HasUser: true, Component: "singleuser-storage"})
		world.LastBackup(s, &s.Longhorn.Volumes[i+1], time.Time{})
	}
	half := len(ids) / 2
	world.NullCookies(s, world.HubName, ids[:half]...)
	world.ShareCookies(s, world.HubName, ids[half:]...)
	s.Now = s.Now.Add(-time.Hour)
	world.LoseNode(s, "worker-2")
	world.LoseNode(s, "worker-3")
	s.Now = world.Now
	return s
}

// TestHostileNames audits one world twice, with harmless names of the same
// length and with hostile ones. Nothing is different in any output but text.
func TestHostileNames(t *testing.T) {
	st := mainStage(t)
	var harmless []string
	for i, name := range hostileNames {
		plain := strings.Repeat(string(rune('a'+i)), len(name))
		if strings.Contains(name, "/") { // which the hub refuses, and the audit says so
			plain = "/" + plain[1:]
		}
		harmless = append(harmless, plain)
	}
	want, _ := observe(t, st, named(harmless))
	got, r := observe(t, st, named(hostileNames))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the shape of what comes out (-harmless +hostile):\n%s", diff)
	}
	inJSON := map[string]bool{}
	for _, v := range r.report.Verdicts {
		for _, f := range v.Findings {
			inJSON[f.Subject.Name], inJSON[f.Details["user"]] = true, true
		}
	}
	for _, name := range hostileNames {
		if !inJSON[name] {
			t.Errorf("the JSON report does not hold the name %q", name)
		}
	}
	for what, output := range map[string]string{"terminal": r.terminal, "Markdown": r.markdown, "JSON": r.jsonText, "standard error": r.stderr} {
		if i := strings.IndexFunc(output, func(c rune) bool { return c < ' ' && c != '\n' }); i >= 0 {
			t.Errorf("%s has a control character: %q", what, output[max(0, i-20):i+20])
		}
	}
}

// shapes is all that comes out of a run, without what is only text.
type shapes struct {
	Outcome          map[string]int // findings by check and severity
	Terminal         []string
	Markdown         []string
	JSON             any
	Slack, PagerDuty []any
	Files            [][]string
}

func observe(t *testing.T, st *stage, s *facts.Snapshot) (shapes, *run) {
	t.Helper()
	st.become(t, s)
	to := newReceivers(t)
	p := to.newSite(t, st, s)
	r := p.audit(t)
	if r.status != 1 {
		t.Fatalf("status %d\n%s", r.status, r.stderr)
	}
	o := shapes{Outcome: map[string]int{}, Terminal: pageShape(r.terminal), Markdown: markdownShape(t, r.markdown), JSON: jsonShape(t, []byte(r.jsonText))}
	for key, subjects := range r.outcome().Fail {
		o.Outcome[key] = len(subjects)
	}
	posts := to.slack.Posts()
	for _, post := range posts {
		thread := slices.IndexFunc(posts, func(p notifytest.SlackPost) bool { return p.TS == post.ThreadTS })
		o.Slack = append(o.Slack, []any{post.Method, post.Channel, thread, post.Broadcast, post.Controls(), post.Form, jsonShape(t, post.Blocks)})
	}
	for _, f := range to.slack.Files() {
		o.Files = append(o.Files, append([]string{f.Name, f.Title}, markdownShape(t, string(f.Content))...))
	}
	for _, e := range to.pagerduty.Events() {
		o.PagerDuty = append(o.PagerDuty, []any{e.Action, e.DedupKey, jsonShape(t, e.Raw)})
	}
	violated, warnings := len(r.incidents("opened")), 0
	for key := range o.Outcome {
		if strings.HasSuffix(key, " warning") { // of these PagerDuty is not told
			warnings++
		}
	}
	if violated < 6 || len(o.Slack) != violated || len(o.PagerDuty) != violated-warnings || len(o.Files) != 1 || len(o.Markdown) < 100 || len(o.Terminal) < 100 {
		t.Fatalf("there is not all that should be compared: %+v", o)
	}
	return o, r
}

// structure is what gives a page in a terminal its form at the beginning of
// a line: headings, numbers, bullets and labels.
var structure = regexp.MustCompile(`^ *(- |\d+\. [A-Z]+:|\d+\. |[A-Z][A-Z, ]+$|must hold  |where  |since  |for whom  |meaning  |Do now$|Do not$|Findings$|critical  |error  |unknown  )`)

func pageShape(page string) []string {
	var marks []string
	for line := range strings.Lines(page) {
		if mark := structure.FindString(strings.TrimSuffix(line, "\n")); mark != "" {
			marks = append(marks, mark)
		}
	}
	return marks
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))

// markdownShape is every node of a document but text and code, with its depth.
func markdownShape(t *testing.T, document string) []string {
	t.Helper()
	var nodes []string
	depth := 0
	err := ast.Walk(gfm.Parser().Parse(text.NewReader([]byte(document))), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n.Kind() {
		case ast.KindText, ast.KindString:
			return ast.WalkContinue, nil
		case ast.KindCodeSpan:
			return ast.WalkSkipChildren, nil
		}
		if entering {
			nodes = append(nodes, strings.Repeat(" ", depth)+n.Kind().String())
			depth++
		} else {
			depth--
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

// jsonShape is a document in which every text is the same, but for those that
// say of what type something is.
func jsonShape(t *testing.T, document []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, document)
	}
	return shapeOf("", v)
}

func shapeOf(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = shapeOf(key, value)
		}
	case []any:
		for i, value := range v {
			v[i] = shapeOf(name, value)
		}
	case string:
		if !slices.Contains([]string{"type", "check", "kind", "verdict", "severity", "state", "status", "fingerprint"}, name) {
			return "text"
		}
	case float64:
		if strings.HasSuffix(name, "Seconds") {
			return "duration"
		}
	}
	return v
}
