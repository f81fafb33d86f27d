package notify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// sendingTime is when webhooks are signed: long after the run, as it is for a
// message that was queued.
var sendingTime = now.Add(3 * day)

func webhookServer(t *testing.T) *notifytest.WebhookServer {
	t.Helper()
	s := notifytest.NewWebhookServer(func() time.Time { return sendingTime })
	t.Cleanup(s.Close)
	return s
}

func webhookTo(s *notifytest.WebhookServer, options ...notify.Option) notify.Receiver {
	return notify.NewWebhook("webhook", notify.WebhookOptions{URL: s.URL(), Secret: notifytest.WebhookSecret,
		Now: func() time.Time { return sendingTime }}, options...)
}

// unmarshalled is a message's JSON as a receiver reads it.
func unmarshalled(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return p
}

// TestWebhook: the whole life of an incident arrives, signed, each message under
// an id of its own that sending it again does not change.
func TestWebhook(t *testing.T) {
	s := webhookServer(t)
	w := webhookTo(s)
	var ids []string
	for _, m := range []notify.Message{critical(), critical(), still(""), over("")} {
		if _, err := w.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range s.Messages() {
		ids = append(ids, m.ID)
		if p := unmarshalled(t, m.Body); p["id"] != m.ID || p["schema"] != notify.PayloadSchema {
			t.Errorf("id %s, body %v %v", m.ID, p["id"], p["schema"])
		}
		if !m.Timestamp.Equal(sendingTime) {
			t.Errorf("signed as of %v", m.Timestamp)
		}
	}
	if len(ids) != 4 || ids[0] != ids[1] || ids[1] == ids[2] || ids[2] == ids[3] {
		t.Errorf("ids %q", ids)
	}
	if err := w.Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := unmarshalled(t, s.Messages()[4].Body); p["kind"] != "test" {
		t.Errorf("the test says %v", p)
	}
}

// TestWebhookAnswers: what accepts, what refuses, what is tried again, and no
// secret in any error.
func TestWebhookAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		faults   []notifytest.Fault
		requests int
		err      string
	}{
		"204":                {nil, 1, ""},
		"202":                {[]notifytest.Fault{{Status: 202}}, 1, ""},
		"410":                {[]notifytest.Fault{{Status: 410}}, 1, "it refused: 410"},
		"401 with secrets":   {[]notifytest.Fault{{Status: 401, Body: "POST /hooks/" + notifytest.WebhookPathSecret + " " + notifytest.WebhookSecret}}, 1, "it refused: 401"},
		"redirect":           {[]notifytest.Fault{{Status: 308}}, 1, "it redirects (308)"},
		"429, then 503":      {[]notifytest.Fault{{Status: 429, RetryAfter: "3"}, {Status: 503}}, 3, ""},
		"reset":              {[]notifytest.Fault{{Reset: true}, {Served: true, Reset: true}}, 3, ""},
		"hangs, then served": {[]notifytest.Fault{{Hang: true}}, 2, ""},
		"down":               {[]notifytest.Fault{{Status: 502}, {Status: 502}, {Status: 502}, {Status: 502}}, 4, "tried 4 times"},
	} {
		t.Run(name, func(t *testing.T) {
			s := webhookServer(t)
			w := webhookTo(s, new(pauses).option(), scripted(bench{call: "post", fail: s.Fail}, c.faults))
			_, err := w.Send(t.Context(), critical())
			checkError(t, err, c.err, []string{notifytest.WebhookPathSecret, notifytest.WebhookSecret})
			if n := s.Requests("post"); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

// TestWebhookSettings: what cannot work is said, without the secret.
func TestWebhookSettings(t *testing.T) {
	const secret = "SECRETpartOFtheADDRESS"
	for name, c := range map[string]struct {
		o    notify.WebhookOptions
		want string
	}{
		"no URL":      {notify.WebhookOptions{}, "notify.webhook.url"},
		"no scheme":   {notify.WebhookOptions{URL: "example.org/" + secret}, "notify.webhook.url"},
		"not base64":  {notify.WebhookOptions{URL: "https://example.org/", Secret: "whsec_%" + secret}, "notify.webhook.secret"},
		"no PEM":      {notify.WebhookOptions{URL: "https://example.org/", CA: []byte(secret)}, "notify.webhook.caFile"},
		"nobody here": {notify.WebhookOptions{URL: "http://127.0.0.1:1/" + secret + "?key=" + secret}, "refused"},
	} {
		w := notify.NewWebhook("webhook", c.o, new(pauses).option())
		_, err := w.Send(t.Context(), critical())
		checkError(t, err, c.want, []string{secret})
		if t.Failed() {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// TestWebhookGolden is the example in docs/notifications.md.
func TestWebhookGolden(t *testing.T) {
	m := critical()
	m.Verdict.Findings, m.Verdict.Count, m.Incident.Count = m.Verdict.Findings[:2], 1003, 1003
	m.Explains = []string{"pvc-orphaned of datahub: 950 claims belong to nobody"}
	m.Link = "https://reports.example.org/20261120T120000Z-12"
	m.Receiver, m.Reason = "webhook", "webhook has not been told of it yet"
	body, err := m.Payload()
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, body, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "webhook.json", append(indented.Bytes(), '\n'))
	docs, err := os.ReadFile(filepath.Join("..", "docs", "notifications.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(docs), "```json\n"+indented.String()+"\n```") {
		t.Error("docs/notifications.md does not show testdata/webhook.json")
	}
}

// TestPayloadIsBounded: what is left out is counted, and what is kept is whole.
func TestPayloadIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		findings int
		size     int // of each finding's message
	}{"many": {100_000, 60}, "long": {50, 12_000}, "beyond measure": {3, 1 << 20}} {
		m := critical()
		m.Verdict.Findings = nil
		for n := range c.findings {
			name := fmt.Sprintf("%d\u202e", n) + strings.Repeat("<", c.size)
			m.Verdict.Findings = append(m.Verdict.Findings, verdict.Finding{Message: name, Subject: verdict.Subject{Kind: "user", Name: name}})
			m.Explains = append(m.Explains, name)
		}
		m.Verdict.Count = c.findings
		m.Incident.Summary, m.Reason = m.Verdict.Findings[0].Message, m.Verdict.Findings[0].Message
		body, err := m.Payload()
		if err != nil {
			t.Fatal(err)
		}
		p := unmarshalled(t, body)
		kept, _ := p["findings"].([]any)
		left, _ := p["findingsLeftOut"].(float64)
		if len(body) > 256<<10 || len(kept)+int(left) != c.findings || name == "many" && len(kept) < 100 {
			t.Errorf("%s: %d bytes, %d findings and %v left out", name, len(body), len(kept), left)
		}
	}
}

// TestPayloadWithoutSilenced: findings under a silence are counted, not listed.
func TestPayloadWithoutSilenced(t *testing.T) {
	m := critical()
	m.Verdict.Findings = m.Verdict.Findings[:3]
	m.Verdict.Findings[1].Silence = "ticket 4711"
	m.Verdict.Count, m.Verdict.Silenced = 2, 1
	body, err := m.Payload()
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Findings        []verdict.Finding
		FindingsLeftOut int
		Incident        struct{ Silenced int }
	}
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatal(err)
	}
	want := []verdict.Finding{m.Verdict.Findings[0], m.Verdict.Findings[2]}
	if diff := cmp.Diff(want, p.Findings); diff != "" || p.FindingsLeftOut != 0 || p.Incident.Silenced != 1 {
		t.Errorf("%+v (-want +got):\n%s", p, diff)
	}
}

// FuzzPayload: whatever a name holds, the JSON is whole, in one line, bounded,
// names come back as they were, and nothing in it acts on a terminal.
func FuzzPayload(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		m := named(name)
		body, err := m.Payload()
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Findings []verdict.Finding
			Incident struct{ Hub string }
		}
		if err := json.Unmarshal(body, &p); err != nil || len(body) > 256<<10 {
			t.Fatalf("%d bytes: %v", len(body), err)
		}
		valid := strings.ToValidUTF8(name, "\uFFFD")
		if utf8.ValidString(name) && len(name) <= 1000 && (len(p.Findings) != 2 || p.Findings[0].Message != valid || p.Incident.Hub != valid) {
			t.Errorf("%q became %+v", name, p)
		}
		if bytes.ContainsAny(body, "<>\n\r\x1b\u202e\u2028\u0085") {
			t.Errorf("%q stands unescaped in %s", name, body)
		}
	})
}

func BenchmarkPayload(b *testing.B) {
	m := critical()
	for range 100 {
		m.Verdict.Findings = append(m.Verdict.Findings, critical().Verdict.Findings...)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Payload(); err != nil {
			b.Fatal(err)
		}
	}
}
