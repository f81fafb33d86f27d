package copies

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
)

// TestClaims: a claim and the Longhorn volume behind it find each other, and what
// was true once does not count.
func TestClaims(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	s := &facts.Snapshot{}
	s.Longhorn.Volumes = []facts.LHVolume{
		{Name: "noted", ClaimNamespace: "hub", ClaimName: "a"},
		{Name: "former", ClaimNamespace: "hub", ClaimName: "b", LastClaimRefAt: facts.At(now)},
		{Name: "moved", ClaimNamespace: "hub", ClaimName: "c"},
		{Name: "released", ClaimNamespace: "", ClaimName: ""},
	}
	bound := func(handle, driver, phase, claim string) facts.Volume {
		return facts.Volume{Name: "pv-" + claim, Driver: driver, Handle: handle, Phase: phase, ClaimNamespace: "hub", ClaimName: claim}
	}
	s.Kube.Volumes = []facts.Volume{bound("moved", facts.LonghornDriver, "Bound", "d"), bound("released", facts.LonghornDriver, "Released", "e"),
		bound("noted", "ebs.csi.aws.com", "Bound", "f"), bound("absent", facts.LonghornDriver, "Bound", "g")}
	x := NewClaims(s)
	for volume, want := range map[string]string{"noted": "a", "former": "", "moved": "d", "released": "", "absent": "", "": ""} {
		namespace, name, ok := x.Of(volume)
		if name != want || ok != (want != "") || ok && namespace != "hub" {
			t.Errorf("volume %q is of %q/%q, %v; want %q", volume, namespace, name, ok, want)
		}
		if v := x.Volume(namespace, name); ok && v.Name != volume {
			t.Errorf("claim %q is on %q, want %q", name, v.Name, volume)
		}
	}
	for _, claim := range []string{"b", "e", "f", "g"} {
		if v := x.Volume("hub", claim); v != nil {
			t.Errorf("claim %q is on %q, want none", claim, v.Name)
		}
	}
	if v := NewClaims(&facts.Snapshot{}).Volume("hub", "a"); v != nil {
		t.Error("a volume where there are none")
	}
}
