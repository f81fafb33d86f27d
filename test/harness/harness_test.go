package harness_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"hubaudit/test/harness"
)

func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Shared(t, harness.Options{ControllerManager: true, CRDs: []string{"longhorn", "snapshot", "velero"}})
}

var claims = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}

func TestRBACRefusesUntilARoleIsBound(t *testing.T) {
	c := cluster(t)
	namespace := c.Namespace(t, "rbac")
	c.Apply(t, object("v1", "ServiceAccount", namespace, "auditor", nil))
	kubeconfig := c.KubeconfigForToken(t, c.ServiceAccountToken(t, namespace, "auditor"))
	if err := listClaims(t, kubeconfig, namespace); !apierrors.IsForbidden(err) {
		t.Errorf("without a role: got %v, want Forbidden", err)
	}

	c.ApplyYAML(t, fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: auditor, namespace: %[1]s}
rules: [{apiGroups: [""], resources: [persistentvolumeclaims], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: auditor, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: auditor}
subjects: [{kind: ServiceAccount, name: auditor, namespace: %[1]s}]
`, namespace))
	harness.Poll(t, "the role to be known", func(context.Context) error {
		return listClaims(t, kubeconfig, namespace)
	})
}

func TestUsersHaveTheirGroups(t *testing.T) {
	c := cluster(t)
	if err := listClaims(t, c.Kubeconfig(t, "alice", "staff"), ""); !apierrors.IsForbidden(err) {
		t.Errorf("staff: got %v, want Forbidden", err)
	}
	if err := listClaims(t, c.Kubeconfig(t, "root", "system:masters"), ""); err != nil {
		t.Errorf("masters: %v", err)
	}
}

func listClaims(t *testing.T, kubeconfig, namespace string) error {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Resource(claims).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	return err
}

func TestStatusIsKept(t *testing.T) {
	c := cluster(t)
	namespace := c.Namespace(t, "status")
	const longhorn = "longhorn.io/v1beta2"
	for _, given := range []map[string]any{
		object(longhorn, "Volume", namespace, "pvc-1", fields{
			"spec":   fields{"size": "10737418240", "numberOfReplicas": 3, "frontend": "blockdev"},
			"status": fields{"state": "detached", "robustness": "unknown", "actualSize": 4096},
		}),
		object(longhorn, "Replica", namespace, "pvc-1-r-1", fields{
			"spec":   fields{"volumeName": "pvc-1", "nodeID": "worker-1", "failedAt": "", "healthyAt": "2023-11-01T00:00:00Z"},
			"status": fields{"currentState": "stopped"},
		}),
		object(longhorn, "Node", namespace, "worker-1", fields{
			"spec":   fields{"allowScheduling": true},
			"status": fields{"conditions": []any{fields{"type": "Ready", "status": "False", "reason": "KubernetesNodeGone"}}},
		}),
		object("v1", "Node", "", namespace+"-worker", fields{
			"status": fields{"conditions": []any{fields{"type": "Ready", "status": "True", "reason": "KubeletReady"}}},
		}),
		object("v1", "PersistentVolume", "", namespace+"-volume", fields{
			"spec": fields{
				"accessModes": []any{"ReadWriteOnce"}, "capacity": fields{"storage": "10Gi"},
				"csi": fields{"driver": "driver.longhorn.io", "volumeHandle": "pvc-1"},
			},
			"status": fields{"phase": "Bound"},
		}),
		object("v1", "PersistentVolumeClaim", namespace, "claim-alice", fields{
			"spec":   fields{"accessModes": []any{"ReadWriteOnce"}, "resources": fields{"requests": fields{"storage": "10Gi"}}},
			"status": fields{"phase": "Bound"},
		}),
		object("v1", "Pod", namespace, "jupyter-alice", fields{
			"spec":   fields{"containers": []any{fields{"name": "notebook", "image": "notebook"}}, "nodeName": "worker-1"},
			"status": fields{"phase": "Running"},
		}),
		object("velero.io/v1", "Backup", namespace, "nightly", fields{
			"spec":   fields{"includedNamespaces": []any{namespace}},
			"status": fields{"phase": "Completed"},
		}),
		object("snapshot.storage.k8s.io/v1", "VolumeSnapshot", namespace, "nightly", fields{
			"spec":   fields{"source": fields{"persistentVolumeClaimName": "claim-alice"}},
			"status": fields{"readyToUse": true},
		}),
	} {
		t.Run(given["apiVersion"].(string)+" "+given["kind"].(string), func(t *testing.T) {
			c.Apply(t, given)
			expectHolds(t, c.Get(t, given), given)
		})
	}
}

func TestApplyAgainChangesWhatIsGiven(t *testing.T) {
	c := cluster(t)
	namespace := c.Namespace(t, "again")
	replica := func(more fields) map[string]any {
		return object("longhorn.io/v1beta2", "Replica", namespace, "r-1", more)
	}
	c.Apply(t, replica(fields{
		"spec":   fields{"nodeID": "worker-1", "volumeName": "pvc-1"},
		"status": fields{"currentState": "running"},
	}))
	c.Apply(t, replica(fields{"spec": fields{"nodeID": "worker-2"}, "status": fields{"currentState": "stopped"}}))
	expectHolds(t, c.Get(t, replica(nil)), replica(fields{
		"spec":   fields{"nodeID": "worker-2", "volumeName": "pvc-1"},
		"status": fields{"currentState": "stopped"},
	}))
}

func TestApplyOfMany(t *testing.T) {
	c := cluster(t)
	namespace := c.Namespace(t, "many")
	const n = 1000
	replicas := make([]map[string]any, n)
	for i := range replicas {
		replicas[i] = object("longhorn.io/v1beta2", "Replica", namespace, fmt.Sprintf("r-%d", i), fields{
			"spec":   fields{"nodeID": "worker-1"},
			"status": fields{"currentState": "running"},
		})
	}
	c.Apply(t, replicas...)
	gvr := schema.GroupVersionResource{Group: "longhorn.io", Version: "v1beta2", Resource: "replicas"}
	list, err := c.Client().Resource(gvr).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != n {
		t.Errorf("got %d replicas, %v, want %d", len(list.Items), err, n)
	}
}

func TestCronJobBecomesAPod(t *testing.T) {
	c := cluster(t)
	namespace := c.Namespace(t, "cron")
	c.Apply(t, object("v1", "ServiceAccount", namespace, "auditor", nil))
	pod := fields{
		"serviceAccountName": "auditor", "restartPolicy": "Never",
		"containers": []any{fields{"name": "audit", "image": "audit", "command": []any{"audit", "now"}}},
	}
	c.Apply(t, object("batch/v1", "CronJob", namespace, "audit", fields{"spec": fields{
		"schedule":    "*/15 * * * *",
		"jobTemplate": fields{"spec": fields{"template": fields{"spec": pod}}},
	}}))
	run(t, c.Binary("kubectl"), "--kubeconfig", c.Kubeconfig(t, "root", "system:masters"),
		"create", "job", "--namespace", namespace, "--from", "cronjob/audit", "once")

	pods := c.Client().Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(namespace)
	harness.Poll(t, "the job's pod", func(ctx context.Context) error {
		list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "job-name=once"})
		if err == nil && len(list.Items) == 0 {
			err = fmt.Errorf("no pod yet")
		}
		return err
	})
}

func TestDeletedObjectsGo(t *testing.T) {
	c := cluster(t)
	name := c.Namespace(t, "gone")
	claim := object("v1", "PersistentVolumeClaim", name, "claim-bob", fields{
		"spec": fields{"accessModes": []any{"ReadWriteOnce"}, "resources": fields{"requests": fields{"storage": "1Gi"}}},
	})
	c.Apply(t, claim)
	c.Delete(t, claim)
	expectGone(t, "the claim", c.Client().Resource(claims).Namespace(name), "claim-bob")

	c.Delete(t, object("v1", "Namespace", "", name, nil))
	namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	expectGone(t, "the namespace", c.Client().Resource(namespaces), name)
}

func expectGone(t *testing.T, what string, client dynamic.ResourceInterface, name string) {
	t.Helper()
	harness.Poll(t, what+" to be gone", func(ctx context.Context) error {
		_, err := client.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("it is still there"))
	})
}

func TestOldLonghornKeysConditionsByType(t *testing.T) {
	c := harness.Start(t, harness.Options{CRDs: []string{"longhorn-1.2"}})
	node := object("longhorn.io/v1beta1", "Node", c.Namespace(t, "longhorn"), "worker-1", fields{
		"spec":   fields{"allowScheduling": true},
		"status": fields{"conditions": fields{"Ready": fields{"type": "Ready", "status": "False", "reason": "KubernetesNodeGone"}}},
	})
	c.Apply(t, node)
	expectHolds(t, c.Get(t, node), node)
}

func TestLonghornOf2023ServesBothVersions(t *testing.T) {
	c := harness.Start(t, harness.Options{CRDs: []string{"longhorn-1.3"}})
	namespace := c.Namespace(t, "longhorn")
	replica := fields{"spec": fields{"nodeID": "worker-1"}, "status": fields{"currentState": "stopped"}}
	c.Apply(t, object("longhorn.io/v1beta2", "Replica", namespace, "r-1", replica))
	for _, version := range []string{"longhorn.io/v1beta1", "longhorn.io/v1beta2"} {
		want := object(version, "Replica", namespace, "r-1", replica)
		expectHolds(t, c.Get(t, want), want)
	}
}

func TestToolsRun(t *testing.T) {
	c := cluster(t)
	for tool, want := range map[string]string{"kubectl": "v1.", "helm": "v4."} {
		if got := run(t, c.Binary(tool), "version", "--kubeconfig", c.Kubeconfig(t, "root", "system:masters")); !strings.Contains(got, want) {
			t.Errorf("%s version: got %q, want %q in it", tool, got, want)
		}
	}
}

type fields = map[string]any

func object(apiVersion, kind, namespace, name string, more fields) map[string]any {
	metadata := fields{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	made := fields{"apiVersion": apiVersion, "kind": kind, "metadata": metadata}
	for key, value := range more {
		made[key] = value
	}
	return made
}

// expectHolds compares only the fields that are wanted: the API server adds others.
func expectHolds(t *testing.T, got, want map[string]any) {
	t.Helper()
	if diff := cmp.Diff(want, restrict(got, want)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func restrict(got, want any) any {
	switch want := want.(type) {
	case map[string]any:
		from, ok := got.(map[string]any)
		if !ok {
			return got
		}
		kept := map[string]any{}
		for key := range want {
			if value, ok := from[key]; ok {
				kept[key] = restrict(value, want[key])
			}
		}
		return kept
	case []any:
		from, ok := got.([]any)
		if !ok || len(from) != len(want) {
			return got
		}
		kept := make([]any, len(want))
		for i := range want {
			kept[i] = restrict(from[i], want[i])
		}
		return kept
	case int:
		if number, ok := got.(int64); ok {
			return int(number)
		}
	}
	return got
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return string(output)
}
