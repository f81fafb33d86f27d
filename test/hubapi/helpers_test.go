// Package hubapi tests reading a real JupyterHub's REST API, beside and instead
// of its database.
package hubapi

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/collect"
	"hubaudit/internal/collect/hubapi"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/test/servers"
)

// everything is the service whose token sees all that an audit needs.
const everything = "audit"

func options(h *servers.JupyterHub) hubapi.Options {
	return hubapi.Options{URL: h.APIURL, Token: h.Token(everything), UserAgent: "hubaudit/test"}
}

func withAudit(services map[string][]string) map[string][]string {
	all := map[string][]string{everything: servers.AuditScopes}
	for name, scopes := range services {
		all[name] = scopes
	}
	return all
}

// oddNames are users of real hubs whom tests of names forget.
var oddNames = []string{"ann.lee@example.org", "ann.lee", "dot.", "josé", "jose\u0301", "张伟", "o'brien \"x\" & <y>", "50%", "Zoë_Q", "1234567"}

// populate gives a hub more users than one page has, of whom some have
// servers: running, stopped, starting, named, never started.
func populate(t testing.TB, h *servers.JupyterHub, names ...string) {
	t.Helper()
	var many []string
	for i := range 230 {
		many = append(many, fmt.Sprintf("student-%03d", i))
	}
	h.CreateUsers(t, many...)
	for _, name := range append(oddNames, names...) {
		h.CreateUser(t, name)
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	started := append([]string{"student-000", "student-001", "student-199", "student-200", "student-229"}, oddNames...)
	for i, user := range append(started, names...) {
		ok(h.StartServer(t.Context(), user, ""))
		if i%2 == 1 {
			ok(h.StopServer(t.Context(), user, ""))
		}
	}
	for _, server := range []string{"lab", "gpu", "Old Name"} {
		ok(h.StartServer(t.Context(), "student-200", server))
	}
	ok(h.StopServer(t.Context(), "student-200", "gpu"))
	h.HoldServer(t, "student-002", "")
	h.HoldServer(t, "student-000", "slow")
}

// site is a configured audit: a hub, and the dump of a cluster.
type site struct {
	dir string
}

// newSite makes the cluster of a hub: a claim for each server that has one.
func newSite(t testing.TB, spawners []facts.Spawner, users []facts.User) site {
	t.Helper()
	s := site{dir: t.TempDir()}
	owners := map[int64]string{}
	for _, u := range users {
		owners[u.ID] = u.Name
	}
	cluster := &facts.Snapshot{Now: world.Now, Kube: facts.Kube{Version: "v1.36.3"}}
	for i, sp := range spawners {
		if sp.State.PVCName == "" {
			continue
		}
		volume := fmt.Sprintf("pvc-%04d", i)
		cluster.Kube.Claims = append(cluster.Kube.Claims, facts.Claim{Namespace: sp.State.Namespace, Name: sp.State.PVCName, UID: "uid-" + volume,
			Created: world.Now, Phase: "Bound", VolumeName: volume, StorageClass: "block", AccessModes: []string{"ReadWriteOnce"}, RequestBytes: 1 << 30,
			User: owners[sp.UserID], Server: sp.Name, HasUser: true, Component: "singleuser-storage", KubeSpawnerVersion: "7.0.0"})
		cluster.Kube.Volumes = append(cluster.Kube.Volumes, facts.Volume{Name: volume, UID: volume, Created: world.Now, Phase: "Bound", ReclaimPolicy: "Retain",
			StorageClass: "block", CapacityBytes: 1 << 30, Driver: "rbd.csi.ceph.com", Handle: volume,
			ClaimNamespace: sp.State.Namespace, ClaimName: sp.State.PVCName, ClaimUID: "uid-" + volume})
	}
	if err := world.WriteDump(filepath.Join(s.dir, "dump"), cluster); err != nil {
		t.Fatal(err)
	}
	return s
}

// audit reads the hub by the given lines of its configuration, and judges.
func (s site) audit(t testing.TB, ctx context.Context, now time.Time, lines ...string) (*facts.Snapshot, []verdict.Verdict) {
	t.Helper()
	text := "hubs:\n  - name: hub\n    namespace: jhub\n    kubespawner: {slugScheme: escape}\n"
	for _, line := range lines {
		text += "    " + line + "\n"
	}
	text += "cluster: {dump: dump}\n"
	cfg, err := config.Parse(filepath.Join(s.dir, "hubaudit.yaml"), []byte(text), nil, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := collect.Gather(ctx, cfg, collect.Options{Now: now, Clock: time.Now, Timeout: time.Minute, UserAgent: "hubaudit/test"})
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot, checks.Judge(suite, snapshot)
}

// apiLine and databaseLine are configuration. Secrets come from the environment
// as they would in a pod.
func apiLine(t testing.TB, h *servers.JupyterHub) string {
	t.Helper()
	set(t, "HUB_TOKEN", h.Token(everything))
	return fmt.Sprintf("api: {url: %q, token: '${HUB_TOKEN}'}", h.APIURL)
}

func databaseLine(t testing.TB, url string) string {
	t.Helper()
	set(t, "HUB_DATABASE", url)
	return "database: '${HUB_DATABASE}'"
}

func set(t testing.TB, name, value string) {
	t.Helper()
	before, had := os.LookupEnv(name)
	if err := os.Setenv(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if had {
			_ = os.Setenv(name, before) // it was set to that before
		} else {
			_ = os.Unsetenv(name)
		}
	})
}

// failures are the checks that failed, with what they found.
func failures(verdicts []verdict.Verdict) []string {
	var all []string
	for _, v := range verdicts {
		if v.Outcome == verdict.Fail {
			var subjects []string
			for _, f := range v.Findings {
				subjects = append(subjects, f.Subject.Name)
			}
			all = append(all, fmt.Sprintf("%s (%s): %s [%s]", v.Check, v.Severity, v.Summary, strings.Join(subjects, ", ")))
		}
	}
	return all
}
