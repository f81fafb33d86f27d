package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/test/harness"
)

// message tells of an incident that was opened an hour before the run at the
// given time. Alertmanager goes by the machine's clock, so that these tests do too.
func message(at time.Time, severity verdict.Severity) notify.Message {
	i := verdict.Incident{ID: 1, Fingerprint: "5f2c9ab04e1d", Cluster: "prod", Hub: "datahub", Check: "hub-cookie-id-null", State: verdict.Ongoing,
		Outcome: verdict.Fail, Severity: severity, Summary: "3 of 40 users have no cookie_id", Count: 3, OpenedAt: at.Add(-time.Hour)}
	v := &verdict.Verdict{Check: i.Check, Hub: i.Hub, Outcome: verdict.Fail, Severity: severity, Summary: i.Summary, Count: 3}
	for n := range 3 {
		v.Findings = append(v.Findings, verdict.Finding{Severity: severity, Subject: verdict.Subject{Kind: "user", Name: fmt.Sprint(n)}, Message: fmt.Sprintf("user %d has none", n)})
	}
	return notify.Message{Decision: notify.Decision{Receiver: "alertmanager", Kind: notify.Changed, Reason: "a run", Incident: i}, Verdict: v,
		Guide: verdict.Guide{ID: i.Check, Title: "Every user has a cookie_id", Meaning: "Logins fail.", Do: []string{"Stop the hub."}},
		Run:   &verdict.Run{ID: "run-1", Cluster: "prod", StartedAt: at}, Link: "https://reports.example.org/1"}
}

func resolved(m notify.Message, ref string) notify.Message {
	m.Kind, m.Ref, m.Reason, m.Verdict = notify.Resolved, ref, "the invariant holds again", nil
	m.Incident.State, m.Incident.ResolvedAt = verdict.Resolved, m.Run.StartedAt
	return m
}

func receiver(s *server, keep time.Duration) notify.Receiver {
	return notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{s.url}, Keep: keep, Labels: map[string]string{"team": "hubs"}})
}

func send(t *testing.T, r notify.Receiver, m notify.Message) string {
	t.Helper()
	ref, err := r.Send(t.Context(), m)
	must(t, err)
	return ref
}

// seconds is the present as a run has it.
func seconds() time.Time { return time.Now().UTC().Truncate(time.Second) }

// wait polls until so many alerts are active, and returns them.
func (s *server) wait(t *testing.T, n int) []firing {
	t.Helper()
	var alerts []firing
	harness.Poll(t, fmt.Sprintf("%d active alerts", n), func(ctx context.Context) (err error) {
		if alerts, err = s.active(ctx); err == nil && len(alerts) != n {
			err = fmt.Errorf("%d are: %+v", len(alerts), alerts)
		}
		return err
	})
	return alerts
}

// TestLife: an incident is one alert, from being opened over runs, a rise of its
// severity and a restart of Alertmanager to its end.
func TestLife(t *testing.T) {
	s := start(t, "")
	r := receiver(s, time.Hour)
	at := seconds()
	ref := send(t, r, message(at, verdict.Warning))
	first := s.wait(t, 1)[0]
	if first.Labels["alertname"] != "HubCookieIdNull" || first.Labels["team"] != "hubs" || !first.StartsAt.Equal(at.Add(-time.Hour)) || !first.EndsAt.Equal(at.Add(time.Hour)) {
		t.Errorf("opened as %+v", first)
	}
	m := message(at.Add(time.Second), verdict.Warning) // the next run
	m.Ref, m.Incident.Summary = ref, "4 of 40 users have no cookie_id"
	ref = send(t, r, m)
	if again := s.wait(t, 1)[0]; again.Annotations["summary"] != "datahub: 4 of 40 users have no cookie_id" || !again.EndsAt.Equal(at.Add(time.Hour+time.Second)) {
		t.Errorf("after the next run: %+v", again)
	}
	m = message(at, verdict.Critical)
	m.Ref, m.Kind = ref, notify.Worse
	ref = send(t, r, m)
	if worse := s.wait(t, 1)[0]; worse.Labels["severity"] != "critical" {
		t.Errorf("after it became worse: %+v", worse)
	}
	s.Kill()
	_, err := notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{s.url}},
		notify.WithWait(func(context.Context, time.Duration) error { return nil })).Send(t.Context(), m)
	if failed := (*notify.SendError)(nil); !errors.As(err, &failed) || failed.Refused {
		t.Errorf("while it was down: %v", err)
	}
	s.run() // it has forgotten all alerts
	m.Ref, m.Kind = ref, notify.Changed
	ref = send(t, r, m)
	s.wait(t, 1)
	send(t, r, resolved(m, ref))
	s.wait(t, 0)
	reopened := message(seconds(), verdict.Critical)
	reopened.Kind, reopened.Incident.Reopened = notify.Reopened, 1
	send(t, r, reopened)
	s.wait(t, 1)
}

