package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// versions are those in which the documented resources are read, by group or by
// resource.
var versions = map[string]string{"": "v1", "storage.k8s.io": "v1", "batch": "v1", "snapshot.storage.k8s.io": "v1", "longhorn.io": "v1beta2",
	"policy": "v1", "ceph.rook.io": "v1", "velero.io": "v1", "datauploads.velero.io": "v2alpha1", "k8up.io": "v1"}

// contents are the versions of all objects that the audit may read, and the
// sums of all files of a site.
func (st *stage) contents(t *testing.T, p *site) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name := range documented {
		r := schema.ParseGroupResource(name)
		version, own := versions[name]
		if !own {
			version = versions[r.Group]
		}
		list, err := st.Client().Resource(r.WithVersion(version)).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			all[name+" "+o.GetNamespace()+"/"+o.GetName()] = o.GetResourceVersion()
		}
	}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all["file "+strings.TrimPrefix(path, p.dir+"/")] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// command runs a command with the chart's rights and no others, and holds that
// it changes nothing, in the cluster or beside it, but for new files.
func (st *stage) command(t *testing.T, p *site, status int, made []string, args ...string) *run {
	t.Helper()
	before := st.contents(t, p)
	r := p.command(t, append(args, "--config", "hubaudit.yaml", "--at", p.at.Format(time.RFC3339))...)
	if r.status != status {
		t.Errorf("audit %s: status %d, want %d\n%s%s", strings.Join(args, " "), r.status, status, r.terminal, r.stderr)
	}
	after := st.contents(t, p)
	for _, name := range made {
		if after["file "+name] == "" {
			t.Errorf("audit %s made no %s", strings.Join(args, " "), name)
		}
		delete(after, "file "+name)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("audit %s (-before +after):\n%s", strings.Join(args, " "), diff)
	}
	return r
}

// prediction is the part of a prediction in JSON that tests look at.
type prediction struct {
	Schema string
	Hubs   []struct {
		Hub, Unknown string
		Under        struct{ Chart, KubeSpawner, From string }
	}
	Starts []struct{ User, Server, Claim, Outcome, Data string }
}

func parse[T any](t *testing.T, document string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, document)
	}
	return v
}

// starts are the predicted starts in one line each.
func (p prediction) starts() map[string]string {
	all := map[string]string{}
	for _, s := range p.Starts {
		all[strings.TrimSuffix(s.User+"/"+s.Server, "/")] = s.Outcome + " " + s.Claim
	}
	return all
}

// TestPredict asks before an upgrade what it will do, and after it what it did.
func TestPredict(t *testing.T) {
	st := mainStage(t)
	l := world.NewLife(before())
	l.Join("ann", "mia-wong", "zoe")
	l.Use("ann", "")
	l.Start("mia-wong", "")
	s := l.End(world.Now)
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	today := parse[prediction](t, st.command(t, p, 0, nil, "predict", "--all", "--output", "json").terminal)
	if diff := cmp.Diff(map[string]string{"ann": "same claim-ann", "mia-wong": "same claim-mia-2dwong", "zoe": "same claim-zoe"}, today.starts()); diff != "" {
		t.Errorf("today (-want +got):\n%s", diff)
	}
	if u := today.Hubs[0].Under; u.Chart != "3.3.8" || u.From != "the hub's image" {
		t.Errorf("the hub runs %+v", u)
	}

	forgotten := map[string]string{"ann": "same claim-ann", "mia-wong": "empty claim-mia-wong", "zoe": "same claim-zoe"}
	upgrade := parse[prediction](t, st.command(t, p, 1, nil, "predict", "--all", "--chart", "4.4.0", "--output", "json").terminal)
	if diff := cmp.Diff(forgotten, upgrade.starts()); diff != "" {
		t.Errorf("after the upgrade (-want +got):\n%s", diff)
	}

	l.Upgrade(since())
	l.Stop("mia-wong", "")
	s = l.End(world.Now)
	st.become(t, s)
	p.writeDatabase(t, s)
	upgraded := st.command(t, p, 1, []string{"predicted.json"}, "predict", "--output", "json=predicted.json", "--output", "sql")
	if diff := cmp.Diff(forgotten, parse[prediction](t, p.take(t, "predicted.json")).starts()); diff != "" {
		t.Errorf("it was foretold otherwise (-foretold +got):\n%s", diff)
	}
	if want := "claim-mia-2dwong"; !strings.Contains(upgraded.terminal, want) {
		t.Errorf("the statements do not hold %s:\n%s", want, upgraded.terminal)
	}
}

