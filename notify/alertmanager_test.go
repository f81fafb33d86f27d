package notify_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

func alertmanagerServer(t *testing.T) *notifytest.AlertmanagerServer {
	t.Helper()
	s := notifytest.NewAlertmanagerServer()
	t.Cleanup(s.Close)
	return s
}

func alertmanagerAt(urls []string, options ...notify.Option) notify.Receiver {
	return notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: urls, Token: notifytest.AlertmanagerToken,
		Labels: map[string]string{"team": "hubs", "severity": "page"}, Keep: 3 * time.Hour}, options...)
}

// sent sends a message that must be accepted and returns its ref.
func sent(t *testing.T, r notify.Receiver, m notify.Message) string {
	t.Helper()
	ref, err := r.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestAlert: an incident is one alert from its first message to its last, held
// for a while after each run.
func TestAlert(t *testing.T) {
	s := alertmanagerServer(t)
	a := alertmanagerAt([]string{s.URL() + "/"})
	m := critical()
	m.Link = "https://reports.example.org/1"
	ref := sent(t, a, m)
	labels := map[string]string{"alertname": "HubCookieIdNull", "check": "hub-cookie-id-null", "severity": "critical", "cluster": "prod", "hub": "datahub", "team": "hubs"}
	first := s.Posts()[0][0]
	if diff := cmp.Diff(labels, first.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if !first.StartsAt.Equal(now) || !first.EndsAt.Equal(now.Add(3*time.Hour)) || first.GeneratorURL != m.Link {
		t.Errorf("from %v to %v, %s", first.StartsAt, first.EndsAt, first.GeneratorURL)
	}
	m = still(ref)
	m.Kind = notify.Changed
	if again := sent(t, a, m); again != ref {
		t.Errorf("ref %s became %s", ref, again)
	}
	if second := s.Posts()[1]; len(second) != 1 || !second[0].EndsAt.Equal(now.Add(day+3*time.Hour)) {
		t.Errorf("the next run sent %+v", second)
	}
	sent(t, a, over(ref))
	if last := s.Posts()[2]; len(last) != 1 || !last[0].EndsAt.Equal(now.Add(4*time.Hour)) {
		t.Errorf("resolved as %+v", last)
	}
	if firing := s.Firing(now.Add(4 * time.Hour)); len(firing) > 0 {
		t.Errorf("still firing: %+v", firing)
	}
}

// TestAlertSeverity: when a label changes, the alert with the old ones ends in
// the same request, so that one incident never fires twice.
func TestAlertSeverity(t *testing.T) {
	s := alertmanagerServer(t)
	a := alertmanagerAt([]string{s.URL()})
	m := critical()
	m.Incident.Severity = verdict.Warning
	ref := sent(t, a, m)
	m = still(ref)
	m.Kind, m.Incident.Severity = notify.Worse, verdict.Critical
	ref = sent(t, a, m)
	firing := s.Firing(now.Add(day))
	if len(firing) != 1 || firing[0].Labels["severity"] != "critical" {
		t.Errorf("firing: %+v", firing)
	}
	moved := notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{s.URL()}, Token: notifytest.AlertmanagerToken})
	m.Ref = ref
	ref = sent(t, moved, m) // the configuration has no labels any more
	if firing := s.Firing(now.Add(day)); len(firing) != 1 || firing[0].Labels["team"] != "" {
		t.Errorf("firing: %+v", firing)
	}
	sent(t, moved, over(ref))
	if firing := s.Firing(now.Add(day)); len(firing) > 0 {
		t.Errorf("still firing: %+v", firing)
	}
}

// TestAlertTimes: the end is never before the start, nor after the run, however
// the clocks went.
func TestAlertTimes(t *testing.T) {
	s := alertmanagerServer(t)
	a := alertmanagerAt([]string{s.URL()})
	for _, resolved := range []time.Time{{}, now.Add(-time.Hour), now.Add(100 * day)} {
		m := over("")
		m.Incident.ResolvedAt = resolved
		sent(t, a, m)
		posts := s.Posts()
		if end := posts[len(posts)-1][0].EndsAt; end.Before(now) || end.After(m.Run.StartedAt) {
			t.Errorf("resolved at %v: ends at %v", resolved, end)
		}
	}
}

