package rescue_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
	"hubaudit/internal/world"
)

// BenchmarkNew plans the rescue of a hub with 100,000 claims: of 2016 and 2017,
// which only their names tell of, and of today.
func BenchmarkNew(b *testing.B) {
	const claims = 100_000
	old, today := lostHub(), lostHub()
	members := make([]rescue.Member, claims)
	for i := range claims {
		name := fmt.Sprintf("student.%06d", i)
		members[i] = rescue.Member{Name: name, ID: int64(i + 1), Good: true}
		claim(old, facts.Claim{Name: fmt.Sprintf("claim-student-%06d-%d", i, i+1), Created: world.Now})
		claim(today, facts.Claim{Name: fmt.Sprintf("claim-student-%06d---0a1b2c3d", i), Created: world.Now, User: name, HasUser: true})
	}
	for name, run := range map[string]func() (*rescue.Plan, error){
		"names": func() (*rescue.Plan, error) { return rescue.New(old, old.Hubs[0], rescue.Evidence{}) },
		"history": func() (*rescue.Plan, error) {
			return rescue.New(old, old.Hubs[0], rescue.Evidence{Members: members, LastGood: time.Unix(1, 0)})
		},
		"hashes": func() (*rescue.Plan, error) {
			e := rescue.Evidence{Members: slices.Clone(members), LastGood: time.Unix(1, 0)}
			hashed(&e)
			return rescue.New(old, old.Hubs[0], e)
		},
		"annotations": func() (*rescue.Plan, error) { return rescue.New(today, today.Hubs[0], rescue.Evidence{}) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := run()
				if err != nil || len(p.Users)+len(p.LeftOut) < claims {
					b.Fatalf("%d users, %v", len(p.Users), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/claims, "ns/claim")
		})
	}
}
