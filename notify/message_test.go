package notify_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

var update = flag.Bool("update", false, "rewrite the golden messages")

// report is what an upload carries.
const report = "# hubaudit\n\n1,003 of 1,053 users have no cookie_id\n"

// critical is the message of the 2017 incident: 1,003 users without a cookie id.
func critical() notify.Message {
	run := &verdict.Run{ID: "20261120T120000Z-12", Cluster: "prod", StartedAt: now, Version: "0.1.0"}
	v := &verdict.Verdict{Check: "hub-cookie-id-null", Hub: "datahub", Outcome: verdict.Fail, Severity: verdict.Critical,
		Summary: "1,003 of 1,053 users have no cookie_id", Fingerprint: "5f2c9ab04e1d"}
	for n := range 1003 {
		name := fmt.Sprintf("student%04d", n)
		v.Findings = append(v.Findings, verdict.Finding{Severity: verdict.Critical,
			Subject: verdict.Subject{Kind: "user", Name: name, ID: fmt.Sprint(n)},
			Message: fmt.Sprintf("user %q (id %d) has the cookie_id NULL, a random text of their own is expected", name, n)})
	}
	v.Count = len(v.Findings)
	return notify.Message{
		Decision: notify.Decision{Receiver: "slack", Kind: notify.Opened, Reason: "slack has not been told of it yet",
			Incident: verdict.Incident{ID: 12, Fingerprint: v.Fingerprint, Cluster: "prod", Hub: "datahub", Check: v.Check,
				State: verdict.Opened, Outcome: verdict.Fail, Severity: verdict.Critical, Summary: v.Summary, Count: v.Count, OpenedAt: now}},
		Verdict: v,
		Guide: verdict.Guide{ID: v.Check, Title: "Every user has a cookie_id", Severity: verdict.Critical,
			Meaning: "The hub finds a user by this cookie. Where it is NULL, everybody is logged in as the first user without one and sees that user's files.",
			Do: []string{"Stop the hub now: `kubectl -n <namespace> scale deploy/hub --replicas=0`.",
				"Copy the database file away before anything else touches it.",
				"Find the newest good backup and compare its user count with 1,053."},
			Dont: []string{"Do not restart the hub: every login writes new rows.", "Do not delete any PVC."}},
		Run: run, Report: []byte(report),
	}
}

// over is the message that it is over, four hours later.
func over(ref string) notify.Message {
	m := critical()
	m.Kind, m.Reason, m.Ref = notify.Resolved, "the invariant holds again", ref
	m.Incident.State, m.Incident.Outcome, m.Incident.Reason = verdict.Resolved, verdict.Pass, m.Reason
	m.Incident.ResolvedAt = now.Add(4 * time.Hour)
	run := *m.Run
	run.ID, run.StartedAt = "20261120T160000Z-16", m.Incident.ResolvedAt
	m.Run, m.Verdict = &run, nil
	return m
}

// still is a reminder a day later, of an incident that cannot be seen now.
func still(ref string) notify.Message {
	m := critical()
	m.Kind, m.Reason, m.Ref = notify.Repeated, "still open 1 day after slack was last told; it cannot be seen at present", ref
	m.Incident.State, m.Incident.Outcome = verdict.Ongoing, verdict.Unknown
	run := *m.Run
	run.StartedAt = now.Add(day)
	m.Run = &run
	m.Verdict = &verdict.Verdict{Outcome: verdict.Unknown, Summary: "source hubdb/datahub could not be read: permission denied"}
	return m
}

// hostile are names that try to be more than text.
var hostile = []string{
	"<!channel>", "<@U123>", "<http://evil.example|click>", "two\nlines", "\x1b[31mred\x1b[0m", "evil\u202egnp.exe",
	"a`b*c_d~e", "&lt;!here&gt;", "```", "bad\xff\xfe", "nul\x00", ":skull:", "https://evil.example/", "#general @here",
	string(make([]byte, 300)), fmt.Sprintf("%0300d", 7), "🔴🔴🔴", "",
}

// named is the critical message with one hostile name wherever a name can be.
func named(name string) notify.Message {
	m := critical()
	m.Incident.Hub, m.Incident.Cluster, m.Incident.Check = name, name, name
	m.Incident.Summary = "user " + name + " has no cookie_id"
	m.Incident.Reason, m.Reason = name, name
	m.Incident.State = verdict.Ongoing
	m.Kind = notify.Repeated
	m.Guide.Meaning, m.Guide.Do, m.Guide.Dont = name, []string{name}, []string{name}
	m.Explains = []string{name}
	m.Verdict.Summary, m.Verdict.Count = name, 2
	m.Verdict.Findings = []verdict.Finding{
		{Subject: verdict.Subject{Kind: name, Name: name}, Message: name},
		{Subject: verdict.Subject{Kind: name, Name: name}, Message: "user " + name + " is wrong"}}
	return m
}

// pauses stands in for the waiting between tries and remembers it.
type pauses struct {
	mu  sync.Mutex
	all []time.Duration
}

func (p *pauses) option() notify.Option {
	return notify.WithWait(func(ctx context.Context, d time.Duration) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all = append(p.all, d)
		return ctx.Err()
	})
}

// golden compares with a file in testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs, run go test -update if that is meant (-want +got):\n%s", file, diff)
	}
}
