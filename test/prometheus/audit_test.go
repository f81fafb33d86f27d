package prometheus

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/collect"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/test/servers"
)

// site writes the files of a healthy hub and a configuration that names this
// Prometheus.
func site(t testing.TB, p *server, change func(*facts.Snapshot)) *config.Config {
	t.Helper()
	s := world.Healthy(world.Small)
	if change != nil {
		change(s)
	}
	dir := t.TempDir()
	must(t, world.WriteDatabase(filepath.Join(dir, "hub.sqlite"), s.Hubs[0], world.CurrentSchema))
	must(t, world.WriteDump(filepath.Join(dir, "dump"), s))
	must(t, os.WriteFile(filepath.Join(dir, "password"), []byte(servers.Password+"\n"), 0o600))
	text := fmt.Sprintf("hubs: [{name: %s, database: \"sqlite:///hub.sqlite\"}]\ncluster: {dump: dump}\n"+
		"prometheus: {url: %q, username: %s, passwordFile: password, caFile: %q}\n", world.HubName, p.url, servers.User, p.caFile)
	cfg, err := config.Parse(filepath.Join(dir, "hubaudit.yaml"), []byte(text), nil, os.LookupEnv)
	must(t, err)
	must(t, cfg.CheckFiles())
	return cfg
}

// audit reads and judges, as of the given time.
func audit(t testing.TB, cfg *config.Config, now time.Time) (*facts.Snapshot, map[string]verdict.Verdict) {
	t.Helper()
	s := collect.Gather(t.Context(), cfg, collect.Options{Now: now, Clock: time.Now, Timeout: time.Minute, UserAgent: "hubaudit/test"})
	suite, err := checks.NewSuite(nil, nil)
	must(t, err)
	byID := map[string]verdict.Verdict{}
	for _, v := range checks.Judge(suite, s) {
		byID[v.Check] = v
	}
	return s, byID
}

// What a real Prometheus stored becomes what an operator is told, over TLS and
// with a password from a file.
func TestAudit(t *testing.T) {
	const users = 10 // of the small world
	p := start(t, setting{secure: true, samples: stored(at,
		volume(world.Namespace, world.HubClaim, 1<<30, 970<<20, 54<<20)+volume(world.Namespace, "claim-student-0001", 1<<30, 1<<20, 1<<29)+volume("kube-system", "x", 1, 1, 1),
		fmt.Sprintf("jupyterhub_total_users{namespace=%q} %d\n", world.Namespace, users))})
	full := "claim hub-db-dir, on which the hub's database lies, has 54 MiB of 1.0 GiB free (5.3 %), at least 25 % is expected"

	s, verdicts := audit(t, site(t, p, nil), at)
	if src := s.Source(facts.Prometheus); src.Status != facts.OK || src.Items["volumes"] != 2 {
		t.Errorf("source %+v", src)
	}
	if v := verdicts["hub-db-volume-full"]; v.Outcome != verdict.Fail || v.Severity != verdict.Critical || v.Summary != full {
		t.Errorf("%s %s: %s", v.Outcome, v.Severity, v.Summary)
	}
	if v := verdicts["hub-source-disagree"]; v.Outcome != verdict.Pass {
		t.Errorf("as many users in both: %s %s", v.Outcome, v.Summary)
	}

	// 2017 again: the database is emptied under the running hub, which counts on.
	_, verdicts = audit(t, site(t, p, func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) }), at)
	if v := verdicts["hub-source-disagree"]; v.Severity != verdict.Critical || !strings.Contains(v.Summary, "the running hub itself counted 10 on 2026-11-20 12:00 UTC") {
		t.Errorf("%s %s: %s", v.Outcome, v.Severity, v.Summary)
	}

	// Ten minutes later nothing has been scraped any more: that is no pass.
	s, verdicts = audit(t, site(t, p, nil), at.Add(10*time.Minute))
	if src := s.Source(facts.Prometheus); src.Status != facts.Failed || src.Cause != facts.CauseMissing {
		t.Errorf("source %+v", src)
	}
	for _, id := range []string{"hub-db-volume-full", "hub-source-disagree"} {
		if v := verdicts[id]; v.Outcome != verdict.Unknown || !strings.Contains(v.Summary, "kubelets are not scraped") {
			t.Errorf("%s is %s: %s", id, v.Outcome, v.Summary)
		}
	}
}

// With a wrong password nothing is told, and the password is not either.
func TestAuditWithoutLogin(t *testing.T) {
	p := start(t, setting{secure: true})
	cfg := site(t, p, nil)
	must(t, os.WriteFile(cfg.Path("password"), []byte("wrong-horse"), 0o600))
	s, verdicts := audit(t, cfg, at)
	src := s.Source(facts.Prometheus)
	if src.Status != facts.Failed || src.Cause != facts.CauseForbidden || strings.Contains(src.Detail, "horse") {
		t.Errorf("source %+v", src)
	}
	if v := verdicts["hub-db-volume-full"]; v.Outcome != verdict.Unknown {
		t.Errorf("%s: %s", v.Outcome, v.Summary)
	}
}
