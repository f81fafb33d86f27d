package outputs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// hostile are names that would do something where they are not taken for text.
var hostile = []string{
	"<!channel>", "<!here|x>", "<@U012345>", "<http://evil.example|click here>", "[click](javascript:alert(1))", "](javascript:alert(1))", "![x](http://evil.example/x.png)",
	"<http://evil.example>", "http://evil.example/x", "www.evil.example", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</title></style><svg onload=alert(1)>", "<!-- ", "{{.Run}}", "{run}",
	"new\nline", "a\r\nBcc: victim@example.org\r\n\r\nbody", "\r\n.\r\nMAIL FROM:<x@example.org>", "%0d%0aBcc: victim@example.org", "%0a", "null\x00byte", "\x1b[31mred\x1b[0m", "\x1b]0;title\a", "\x1b]8;;http://evil.example\x1b\\x", "\u009b31m",
	"user\u202etxt.exe", "\u2066isolated\u2069", "zero\u200bwidth", "e" + strings.Repeat("\u0301\u0302", 500), strings.Repeat("long", 2_500), strings.Repeat("名", 3_000), strings.Repeat("😀", 2_000),
	"\xff\xfe", "cut \xe5\x90", "\xed\xa0\x80", `"}`, `"}]},{"x":"`, `\`, `{run="x"}`, "x\"} 1\n# EOF\nup 0", "=cmd|' /C calc'!A0", "@SUM(1+1)", "|table|row|", "`code` *bold* # head", "$(reboot)", "'; DROP TABLE users; --",
	"=?utf-8?B?PHNjcmlwdD4=?=", ":boom:", "@everyone", "\u2028", "\ufeffbom", "-----BEGIN", "From x", "..", "*", "&lt;b&gt;", "\u3164",
}

// named is a world in which these users and claims are in trouble that every output
// tells of. Kubernetes is not asked to hold what no JSON can.
func named(names []string) *facts.Snapshot {
	s := world.Healthy(world.Size{Users: len(names) + 4, Nodes: 4, Replicas: 3})
	hub := s.Hubs[0]
	var ids []int64
	for i, name := range names {
		was := hub.Users[i].Name
		hub.Users[i].Name = name
		ids = append(ids, hub.Users[i].ID)
		inKube := strings.ToValidUTF8(name, "?")
		for j := range s.Kube.Claims {
			if s.Kube.Claims[j].User == was {
				s.Kube.Claims[j].User, s.Kube.Claims[j].Phase = inKube, "Lost"
			}
		}
		for j := range s.Kube.Pods {
			if s.Kube.Pods[j].User == was {
				s.Kube.Pods[j].User = inKube
			}
		}
		world.AddClaim(s, facts.Claim{Name: inKube, User: fmt.Sprintf("gone-%d %s", i, inKube), HasUser: true, Component: "singleuser-storage"})
		world.LastBackup(s, &s.Longhorn.Volumes[i+1], time.Time{})
	}
	world.NullCookies(s, world.HubName, ids[:len(ids)/2]...)
	world.ShareCookies(s, world.HubName, ids[len(ids)/2:]...)
	s.Now = s.Now.Add(-time.Hour)
	world.LoseNode(s, "worker-2")
	world.LoseNode(s, "worker-3")
	s.Now = world.Now
	return s
}

// heard is one run and all that it told.
type heard struct {
	*site
	*listeners
	result
}

func audited(t *testing.T, names []string) heard {
	t.Helper()
	h := heard{site: newSite(t), listeners: listen(t)}
	h.inhabit(t, named(names))
	h.configure(t, h.site, "hubs: [{name: datahub, database: \"sqlite:///jupyterhub.sqlite\"}]", everybody)
	h.result = h.audit(t, append(append([]string{"now", "--at", world.Now.Format(time.RFC3339)}, every...), "--log-level", "debug", "--log-format", "console")...)
	if h.status != 2 && h.status != 1 {
		t.Fatalf("status %d\n%s", h.status, h.errOut)
	}
	return h
}

// TestHostileNames: the same world with harmless names gives the same outputs but for
// their text, and nothing of the text does anything.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	var harmless []string
	for i, name := range hostile {
		plain := fmt.Sprintf("h%02d%s", i, strings.Repeat("x", len(name)))
		if strings.Contains(name, "/") { // which the hub refuses, and the audit says so
			plain = "/" + plain
		}
		harmless = append(harmless, plain)
	}
	want, got := audited(t, harmless), audited(t, hostile)
	if n := got.messages(t, got.site); slices.Min(slices.Collect(maps.Values(n))) == 0 || len(n) != 8 {
		t.Errorf("not everybody was told: %v", n)
	}
	if diff := cmp.Diff(want.messages(t, want.site), got.messages(t, got.site)); diff != "" {
		t.Errorf("messages (-harmless +hostile):\n%s", diff)
	}
	if got.status != want.status {
		t.Errorf("status %d, of harmless names %d", got.status, want.status)
	}
	t.Run("report", func(t *testing.T) { reportsAreInert(t, &want, &got) })
	t.Run("messages", func(t *testing.T) { messagesAreInert(t, &want, &got) })
	t.Run("mail", func(t *testing.T) { mailIsInert(t, &want, &got) })
}

func reportsAreInert(t *testing.T, want, got *heard) {
	visible(t, "standard output", got.out)
	visible(t, "standard error", got.errOut)
	visible(t, "the Markdown report", string(got.read(t, "out/report.md")))
	sameElements(t, "the Markdown report", fromMarkdown(t, want.read(t, "out/report.md")), fromMarkdown(t, got.read(t, "out/report.md")))
	sameElements(t, "the HTML report", want.read(t, "out/report.html"), got.read(t, "out/report.html"))
	visible(t, "the HTML report", strings.Join(words(t, got.read(t, "out/report.html")), "\n"))
	for _, name := range []string{"out/report.prom", "out/hubaudit.prom"} {
		if diff := cmp.Diff(metrics(t, want.read(t, name)), metrics(t, got.read(t, name))); diff != "" {
			t.Errorf("%s (-harmless +hostile):\n%s", name, diff)
		}
	}
	report := got.read(t, "out/report.json")
	visible(t, "the JSON report", string(report))
	for _, name := range hostile {
		in, err := json.Marshal(strings.ToValidUTF8(name, "\ufffd"))
		must(t, err)
		if !holds(t, report, string(in)) {
			t.Errorf("the JSON report does not hold %.60q", name)
		}
	}
}

func messagesAreInert(t *testing.T, want, got *heard) {
	expected := want.documents(t, want.site)
	for receiver, documents := range got.documents(t, got.site) {
		if len(documents) != len(expected[receiver]) {
			t.Fatalf("%s: %d documents, of harmless names %d", receiver, len(documents), len(expected[receiver]))
		}
		for i, document := range documents {
			if diff := cmp.Diff(shape(t, expected[receiver][i]), shape(t, document)); diff != "" {
				t.Errorf("%s: a message (-harmless +hostile):\n%s", receiver, diff)
			}
			visible(t, "a message to "+receiver, string(document))
			if receiver == "webhook" || receiver == "file" {
				continue // programs get names as they are
			}
			for _, s := range stringsIn(t, document) {
				visible(t, "a message to "+receiver, s)
			}
		}
	}
	posts := want.slack.Posts()
	for i, p := range got.slack.Posts() {
		if diff := cmp.Diff(posts[i].Controls(), p.Controls()); diff != "" {
			t.Errorf("a message in Slack does more than show text (-harmless +hostile):\n%s", diff)
		}
	}
	for i, f := range got.slack.Files() {
		sameElements(t, "the report in Slack", fromMarkdown(t, want.slack.Files()[i].Content), fromMarkdown(t, f.Content))
	}
	for _, alerts := range got.alertmanager.Posts() {
		for _, a := range alerts {
			labels := fmt.Sprint(a.Labels)
			for _, name := range hostile {
				if len(name) > 3 && strings.Contains(labels, name) {
					t.Errorf("the labels of an alert hold %q", name)
				}
			}
		}
	}
}

func mailIsInert(t *testing.T, want, got *heard) {
	expected := want.mail.Mails()
	for i, m := range got.mail.Mails() {
		w, g := letter(t, expected[i].Data), letter(t, m.Data)
		if diff := cmp.Diff(w.headers, g.headers); diff != "" {
			t.Errorf("the headers of a mail (-harmless +hostile):\n%s", diff)
		}
		if diff := cmp.Diff(expected[i].To, m.To); diff != "" || bytes.Contains(m.Data, []byte("\r\nBcc:")) {
			t.Errorf("a mail went to others (-harmless +hostile):\n%s", diff)
		}
		visible(t, "the subject of a mail", g.subject)
		visible(t, "the text of a mail", g.text)
		sameElements(t, "a mail", []byte(w.html), []byte(g.html))
		visible(t, "the page of a mail", strings.Join(words(t, []byte(g.html)), "\n"))
	}
}
