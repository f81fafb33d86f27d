package kube

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
)

// fakeAPI speaks as much of the Kubernetes API as reading lists needs. Tests
// replace single paths of it.
type fakeAPI struct {
	mu     sync.Mutex
	routes map[string]http.HandlerFunc
	asked  map[string]int
}

const (
	pathClaims    = "/api/v1/persistentvolumeclaims"
	pathVolumes   = "/api/v1/persistentvolumes"
	pathNodes     = "/api/v1/nodes"
	pathPods      = "/api/v1/pods"
	pathClasses   = "/apis/storage.k8s.io/v1/storageclasses"
	pathCronJobs  = "/apis/batch/v1/cronjobs"
	pathJobs      = "/apis/batch/v1/jobs"
	pathSnapshots = "/apis/snapshot.storage.k8s.io/v1/volumesnapshots"

	pathBudgets     = "/apis/policy/v1/poddisruptionbudgets"
	pathBlockPools  = "/apis/ceph.rook.io/v1/cephblockpools"
	pathFilesystems = "/apis/ceph.rook.io/v1/cephfilesystems"
)

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked[r.URL.Path]++
	route, ok := f.routes[r.URL.Path]
	f.mu.Unlock()
	if r.Method != http.MethodGet {
		http.Error(w, "only reading is allowed", http.StatusMethodNotAllowed)
		return
	}
	if !ok {
		http.Error(w, "404 page not found", http.StatusNotFound)
		return
	}
	route(w, r)
}

// times is how often a path was asked for.
func (f *fakeAPI) times(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path]
}

// start serves f and returns a client that does not wait between attempts.
func (f *fakeAPI) start(t *testing.T, o Options) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	c, err := newClient(&rest.Config{Host: server.URL}, o)
	if err != nil {
		t.Fatal(err)
	}
	c.restarts = wait.Backoff{Duration: time.Microsecond, Factor: 1, Steps: 4}
	return c
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func asJSON(body string) http.HandlerFunc { return answer(http.StatusOK, "application/json", body) }

// refuse answers with a Status, as the API server tells an error.
func refuse(code int, reason metav1.StatusReason, message string) http.HandlerFunc {
	return answer(code, "application/json", fmt.Sprintf(
		`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code))
}

// after answers each request with the next handler; the last one stays.
func after(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handlers[0]
		if len(handlers) > 1 {
			handlers = handlers[1:]
		}
		mu.Unlock()
		h(w, r)
	}
}

// cut promises more than it sends.
func cut(contentType, part string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", "100000")
		fmt.Fprint(w, part)
	}
}

// hang answers never.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

type protoList interface{ Marshal() ([]byte, error) }

// page answers with a list of a built-in kind as protobuf.
func page(t testing.TB, kind string, list protoList) http.HandlerFunc {
	t.Helper()
	return answer(http.StatusOK, mediaProtobuf, string(encode(t, kind, list)))
}

func encode(t testing.TB, kind string, list protoList) []byte {
	t.Helper()
	raw, err := list.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	envelope := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: kind}, Raw: raw}
	body, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("k8s\x00"), body...)
}

// claimPages serves n claims, limit by limit, as the API server does.
func claimPages(t *testing.T, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var from, limit int
		fmt.Sscan(r.URL.Query().Get("continue"), &from)
		fmt.Sscan(r.URL.Query().Get("limit"), &limit)
		var list corev1.PersistentVolumeClaimList
		for i := from; i < min(n, from+limit); i++ {
			list.Items = append(list.Items, corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "hub", Name: fmt.Sprintf("claim-%05d", i)}})
		}
		if from+limit < n {
			list.Continue = fmt.Sprint(from + limit)
		}
		page(t, "PersistentVolumeClaimList", &list)(w, r)
	}
}

const (
	groups = `{"kind":"APIGroupList","apiVersion":"v1","groups":[
		{"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}]},
		{"name":"ceph.rook.io","versions":[{"groupVersion":"ceph.rook.io/v1","version":"v1"}]},
		{"name":"velero.io","versions":[{"groupVersion":"velero.io/v1","version":"v1"},{"groupVersion":"velero.io/v2alpha1","version":"v2alpha1"}]},
		{"name":"k8up.io","versions":[{"groupVersion":"k8up.io/v1","version":"v1"}]},
		{"name":"snapshot.storage.k8s.io","versions":[{"groupVersion":"snapshot.storage.k8s.io/v1","version":"v1"}]}]}`
	cephResources     = `{"kind":"APIResourceList","groupVersion":"ceph.rook.io/v1","resources":[{"name":"cephblockpools","kind":"CephBlockPool"},{"name":"cephfilesystems","kind":"CephFilesystem"}]}`
	snapshotResources = `{"kind":"APIResourceList","groupVersion":"snapshot.storage.k8s.io/v1","resources":[{"name":"volumesnapshots","kind":"VolumeSnapshot"},{"name":"volumesnapshotcontents","kind":"VolumeSnapshotContent"}]}`
)
