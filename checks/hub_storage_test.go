package checks

import (
	"testing"
	"time"

	"hubaudit/internal/world"
)

// BenchmarkJudgeHubStorage judges the checks that join the hub's database with
// the cluster over 100,000 users with 110,000 claims, each on a volume that
// goes with its claim.
func BenchmarkJudgeHubStorage(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	world.Remember(s)
	goesWithItsClaim()(s)
	backedUp(30 * time.Hour)(s)
	for _, c := range []*Check{hubDBEphemeral, hubDBOnNFS, hubDBPVCReplaced, hubUserDeleteDeletesData, hubSharedPVCDeletable} {
		b.Run(c.ID, func(b *testing.B) {
			suite, err := NewSuite(nil, []string{c.ID})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if verdicts := Judge(suite, s); len(verdicts) != 1 {
					b.Fatalf("%d verdicts", len(verdicts))
				}
			}
		})
	}
}
