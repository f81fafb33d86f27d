package longhorn

import (
	"fmt"
	"runtime"
	"testing"

	"hubaudit/internal/facts"
)

// realReplica is as large as one of Longhorn 1.9, managed fields included.
const realReplica = `{"apiVersion":"longhorn.io/v1beta2","kind":"Replica","metadata":{"creationTimestamp":"2026-02-03T04:05:06Z","finalizers":["longhorn.io"],"generation":3,` +
	`"labels":{"longhorndiskuuid":"00000002-0000-4000-8000-000000000001","longhornnode":"worker-1","longhornvolume":"pvc-00000003-0000-4000-8000-000000000001"},` +
	`"managedFields":[{"apiVersion":"longhorn.io/v1beta2","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:finalizers":{".":{},"v:\"longhorn.io\"":{}},"f:labels":{".":{},"f:longhorndiskuuid":{},"f:longhornnode":{},"f:longhornvolume":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"00000004-0000-4000-8000-000000000001\"}":{}}},"f:spec":{".":{},"f:active":{},"f:backingImage":{},"f:dataDirectoryName":{},"f:dataEngine":{},"f:desireState":{},"f:diskID":{},"f:diskPath":{},"f:engineName":{},"f:evictionRequested":{},"f:failedAt":{},"f:hardNodeAffinity":{},"f:healthyAt":{},"f:image":{},"f:lastFailedAt":{},"f:lastHealthyAt":{},"f:logRequested":{},"f:nodeID":{},"f:rebuildRetryCount":{},"f:salvageRequested":{},"f:volumeName":{},"f:volumeSize":{}},"f:status":{".":{},"f:conditions":{},"f:currentImage":{},"f:currentState":{},"f:instanceManagerName":{},"f:ip":{},"f:logFetched":{},"f:ownerID":{},"f:port":{},"f:started":{},"f:storageIP":{}}},"manager":"longhorn-manager","operation":"Update","time":"2026-02-03T04:05:36Z"}],` +
	`"name":"pvc-00000003-0000-4000-8000-000000000001-r-%08x","namespace":"longhorn-system","ownerReferences":[{"apiVersion":"longhorn.io/v1beta2","kind":"Volume","name":"pvc-00000003-0000-4000-8000-000000000001","uid":"00000004-0000-4000-8000-000000000001"}],"resourceVersion":"123456","uid":"00000005-0000-4000-8000-000000000001"},` +
	`"spec":{"active":true,"backingImage":"","dataDirectoryName":"pvc-00000003-0000-4000-8000-000000000001-5a1b2c3d","dataEngine":"v1","desireState":"stopped","diskID":"00000002-0000-4000-8000-000000000001","diskPath":"/var/lib/longhorn/","engineName":"pvc-00000003-0000-4000-8000-000000000001-e-0","evictionRequested":false,"failedAt":"","hardNodeAffinity":"","healthyAt":"2026-02-03T04:05:36Z","image":"longhornio/longhorn-engine:v1.9.0","lastFailedAt":"","lastHealthyAt":"2026-02-03T04:05:36Z","logRequested":false,"nodeID":"worker-1","rebuildRetryCount":0,"salvageRequested":false,"volumeName":"pvc-00000003-0000-4000-8000-000000000001","volumeSize":"10737418240"},` +
	`"status":{"conditions":[],"currentImage":"","currentState":"stopped","instanceManagerName":"","ip":"","logFetched":false,"ownerID":"worker-1","port":0,"started":false,"storageIP":""}}`

// realVolume is a detached volume of Longhorn 1.12 without its managed fields.
const realVolume = `{"apiVersion":"longhorn.io/v1beta2","kind":"Volume","metadata":{"creationTimestamp":"2026-02-03T04:05:06Z","name":"pvc-%08x-0000-4000-8000-000000000001","namespace":"longhorn-system"},` +
	`"spec":{"Standby":false,"accessMode":"rwo","dataEngine":"v1","dataLocality":"disabled","diskSelector":["ssd"],"encrypted":false,"fromBackup":"","frontend":"blockdev","image":"longhornio/longhorn-engine:v1.12.1","lastAttachedBy":"","nodeID":"","nodeSelector":[],"numberOfReplicas":3,"offlineRebuilding":"ignored","size":"10737418240"},` +
	`"status":{"actualSize":157286400,"cloneStatus":{"state":""},"conditions":[{"lastProbeTime":"","lastTransitionTime":"2026-02-03T04:05:08Z","message":"","reason":"","status":"True","type":"Scheduled"}],"currentImage":"longhornio/longhorn-engine:v1.12.1","currentNodeID":"",` +
	`"kubernetesStatus":{"lastPVCRefAt":"","lastPodRefAt":"2026-11-20T11:00:00Z","namespace":"datahub","pvName":"pvc-%08[1]x-0000-4000-8000-000000000001","pvStatus":"Bound","pvcName":"claim-student-%08[1]x"},"lastBackupAt":"2026-11-20T02:30:00Z","lastDegradedAt":"","restoreRequired":false,"robustness":"unknown","state":"detached"}}`

// BenchmarkHeap reads the largest cluster that is planned for, 100,000 volumes
// with 300,000 replicas, and tells what of it stays in memory.
func BenchmarkHeap(b *testing.B) {
	const volumes, replicas = 100_000, 300_000
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		tables := NewTables("longhorn-system")
		start := heap()
		fill(b, tables, facts.LonghornVolumes, realVolume, volumes)
		middle := heap()
		fill(b, tables, facts.LonghornReplicas, realReplica, replicas)
		b.ReportMetric((middle-start)/volumes, "B/volume")
		b.ReportMetric((heap()-middle)/replicas, "B/replica")
		b.ReportMetric((heap()-start)/(1<<20), "MiB")
		runtime.KeepAlive(tables)
	}
}

func fill(b *testing.B, tables *Tables, source, object string, n int) {
	b.Helper()
	for _, r := range tables.Resources() {
		for r.Source == source && r.Len() < n {
			if !r.Put(r.Len(), fmt.Appendf(nil, object, r.Len())) {
				b.Fatal(r.Err())
			}
		}
	}
}

// BenchmarkReplica is what one replica of a list costs, past the network.
func BenchmarkReplica(b *testing.B) {
	raw := []byte(fmt.Sprintf(realReplica, 1))
	tables := NewTables("longhorn-system")
	for _, r := range tables.Resources() {
		if r.Source != facts.LonghornReplicas {
			continue
		}
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if r.Len() == 30_000 {
				r.Reset()
			}
			if !r.Put(r.Len(), raw) {
				b.Fatal(r.Err())
			}
		}
	}
}
