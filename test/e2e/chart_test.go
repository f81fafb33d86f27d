package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/test/harness"
)

var chartDir = filepath.Join("..", "..", "charts", "hubaudit")

// installs are the two ways in which the chart's own values install it, and what
// its first run says of a healthy world.
var installs = []struct {
	values, namespace, release, cronJob string
	want                                outcome
}{
	// Nobody has told it of a backup yet; --fail-on=never keeps the Job green.
	{values: "values.yaml", namespace: "jupyterhub", release: "hubaudit", cronJob: "hubaudit",
		want: outcome{Skipped: append([]string{"hub-db-ephemeral", "hub-db-on-nfs", "backup-restore-mismatch"}, firstRun...), // no hub runs there
			Fail: map[string][]string{"backup-hub-db-missing critical": {"database jupyterhub"}}}},
	// Its Prometheus does not answer here.
	{values: "ci/full-values.yaml", namespace: world.Namespace, release: "audit", cronJob: "audit-hubaudit",
		want: outcome{Status: 2, Skipped: firstRun, Failed: []string{facts.Prometheus + " unreachable"}, Unknown: append(needing(facts.Prometheus), "hub-source-disagree")}},
}

// TestChart installs the chart with helm into namespaces that enforce the
// restricted pod security standard, starts a Job from its CronJob, and runs that
// Job's own command with a token of its own ServiceAccount.
func TestChart(t *testing.T) {
	st := ownStage(t, harness.Options{ControllerManager: true, CRDs: []string{"longhorn", "snapshot", "velero", "k8up", "ceph"}})
	s := healthyWorld(world.Small)
	s.Kube.Snapshots = []facts.VolumeSnapshot{{Namespace: world.Namespace, Name: "hub-db-dir-1", Claim: world.HubClaim, Ready: true,
		Taken: s.Now.Add(-time.Hour), RestoreBytes: 1 << 30}}
	world.Settle(s)
	st.makeNamespace(t, world.Namespace)
	st.become(t, s) // before pods have to be restricted: those of the world say nothing of themselves
	for _, in := range installs {
		t.Run(in.values, func(t *testing.T) {
			st.makeNamespace(t, in.namespace)
			st.restrict(t, in.namespace)
			values := filepath.Join(chartDir, in.values)
			st.validate(t, helm(t, st, "template", in.release, chartDir, "--namespace", in.namespace, "--values", values))
			notes := helm(t, st, "install", in.release, chartDir, "--namespace", in.namespace, "--values", values)
			if want := "--from=cronjob/" + in.cronJob + " "; !strings.Contains(notes, want) {
				t.Errorf("the chart's notes do not hold %q:\n%s", want, notes)
			}
			pod := st.firstPod(t, in.namespace, in.cronJob)
			account, _, _ := unstructured.NestedString(pod.Object, "spec", "serviceAccountName")
			kubeconfig := st.KubeconfigForToken(t, st.ServiceAccountToken(t, in.namespace, account))

			st.runPod(t, pod, s, kubeconfig).expect(t, in.want)
			t.Run("rights", func(t *testing.T) { expectRights(t, st, kubeconfig, in.namespace) })
		})
	}
}

// makeNamespace makes a namespace whose pods have their service account.
func (st *stage) makeNamespace(t *testing.T, name string) {
	t.Helper()
	st.Apply(t, object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name}})
	harness.Poll(t, "the default service account of "+name, func(ctx context.Context) error {
		accounts := schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
		_, err := st.Client().Resource(accounts).Namespace(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// restrict has a namespace enforce the restricted standard, and proves that it does.
func (st *stage) restrict(t *testing.T, namespace string) {
	t.Helper()
	st.enforce(t, namespace, "restricted")
	careless := &unstructured.Unstructured{Object: object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "careless"},
		"spec": object{"containers": []any{object{"name": "main", "image": "example"}}}}}
	harness.Poll(t, "pod security in "+namespace, func(ctx context.Context) error {
		_, err := st.Client().Resource(pods).Namespace(namespace).Create(ctx, careless, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "PodSecurity") {
			return nil
		}
		return fmt.Errorf("a pod that is not restricted: %v", err)
	})
}

// enforce sets the pod security standard of a namespace.
func (st *stage) enforce(t *testing.T, namespace, level string) {
	t.Helper()
	st.Apply(t, object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace,
		"labels": object{"pod-security.kubernetes.io/enforce": level}}})
}

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// firstPod starts a Job as the chart's notes say and returns the pod that the
// job controller made for it.
func (st *stage) firstPod(t *testing.T, namespace, cronJob string) *unstructured.Unstructured {
	t.Helper()
	st.kubectl(t, "", "create", "job", "--from=cronjob/"+cronJob, "first", "--namespace", namespace)
	var pod *unstructured.Unstructured
	harness.Poll(t, "the pod of the job", func(ctx context.Context) error {
		list, err := st.Client().Resource(pods).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: "job-name=first"})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 {
			return fmt.Errorf("the job has %d pods", len(list.Items))
		}
		pod = &list.Items[0]
		return nil
	})
	return pod
}

