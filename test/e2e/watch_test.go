package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"hubaudit/internal/world"
	"hubaudit/notify/notifytest"
	"hubaudit/test/harness"
)

// watchedValues install audit watch with three receivers, who are told of
// storage only: the world has the age of the real clock here, and its backups are not
// always of this night.
const watchedValues = `
secretName: hubaudit-secrets
schedule: "@every 24h"
watch: {enabled: true}
rbac: {longhornEvents: true}
hubDatabases: [{hub: datahub, claim: hub-db-dir, placeBeside: {}}]
config:
  hubs: [{name: datahub, database: "sqlite:////hubs/datahub/jupyterhub.sqlite"}]
  notify:
    slack: {tokenFile: /etc/hubaudit/secrets/slack-token, channel: %q, apiURL: %q}
    pagerduty: {routingKeyFile: /etc/hubaudit/secrets/pagerduty-key, apiURL: %q}
    alertmanager: {url: %q, tokenFile: /etc/hubaudit/secrets/alertmanager-token}
    routes: [{severity: error, checks: ["lh-*"], to: [slack, pagerduty, alertmanager]}]
`

// watchers are those whom a watch tells, and where it runs.
type watchers struct {
	receivers
	alertmanager *notifytest.AlertmanagerServer
	p            *site
	args         []string
}

// TestChartWatches runs the chart's Deployment through the loss of two nodes and
// their return. Between two looks at the cluster its pod is replaced, as a node's
// drain does it: that nobody is told twice is then due to the history alone.
func TestChartWatches(t *testing.T) {
	st := ownStage(t, harness.Options{ControllerManager: true, CRDs: []string{"longhorn", "snapshot", "velero", "k8up", "ceph"}})
	noon := world.Now
	t.Cleanup(func() { world.Now = noon })
	world.Now = time.Now().UTC().Truncate(time.Second) // audit watch goes by the clock
	healthy := healthyWorld(world.Small)
	st.makeNamespace(t, world.Namespace)
	st.become(t, healthy)
	w := st.installWatch(t, newReceivers(t))

	w.whileWell(t)

	lost := healthyWorld(world.Small)
	world.LoseNode(lost, "worker-1")
	st.become(t, lost)
	w.nodeLost(t)

	w.command(t, "silence", "lh-*", "--for", "1h", "--reason", "new nodes are on their way")
	world.LoseNode(lost, "worker-2")
	st.become(t, lost)
	w.silenced(t)
	w.command(t, "silence", "end", "1")
	w.pod(t).end(t)
	w.expect(t, "when the silence is over", told{Posts: 2, Files: 2, Events: 2})
	w.expectFiring(t, "when the silence is over", "lh-replica-node-missing")

	st.become(t, healthy)
	last := w.pod(t)
	last.expectServed(t, `hubaudit_incidents_open{severity="error",told="true"} 0`)
	last.end(t)
	w.expect(t, "when the nodes are back", told{Posts: 3, Files: 3, Events: 3})
	w.expectFiring(t, "when the nodes are back")
	w.expectOneStory(t)
}

func (w *watchers) whileWell(t *testing.T) {
	t.Helper()
	pod := w.pod(t)
	pod.expectServed(t, `hubaudit_run_complete 1`, `hubaudit_watch_runs_total{result="complete"} 1`, `hubaudit_incidents_open{severity="error",told="true"} 0`)
	pod.end(t)
	w.expect(t, "while all is well", told{})
	w.expectFiring(t, "while all is well")
}

// nodeLost has two pods find the same node gone, of which only the first tells it.
func (w *watchers) nodeLost(t *testing.T) {
	t.Helper()
	for range 2 {
		pod := w.pod(t)
		pod.expectServed(t, `hubaudit_incidents_open{severity="error",told="true"} 1`)
		if page := pod.get(t, "/"); !strings.Contains(page, "worker-1") {
			t.Errorf("the page does not name the node that is gone:\n%s", page)
		}
		pod.end(t)
		w.expect(t, "when a node is lost", told{Posts: 1, Files: 1, Events: 1})
		w.expectFiring(t, "when a node is lost", "lh-replica-node-missing")
		if a := w.alert(t); !a.Open || !strings.Contains(a.Summary, "worker-1") {
			t.Errorf("PagerDuty has the alert %+v", a)
		}
	}
}