// TestPredictBlind holds that nothing is foretold of claims that cannot be listed.
func TestPredictBlind(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	st.become(t, s)
	p := newSite(t, s, st.accountWithout(t, "without-claims", "persistentvolumeclaims"), "")
	blind := parse[prediction](t, st.command(t, p, 2, nil, "predict", "--output", "json").terminal)
	if len(blind.Starts) > 0 || !strings.Contains(blind.Hubs[0].Unknown, "forbid") {
		t.Errorf("without the claims it is foretold: %+v", blind)
	}
}

// rescued is the part of a rescue in JSON that tests look at.
type rescued struct {
	Summary  struct{ Users, Servers, LeftOut, Undecided int }
	LeftOut  []struct{ Claim, Reason string }
	Verdicts []struct{ Check, Verdict string }
}

// TestRescue loses the database of a hub and makes a new one from the cluster,
// with which all is well again.
func TestRescue(t *testing.T) {
	st := mainStage(t)
	healthy := healthyWorld(world.Small)
	st.become(t, healthy)
	p := newSite(t, healthy, st.chartAccount(t), "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})
	p.lose(t)
	p.audit(t).expect(t, outcome{Status: 2, Fail: map[string][]string{"hub-db-corrupt critical": {"database datahub"},
		"hub-user-count-drift critical": {"database datahub"}, "hub-db-reset critical": {"database datahub"}}, Skipped: explainedByLoss, Unknown: withoutUsers})

	got := parse[rescued](t, st.command(t, p, 0, []string{"rescued.sqlite"}, "rescue", "--into", "fresh.sqlite", "--out", "rescued.sqlite", "--output", "json").terminal)
	if got.Summary.Users != 10 || got.Summary.Servers != 11 || got.Summary.LeftOut != 0 {
		t.Errorf("rescued are %+v", got)
	}
	if err := os.Rename(filepath.Join(p.dir, "rescued.sqlite"), filepath.Join(p.dir, "jupyterhub.sqlite")); err != nil {
		t.Fatal(err)
	}
	// The new database holds no server as running.
	p.audit(t).expect(t, outcome{Status: 1, Fail: map[string][]string{"pod-unknown-to-hub warning": {"pod " + pod5, "pod jupyter-student-0010"}}})
	stopServer(healthy, pod5)
	stopServer(healthy, "jupyter-student-0010")
	st.become(t, healthy)
	p.audit(t).expect(t, outcome{})
}

// TestRescueLeavesOut has a claim that nothing tells the owner of, and an account
// that may not list claims.
func TestRescueLeavesOut(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	world.AddClaim(s, facts.Claim{Name: "claim-before-my-time", Component: "singleuser-storage"})
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	p.lose(t)
	rescue := []string{"rescue", "--into", "fresh.sqlite", "--out", "rescued.sqlite", "--output", "json"}
	got := parse[rescued](t, st.command(t, p, 1, []string{"rescued.sqlite"}, rescue...).terminal)
	if got.Summary.Users != 10 || got.Summary.Undecided != 1 || got.LeftOut[0].Claim != "claim-before-my-time" {
		t.Errorf("rescued are %+v", got)
	}

	p.take(t, "rescued.sqlite")
	p.kubeconfig = st.accountWithout(t, "without-claims", "persistentvolumeclaims")
	blind := st.command(t, p, 2, nil, rescue...)
	if !strings.Contains(blind.stderr, "persistentvolumeclaims") {
		t.Errorf("nobody learns from this which right is missing: %s", blind.stderr)
	}
}

// lose loses the hub's database, and puts an empty one of its version beside it.
func (p *site) lose(t *testing.T) {
	t.Helper()
	lost, fresh := healthyWorld(world.Small), healthyWorld(world.Small)
	world.WipeDatabase(lost, world.HubName)
	p.writeDatabase(t, lost)
	h := fresh.Hubs[0]
	h.Users, h.Spawners, h.Servers = nil, nil, nil
	if err := world.WriteDatabase(filepath.Join(p.dir, "fresh.sqlite"), h, world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
}
