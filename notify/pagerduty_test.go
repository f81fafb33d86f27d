package notify_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

func pagerDutyServer(t *testing.T) (*notifytest.PagerDutyServer, notify.Receiver) {
	s := notifytest.NewPagerDutyServer()
	t.Cleanup(s.Close)
	return s, notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, s.URL(), new(pauses).option())
}

func sendEvent(t *testing.T, s *notifytest.PagerDutyServer, r notify.Receiver, m notify.Message) notifytest.PagerDutyEvent {
	t.Helper()
	if _, err := r.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	events := s.Events()
	return events[len(events)-1]
}

func TestPagerDutyGolden(t *testing.T) {
	s, r := pagerDutyServer(t)
	m := critical()
	m.Verdict.Findings = m.Verdict.Findings[:3]
	for name, m := range map[string]notify.Message{"pagerduty-critical.json": m, "pagerduty-resolved.json": over("")} {
		var out bytes.Buffer
		if err := json.Indent(&out, sendEvent(t, s, r, m).Raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		golden(t, name, bytes.ReplaceAll(append(out.Bytes(), '\n'), []byte(notifytest.PagerDutyKey), []byte("ROUTING-KEY")))
	}
}

// TestPagerDutyAlert: an incident is one alert while it is open, and a new one
// when it opens again.
func TestPagerDutyAlert(t *testing.T) {
	s, r := pagerDutyServer(t)
	key := "hubaudit-" + critical().Incident.Fingerprint
	for n, step := range []struct {
		m         notify.Message
		open      bool
		incidents int
	}{
		{over(""), false, 0}, // nobody was told: dropped
		{critical(), true, 1},
		{still(""), true, 1},
		{over(""), false, 1},
		{over(""), false, 1},
		{critical(), true, 2},
	} {
		sendEvent(t, s, r, step.m)
		if a := s.Alert(key); a.Open != step.open || a.Incidents != step.incidents {
			t.Errorf("after event %d: open %v, %d incidents; want %v, %d", n, a.Open, a.Incidents, step.open, step.incidents)
		}
	}
}

func TestPagerDutyFields(t *testing.T) {
	s, r := pagerDutyServer(t)
	for _, severity := range verdict.Severities {
		for _, c := range []struct{ cluster, hub, source, component string }{
			{"prod", "datahub", "prod/datahub", "datahub"}, {"prod", "", "prod", "cluster"}, {"", "datahub", "datahub", "datahub"}, {"", "", "kubernetes", "cluster"},
		} {
			m := critical()
			m.Incident.Cluster, m.Incident.Hub, m.Incident.Severity = c.cluster, c.hub, severity
			p := sendEvent(t, s, r, m).Payload
			if p.Source != c.source || p.Component != c.component || p.Severity != string(severity) || p.Group != c.cluster || p.Class != m.Incident.Check {
				t.Errorf("payload %+v", p)
			}
		}
	}
}

// TestPagerDutyLarge: the server enforces PagerDuty's limits. Of many subjects
// some are listed, and the event says how many are not.
func TestPagerDutyLarge(t *testing.T) {
	s, r := pagerDutyServer(t)
	if e := sendEvent(t, s, r, critical()); !strings.Contains(string(e.Raw), "student0099") || strings.Contains(string(e.Raw), "student0100") || !strings.Contains(string(e.Raw), `"903 more; the JSON report holds all"`) {
		t.Errorf("of 1,003 users not 100 are listed:\n%.2000s", e.Raw)
	}
	e := sendEvent(t, s, r, large())
	if len(e.Raw) >= notify.PagerDutyBody || !strings.Contains(string(e.Raw), "99,900 more; the JSON report holds all") {
		t.Errorf("%d bytes:\n%.2000s", len(e.Raw), e.Raw)
	}
}

// TestPagerDutyLinks: only what can be followed is a link.
func TestPagerDutyLinks(t *testing.T) {
	s, r := pagerDutyServer(t)
	for link, want := range map[string]string{
		"https://audit.example/runs/1?a=b": `[{"href":"https://audit.example/runs/1?a=b","text":"Report"}]`,
		"":                                 "", "javascript:alert(1)": "", "/runs/1": "", "https://user:secret@audit.example/": "", "https://a\nb/": "",
		"https://audit.example/" + strings.Repeat("a", 3000): "",
	} {
		m := critical()
		m.Link = link
		var event struct {
			ClientURL string `json:"client_url"`
			Links     json.RawMessage
		}
		if err := json.Unmarshal(sendEvent(t, s, r, m).Raw, &event); err != nil {
			t.Fatal(err)
		}
		if string(event.Links) != want || (event.ClientURL != "") != (want != "") {
			t.Errorf("%.60q gives %s and %q", link, event.Links, event.ClientURL)
		}
	}
}

// TestPagerDutySummary is what a telephone shows.
func TestPagerDutySummary(t *testing.T) {
	s, r := pagerDutyServer(t)
	for kind, want := range map[notify.Kind]string{
		notify.Opened:   "datahub: 1,003 of 1,053 users have no cookie_id",
		notify.Reopened: "CRITICAL AGAIN · datahub: 1,003 of 1,053 users have no cookie_id",
		notify.Worse:    "CRITICAL, GETTING WORSE · datahub: 1,003 of 1,053 users have no cookie_id",
		notify.Repeated: "STILL CRITICAL · datahub: 1,003 of 1,053 users have no cookie_id",
	} {
		e := sendEvent(t, s, r, criticalAs(kind, ""))
		if e.Payload.Summary != want || e.Action != "trigger" || e.DedupKey != "hubaudit-5f2c9ab04e1d" {
			t.Errorf("%s: %s of %s says %q", kind, e.Action, e.DedupKey, e.Payload.Summary)
		}
	}
}

func TestPagerDutyHostile(t *testing.T) {
	s, r := pagerDutyServer(t)
	for _, name := range hostile {
		e := sendEvent(t, s, r, named(name))
		var event any
		if err := json.Unmarshal(e.Raw, &event); err != nil {
			t.Fatal(err)
		}
		eachString(event, func(shown string) {
			if strings.ContainsFunc(shown, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
				t.Errorf("%q brings control characters into %q", name, shown)
			}
		})
	}
}

// eachString visits all strings of decoded JSON.
func eachString(v any, visit func(string)) {
	switch v := v.(type) {
	case string:
		visit(v)
	case []any:
		for _, inner := range v {
			eachString(inner, visit)
		}
	case map[string]any:
		for _, inner := range v {
			eachString(inner, visit)
		}
	}
}

func TestPagerDutyRefusals(t *testing.T) {
	s, _ := pagerDutyServer(t)
	for key, want := range map[string]string{
		"short":                 "Event object is invalid; Length of 'routing_key' is incorrect (should be 32 characters): put the 32 characters",
		strings.Repeat("x", 32): "Invalid routing key: put the 32 characters of an Events API v2 integration key into notify.pagerduty.routingKeyFile",
	} {
		r := notify.NewPagerDuty("pagerduty", key, s.URL())
		_, err := r.Send(t.Context(), critical())
		checkError(t, err, want, nil)
		checkError(t, r.Test(t.Context()), want, nil)
	}
	s.Fail("enqueue", notifytest.Fault{Status: 400, Body: "plain words"})
	_, err := notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, s.URL()).Send(t.Context(), critical())
	checkError(t, err, "PagerDuty refused the event: plain words", nil)
}

// TestPagerDutyAccepted: a 202 counts, whatever its body is.
func TestPagerDutyAccepted(t *testing.T) {
	s, r := pagerDutyServer(t)
	s.Fail("enqueue", notifytest.Fault{Status: 202, Body: "", Served: true})
	sendEvent(t, s, r, critical())
	if n := s.Requests("enqueue"); n != 1 {
		t.Errorf("%d requests for one event", n)
	}
}

// TestPagerDutyTest leaves no alert open.
func TestPagerDutyTest(t *testing.T) {
	s, r := pagerDutyServer(t)
	if err := r.Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := s.Alert("hubaudit-test")
	if a.Open || a.Incidents != 1 || a.Severity != "info" || !strings.HasPrefix(a.Summary, "Test of hubaudit") {
		t.Errorf("alert %+v", a)
	}
}

func BenchmarkPagerDutyLarge(b *testing.B) {
	s := notifytest.NewPagerDutyServer()
	defer s.Close()
	r, m := notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, s.URL()), large()
	for b.Loop() {
		if _, err := r.Send(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
