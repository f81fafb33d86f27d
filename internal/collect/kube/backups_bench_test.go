package kube

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
)

// BenchmarkBackups folds seven nights of backups by file, and as many CSI
// snapshots with their contents, of 100,000 homes, and tells what of it stays in
// memory while all are read and after.
func BenchmarkBackups(b *testing.B) {
	const homes, nights = 100_000, 7
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	volume, snapshot, content := podVolumeBackup("NIGHT", "Completed", "WHEN"), snapshotOf("CLAIM-NIGHT", "CLAIM", `"readyToUse":true,"creationTime":WHEN,"boundVolumeSnapshotContentName":"snapcontent-CLAIM-NIGHT"`),
		`{"metadata":{"name":"snapcontent-CLAIM-NIGHT","creationTimestamp":WHEN},"spec":{"driver":"d","deletionPolicy":"Retain","source":{"volumeHandle":"h-CLAIM"},"volumeSnapshotRef":{"namespace":"hub","name":"CLAIM-NIGHT"}},"status":{"readyToUse":true}}`
	for _, kind := range []struct{ name, source, object string }{{"velero", facts.VeleroVolumeBackups, volume}, {"snapshots", facts.KubeSnapshots, snapshot}, {"contents", facts.KubeSnapshotContents, content}} {
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				start, tables := heap(), NewTables()
				b.StartTimer()
				for _, r := range tables.Resources() {
					if r.Source == kind.source {
						fill(b, r, kind.object, homes, nights)
					}
				}
				b.StopTimer()
				b.ReportMetric((heap()-start)/homes, "B/home-folded")
				b.StartTimer()
				k := tables.Facts()
				b.StopTimer()
				tables = nil
				ForgetInterned()
				b.ReportMetric((heap()-start)/homes, "B/home")
				runtime.KeepAlive(k)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*homes*nights), "ns/object")
		})
	}
}

func fill(b *testing.B, r *Resource, object string, homes, nights int) {
	b.Helper()
	for night := range nights {
		when := time.Date(2026, 11, 1+night, 1, 0, 0, 0, time.UTC).Format(time.RFC3339)
		for home := range homes {
			claim := fmt.Sprintf("claim-student-%06d", home)
			raw := strings.NewReplacer("claim-ann--lab", claim, "CLAIM", claim, "NIGHT", fmt.Sprintf("nightly-%d", night), "WHEN", `"`+when+`"`).Replace(object)
			if !r.Put(r.Len(), []byte(raw)) {
				b.Fatal(r.Err())
			}
		}
	}
}
