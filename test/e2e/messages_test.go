package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/notify/notifytest"
)

// receivers are a Slack and a PagerDuty on loopback.
type receivers struct {
	slack     *notifytest.SlackServer
	pagerduty *notifytest.PagerDutyServer
}

func newReceivers(t *testing.T) receivers {
	t.Helper()
	r := receivers{notifytest.NewSlackServer(), notifytest.NewPagerDutyServer()}
	t.Cleanup(r.slack.Close)
	t.Cleanup(r.pagerduty.Close)
	return r
}

// newSite makes a site that tells both of them.
func (r receivers) newSite(t *testing.T, st *stage, s *facts.Snapshot) *site {
	t.Helper()
	p := newSite(t, s, st.admin, r.config(r.slack.APIURL()))
	for name, secret := range map[string]string{"slack-token": notifytest.SlackToken, "pagerduty-key": notifytest.PagerDutyKey} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (r receivers) config(slackURL string) string {
	return fmt.Sprintf("notify:\n  slack: {tokenFile: slack-token, channel: %q, apiURL: %q}\n  pagerduty: {routingKeyFile: pagerduty-key, apiURL: %q}\n",
		notifytest.SlackChannel, slackURL, r.pagerduty.URL())
}

// told is how often each was told something.
type told struct{ Posts, Files, Events int }

func (r receivers) told() told {
	return told{len(r.slack.Posts()), len(r.slack.Files()), len(r.pagerduty.Events())}
}

func (r receivers) expect(t *testing.T, when string, want told) {
	t.Helper()
	if diff := cmp.Diff(want, r.told()); diff != "" {
		t.Errorf("%s (-want +told):\n%s", when, diff)
	}
}

// alert is PagerDuty's only alert.
func (r receivers) alert(t *testing.T) notifytest.PagerDutyAlert {
	t.Helper()
	events := r.pagerduty.Events()
	if len(events) == 0 {
		t.Fatal("PagerDuty was told nothing")
	}
	return r.pagerduty.Alert(events[0].DedupKey)
}

func lostClaim() *facts.Snapshot {
	s := healthyWorld(world.Small)
	claimOf(s, "student-0003").Phase = "Lost"
	return s
}

var claimLost = map[string][]string{"pvc-lost critical": {"claim claim-student-0003"}}

func TestMessages(t *testing.T) {
	st, to := mainStage(t), newReceivers(t)
	healthy := healthyWorld(world.Small)
	st.become(t, healthy)
	p := to.newSite(t, st, healthy)
	p.audit(t).expect(t, outcome{Skipped: firstRun})
	to.expect(t, "while all is well", told{})

	st.become(t, lostClaim())
	p.audit(t).expect(t, outcome{Status: 1, Fail: claimLost})
	to.expect(t, "when a claim is lost", told{Posts: 1, Files: 1, Events: 1})
	if a := to.alert(t); !a.Open || a.Severity != "critical" || !strings.Contains(a.Summary, "claim-student-0003") {
		t.Errorf("PagerDuty has the alert %+v", a)
	}
	post, file := to.slack.Posts()[0], to.slack.Files()[0]
	if post.ThreadTS != "" || file.ThreadTS != post.TS || !strings.Contains(string(file.Content), "claim-student-0003") {
		t.Errorf("Slack has the message %+v with the file %+v", post, file)
	}

	p.audit(t).expect(t, outcome{Status: 1, Fail: claimLost})
	to.expect(t, "when nothing has changed", told{Posts: 1, Files: 1, Events: 1})

	st.become(t, healthy)
	p.audit(t).expect(t, outcome{})
	to.expect(t, "after the repair", told{Posts: 2, Files: 2, Events: 2})
	if a := to.alert(t); a.Open {
		t.Errorf("PagerDuty's alert is open after the repair: %+v", a)
	}
	if news := to.slack.Posts()[1]; news.ThreadTS != post.TS {
		t.Errorf("Slack has the all-clear outside of the incident's thread: %+v", news)
	}

	p.audit(t).expect(t, outcome{})
	to.expect(t, "long after the repair", told{Posts: 2, Files: 2, Events: 2})
}

// TestReceiversInTrouble has one violation and receivers that are not well.
func TestReceiversInTrouble(t *testing.T) {
	st := mainStage(t)
	s := lostClaim()
	st.become(t, s)
	t.Run("overloaded", func(t *testing.T) {
		t.Parallel()
		to := newReceivers(t)
		to.slack.Fail("chat.postMessage", notifytest.Fault{Status: 429, RetryAfter: "1"})
		to.pagerduty.Fail("enqueue", notifytest.Fault{Status: 500})
		to.newSite(t, st, s).audit(t).expect(t, outcome{Status: 1, Fail: claimLost, Skipped: firstRun})
		to.expect(t, "after a retry", told{Posts: 1, Files: 1, Events: 1})
	})
	t.Run("down", func(t *testing.T) {
		t.Parallel()
		to, down := newReceivers(t), notifytest.NewSlackServer()
		p := to.newSite(t, st, s)
		config := p.read(t, "hubaudit.yaml")
		p.configure(t, strings.Replace(config, to.slack.APIURL(), down.APIURL(), 1))
		down.Close()
		r := p.audit(t)
		r.expect(t, outcome{Status: 2, Fail: claimLost, Skipped: firstRun})
		to.expect(t, "while Slack is down", told{Events: 1})
		if !strings.Contains(r.stderr, "notify slack of pvc-lost") || !strings.Contains(r.stderr, "connection refused") {
			t.Errorf("nobody learns from this that Slack is down:\n%s", r.stderr)
		}

		p.configure(t, config)
		p.audit(t).expect(t, outcome{Status: 1, Fail: claimLost})
		to.expect(t, "when Slack is back", told{Posts: 1, Events: 1}) // the report of that run is not kept
		if post := to.slack.Posts()[0]; !strings.Contains(string(post.Blocks), "claim-student-0003") {
			t.Errorf("Slack is told late, and not of what: %+v", post)
		}
	})
	t.Run("refusing", func(t *testing.T) {
		t.Parallel()
		to := newReceivers(t)
		p := to.newSite(t, st, s)
		if err := os.WriteFile(filepath.Join(p.dir, "slack-token"), []byte("xoxb-of-yesterday"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := p.audit(t)
		r.expect(t, outcome{Status: 2, Fail: claimLost, Skipped: firstRun})
		to.expect(t, "when Slack refuses the token", told{Events: 1})
		if !strings.Contains(r.stderr, "invalid_auth") || strings.Contains(r.stderr, "xoxb-of-yesterday") {
			t.Errorf("standard error should name the refusal and not the token:\n%s", r.stderr)
		}
	})
}