// TestSameSecond: an incident that is resolved in the second in which it was
// opened, and clocks that disagree, are no reason to refuse an alert.
func TestSameSecond(t *testing.T) {
	s := start(t, "")
	r := receiver(s, time.Hour)
	m := message(seconds(), verdict.Error)
	m.Incident.OpenedAt = m.Run.StartedAt
	send(t, r, resolved(m, send(t, r, m)))
	s.wait(t, 0)
	m.Incident.OpenedAt = m.Run.StartedAt.Add(100 * time.Hour) // the clock was set back since
	ref := send(t, r, m)
	s.wait(t, 1)
	send(t, r, resolved(m, ref))
	s.wait(t, 0)
}

// TestRunsStop: when no run comes any more, the alert ends by itself, after the
// time that it was given.
func TestRunsStop(t *testing.T) {
	s := start(t, "")
	send(t, receiver(s, 2*time.Second), message(seconds(), verdict.Error))
	other := message(seconds(), verdict.Error)
	other.Incident.Hub = "other"
	send(t, receiver(s, time.Hour), other)
	if left := s.wait(t, 1)[0]; left.Labels["hub"] != "other" {
		t.Errorf("left: %+v", left)
	}
}

// TestDefaultKeep: without a setting an alert outlives a day without a run.
func TestDefaultKeep(t *testing.T) {
	s := start(t, "")
	at := seconds()
	send(t, receiver(s, 0), message(at, verdict.Error))
	if got := s.wait(t, 1)[0].EndsAt; !got.Equal(at.Add(26 * time.Hour)) {
		t.Errorf("ends at %v", got)
	}
}

// TestRefused: Alertmanager's own words tell what is wrong.
func TestRefused(t *testing.T) {
	s := start(t, "")
	r := notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{s.url}, Labels: map[string]string{"no-label": "x"}})
	_, err := r.Send(t.Context(), message(seconds(), verdict.Error))
	failed := (*notify.SendError)(nil)
	if !errors.As(err, &failed) || !failed.Refused || !strings.Contains(err.Error(), "Alertmanager refused the alert: ") {
		t.Errorf("%v", err)
	}
}

// slackAddress matches what Slack makes a link of.
var slackAddress = regexp.MustCompile(`(?i)\b(https?|ftp)://`)

// TestSlackBehind: names that try to be more than text stay text in the message
// that Alertmanager itself sends to Slack.
func TestSlackBehind(t *testing.T) {
	slack := newChat(t)
	s := start(t, slack.URL)
	names := []string{"<!channel>", "<@U123>", "<http://evil.example|click>", "https://evil.example/", "two\nlines", "\x1b[31mred", "evil\u202egnp.exe", strings.Repeat("<!here>", 1500)}
	m := message(seconds(), verdict.Critical)
	m.Incident.Summary = strings.Join(names, " ")
	m.Verdict.Findings = nil
	for _, name := range names {
		m.Verdict.Findings = append(m.Verdict.Findings, verdict.Finding{Message: "user " + name + " has none"})
		m.Explains = append(m.Explains, name)
	}
	m.Link = ""
	send(t, receiver(s, time.Hour), m)
	var text string
	harness.Poll(t, "Alertmanager's message", func(context.Context) (err error) {
		text, err = slack.said()
		return err
	})
	if found := regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x{202a}-\x{202e}]`).FindString(text); found != "" {
		t.Errorf("%q in %q", found, text)
	}
	text = strings.ReplaceAll(text, s.url, "") // Alertmanager links itself
	if strings.ContainsAny(text, "<>") || slackAddress.MatchString(text) || !strings.Contains(text, "‹!channel›") {
		t.Errorf("Slack is told %s", text)
	}
}

// Test100000: a verdict with that many findings is one alert.
func Test100000(t *testing.T) {
	s := start(t, "")
	m := message(seconds(), verdict.Critical)
	for n := range 100_000 {
		m.Verdict.Findings = append(m.Verdict.Findings, verdict.Finding{Message: fmt.Sprintf("user %d has none", n)})
	}
	m.Verdict.Count = len(m.Verdict.Findings)
	send(t, receiver(s, time.Hour), m)
	if affected := s.wait(t, 1)[0].Annotations["affected"]; !strings.HasSuffix(affected, "… and 99,983 more; the JSON report holds all") {
		t.Errorf("affected: %s", affected)
	}
}
