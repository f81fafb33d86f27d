package checks

import (
	"slices"
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

// Owners are counted once, whatever tells of them and under whichever name
// their claims are; what is nobody's is not counted.
func TestClaimOwnersByEvidence(t *testing.T) {
	s := healthy()
	h := hubOf(s)
	h.OtherClaims = []string{"claim-data-*"}
	h.Users = append(h.Users, facts.User{ID: 90, Name: "sam.lau", Cookie: facts.CookieUnique},
		facts.User{ID: 91, Name: "x.y", Cookie: facts.CookieUnique}, facts.User{ID: 92, Name: "x_y", Cookie: facts.CookieUnique})
	for _, c := range []facts.Claim{
		{Name: "claim-sam-lau-90"}, {Name: "claim-sam-2elau"}, {Name: "home", LabelUser: "sam.lau"}, // one user's
		{Name: "claim-x-y-7"},  // one of two users'
		{Name: "claim-gone-5"}, // nobody's who is there
		{Name: "claim-data-1"}, {Name: "claim-odd"},
		{Name: "kept", HasUser: true, User: "left", Server: "lab", SourceKind: "VolumeSnapshot", SourceName: "s"},
	} {
		world.AddClaim(s, c)
	}
	o := (&Input{Snapshot: s, Hub: h, shared: &shared{snapshot: s}}).claimOwners()
	if len(o.known) != 12 || !o.known["sam.lau"] || !o.known["x-y"] {
		t.Errorf("owners known: %v", o.known)
	}
	if len(o.missing) != 2 || len(o.missing["gone"]) != 1 || len(o.missing["left"]) != 1 || o.missing["left"][0].server != "lab" {
		t.Errorf("owners missing: %v", o.missing)
	}
	slices.Sort(o.oldIDs)
	if want := []int64{5, 7, 90}; !slices.Equal(o.oldIDs, want) {
		t.Errorf("ids in names %v, want %v", o.oldIDs, want)
	}
}
