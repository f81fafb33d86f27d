package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// BenchmarkWhoIsWho judges who is who among 100,000 users with as many claims:
// each check alone, so that each pays for the views that a run shares.
func BenchmarkWhoIsWho(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	world.ServeAPI(s, world.HubName)
	since(facts.Changes{Before: 100_000, HighestID: 100_000}, renumbered(50_000, 1))(s)
	for _, check := range []*Check{hubDBReset, hubUserTwin, hubUserIDChanged, hubOwnerMissing, hubSourceDisagree} {
		b.Run(check.ID, func(b *testing.B) {
			suite, err := NewSuite(nil, []string{check.ID})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if v := Judge(suite, s)[0]; v.Outcome != "pass" && check != hubUserIDChanged {
					b.Fatalf("%s: %s", v.Outcome, v.Summary)
				}
			}
		})
	}
}

// What two checks share is worked out once, and a hub's is not another's.
func TestClaimOwnersAreShared(t *testing.T) {
	s := healthy()
	former(1)(s)
	other := *hubOf(s)
	other.Name = "other"
	views := &shared{snapshot: s}
	in := &Input{Snapshot: s, Hub: hubOf(s), shared: views}
	first := in.claimOwners()
	if len(first.known) != 10 || len(first.missing["former-1"]) != 1 {
		t.Errorf("owners known %v, missing %v", first.known, first.missing)
	}
	if in.claimOwners() != first {
		t.Error("the claims were gone through again")
	}
	if (&Input{Snapshot: s, Hub: &other, shared: views}).claimOwners() == first {
		t.Error("one hub was given another's owners")
	}
}