// silenced has a pod find one more node gone, under a silence.
func (w *watchers) silenced(t *testing.T) {
	t.Helper()
	pod := w.pod(t)
	pod.expectServed(t, `hubaudit_findings_silenced{check="lh-replica-node-missing",hub="",severity="error"} 2`)
	page := pod.get(t, "/")
	for _, words := range []string{"15 replicas are on 2 nodes", "new nodes are on their way"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not say %q of what is silenced:\n%s", words, page)
		}
	}
	pod.end(t)
	w.expect(t, "under a silence", told{Posts: 1, Files: 1, Events: 1})
	w.expectFiring(t, "under a silence", "lh-replica-node-missing") // it must not take it for over
}

// command runs a command where the pod runs, as `kubectl exec` would.
func (w *watchers) command(t *testing.T, args ...string) {
	t.Helper()
	if r := w.p.command(t, append(args, "--config", "hubaudit.yaml")...); r.status != 0 {
		t.Fatalf("audit %s: status %d: %s", strings.Join(args, " "), r.status, r.stderr)
	}
}

// expectOneStory holds that each receiver was told of one incident from its
// beginning to its end.
func (w *watchers) expectOneStory(t *testing.T) {
	t.Helper()
	if a := w.alert(t); a.Open || a.Incidents != 1 || a.DedupKey == "" {
		t.Errorf("PagerDuty has the alert %+v, want one incident that is over", a)
	}
	posts := w.slack.Posts()
	if root := posts[0]; root.ThreadTS != "" || root.Edits == 0 {
		t.Errorf("Slack's first message is no root that was brought up to date: %+v", root)
	}
	for _, post := range posts[1:] {
		if post.ThreadTS != posts[0].TS {
			t.Errorf("Slack has a message outside of the incident's thread: %+v", post)
		}
	}
	keys := map[string]bool{}
	for _, e := range w.pagerduty.Events() {
		keys[e.DedupKey] = true
	}
	if len(keys) != 1 {
		t.Errorf("PagerDuty was told of %d alerts", len(keys))
	}
}

// installWatch installs the chart beside the hub, in a namespace that enforces the
// restricted standard, and proves that it lets the Deployment's pod in.
func (st *stage) installWatch(t *testing.T, to receivers) *watchers {
	t.Helper()
	w := &watchers{receivers: to, alertmanager: notifytest.NewAlertmanagerServer()}
	t.Cleanup(w.alertmanager.Close)
	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, fmt.Appendf(nil, watchedValues, notifytest.SlackChannel, to.slack.APIURL(), to.pagerduty.URL(), w.alertmanager.URL()), 0o600); err != nil {
		t.Fatal(err)
	}
	st.restrict(t, world.Namespace)
	notes := helm(t, st, "install", "hubaudit", chartDir, "--namespace", world.Namespace, "--values", values)
	if !strings.Contains(notes, "port-forward deployment/hubaudit 9732") {
		t.Errorf("the notes do not say how to read the report:\n%s", notes)
	}
	pod := st.podOf(t, "hubaudit")
	st.enforce(t, world.Namespace, "privileged") // the world's pods say nothing of themselves
	account, _, _ := unstructured.NestedString(pod.Object, "spec", "serviceAccountName")
	kubeconfig := st.KubeconfigForToken(t, st.ServiceAccountToken(t, world.Namespace, account))
	expectRights(t, st, kubeconfig, world.Namespace)
	w.p, w.args = st.land(t, pod, healthyWorld(world.Small), kubeconfig, map[string]string{"slack-token": notifytest.SlackToken,
		"pagerduty-key": notifytest.PagerDutyKey, "alertmanager-token": notifytest.AlertmanagerToken}, "--listen=:9732", "--listen=127.0.0.1:0")
	return w
}

// podOf is what the API server would make of the pod of a Deployment.
func (st *stage) podOf(t *testing.T, deployment string) *unstructured.Unstructured {
	t.Helper()
	deployments := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	d, err := st.Client().Resource(deployments).Namespace(world.Namespace).Get(t.Context(), deployment, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	template, _, _ := unstructured.NestedMap(d.Object, "spec", "template")
	pod := &unstructured.Unstructured{Object: maps.Clone(template)}
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	pod.SetName("hubaudit-0")
	if pod, err = st.Client().Resource(pods).Namespace(world.Namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Fatalf("the Deployment's pod is refused: %v", err)
	}
	return pod
}

// expectFiring holds that Alertmanager shows alerts of these checks and of no others.
func (w *watchers) expectFiring(t *testing.T, when string, checks ...string) {
	t.Helper()
	var firing []string
	for _, a := range w.alertmanager.Firing(time.Now()) {
		firing = append(firing, a.Labels["check"])
	}
	if !slices.Equal(firing, checks) {
		t.Errorf("%s: Alertmanager shows %v, want %v", when, firing, checks)
	}
}
