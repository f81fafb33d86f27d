package pushgateway

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/report"
	"hubaudit/test/servers"
)

// run is one of a cluster whose nodes could be read or not.
func run(cluster string, at time.Time, findings int, nodes facts.Status) *verdict.Run {
	r := &verdict.Run{ID: "1", Cluster: cluster, StartedAt: at, Version: "0.6.0", Duration: time.Second,
		Sources: []facts.Source{{Name: facts.KubeNodes, Status: nodes, Items: map[string]int{"nodes": 4}}}}
	v := verdict.Verdict{Check: "pv-node-gone", Outcome: verdict.Pass}
	for range findings {
		v.Outcome, v.Findings = verdict.Fail, append(v.Findings, verdict.Finding{Severity: verdict.Critical, Subject: verdict.Subject{Kind: "node", Name: "worker-secret"}})
	}
	r.Verdicts = []verdict.Verdict{v}
	return r
}

func push(t *testing.T, p *servers.Program, r *verdict.Run, keep bool) {
	t.Helper()
	families, err := report.Metrics(r, map[string]int{"slack": 0})
	must(t, err)
	must(t, gateway(p, p.CA, r.Cluster, servers.Password).Push(t.Context(), families, keep))
}

func gateway(p *servers.Program, ca []byte, instance, password string) *notify.Pushgateway {
	return notify.NewPushgateway(notify.PushOptions{URL: p.URL(""), Username: servers.User, Password: password, CA: ca, Instance: instance})
}

// scraped are the audit's lines of what Prometheus would read.
func scraped(t *testing.T, p *servers.Program) string {
	t.Helper()
	page, err := p.Get(t.Context(), "/metrics")
	must(t, err)
	check := exec.Command(servers.Find(t, "promtool"), "check", "metrics")
	check.Stdin = bytes.NewReader(page)
	out, err := check.CombinedOutput()
	if err != nil && strings.Contains(string(out), "hubaudit") {
		t.Errorf("promtool: %v: %s", err, out)
	}
	var own strings.Builder
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "hubaudit_") {
			own.WriteString(line)
		}
	}
	return own.String()
}

func expect(t *testing.T, page string, has []string, hasNot ...string) {
	t.Helper()
	for _, want := range has {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("%s is not in\n%s", want, page)
		}
	}
	for _, unwanted := range hasNot {
		if strings.Contains(page, unwanted) {
			t.Errorf("%s is in\n%s", unwanted, page)
		}
	}
}

// TestPush: each audit has its own numbers there, the newest ones, and what is over
// is gone with the next run.
func TestPush(t *testing.T) {
	p := start(t)
	at := time.Unix(1_790_000_000, 0).UTC()
	push(t, p, run("physics", at, 3, facts.OK), false)
	push(t, p, run("prod", at, 2, facts.OK), false)
	expect(t, scraped(t, p), []string{
		`hubaudit_findings{check="pv-node-gone",cluster="prod",hub="",instance="prod",job="hubaudit",severity="critical"} 2`,
		`hubaudit_findings{check="pv-node-gone",cluster="physics",hub="",instance="physics",job="hubaudit",severity="critical"} 3`,
		`hubaudit_last_success_timestamp_seconds{cluster="prod",instance="prod",job="hubaudit"} 1.79e+09`,
		`hubaudit_messages_queued{cluster="prod",instance="prod",job="hubaudit",receiver="slack"} 0`,
	}, "worker-secret")

	push(t, p, run("prod", at.Add(time.Hour), 0, facts.OK), false)
	expect(t, scraped(t, p), []string{
		`hubaudit_last_success_timestamp_seconds{cluster="prod",instance="prod",job="hubaudit"} 1.7900036e+09`,
		`hubaudit_findings{check="pv-node-gone",cluster="physics",hub="",instance="physics",job="hubaudit",severity="critical"} 3`,
	}, `hubaudit_findings{check="pv-node-gone",cluster="prod"`)

	// A run that does not know of any success leaves that of the one before.
	push(t, p, run("prod", at.Add(2*time.Hour), 0, facts.Failed), true)
	expect(t, scraped(t, p), []string{
		`hubaudit_last_success_timestamp_seconds{cluster="prod",instance="prod",job="hubaudit"} 1.7900036e+09`,
		`hubaudit_last_run_timestamp_seconds{cluster="prod",instance="prod",job="hubaudit"} 1.7900072e+09`,
		`hubaudit_source_up{cluster="prod",instance="prod",job="hubaudit",source="kube/nodes"} 0`,
	})
}

// A wrong password is an error that does not show it, and so is a certificate that
// nobody vouches for.
func TestPushRefused(t *testing.T) {
	p := start(t)
	families, err := report.Metrics(run("prod", time.Unix(1_790_000_000, 0), 0, facts.OK), nil)
	must(t, err)
	const wrong = "wrong-horse-battery"
	if err := gateway(p, p.CA, "prod", wrong).Push(t.Context(), families, false); err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), wrong) {
		t.Errorf("%v", err)
	}
	ctx, cancel := contextForOneTry(t)
	defer cancel()
	if err := gateway(p, nil, "prod", servers.Password).Push(ctx, families, false); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), servers.Password) {
		t.Errorf("%v", err)
	}
	if page := scraped(t, p); page != "" {
		t.Errorf("there is\n%s", page)
	}
}

// contextForOneTry ends before anything is tried again.
func contextForOneTry(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 1500*time.Millisecond)
}
