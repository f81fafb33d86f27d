package longhorn

import (
	"fmt"
	"runtime"
	"testing"

	"hubaudit/internal/collect/kube"
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

// realBackup is as large as one of Longhorn 1.10, with its labels.
const realBackup = `{"apiVersion":"longhorn.io/v1beta2","kind":"Backup","metadata":{"creationTimestamp":"2026-11-2%[3]dT02:30:05Z","finalizers":["longhorn.io"],"generation":2,"labels":{"backup-target":"default","backup-volume":"pvc-%08[1]x-0000-4000-8000-000000000001","longhorn.io/volume-access-mode":"rwo"},` +
	`"managedFields":[{"apiVersion":"longhorn.io/v1beta2","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:finalizers":{".":{},"v:\"longhorn.io\"":{}},"f:labels":{".":{},"f:backup-target":{},"f:backup-volume":{}}},"f:spec":{".":{},"f:backupMode":{},"f:labels":{".":{},"f:KubernetesStatus":{},"f:RecurringJob":{}},"f:snapshotName":{}},"f:status":{".":{},"f:backupCreatedAt":{},"f:labels":{},"f:lastSyncedAt":{},"f:size":{},"f:state":{},"f:url":{},"f:volumeName":{}}},"manager":"longhorn-manager","operation":"Update","time":"2026-11-20T02:31:02Z"}],` +
	`"name":"backup-%08[1]x%08[2]x","namespace":"longhorn-system","resourceVersion":"123456","uid":"00000006-0000-4000-8000-000000000001"},` +
	`"spec":{"backupBlockSize":"2097152","backupMode":"incremental","labels":{"KubernetesStatus":"{\"pvName\":\"pvc-%08[1]x-0000-4000-8000-000000000001\",\"pvStatus\":\"Bound\",\"namespace\":\"datahub\",\"pvcName\":\"claim-student\"}","RecurringJob":"nightly","longhorn.io/volume-access-mode":"rwo"},"snapshotName":"nightly-1234abcd-0000","syncRequestedAt":"2026-11-20T02:31:00Z"},` +
	`"status":{"backupCreatedAt":"2026-11-2%[3]dT02:30:59Z","backupTargetName":"default","compressionMethod":"lz4","labels":{"KubernetesStatus":"{}","RecurringJob":"nightly"},"lastSyncedAt":"2026-11-20T02:31:02Z","messages":null,"newlyUploadDataSize":"2097152","ownerID":"worker-1","progress":100,"reUploadedDataSize":"0","replicaAddress":"tcp://10.42.1.5:10010","size":"157286400","snapshotCreatedAt":"2026-11-2%[3]dT02:30:00Z","snapshotName":"nightly-1234abcd-0000","state":"Completed","url":"s3://hub-backups@eu-central-1/?backup=backup-x\u0026volume=pvc-x","volumeBackingImageName":"","volumeCreated":"2026-02-03T04:05:06Z","volumeName":"pvc-%08[1]x-0000-4000-8000-000000000001","volumeSize":"10737418240"}}`

const realBackupVolume = `{"apiVersion":"longhorn.io/v1beta2","kind":"BackupVolume","metadata":{"creationTimestamp":"2026-02-03T04:05:06Z","name":"pvc-%08x-0000-4000-8000-000000000001-0a1b2c3d","namespace":"longhorn-system"},"spec":{"backupTargetName":"default","syncRequestedAt":"2026-11-20T11:00:00Z","volumeName":"pvc-%08[1]x-0000-4000-8000-000000000001"},` +
	`"status":{"createdAt":"2026-02-03T04:05:06Z","dataStored":"157286400","labels":{},"lastBackupAt":"2026-11-26T02:30:00Z","lastBackupName":"backup-%08[1]x00000006","lastModificationTime":"2026-11-20T02:30:59Z","lastSyncedAt":"2026-11-20T11:00:00Z","messages":{},"ownerID":"worker-1","size":"10737418240","storageClassName":"longhorn"}}`

// BenchmarkBackupsHeap reads the backups of the largest cluster that is planned
// for, 700,000 of 100,000 volumes, and tells what they take while they are read
// and afterwards, with their volumes' names known before. Whoever makes a row for
// each backup fails it.
func BenchmarkBackupsHeap(b *testing.B) {
	const volumes, kept, limit = 100_000, 7, 45 // MiB
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	for b.Loop() {
		kube.ForgetInterned()
		tables := NewTables("longhorn-system")
		fill(b, tables, facts.LonghornVolumes, realVolume, volumes)
		fill(b, tables, facts.LonghornBackupVolumes, realBackupVolume, volumes)
		before := tables.Facts()
		tables = NewTables("longhorn-system")
		start := heap()
		for _, r := range tables.Resources() {
			for n := 0; r.Source == facts.LonghornBackups && n < volumes*kept; n++ {
				if !r.Put(n, fmt.Appendf(nil, realBackup, n%volumes, n/volumes, n/volumes)) {
					b.Fatal(r.Err())
				}
			}
		}
		folding := heap() - start
		l := tables.Facts()
		tables = nil
		series := heap() - start
		b.ReportMetric(folding, "MiB-folding")
		b.ReportMetric(series, "MiB-series")
		if len(l.Backups) != volumes || l.Backups[7].Good != kept || max(folding, series) > limit {
			b.Errorf("%d series, the eighth of %d, with %.1f MiB and then %.1f MiB", len(l.Backups), l.Backups[7].Good, folding, series)
		}
		runtime.KeepAlive(before)
		runtime.KeepAlive(l)
	}
}

// BenchmarkBackup is what one Backup of a list costs, past the network.
func BenchmarkBackup(b *testing.B) {
	raw := fmt.Appendf(nil, realBackup, 1, 1, 1)
	tables := NewTables("longhorn-system")
	for _, r := range tables.Resources() {
		if r.Source != facts.LonghornBackups {
			continue
		}
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if !r.Put(r.Len(), raw) {
				b.Fatal(r.Err())
			}
		}
	}
}

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
