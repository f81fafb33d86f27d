package kube

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"hubaudit/internal/facts"
)

var (
	created  = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	deleting = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
)

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "uid-1", CreationTimestamp: metav1.NewTime(created)}
}

func ptr[T any](v T) *T { return &v }

func storage(q string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(q)}
}

// healthy is an API server with one object of each kind.
func healthy(t *testing.T) *fakeAPI {
	t.Helper()
	claim := corev1.PersistentVolumeClaim{ObjectMeta: meta("hub", "claim-ann--lab"),
		Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv-1", StorageClassName: ptr("longhorn"),
			AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"}, Resources: corev1.VolumeResourceRequirements{Requests: storage("10Gi")}},
		Status: corev1.PersistentVolumeClaimStatus{Phase: "Bound"}}
	claim.Annotations = map[string]string{keyUser: "ann", keyServer: "lab", keyKubeSpawner: "7.0.0"}
	claim.Labels = map[string]string{keyUser: "ann-l", "component": "singleuser-storage", "app.kubernetes.io/component": "singleuser-server"}
	claim.DeletionTimestamp = ptr(metav1.NewTime(deleting))
	volume := corev1.PersistentVolume{ObjectMeta: meta("", "pv-1"), Spec: corev1.PersistentVolumeSpec{
		PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "driver.longhorn.io", VolumeHandle: "pvc-1"}},
		PersistentVolumeReclaimPolicy: "Retain", StorageClassName: "longhorn", Capacity: storage("10Gi"),
		ClaimRef: &corev1.ObjectReference{Namespace: "hub", Name: "claim-ann--lab", UID: "uid-2"}},
		Status: corev1.PersistentVolumeStatus{Phase: "Bound"}}
	node := corev1.Node{ObjectMeta: meta("", "worker-1"), Spec: corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{
		{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"}, {Key: "maintenance", Effect: "NoExecute"}, {Key: "maintenance", Effect: "NoSchedule"}}},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: "MemoryPressure", Status: "False", LastTransitionTime: metav1.NewTime(created)},
			{Type: "Ready", Status: "True", LastTransitionTime: metav1.NewTime(deleting)}}}}
	node.Labels = map[string]string{corev1.LabelTopologyZone: "zone-1"}
	pod := corev1.Pod{ObjectMeta: meta("hub", "jupyter-ann"), Spec: corev1.PodSpec{NodeName: "worker-1", Volumes: []corev1.Volume{
		{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
		{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "home", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim-ann"}}},
		{Name: "again", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim-ann"}}}}},
		Status: corev1.PodStatus{Phase: "Running"}}
	pod.Annotations, pod.Labels = map[string]string{keyUser: ""}, map[string]string{"app.kubernetes.io/component": "singleuser-server"}
	class := storagev1.StorageClass{ObjectMeta: meta("", "longhorn"), Provisioner: "driver.longhorn.io", ReclaimPolicy: ptr(corev1.PersistentVolumeReclaimRetain),
		Parameters: map[string]string{"numberOfReplicas": "3"}}
	class.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	cron := batchv1.CronJob{ObjectMeta: meta("hub", "backup"), Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *", TimeZone: ptr("Etc/UTC"), Suspend: ptr(true)},
		Status: batchv1.CronJobStatus{LastScheduleTime: ptr(metav1.NewTime(created)), LastSuccessfulTime: ptr(metav1.NewTime(deleting))}}
	job := batchv1.Job{ObjectMeta: meta("hub", "backup-1"), Status: batchv1.JobStatus{CompletionTime: ptr(metav1.NewTime(deleting)), Succeeded: 1, Failed: 2}}
	job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(created)}}
	job.OwnerReferences = []metav1.OwnerReference{{Kind: "CronJob", Name: "backup"}}
	budget := policyv1.PodDisruptionBudget{ObjectMeta: meta("longhorn-system", "instance-manager-1"), Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1}}
	api := &fakeAPI{asked: map[string]int{}, routes: map[string]http.HandlerFunc{
		"/version":                         asJSON(`{"major":"1","gitVersion":"v1.36.3"}`),
		"/apis":                            asJSON(groups),
		"/apis/snapshot.storage.k8s.io/v1": asJSON(snapshotResources),
		"/apis/ceph.rook.io/v1":            asJSON(cephResources),
		pathClaims:                         page(t, "PersistentVolumeClaimList", &corev1.PersistentVolumeClaimList{Items: []corev1.PersistentVolumeClaim{claim}}),
		pathVolumes:                        page(t, "PersistentVolumeList", &corev1.PersistentVolumeList{Items: []corev1.PersistentVolume{volume}}),
		pathNodes:                          page(t, "NodeList", &corev1.NodeList{Items: []corev1.Node{node}}),
		pathPods:                           page(t, "PodList", &corev1.PodList{Items: []corev1.Pod{pod}}),
		pathClasses:                        page(t, "StorageClassList", &storagev1.StorageClassList{Items: []storagev1.StorageClass{class}}),
		pathCronJobs:                       page(t, "CronJobList", &batchv1.CronJobList{Items: []batchv1.CronJob{cron}}),
		pathJobs:                           page(t, "JobList", &batchv1.JobList{Items: []batchv1.Job{job}}),
		pathBudgets:                        page(t, "PodDisruptionBudgetList", &policyv1.PodDisruptionBudgetList{Items: []policyv1.PodDisruptionBudget{budget}}),
		pathBlockPools: asJSON(`{"apiVersion":"ceph.rook.io/v1","items":[{"metadata":{"namespace":"rook-ceph","name":"replicapool"},
			"spec":{"failureDomain":"zone","replicated":{"size":3}},"status":{"phase":"Ready"}}],"kind":"CephBlockPoolList","metadata":{}}`),
		pathFilesystems: asJSON(`{"apiVersion":"ceph.rook.io/v1","items":[{"metadata":{"namespace":"rook-ceph","name":"my-fs"},
			"spec":{"metadataPool":{"replicated":{"size":3}},"dataPools":[{"name":"slow","erasureCoded":{"dataChunks":2,"codingChunks":1}},{"replicated":{"size":2}}]},
			"status":{"phase":"Progressing"}}],"kind":"CephFilesystemList","metadata":{}}`),
		pathSnapshots: asJSON(`{"apiVersion":"snapshot.storage.k8s.io/v1","items":[
			{"metadata":{"namespace":"hub","name":"snap-1","creationTimestamp":"2026-02-03T04:05:06Z","managedFields":[{"manager":"x"}]},
			 "spec":{"source":{"persistentVolumeClaimName":"hub-db-dir"}},
			 "status":{"readyToUse":true,"creationTime":"2026-11-20T11:00:00Z","restoreSize":"1Gi","error":{"message":"once"}}}],
			"kind":"VolumeSnapshotList","metadata":{"continue":"","resourceVersion":"7"}}`),
	}}
	maps.Copy(api.routes, backupRoutes)
	return api
}

var healthyFacts = facts.Kube{
	Version: "v1.36.3",
	Claims: []facts.Claim{{Namespace: "hub", Name: "claim-ann--lab", UID: "uid-1", Created: created, Deleting: deleting, Phase: "Bound", VolumeName: "pv-1",
		StorageClass: "longhorn", AccessModes: []string{"ReadWriteOnce"}, RequestBytes: 10 << 30, User: "ann", Server: "lab", HasUser: true, LabelUser: "ann-l",
		Component: "singleuser-storage", KubeSpawnerVersion: "7.0.0"}},
	Volumes: []facts.Volume{{Name: "pv-1", UID: "uid-1", Created: created, Phase: "Bound", ReclaimPolicy: "Retain", StorageClass: "longhorn", CapacityBytes: 10 << 30,
		Driver: "driver.longhorn.io", Handle: "pvc-1", ClaimNamespace: "hub", ClaimName: "claim-ann--lab", ClaimUID: "uid-2"}},
	Nodes: []facts.Node{{Name: "worker-1", UID: "uid-1", Created: created, Ready: "True", ReadySince: deleting, Unschedulable: true,
		Taints: []string{"maintenance", "node.kubernetes.io/unschedulable"}, Zone: "zone-1"}},
	Pods: []facts.Pod{{Namespace: "hub", Name: "jupyter-ann", Created: created, Phase: "Running", Node: "worker-1", Component: "singleuser-server", HasUser: true,
		Claims: []string{"claim-ann", "jupyter-ann-scratch"}}},
	StorageClasses: []facts.StorageClass{{Name: "longhorn", Provisioner: "driver.longhorn.io", ReclaimPolicy: "Retain", BindingMode: "Immediate", Default: true, Replicas: 3}},
	CronJobs:       []facts.CronJob{{Namespace: "hub", Name: "backup", Schedule: "0 3 * * *", TimeZone: "Etc/UTC", Suspended: true, LastSchedule: created, LastSuccess: deleting}},
	Jobs:           []facts.Job{{Namespace: "hub", Name: "backup-1", Owner: "backup", Created: created, Completed: deleting, Succeeded: 1, Failed: 2}},
	Snapshots:      []facts.VolumeSnapshot{{Namespace: "hub", Name: "snap-1", Created: created, Claim: "hub-db-dir", Ready: true, Taken: deleting, RestoreBytes: 1 << 30, Error: "once"}},

	DisruptionBudgets: []facts.DisruptionBudget{{Namespace: "longhorn-system", Name: "instance-manager-1", Allowed: 1}},
	Pools: []facts.CephPool{
		{Namespace: "rook-ceph", Name: "my-fs-data1", Kind: "CephFilesystem", Size: 2, FailureDomain: "host", Phase: "Progressing"},
		{Namespace: "rook-ceph", Name: "my-fs-slow", Kind: "CephFilesystem", DataChunks: 2, CodingChunks: 1, FailureDomain: "host", Phase: "Progressing"},
		{Namespace: "rook-ceph", Name: "replicapool", Kind: "CephBlockPool", Size: 3, FailureDomain: "zone", Phase: "Ready"}},
	SnapshotContents: readContents, Backups: readBackups, Velero: readVelero, K8up: readK8up,
}

// healthySources are all ok, with one item each.
func healthySources() map[string]facts.Source {
	sources := map[string]facts.Source{}
	for _, r := range NewTables().Resources() {
		sources[r.Source] = facts.Source{Name: r.Source, Status: facts.OK, Items: map[string]int{r.Item: 1}}
	}
	return sources
}

func byName(sources []facts.Source) map[string]facts.Source {
	m := map[string]facts.Source{}
	for _, s := range sources {
		s.Duration = 0
		m[s.Name] = s
	}
	return m
}

func TestReadHealthy(t *testing.T) {
	var mu sync.Mutex
	progress := map[string]int{}
	api := healthy(t)
	k, sources := api.start(t, Options{UserAgent: "hubaudit/test", Progress: func(source string, items int) {
		mu.Lock()
		defer mu.Unlock()
		progress[source] = items
	}}).Read(t.Context())
	if diff := cmp.Diff(healthyFacts, k); diff != "" {
		t.Error("facts (-want +got):\n", diff)
	}
	if diff := cmp.Diff(healthySources(), byName(sources)); diff != "" {
		t.Error("sources (-want +got):\n", diff)
	}
	if got := slices.Sorted(maps.Keys(progress)); !slices.Equal(got, slices.Sorted(slices.Values(Sources()))) {
		t.Errorf("progress was told of %v, want all sources", got)
	}
}

// TestReadFaults breaks one list in a healthy cluster: that source says why,
// all others are as they were.
func TestReadFaults(t *testing.T) {
	const html = "<html><body>Bad\n\nGateway</body></html>"
	tests := []struct {
		name   string
		path   string
		answer http.HandlerFunc
		status facts.Status
		cause  facts.Cause
		detail string // a part of it
	}{
		{"forbidden", pathClaims, refuse(403, metav1.StatusReasonForbidden, `User "sa" cannot list`), facts.Failed, facts.CauseForbidden,
			`may not list persistentvolumeclaims: give the auditor a role with the rule {apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: ["get", "list"]}: User "sa" cannot list`},
		{"unauthorized", pathClaims, refuse(401, metav1.StatusReasonUnauthorized, "Unauthorized"), facts.Failed, facts.CauseForbidden, "renew the token"},
		{"core kind not found", pathClaims, refuse(404, metav1.StatusReasonNotFound, "not found"), facts.Failed, facts.CauseMissing, "knows no such resource"},
		{"404 of a proxy", pathClaims, answer(404, "text/html", html), facts.Failed, facts.CauseMissing, "not one of a Kubernetes API server"},
		{"batch group missing", pathCronJobs, answer(404, "text/plain", "404 page not found"), facts.Failed, facts.CauseMissing, "list cronjobs.batch"},
		{"budgets forbidden", pathBudgets, refuse(403, metav1.StatusReasonForbidden, "no"), facts.Failed, facts.CauseForbidden, `apiGroups: ["policy"], resources: ["poddisruptionbudgets"]`},
		{"pools forbidden", pathBlockPools, refuse(403, metav1.StatusReasonForbidden, "no"), facts.Failed, facts.CauseForbidden, `apiGroups: ["ceph.rook.io"], resources: ["cephblockpools"]`},
		{"pools of another shape", pathFilesystems, asJSON(`{"items":[{"metadata":{"name":"b"},"spec":{"dataPools":{}}}],"kind":"CephFilesystemList"}`),
			facts.Failed, facts.CauseUnreadable, `the first is cephfilesystems.ceph.rook.io "b"`},
		{"a web page", pathClaims, answer(200, "text/html", html), facts.Failed, facts.CauseUnreadable, "not that of a Kubernetes API server"},
		{"another kind", pathClaims, page(t, "PodList", &corev1.PodList{}), facts.Failed, facts.CauseUnreadable, `kind "PodList"`},
		{"damaged protobuf", pathClaims, answer(200, mediaProtobuf, "k8s\x00\x00"), facts.Failed, facts.CauseUnreadable, "protobuf"},
		{"protobuf that ends early", pathClaims, answer(200, mediaProtobuf, "k8s\x00\x0a\x1b\x12\x19PersistentVolumeClaimList\x12\x7f12"), facts.Failed, facts.CauseUnreachable, "protobuf"},
		{"redirected", pathClaims, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, facts.Failed, facts.CauseUnreadable, "302"},
		{"always 500", pathClaims, refuse(500, metav1.StatusReasonInternalError, "etcd is down"), facts.Failed, facts.CauseUnreachable, "the API server is unwell, also after several attempts; see its log: etcd is down"},
		{"502 of a proxy", pathClaims, answer(502, "text/html", html), facts.Failed, facts.CauseUnreachable, "Bad"},
		{"always cut", pathClaims, cut(mediaProtobuf, "k8s\x00"), facts.Failed, facts.CauseUnreachable, "no lasting connection"},
		{"always expired", pathClaims, refuse(410, metav1.StatusReasonExpired, "too old"), facts.Failed, facts.CausePartial, "expired while it was read"},
		{"500 once", pathClaims, after(refuse(500, metav1.StatusReasonInternalError, "x"), healthy(t).routes[pathClaims]), facts.OK, "", ""},
		{"busy, then not", pathClaims, after(busy, busy, healthy(t).routes[pathClaims]), facts.OK, "", ""},
		{"cut once", pathClaims, after(cut(mediaProtobuf, "k8s\x00"), healthy(t).routes[pathClaims]), facts.OK, "", ""},
		{"no CRD group", "/apis", asJSON(`{"kind":"APIGroupList","groups":[]}`), facts.Absent, "", "the cluster has no volumesnapshots.snapshot.storage.k8s.io"},
		{"group without the resource", "/apis/snapshot.storage.k8s.io/v1", asJSON(`{"kind":"APIResourceList","resources":[{"name":"volumesnapshotcontents"}]}`), facts.Absent, "", "the cluster has no volumesnapshots"},
		{"no discovery", "/apis", answer(404, "text/html", html), facts.Failed, facts.CauseMissing, "not one of a Kubernetes API server"},
		{"a page as discovery", "/apis", answer(200, "text/html", html), facts.Failed, facts.CauseUnreadable, "unknown document at /apis"},
		{"JSON that is no discovery", "/apis", asJSON(`{}`), facts.Failed, facts.CauseUnreadable, "unknown document at /apis"},
		{"discovery forbidden", "/apis", refuse(403, metav1.StatusReasonForbidden, "no"), facts.Failed, facts.CauseForbidden, "system:discovery"},
		{"CRD forbidden", pathSnapshots, refuse(403, metav1.StatusReasonForbidden, "no"), facts.Failed, facts.CauseForbidden, `apiGroups: ["snapshot.storage.k8s.io"]`},
		{"CRD removed meanwhile", pathSnapshots, refuse(404, metav1.StatusReasonNotFound, "no"), facts.Failed, facts.CauseMissing, ""},
		{"CRD not a list", pathSnapshots, asJSON(`{}`), facts.Failed, facts.CauseUnreadable, "not a list"},
		{"CRD list cut", pathSnapshots, cut("application/json", `{"items":[{"metadata":{"name":"a"}},`), facts.Failed, facts.CauseUnreachable, "no lasting connection"},
		{"CRD list ends early", pathSnapshots, asJSON(`{"items":[{"metadata":{"name":"a"}},`), facts.Failed, facts.CauseUnreachable, "unexpected EOF"},
		{"CRD broken JSON", pathSnapshots, asJSON(`{"items":[{"metadata":]}`), facts.Failed, facts.CauseUnreadable, "cannot be read"},
		{"CRD field of another shape", pathSnapshots, asJSON(`{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"},"status":{"readyToUse":{}}}],"kind":"VolumeSnapshotList"}`),
			facts.Failed, facts.CauseUnreadable, `1 of 2 objects have fields of an unknown form, the first is volumesnapshots.snapshot.storage.k8s.io "b"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			api := healthy(t)
			api.routes[tt.path] = tt.answer
			k, sources := api.start(t, Options{}).Read(t.Context())
			wantFacts, wantSources := healthyFacts, healthySources()
			if tt.status != facts.OK {
				broken := facts.KubeSnapshots
				switch tt.path {
				case pathClaims:
					broken, wantFacts.Claims = facts.KubeClaims, nil
				case pathCronJobs:
					broken, wantFacts.CronJobs = facts.KubeCronJobs, nil
				case pathBudgets:
					broken, wantFacts.DisruptionBudgets = facts.KubeDisruptionBudgets, nil
				case pathBlockPools:
					broken, wantFacts.Pools = facts.CephBlockPools, healthyFacts.Pools[:2]
				case pathFilesystems:
					broken, wantFacts.Pools = facts.CephFilesystems, healthyFacts.Pools[2:]
				case "/apis": // of all custom kinds
					wantFacts.Snapshots, wantFacts.SnapshotContents, wantFacts.Pools, wantFacts.Backups = nil, nil, nil, nil
					wantFacts.Velero, wantFacts.K8up = facts.Velero{}, facts.K8up{}
					for _, r := range NewTables().Resources() {
						if r.Custom {
							wantSources[r.Source] = facts.Source{Name: r.Source, Status: tt.status, Cause: tt.cause}
						}
					}
				default:
					wantFacts.Snapshots = nil
				}
				wantSources[broken] = facts.Source{Name: broken, Status: tt.status, Cause: tt.cause}
				got := byName(sources)[broken]
				if !strings.Contains(got.Detail, tt.detail) || got.Detail == "" || strings.Contains(got.Detail, "\n") {
					t.Errorf("detail = %q, want one line with %q", got.Detail, tt.detail)
				}
			}
			if diff := cmp.Diff(wantFacts, k); diff != "" {
				t.Error("facts (-want +got):\n", diff)
			}
			if diff := cmp.Diff(wantSources, byName(sources), cmpopts.IgnoreFields(facts.Source{}, "Detail")); diff != "" {
				t.Error("sources (-want +got):\n", diff)
			}
		})
	}
}

// busy asks to come again at once.
func busy(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "0")
	refuse(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "storage is (re)initializing")(w, r)
}

func TestPages(t *testing.T) {
	const pageSize, n = 500, 2*500 + 7
	expired := refuse(410, metav1.StatusReasonExpired, "the continue token is too old")
	pages := claimPages(t, n)
	for name, handler := range map[string]http.HandlerFunc{
		"in one go":                     pages,
		"expired in the middle":         after(pages, pages, expired, pages),
		"cut in the middle":             after(pages, cut(mediaProtobuf, "k8s\x00"), pages),
		"server failing in the middle":  after(pages, refuse(503, metav1.StatusReasonServiceUnavailable, "x"), pages),
		"throttled between two pages":   after(pages, busy, pages),
		"broken in the middle, 3 times": after(pages, expired, pages, expired, pages, pages, expired, pages),
	} {
		t.Run(name, func(t *testing.T) {
			api := healthy(t)
			api.routes[pathClaims] = handler
			k, sources := api.start(t, Options{PageSize: pageSize}).Read(t.Context())
			if got := byName(sources)[facts.KubeClaims]; got.Status != facts.OK || got.Total() != n || len(k.Claims) != n {
				t.Fatalf("got %d claims and %+v, want all %d", len(k.Claims), got, n)
			}
			for i, c := range k.Claims {
				if c.Name != fmt.Sprintf("claim-%05d", i) {
					t.Fatalf("claim %d is %s", i, c.Name)
				}
			}
		})
	}
}

func TestPageThatLeadsToItself(t *testing.T) {
	api := healthy(t)
	api.routes[pathClaims] = page(t, "PersistentVolumeClaimList", &corev1.PersistentVolumeClaimList{ListMeta: metav1.ListMeta{Continue: "again"}})
	_, sources := api.start(t, Options{}).Read(t.Context())
	if got := byName(sources)[facts.KubeClaims]; got.Cause != facts.CauseUnreadable {
		t.Errorf("got %+v, want unreadable", got)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	api := healthy(t)
	api.routes[pathClaims] = refuse(500, metav1.StatusReasonInternalError, "x")
	api.start(t, Options{}).Read(t.Context())
	if got := api.times(pathClaims); got != 4 {
		t.Errorf("asked %d times, want 4", got)
	}
}

func TestDeadline(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no answer": hang,
		"an answer that stops": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "k8s\x00")
			w.(http.Flusher).Flush()
			hang(w, r)
		},
		"throttled for an hour": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3600")
			refuse(429, metav1.StatusReasonTooManyRequests, "later")(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			api := healthy(t)
			api.routes[pathClaims] = handler
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, sources := api.start(t, Options{}).Read(ctx)
			if got := byName(sources)[facts.KubeClaims]; got.Status != facts.Failed || got.Cause != facts.CauseTimeout {
				t.Errorf("got %+v, want a timeout", got)
			}
			if got := byName(sources)[facts.KubePods]; got.Status != facts.OK {
				t.Errorf("pods suffered too: %+v", got)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	api := healthy(t)
	c := api.start(t, Options{})
	gone, err := newClient(&rest.Config{Host: "http://127.0.0.1:1"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	gone.restarts = c.restarts
	_, sources := gone.Read(t.Context())
	for _, s := range sources {
		if s.Status != facts.Failed || s.Cause != facts.CauseUnreachable {
			t.Errorf("got %+v, want unreachable", s)
		}
	}
	if len(sources) != len(Sources()) {
		t.Errorf("%d sources, want %d", len(sources), len(Sources()))
	}
}

func TestServedAtUnknownVersion(t *testing.T) {
	api := healthy(t)
	api.routes["/apis"] = asJSON(`{"kind":"APIGroupList","groups":[{"name":"snapshot.storage.k8s.io","versions":[{"groupVersion":"snapshot.storage.k8s.io/v9","version":"v9"}]}]}`)
	api.routes["/apis/snapshot.storage.k8s.io/v9"] = asJSON(`{"kind":"APIResourceList","resources":[{"name":"volumesnapshots"}]}`)
	_, sources := api.start(t, Options{}).Read(t.Context())
	if got := byName(sources)[facts.KubeSnapshots]; got.Cause != facts.CauseUnreadable || !strings.Contains(got.Detail, "only as v9") {
		t.Errorf("got %+v", got)
	}
}
