package hubdb_test

import (
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"

	"hubaudit/test/servers"
)

// BenchmarkRead reads hubs of 100,000 users with a spawner each, and also
// tells the peak of this process's memory.
func BenchmarkRead(b *testing.B) {
	const users = 100_000
	for name, start := range map[string]func(testing.TB, ...string) *servers.Database{"postgresql": servers.StartPostgres, "mariadb": servers.StartMariaDB} {
		b.Run(name, func(b *testing.B) {
			d := start(b)
			makeReader(b, d)
			database := loadHub(b, d)
			addUsers(b, d, database, users)
			url := d.URL(drivers[d.Engine], reader, readerPassword, database)
			debug.FreeOSMemory()
			must(b, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)) // starts the peak anew
			for b.Loop() {
				if r := read(b, url); len(r.Users) != users+dumped[d.Engine] || r.Spawners[len(r.Spawners)-1].State.PVCName == "" {
					b.Fatal(r.Items())
				}
			}
			b.ReportMetric(peakMiB(b), "peak-MiB")
		})
	}
}

// peakMiB is the most memory that this process had at once.
func peakMiB(tb testing.TB) float64 {
	tb.Helper()
	status, err := os.ReadFile("/proc/self/status")
	must(tb, err)
	kib, err := strconv.ParseFloat(string(regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status)[1]), 64)
	must(tb, err)
	return kib / 1024
}
