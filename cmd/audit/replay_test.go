package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/world"
	"hubaudit/notify/notifytest"
)

type incidentReport struct{ Check, State, Severity, Fingerprint, ExplainedBy string }

// jsonReport is the part of the JSON report that tests look at.
type jsonReport struct {
	Verdicts []struct {
		Check, Hub, Verdict, Severity, Summary string
		Count                                  int
	}
	Incidents []incidentReport
	Summary   struct{ Fail, Unknown int }
}

func parseReport(t *testing.T, text string) jsonReport {
	t.Helper()
	var r jsonReport
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("the report is not JSON: %v\n%s", err, text)
	}
	return r
}

var historyLine = regexp.MustCompile(`(?m)^history:.*$`)

// stageConfig is a recorded stage's own configuration with another history and
// receivers, written beside nothing: its paths become absolute.
func stageConfig(t *testing.T, stageDir, historyFile, notify string) string {
	t.Helper()
	text := read(t, filepath.Join(stageDir, "hubaudit.yaml"))
	text = historyLine.ReplaceAllString(text, "history: sqlite:"+historyFile)
	text = strings.NewReplacer("sqlite:///jupyterhub", "sqlite:///"+stageDir+"/jupyterhub", "dump: dump", "dump: "+stageDir+"/dump",
		"files: ", "files: "+stageDir+"/").Replace(text)
	file := filepath.Join(t.TempDir(), "hubaudit.yaml")
	// Between the stages of a story there were no runs, which is none of its findings.
	const story = "checks: {audit-stale: {enabled: false}}\n"
	if err := os.WriteFile(file, []byte(text+notify+story), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// fakeReceivers starts a Slack and a PagerDuty and returns the configuration
// that sends to them.
func fakeReceivers(t *testing.T) (*notifytest.SlackServer, *notifytest.PagerDutyServer, string) {
	t.Helper()
	slack, pagerduty := notifytest.NewSlackServer(), notifytest.NewPagerDutyServer()
	t.Cleanup(slack.Close)
	t.Cleanup(pagerduty.Close)
	t.Setenv("SLACK_TOKEN", notifytest.SlackToken)
	t.Setenv("PAGERDUTY_KEY", notifytest.PagerDutyKey)
	return slack, pagerduty, fmt.Sprintf("notify:\n  slack: {token: \"${SLACK_TOKEN}\", channel: %q, apiURL: %q}\n"+
		"  pagerduty: {routingKey: \"${PAGERDUTY_KEY}\", apiURL: %q}\n", notifytest.SlackChannel, slack.APIURL(), pagerduty.URL())
}

// TestReplay runs the stages of each recorded incident one after another over
// one history: exactly the incidents that the post-mortem tells open, at the
// stage at which they became visible, they are told once, and they resolve.
func TestReplay(t *testing.T) {
	for _, incident := range world.Incidents() {
		if testing.Short() && len(incident.Stages[0].Snapshot.Hubs[0].Users) > 500 {
			continue // the race detector takes long over it, and finds no more in it
		}
		t.Run(incident.Name, func(t *testing.T) { replay(t, incident) })
	}
}

func replay(t *testing.T, incident world.Incident) {
	slack, pagerduty, receivers := fakeReceivers(t)
	root, err := filepath.Abs(filepath.Join("..", "..", "testdata", incident.Name))
	if err != nil {
		t.Fatal(err)
	}
	historyFile := filepath.Join(t.TempDir(), "history.db")
	open := map[string]bool{}
	heard := map[string]bool{} // of which people were told that they are open
	for n, stage := range incident.Stages {
		cfg := stageConfig(t, filepath.Join(root, incident.Folder(n)), historyFile, receivers)
		posts, events := len(slack.Posts()), len(pagerduty.Events())
		status, out, errOut := runAudit(t, "now", "--config", cfg, "--at", stage.At.Format(time.RFC3339), "--output", "json")
		r := parseReport(t, out)

		found, unknown := map[string]int{}, []string{}
		for _, v := range r.Verdicts {
			switch v.Verdict {
			case "fail":
				found[v.Check] = v.Count
			case "unknown":
				unknown = append(unknown, v.Check)
			}
		}
		if diff := cmp.Diff(notNil(stage.Finds), found); diff != "" {
			t.Errorf("stage %s: findings by check (-want +got):\n%s", stage.Name, diff)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(stage.Unknown)), slices.Sorted(slices.Values(unknown))); diff != "" {
			t.Errorf("stage %s: unknown checks (-want +got):\n%s", stage.Name, diff)
		}
		wantStatus := exitClean
		if len(unknown) > 0 {
			wantStatus = exitIncomplete
		} else if len(found) > 0 {
			wantStatus = exitFindings
		}
		if status != wantStatus {
			t.Errorf("stage %s: status %d, want %d; standard error:\n%s", stage.Name, status, wantStatus, errOut)
		}

		// An incident opens with its first failure and resolves only with a pass.
		want := map[string]string{}
		for check := range open {
			_, fails := stage.Finds[check]
			switch {
			case fails, slices.Contains(stage.Unknown, check):
				want[check] = "ongoing"
			default:
				want[check] = "resolved"
				delete(open, check)
			}
		}
		for check := range stage.Finds {
			if !open[check] {
				want[check], open[check] = "opened", true
			}
		}
		got := map[string]string{}
		changes, pages := 0, 0 // PagerDuty is not told of warnings
		for _, i := range r.Incidents {
			got[i.Check] = i.State
			switch muted := i.ExplainedBy != "" && i.State != "resolved"; {
			case muted && !slices.ContainsFunc(r.Incidents, func(c incidentReport) bool { return c.Fingerprint == i.ExplainedBy && c.State != "resolved" }):
				t.Errorf("stage %s: what explains %+v is not open", stage.Name, i)
			case muted, heard[i.Check] == (i.State != "resolved"):
				continue // its cause is told instead, or nothing is new
			}
			heard[i.Check] = i.State != "resolved"
			changes++
			if i.Severity != "warning" {
				pages++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stage %s: incidents (-want +got):\n%s", stage.Name, diff)
		}
		sentPosts, sentEvents := len(slack.Posts())-posts, len(pagerduty.Events())-events
		if sentPosts < changes || sentEvents < pages {
			t.Errorf("stage %s: %d changes, %d to page for, but %d Slack messages and %d PagerDuty events", stage.Name, changes, pages, sentPosts, sentEvents)
		}

		// The same stage a few minutes later: nothing changed, nothing is sent.
		posts, events = len(slack.Posts()), len(pagerduty.Events())
		runAudit(t, "now", "--config", cfg, "--at", stage.At.Add(5*time.Minute).Format(time.RFC3339), "--output", "json")
		if p, e := len(slack.Posts())-posts, len(pagerduty.Events())-events; p+e > 0 {
			t.Errorf("stage %s, run again: %d Slack messages and %d PagerDuty events although nothing changed", stage.Name, p, e)
		}
	}
	// What is open at the end, such as an old version's bugs, is open everywhere.
	last := incident.Stages[len(incident.Stages)-1].Finds
	if diff := cmp.Diff(slices.Sorted(maps.Keys(last)), slices.Sorted(maps.Keys(open))); diff != "" {
		t.Errorf("open at the end (-want +got):\n%s", diff)
	}
	told := map[string]string{}
	for _, e := range pagerduty.Events() {
		if e.Payload != nil {
			told[e.DedupKey] = e.Payload.Class
		}
		if a := pagerduty.Alert(e.DedupKey); a.Open && !open[told[e.DedupKey]] {
			t.Errorf("PagerDuty still has an open alert: %+v", a)
		}
	}
}

func notNil(m map[string]int) map[string]int {
	if m == nil {
		return map[string]int{}
	}
	return m
}
