package dump

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// replicaYAML is a replica as kubectl prints it.
const replicaYAML = `apiVersion: longhorn.io/v1beta2
kind: Replica
metadata:
  creationTimestamp: "2026-02-03T04:05:06Z"
  finalizers:
  - longhorn.io
  generation: 3
  labels:
    longhorndiskuuid: 00000002-0000-4000-8000-000000000001
    longhornnode: worker-1
    longhornvolume: pvc-00000003-0000-4000-8000-000000000001
  name: replica-NNNNNN
  namespace: longhorn-system
  ownerReferences:
  - apiVersion: longhorn.io/v1beta2
    kind: Volume
    name: pvc-00000003-0000-4000-8000-000000000001
    uid: 00000004-0000-4000-8000-000000000001
  resourceVersion: "123456"
  uid: 00000005-0000-4000-8000-000000000001
spec:
  active: true
  backingImage: ""
  dataDirectoryName: pvc-00000003-0000-4000-8000-000000000001-5a1b2c3d
  dataEngine: v1
  desireState: stopped
  diskID: 00000002-0000-4000-8000-000000000001
  diskPath: /var/lib/longhorn/
  engineName: pvc-00000003-0000-4000-8000-000000000001-e-0
  evictionRequested: false
  failedAt: ""
  hardNodeAffinity: ""
  healthyAt: "2026-02-03T04:05:36Z"
  image: longhornio/longhorn-engine:v1.9.0
  lastFailedAt: ""
  lastHealthyAt: "2026-02-03T04:05:36Z"
  nodeID: worker-1
  rebuildRetryCount: 0
  snapshotMaxCount: 250
  snapshotMaxSize: "0"
  unmapMarkDiskChainRemovedEnabled: false
  volumeName: pvc-00000003-0000-4000-8000-000000000001
  volumeSize: "10737418240"
status:
  conditions: []
  currentImage: ""
  currentState: stopped
  instanceManagerName: ""
  ip: ""
  logFetched: false
  ownerID: worker-1
  port: 0
  salvageExecuted: false
  started: false
  storageIP: ""
`

const benchReplicas = 5000

func benchmark(b *testing.B, name string, content string) {
	path := filepath.Join(b.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		_, l, sources := Read(b.Context(), path, "longhorn-system")
		if len(l.Replicas) != benchReplicas {
			b.Fatalf("%d replicas: %+v", len(l.Replicas), sources)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchReplicas), "ns/replica")
}

func replicas() []string {
	items := make([]string, benchReplicas)
	for i := range items {
		items[i] = strings.Replace(replicaYAML, "NNNNNN", fmt.Sprint(i), 1)
	}
	return items
}

func BenchmarkYAML(b *testing.B) {
	var list strings.Builder
	for _, r := range replicas() {
		list.WriteString(indented(0, r))
	}
	benchmark(b, "replicas.yaml", "apiVersion: v1\nitems:\n"+list.String()+"kind: List\n")
}

func BenchmarkJSON(b *testing.B) {
	var items []string
	for _, r := range replicas() {
		raw, err := yaml.YAMLToJSON([]byte(r))
		if err != nil {
			b.Fatal(err)
		}
		items = append(items, string(raw))
	}
	benchmark(b, "replicas.json", listOfAll(items...))
}