// TestAlertmanagerCluster: every member is told; one that is down is named and
// left alone for the rest of the run, unless nobody else is there.
func TestAlertmanagerCluster(t *testing.T) {
	one, two := alertmanagerServer(t), alertmanagerServer(t)
	var p pauses
	a := alertmanagerAt([]string{one.URL(), two.URL()}, p.option())
	sent(t, a, critical())
	refused := notifytest.Fault{Status: 403}
	at1, at2 := strings.TrimPrefix(one.URL(), "http://"), strings.TrimPrefix(two.URL(), "http://")
	two.Fail("alerts", refused)
	ref, err := a.Send(t.Context(), critical())
	posted := (*notify.PostedError)(nil)
	if !errors.As(err, &posted) || ref == "" || !strings.Contains(err.Error(), at2) || strings.Contains(err.Error(), at1) {
		t.Errorf("ref %q, error %v", ref, err)
	}
	sent(t, a, critical())
	if one.Requests("alerts") != 3 || two.Requests("alerts") != 2 {
		t.Errorf("%d and %d requests", one.Requests("alerts"), two.Requests("alerts"))
	}
	one.Fail("alerts", refused)
	if _, err := a.Send(t.Context(), critical()); !errors.As(err, &posted) || two.Requests("alerts") != 3 {
		t.Errorf("with only the second there: %v", err)
	}
	next := still("")
	next.Run.ID = "20261121T120000Z-13"
	sent(t, a, next)
	for _, s := range []*notifytest.AlertmanagerServer{one, two} {
		s.Fail("alerts", refused)
	}
	next.Run.ID = "20261122T120000Z-14"
	if _, err := a.Send(t.Context(), next); err == nil || errors.As(err, &posted) || !strings.Contains(err.Error(), at1) || !strings.Contains(err.Error(), at2) {
		t.Errorf("with nobody there: %v", err)
	}
}

// TestAlertmanagerAnswers: what is not Alertmanager's does not count as accepted,
// and its own words are told.
func TestAlertmanagerAnswers(t *testing.T) {
	login := "SECRETpasswordOFtheLOGIN"
	for name, c := range map[string]struct {
		fault notifytest.Fault
		want  string
	}{
		"sign-in page": {notifytest.Fault{Status: 200, Body: "<html>sign in</html>"}, "the answer is not the vendor's"},
		"no content":   {notifytest.Fault{Status: 204}, "the answer is not the vendor's"},
		"bad alert":    {notifytest.Fault{Status: 400, Body: `"bad label ` + login + `"`}, "Alertmanager refused the alert: bad label [redacted]"},
		"bad object":   {notifytest.Fault{Status: 422, Body: `{"code":602,"message":"labels in body is required"}`}, "labels in body is required"},
		"bad login":    {notifytest.Fault{Status: 401, Body: "no " + notifytest.AlertmanagerToken}, "it refused: 401 no [redacted]"},
	} {
		s := alertmanagerServer(t)
		s.Fail("alerts", c.fault)
		for _, o := range []notify.AlertmanagerOptions{{Token: notifytest.AlertmanagerToken, Password: login}} {
			o.URLs = []string{s.URL()}
			_, err := notify.NewAlertmanager("alertmanager", o, new(pauses).option()).Send(t.Context(), critical())
			checkError(t, err, c.want, []string{login, notifytest.AlertmanagerToken})
		}
		if len(s.Posts()) > 0 || t.Failed() {
			t.Errorf("%s: %v", name, s.Posts())
		}
	}
}

// alive is what makes a template's output more than text: Slack's and HTML's
// brackets, addresses that programs make links of, line breaks of a name.
var alive = regexp.MustCompile(`(?i)[<>]|\b(https?|ftp)://`)

// checkInert wants nothing alive in a text of lines.
func checkInert(t *testing.T, what, s string) {
	t.Helper()
	if found := alive.FindString(s); found != "" {
		t.Errorf("%s has %q: %q", what, found, s)
	}
	for _, r := range s {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			t.Errorf("%s has %U: %q", what, r, s)
			return
		}
	}
}

// FuzzAlert: whatever a name holds, an alert has nothing in it that acts.
func FuzzAlert(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		m := named(name)
		m.Explains, m.Guide = []string{name, name}, critical().Guide
		labels, annotations := m.Alert()
		for what, value := range annotations {
			checkInert(t, what, value)
			if len(value) > 50_000 {
				t.Errorf("%s is %d bytes long", what, len(value))
			}
		}
		for what, value := range labels {
			checkInert(t, what, value)
			if len(value) > 1000 {
				t.Errorf("label %s is %d bytes long", what, len(value))
			}
		}
	})
}

// TestAlertOf100000: a verdict with that many findings is one small alert.
func TestAlertOf100000(t *testing.T) {
	s := alertmanagerServer(t)
	m := critical()
	m.Verdict.Findings = nil
	for n := range 100_000 {
		m.Verdict.Findings = append(m.Verdict.Findings, verdict.Finding{Message: fmt.Sprintf("user %d", n)})
	}
	m.Verdict.Count = 100_000
	sent(t, alertmanagerAt([]string{s.URL()}), m)
	if affected := s.Posts()[0][0].Annotations["affected"]; !strings.HasSuffix(affected, "… and 99,980 more; the JSON report holds all") || len(affected) > 8000 {
		t.Errorf("affected: %s", affected)
	}
}
