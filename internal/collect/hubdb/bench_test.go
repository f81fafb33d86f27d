package hubdb

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkRead reads databases of users who each have a stopped server, and
// tells how large the heap grew at most.
func BenchmarkRead(b *testing.B) {
	for _, users := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			path := fixture(b, "schema-5.5.1")
			addUsers(b, path, users)
			peak := watchHeap()
			b.ReportAllocs()
			for b.Loop() {
				r := read(b, path)
				if len(r.Users) != users+10 || len(r.Spawners) != users+11 || len(r.Database.Damage) > 0 {
					b.Fatalf("%d users, %d spawners, damage %v", len(r.Users), len(r.Spawners), r.Database.Damage)
				}
			}
			b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(users), "ns/user")
		})
	}
}

// watchHeap looks at the heap from time to time; the function it returns ends
// that and tells the most bytes that it saw.
func watchHeap() (peak func() uint64) {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var seen uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			seen = max(seen, m.HeapAlloc)
			select {
			case <-tick.C:
			case <-stop:
				most <- seen
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-most }
}
