// Package page looks at reports in a real browser.
package page

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// script is what a hostile name would have the browser run.
const script = `document.title='script ran'`

// hostile are names that are more than text to a careless page.
var hostile = []string{
	"<script>" + script + "</script>", "</title><script>" + script + "</script>", "</style><script>" + script + "</script>", "</code></td></table><script>" + script + "</script>",
	`<img src=/fetched onerror="` + script + `">`, `"><svg onload="` + script + `">`, `' onmouseover='` + script, "javascript:" + script, "<a href=\"javascript:" + script + "\">x</a>",
	"<iframe src=/fetched></iframe>", "<link rel=stylesheet href=/fetched>", "<style>@import '/fetched'; body{display:none}</style>", "<base href=/fetched>",
	"<meta http-equiv=refresh content='0;url=/fetched'>", "<object data=/fetched></object>", "<!-- ", "<![CDATA[", "{{.Headline}}", "&lt;script&gt;" + script + "&lt;/script&gt;",
	"<!channel>", "a\nb\r\nc", "\x1b[31mred\x00\x07", "user\u202etxt.exe", "\u2066iso\u2069", "\xff\xfe\xed\xa0\x80", strings.Repeat("x", 10_000), strings.Repeat("名", 3_000),
	strings.Repeat("e\u0301\u0302\u0303\u0304\u0305", 500), strings.Repeat("شكرا", 1_000), "",
}

// hostileRun has the names wherever a run has foreign text.
func hostileRun() *verdict.Run {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	all := strings.Join(hostile, " ")
	run := &verdict.Run{ID: hostile[0], Cluster: hostile[1], StartedAt: now, Version: hostile[2], Notes: slices.Clone(hostile)}
	for i, name := range hostile {
		findings := []verdict.Finding{}
		for _, other := range hostile {
			findings = append(findings, verdict.Finding{Subject: verdict.Subject{Kind: name, Namespace: other, Name: other, ID: name}, Severity: verdict.Error, Message: other,
				Details: map[string]string{"user": name}})
		}
		fingerprint := fmt.Sprint(i)
		run.Verdicts = append(run.Verdicts,
			verdict.Verdict{Check: "pvc-lost", Hub: name, Outcome: verdict.Fail, Severity: verdict.Critical, Summary: name, Count: len(findings), Findings: findings, Fingerprint: fingerprint, Because: name},
			verdict.Verdict{Check: name, Hub: name, Outcome: verdict.Unknown, Severity: verdict.Error, Summary: name + "unknown"},
			verdict.Verdict{Check: name, Hub: name, Outcome: verdict.Skipped, Severity: verdict.Error, Summary: name + "skipped"},
			verdict.Verdict{Check: name, Hub: name, Outcome: verdict.Pass, Severity: verdict.Error},
			verdict.Verdict{Check: "pvc-pending", Hub: name, Outcome: verdict.Fail, Severity: verdict.Error, Summary: all, Count: len(findings), Findings: findings, Silence: name})
		run.Incidents = append(run.Incidents,
			verdict.Incident{ID: 1, Fingerprint: "gone", Hub: name, Check: name, State: verdict.Ongoing, Outcome: verdict.Unknown, Severity: verdict.Critical, Summary: name, OpenedAt: now},
			verdict.Incident{ID: 2, Fingerprint: "over", Hub: name, Check: name, State: verdict.Resolved, Outcome: verdict.Pass, Severity: verdict.Critical, Summary: name, OpenedAt: now, ResolvedAt: now, Reason: name})
		run.Coverage = append(run.Coverage, verdict.Coverage{Hub: name, Oldest: name, OldestAt: now, Database: []verdict.DatabaseBackup{{Name: name, Location: name, Good: name, GoodAt: now, Trouble: name}}},
			verdict.Coverage{Hub: name, Unknown: name})
		run.Sources = append(run.Sources, facts.Source{Name: name, Status: facts.Failed, Detail: all, Items: map[string]int{name: 1}})
	}
	return run
}

