package outputs

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/world"
)

// crowd adds so many users without a cookie to the hub's database. Their names are
// long and of characters that take four bytes, two UTF-16 units or an escape, so that
// any cut may go wrong.
func (s *site) crowd(t *testing.T, users int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+s.path("jupyterhub.sqlite"))
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?)
		INSERT INTO users (id, name, admin, created) SELECT 100000+i, 'flood-' || i || substr('😀<&>é"名\😀<&>é"名\', 1 + i % 8, 4 + i % 5), 0, '2026-11-01 12:00:00' FROM n`, users)
	must(t, err)
}

// flooded is a site in which so many users of each of so many hubs are in trouble.
func flooded(t *testing.T, hubs, users int, receivers string) *heard {
	t.Helper()
	h := &heard{site: newSite(t), listeners: listen(t)}
	w := world.Healthy(world.Small)
	world.NullCookies(w, world.HubName, 1, 2)
	world.ShareCookies(w, world.HubName, 3, 4)
	h.inhabit(t, w)
	h.crowd(t, users)
	var lines strings.Builder
	lines.WriteString("hubs:\n")
	for i := range hubs {
		fmt.Fprintf(&lines, "  - {name: hub-%03d, namespace: datahub, database: \"sqlite:///jupyterhub.sqlite\"}\n", i)
	}
	h.configure(t, h.site, lines.String(), receivers)
	return h
}

// run is one so many hours after the world's time. It fails for what a receiver did
// not take.
func (h *heard) run(t *testing.T, hours int) {
	t.Helper()
	at := world.Now.Add(time.Duration(hours) * time.Hour)
	begun := time.Now()
	h.result = h.audit(t, append([]string{"now", "--at", at.Format(time.RFC3339), "--log-level", "warn"}, every...)...)
	if h.status != 1 && h.status != 2 || strings.Contains(h.errOut, "not sent") {
		t.Fatalf("status %d\n%.3000s", h.status, h.errOut)
	}
	t.Logf("run %d: %s, %s of the processor, at most %d MiB; messages %v", hours, time.Since(begun).Round(time.Millisecond), h.took.Round(time.Millisecond), h.peak>>20, h.messages(t, h.site))
}

// failing counts the verdicts that fail, and their findings.
func (h *heard) failing(t *testing.T) (verdicts, findings int) {
	t.Helper()
	var report struct {
		Verdicts []struct {
			Verdict string
			Count   int
		}
	}
	must(t, json.Unmarshal(h.read(t, "out/report.json"), &report))
	for _, v := range report.Verdicts {
		if v.Verdict == "fail" {
			verdicts, findings = verdicts+1, findings+v.Count
		}
	}
	return verdicts, findings
}

// TestFloodOfFindings: 100,000 findings are a message for each incident.
func TestFloodOfFindings(t *testing.T) {
	h := flooded(t, 1, 100_000, everybody)
	h.run(t, 0)
	verdicts, findings := h.failing(t)
	if findings < 100_000 {
		t.Fatalf("%d findings are no flood", findings)
	}
	first := h.messages(t, h.site)
	for receiver, n := range first {
		if n == 0 || n > verdicts {
			t.Errorf("%s got %d messages of %d incidents", receiver, n, verdicts)
		}
	}
	h.whole(t)
	h.quiet(t, first)
}

// TestFloodOfIncidents: of hundreds of incidents at once people get a handful of
// messages, and programs each of them. PagerDuty is left out: it takes 120 a minute.
func TestFloodOfIncidents(t *testing.T) {
	hubs := 100
	if n, err := strconv.Atoi(os.Getenv("FLOOD_HUBS")); err == nil {
		hubs = n
	}
	h := flooded(t, hubs, 20, "slack, alertmanager, webhook, email, file, hook")
	h.run(t, 0)
	verdicts, _ := h.failing(t)
	first := h.messages(t, h.site)
	if verdicts < 4*hubs || first["webhook"] != verdicts || first["file"] != verdicts {
		t.Errorf("%d verdicts fail, and programs are told %v", verdicts, first)
	}
	for _, receiver := range []string{"slack chat.postMessage", "slack webhook", "email"} {
		if n := first[receiver]; n == 0 || n > 20 {
			t.Errorf("%s got %d messages of %d incidents", receiver, n, verdicts)
		}
	}
	h.whole(t)
	h.quiet(t, first)
}

// quiet is another run of the same: it tells people nothing, and Alertmanager again
// what holds.
func (h *heard) quiet(t *testing.T, first map[string]int) {
	t.Helper()
	h.run(t, 1)
	again := h.messages(t, h.site)
	if again["alertmanager"] <= first["alertmanager"] {
		t.Error("Alertmanager was not told again, and takes the incidents for over")
	}
	delete(first, "alertmanager")
	delete(again, "alertmanager")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the second run tells people again (-first +second):\n%s", diff)
	}
}

// whole fails for messages that are cut within a character or an escape. The servers
// refuse what is too long.
func (h *heard) whole(t *testing.T) {
	t.Helper()
	for receiver, documents := range h.documents(t, h.site) {
		for _, document := range documents {
			if len(document) == 0 {
				continue // a message without blocks
			}
			if !utf8.Valid(document) || bytes.Contains(document, []byte(`\ufffd`)) || bytes.ContainsRune(document, utf8.RuneError) {
				t.Errorf("%s got half a character: %.300q", receiver, document)
			}
		}
	}
	for _, p := range h.slack.Posts() {
		for _, s := range append(mrkdwn(t, p.Blocks), p.Text) {
			if other := escape.ReplaceAllString(s, ""); strings.Contains(other, "&") {
				t.Errorf("Slack got half an escape: %q", s)
			}
		}
		for _, control := range p.Controls() {
			if !strings.HasPrefix(control, "<https://reports.example.org/") {
				t.Errorf("Slack got %q", control)
			}
		}
	}
	for _, m := range h.mail.Mails() {
		letter := letter(t, m.Data)
		for _, s := range []string{letter.subject, letter.text, letter.html} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
				t.Errorf("a mail has half a character: %.300q", s)
			}
		}
		if len(m.Data) > 10<<20 {
			t.Errorf("a mail of %d bytes, which few servers take", len(m.Data))
		}
	}
	for _, e := range h.pagerduty.Events() {
		if e.DedupKey == "" || len(e.Raw) > 512_000 {
			t.Errorf("an event of %d bytes with the key %q", len(e.Raw), e.DedupKey)
		}
	}
}

// escape is one of Slack's.
var escape = regexp.MustCompile("&(amp|lt|gt);")

// mrkdwn are the texts of a message in which Slack looks for escapes.
func mrkdwn(t *testing.T, blocks json.RawMessage) (all []string) {
	t.Helper()
	if len(blocks) == 0 {
		return nil
	}
	var v any
	must(t, json.Unmarshal(blocks, &v))
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if text, ok := v["text"].(string); ok && v["type"] == "mrkdwn" {
				all = append(all, text)
			}
			for _, value := range v {
				walk(value)
			}
		case []any:
			for _, value := range v {
				walk(value)
			}
		}
	}
	walk(v)
	return all
}
