package longhorn

import (
	"fmt"
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
