package attribution_test

import (
	"slices"
	"testing"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// A hub that has been through five charts is attributed completely, before its
// last upgrade and after.
func TestAged(t *testing.T) {
	nobodys := []string{"ann-before-the-exam", "hub-db-dir", "shared-data"}
	for name, s := range map[string]*facts.Snapshot{"before": world.AgedBefore(), "after": world.Aged()} {
		x := attribution.New(s)
		for _, c := range s.Kube.Claims {
			o, ok := x.Owner(c.Namespace, c.Name)
			if want := !slices.Contains(nobodys, c.Name); ok != want || ok && o.UserID == 0 {
				t.Errorf("%s: %s is %+v's, %t", name, c.Name, o, ok)
			}
		}
	}
}

// Without a state and without metadata names tell the same or nothing, and
// nothing only where a name is several servers'.
func TestAgedByNamesAlone(t *testing.T) {
	s := world.Aged()
	whole := attribution.New(s)
	stripped := world.Aged()
	for i := range stripped.Kube.Claims {
		c := &stripped.Kube.Claims[i]
		*c = facts.Claim{Namespace: c.Namespace, Name: c.Name}
	}
	for i := range stripped.Hubs[0].Spawners {
		stripped.Hubs[0].Spawners[i].State = facts.SpawnerState{}
	}
	stripped.Kube.Pods = nil
	names := attribution.New(stripped)
	var silent []string
	for _, c := range s.Kube.Claims {
		want, known := whole.Owner(c.Namespace, c.Name)
		got, ok := names.Owner(c.Namespace, c.Name)
		switch {
		case !ok && known:
			silent = append(silent, c.Name)
		case ok && (got.User != want.User || got.Server != want.Server):
			t.Errorf("%s is %s, by its name %s", c.Name, want, got)
		}
	}
	if want := []string{"claim-jolab"}; !slices.Equal(silent, want) {
		t.Errorf("names do not tell of %q, want %q", silent, want)
	}
}