// pageOf renders a run with notices, as audit watch does.
func pageOf(t *testing.T, run *verdict.Run) string {
	t.Helper()
	guides := map[string]verdict.Guide{"pvc-lost": {Title: "No claim has lost its volume", Meaning: "It `is` gone.", Do: []string{"Look at `kubectl get pv <name>`."}, Dont: []string{"Do not wait."}}}
	page, err := report.NewPage(run, guides, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := page.Write(&b, report.Notice{Text: strings.Join(hostile, " "), Bad: true}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// site serves pages, and notes what else it is asked for.
type site struct {
	url   string
	mu    sync.Mutex
	asked []string
}

// wrapper shows a page in a frame of some width and says how it looks from outside.
// Heads of tables that a narrow page takes out of sight do not count as wide.
const wrapper = `<!doctype html><title>wrapper</title><pre id=seen></pre>
<iframe src="/page" style="width:%dpx;height:900px;border:0" onload="
  const d = this.contentDocument, wide = [...d.querySelectorAll('body *')].filter(e =>
    e.getBoundingClientRect().right > %d + 1 && getComputedStyle(e.closest('thead') || e).position != 'absolute');
  document.getElementById('seen').textContent = JSON.stringify({title: d.title, scroll: d.documentElement.scrollWidth,
    wide: wide.slice(0, 5).map(e => e.outerHTML.slice(0, 200)), margin: getComputedStyle(d.body).marginTop, headings: d.querySelectorAll('h2').length})"></iframe>`

// seen is what the wrapper says.
type seen struct {
	Title    string
	Scroll   int
	Wide     []string
	Margin   string
	Headings int
}

func serve(t *testing.T, page string) *site {
	s := &site{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		var width int
		switch _, err := fmt.Sscanf(r.URL.Path, "/wrapper/%d", &width); {
		case err == nil:
			fmt.Fprintf(w, wrapper, width, width)
		case r.URL.Path == "/page":
			_, _ = io.WriteString(w, page)
		default:
			s.mu.Lock()
			s.asked = append(s.asked, r.URL.Path)
			s.mu.Unlock()
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// fetched are the requests for what a page may not load.
func (s *site) fetched() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.asked), func(path string) bool { return path == "/favicon.ico" })
}

// browse lets Chromium load a URL and returns the document as it is then.
func browse(t *testing.T, flags []string, url string) string {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: test/packages installs it", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
		"--disable-component-update", "--hide-scrollbars", "--virtual-time-budget=10000", "--user-data-dir=" + t.TempDir()}, flags...)
	cmd := exec.CommandContext(ctx, browser, append(args, url)...)
	var errOut strings.Builder
	cmd.Stderr, cmd.WaitDelay = &errOut, 10*time.Second
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%.2000s", err, errOut.String())
	}
	return string(out)
}

// look shows a page in a frame.
func (s *site) look(t *testing.T, width int) (got seen) {
	t.Helper()
	document := browse(t, []string{"--dump-dom"}, fmt.Sprintf("%s/wrapper/%d", s.url, width))
	root, err := html.Parse(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Parent != nil && n.Parent.Data == "pre" && json.Unmarshal([]byte(n.Data), &got) == nil {
			return got
		}
	}
	t.Fatalf("the browser did not show the page:\n%.2000s", document)
	return got
}

var policy = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)

// TestHostileNames: no name runs, loads, hides or moves anything, with the page's
// policy and without it.
func TestHostileNames(t *testing.T) {
	page := pageOf(t, hostileRun())
	bare := policy.ReplaceAllString(page, "")
	if bare == page {
		t.Fatal("the page has no policy")
	}
	for name, page := range map[string]string{"with the policy": page, "without the policy": bare} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, page)
			for _, width := range []int{320, 800, 1200} {
				got := s.look(t, width)
				if !strings.HasSuffix(got.Title, "· hubaudit") || got.Headings < len(hostile) {
					t.Errorf("%d pixels: the title is %q, and there are %d headings", width, got.Title, got.Headings)
				}
				if got.Margin != "0px" {
					t.Errorf("%d pixels: the page has not its own style: margin %s", width, got.Margin)
				}
				if got.Scroll > width || len(got.Wide) > 0 {
					t.Errorf("%d pixels: the page is %d wide: %q", width, got.Scroll, got.Wide)
				}
			}
			if asked := s.fetched(); len(asked) > 0 {
				t.Errorf("the page has loaded %v", asked)
			}
		})
	}
}

// TestDetection: what the test looks for would be seen. The page's policy holds
// back even a script and an image that got into it.
func TestDetection(t *testing.T) {
	page := pageOf(t, hostileRun())
	page = strings.Replace(page, "</main>", hostile[0]+"<img src=/fetched><p style=\"width:2000px\">wide</p></main>", 1)
	if got := serve(t, page).look(t, 800); got.Title == "script ran" || got.Scroll > 800 {
		t.Errorf("the policy allows a script or a style: %+v", got)
	}
	s := serve(t, policy.ReplaceAllString(page, ""))
	if got := s.look(t, 800); got.Title != "script ran" || got.Scroll < 2000 || len(got.Wide) == 0 {
		t.Errorf("the test would not see that a script ran, or that the page is too wide: %+v", got)
	}
	if asked := s.fetched(); !slices.Contains(asked, "/fetched") {
		t.Errorf("the test would not see what is loaded: %v", asked)
	}
}

// TestPictures draws pages as people see them; with PAGE_PICTURES=folder they are
// kept there, to be looked at.
func TestPictures(t *testing.T) {
	dir := os.Getenv("PAGE_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	goldens := filepath.Join("..", "..", "report", "testdata")
	for name, flags := range map[string][]string{"desk": {"--window-size=1100,2400"}, "phone": {"--window-size=500,2400"},
		"dark": {"--window-size=1100,2400", "--blink-settings=preferredColorScheme=0"}} {
		for _, golden := range []string{"bad", "healthy", "hostile"} {
			page, err := os.ReadFile(filepath.Join(goldens, golden+".html"))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, golden+"-"+name+".png")
			browse(t, append(flags, "--screenshot="+file), serve(t, string(page)).url+"/page")
			if info, err := os.Stat(file); err != nil || info.Size() < 10_000 {
				t.Errorf("%s: %v, %v", file, info, err)
			}
		}
	}
}
