package notify_test

import (
	"encoding/json"
	"strings"
	"testing"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// FuzzMessage puts any text wherever a text can be, through every way to Slack and
// PagerDuty. The servers enforce the limits.
func FuzzMessage(f *testing.F) {
	for n, name := range hostile {
		f.Add(name, n, n*37)
	}
	f.Add(strings.Repeat("&", 200), 40, 1)
	f.Add(strings.Repeat("; a", 300), 3, 50)
	kinds := []notify.Kind{notify.Opened, notify.Reopened, notify.Worse, notify.Repeated, notify.Changed, notify.Resolved}
	f.Fuzz(func(t *testing.T, words string, times, findings int) {
		slack := slackServer(t)
		pd, pager := pagerDutyServer(t)
		robot := bot(slack)
		name := strings.Repeat(words, max(1, times%500))
		m := named(name[:min(len(name), 100_000)])
		m.Link = "https://hub.example/" + words
		m.Kind = kinds[max(0, findings)%len(kinds)]
		for range max(0, findings) % 200 {
			m.Verdict.Findings = append(m.Verdict.Findings, verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: words}, Message: words})
			m.Explains = append(m.Explains, words)
		}
		m.Verdict.Outcome = verdict.Fail
		ref, p := send(t, slack, robot, m)
		checkHarmless(t, p, words)
		m.Ref = ref
		_, p = send(t, slack, robot, m)
		checkHarmless(t, p, words)
		_, p = send(t, slack, notify.NewSlackWebhook("hook", slack.WebhookURL()), m)
		checkHarmless(t, p, words)
		if _, err := robot.(notify.Digester).SendDigest(t.Context(), []notify.Message{m, critical(), m}); err != nil {
			t.Fatal(err)
		}
		m.Incident.Severity = verdict.Critical
		if m.Incident.Summary = words; strings.TrimSpace(words) == "" {
			m.Incident.Summary = "it is empty"
		}
		e := sendEvent(t, pd, pager, m)
		if !json.Valid(e.Raw) {
			t.Errorf("not JSON: %.300s", e.Raw)
		}
	})
}
