package rescue_test

import (
	"testing"

	"hubaudit/internal/attribution"
	"hubaudit/internal/rescue"
	"hubaudit/internal/world"
)

// TestAged: a hub that has been through five charts comes back without anybody
// getting a claim that is not theirs, and with a backup everybody comes back.
func TestAged(t *testing.T) {
	whole := world.Aged()
	hub := whole.Hubs[0]
	truth := attribution.New(whole)
	before := map[string]int64{}
	for _, u := range hub.Users {
		before[u.Name] = u.ID
	}
	lost := world.Aged()
	world.WipeDatabase(lost, lost.Hubs[0].Name)
	for name, e := range map[string]rescue.Evidence{"claims": {}, "backup": {Backups: []rescue.Backup{{Name: "nightly", Hub: hub}}}} {
		p := plan(t, lost, e)
		for _, u := range p.Users {
			if before[u.Name] == 0 {
				t.Errorf("%s: there was no user %q: %q", name, u.Name, u.Evidence)
			}
			for _, s := range u.Servers {
				if o, ok := truth.Owner(s.Namespace, s.Claim); s.Claim != "" && (!ok || o.User != u.Name) {
					t.Errorf("%s: %q has claim %s of %+v: %q", name, u.Name, s.Claim, o, s.Evidence)
				}
			}
			if name == "backup" && before[u.Name] != u.ID {
				t.Errorf("%q has the id %d, had %d", u.Name, u.ID, before[u.Name])
			}
		}
		if name == "backup" && len(p.Users) != len(before) {
			t.Errorf("%d of %d users are back", len(p.Users), len(before))
		}
	}
}
