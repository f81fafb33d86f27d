package hubdb

import (
	"fmt"
	"testing"
)

func BenchmarkRead(b *testing.B) {
	for _, users := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			path := fixture(b, "schema-5.5.1")
			addUsers(b, path, users)
			b.ReportAllocs()
			for b.Loop() {
				if r := read(b, path); len(r.Users) != users+10 || len(r.Database.Damage) > 0 {
					b.Fatalf("%d users, damage %v", len(r.Users), r.Database.Damage)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(users), "ns/user")
		})
	}
}