// runPod runs a pod's command here once, and reads its reports.
func (st *stage) runPod(t *testing.T, pod *unstructured.Unstructured, s *facts.Snapshot, kubeconfig string) *run {
	t.Helper()
	secrets := map[string]string{"slack-token": "xoxb-0", "pagerduty-key": strings.Repeat("0", 32), "thanos-ca.pem": string(st.Config().CAData), "token": "0"}
	p, args := st.land(t, pod, s, kubeconfig, secrets, "thanos-query.monitoring.svc:9091", "127.0.0.1:1")
	checked := p.command(t, "config", "check")
	if checked.status != 0 {
		t.Errorf("the chart's configuration is not valid: %s", checked.stderr)
	}
	return p.finish(t, append(args, "--at", p.at.Format(time.RFC3339), "--no-notify",
		"--output=json=report.json", "--output=markdown=report.md")...)
}

// land makes a place in which a pod's command can run here, as no kubelet does it:
// each of its mounts is a folder, and what the arguments and the configuration say of
// a mount's path is said of that folder. replaced are further texts and what to say
// instead. It returns the site and the arguments.
func (st *stage) land(t *testing.T, pod *unstructured.Unstructured, s *facts.Snapshot, kubeconfig string, secrets map[string]string, replaced ...string) (*site, []string) {
	t.Helper()
	p := newSite(t, s, kubeconfig, "")
	list, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
	if len(list) != 1 {
		t.Fatalf("the pod has %d containers", len(list))
	}
	container := list[0].(object)
	backups := filepath.Join(t.TempDir(), "backups") // another volume than the database's
	if err := os.Rename(filepath.Join(p.dir, "backups"), backups); err != nil {
		t.Fatal(err)
	}
	local := map[string]string{"history": t.TempDir(), "tmp": t.TempDir(), "secrets": t.TempDir(), "config": filepath.Join(p.dir, "hubaudit.yaml"),
		"hub-jupyterhub": p.dir, "hub-datahub": p.dir, "backups-0": backups}
	for name, secret := range secrets {
		if err := os.WriteFile(filepath.Join(local["secrets"], name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const account = "/var/run/secrets/kubernetes.io/serviceaccount" // for Kubernetes it is in the kubeconfig here
	replaced = append(replaced, account, local["secrets"])
	for _, m := range container["volumeMounts"].([]any) {
		mount := m.(object)
		if mount["mountPath"] == account {
			continue
		}
		folder, known := local[mount["name"].(string)]
		if !known {
			t.Fatalf("the pod mounts %v, of which the test knows nothing", mount["name"])
		}
		replaced = append(replaced, mount["mountPath"].(string), folder)
	}
	toLocal := strings.NewReplacer(replaced...)
	config := st.Get(t, object{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": object{"name": configMapOf(t, pod), "namespace": pod.GetNamespace()}})["data"].(object)["hubaudit.yaml"].(string)
	p.configure(t, toLocal.Replace(config))
	var args []string
	for _, a := range container["args"].([]any) {
		args = append(args, toLocal.Replace(a.(string)))
	}
	return p, args
}

func configMapOf(t *testing.T, pod *unstructured.Unstructured) string {
	t.Helper()
	volumes, _, _ := unstructured.NestedSlice(pod.Object, "spec", "volumes")
	for _, v := range volumes {
		if name, found, _ := unstructured.NestedString(v.(object), "configMap", "name"); found {
			return name
		}
	}
	t.Fatal("the pod mounts no ConfigMap")
	return ""
}

// validate has the API server look at rendered objects as strictly as it can: a
// field that it does not know is an error.
func (st *stage) validate(t *testing.T, documents string) {
	t.Helper()
	st.kubectl(t, documents, "apply", "--dry-run=server", "--validate=strict", "--filename=-")
}

func (st *stage) kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	return st.tool(t, "kubectl", stdin, args...)
}

func helm(t *testing.T, st *stage, args ...string) string {
	t.Helper()
	return st.tool(t, "helm", "", args...)
}

func (st *stage) tool(t *testing.T, name, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), st.Binary(name), append(args, "--kubeconfig", st.admin)...)
	cmd.Env = []string{"HOME=" + t.TempDir()} // nothing of this user's
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return out.String()
}

// TestChartOfServers has the API server look at what the chart makes of values
// with database servers, a REST API and a volume of homes, for which there is
// nothing here that its Job could read.
func TestChartOfServers(t *testing.T) {
	st := mainStage(t)
	st.Apply(t, object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": world.Namespace}})
	chart := helm(t, st, "template", "audit", chartDir, "--namespace", world.Namespace, "--values", filepath.Join(chartDir, "ci", "servers-values.yaml"))
	st.validate(t, chart)
	if mount := "{name: homes-0, mountPath: /homes, readOnly: true}"; !strings.Contains(chart, mount) {
		t.Errorf("the chart has no mount %s", mount)
	}
}

// rights are verbs by resource.
type rights map[string][]string

// documented are the rights that docs and README promise, and nothing else.
var documented = rights{
	"persistentvolumeclaims": readOnly, "persistentvolumes": readOnly, "nodes": readOnly, "pods": readOnly,
	"storageclasses.storage.k8s.io": readOnly, "cronjobs.batch": readOnly, "jobs.batch": readOnly,
	"volumesnapshots.snapshot.storage.k8s.io": readOnly,
	"volumes.longhorn.io":                     readOnly, "replicas.longhorn.io": readOnly, "nodes.longhorn.io": readOnly, "settings.longhorn.io": readOnly,
	"instancemanagers.longhorn.io": readOnly, "engineimages.longhorn.io": readOnly, "orphans.longhorn.io": readOnly,
	"backuptargets.longhorn.io": readOnly, "backupvolumes.longhorn.io": readOnly, "backups.longhorn.io": readOnly, "recurringjobs.longhorn.io": readOnly,
	"shardgroups.longhorn.io": readOnly, "shards.longhorn.io": readOnly, "poddisruptionbudgets.policy": readOnly,
	"cephblockpools.ceph.rook.io": readOnly, "cephfilesystems.ceph.rook.io": readOnly,
	"volumesnapshotcontents.snapshot.storage.k8s.io": readOnly,
	"backups.velero.io": readOnly, "schedules.velero.io": readOnly, "backupstoragelocations.velero.io": readOnly, "restores.velero.io": readOnly,
	"podvolumebackups.velero.io": readOnly, "datauploads.velero.io": readOnly,
	"backups.k8up.io": readOnly, "schedules.k8up.io": readOnly, "snapshots.k8up.io": readOnly,
}

// documentedThere are the rights in Longhorn's namespace alone.
var documentedThere = rights{"events": readOnly}

var readOnly = []string{"get", "list"}

// everybodys are the rights that Kubernetes gives to whoever is logged in: to
// ask about themselves.
var everybodys = rights{
	"selfsubjectaccessreviews.authorization.k8s.io": {"create"}, "selfsubjectrulesreviews.authorization.k8s.io": {"create"},
	"selfsubjectreviews.authentication.k8s.io": {"create"},
}

func allowed(also rights) rights {
	all := rights{}
	for _, some := range []rights{documented, everybodys, also} {
		for resource, verbs := range some {
			all[resource] = verbs
		}
	}
	return all
}

func expectSame(t *testing.T, what string, got, also rights) {
	t.Helper()
	if diff := cmp.Diff(allowed(also), got); diff != "" {
		t.Errorf("%s (-documented +granted):\n%s", what, diff)
	}
}
