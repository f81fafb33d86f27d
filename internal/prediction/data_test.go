package prediction

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
)

// homes are three claims of one server, a day apart; the test gives them sizes.
func homes() (*facts.Snapshot, []*facts.Claim) {
	s := &facts.Snapshot{}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i, name := range []string{"claim-a", "claim-b", "claim-c"} {
		s.Kube.Claims = append(s.Kube.Claims, facts.Claim{Namespace: "hub", Name: name, Created: day.AddDate(0, 0, i), RequestBytes: 10 << 30})
	}
	return s, []*facts.Claim{&s.Kube.Claims[2], &s.Kube.Claims[0], &s.Kube.Claims[1]}
}

func longhorn(s *facts.Snapshot, claim string, mib int64) {
	s.Longhorn.Volumes = append(s.Longhorn.Volumes, facts.LHVolume{Name: "v-" + claim, ClaimNamespace: "hub", ClaimName: claim, ActualBytes: mib << 20})
}

func TestLikeliest(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(s *facts.Snapshot)
		want    string
		because string
	}{
		"nothing tells": {func(*facts.Snapshot) {}, "claim-a claim-b claim-c", "the oldest"},
		"the youngest has the most": {func(s *facts.Snapshot) {
			longhorn(s, "claim-a", 40)
			longhorn(s, "claim-b", 900)
			longhorn(s, "claim-c", 916)
		}, "claim-c claim-a claim-b", "which has the most data"},
		"not clearly": {func(s *facts.Snapshot) {
			longhorn(s, "claim-a", 40)
			longhorn(s, "claim-b", 900)
			longhorn(s, "claim-c", 915)
		}, "claim-a claim-b claim-c", "the oldest of about equal ones"},
		"the oldest has the most": {func(s *facts.Snapshot) {
			longhorn(s, "claim-a", 400)
			longhorn(s, "claim-b", 0)
			longhorn(s, "claim-c", 30)
		}, "claim-a claim-b claim-c", "which has the most data"},
		"of one nothing is known": {func(s *facts.Snapshot) {
			longhorn(s, "claim-a", 40)
			longhorn(s, "claim-c", 4000)
		}, "claim-a claim-b claim-c", "the oldest"},
		"snapshots of what was written": {func(s *facts.Snapshot) {
			for i, mib := range []int64{40, 700, 60} {
				s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: "hub", Name: "s", Claim: s.Kube.Claims[i].Name,
					Ready: true, RestoreBytes: mib << 20})
			}
		}, "claim-b claim-a claim-c", "which has the most data"},
		"snapshots that only repeat the volume's size": {func(s *facts.Snapshot) {
			for _, claim := range s.Kube.Claims {
				s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: "hub", Name: "s", Claim: claim.Name, Ready: true, RestoreBytes: 10 << 30})
			}
		}, "claim-a claim-b claim-c", "the oldest"},
	} {
		t.Run(name, func(t *testing.T) {
			s, claims := homes()
			c.change(s)
			ordered, because := NewContents(s).Likeliest(claims)
			got := ""
			for _, claim := range ordered {
				got += " " + claim.Name
			}
			if got != " "+c.want || because != c.because {
				t.Errorf("got%s, %s; want %s, %s", got, because, c.want, c.because)
			}
			if claims[0].Name != "claim-c" {
				t.Error("the caller's order was changed")
			}
		})
	}
	s, claims := homes()
	if ordered, because := NewContents(s).Likeliest(claims[:1]); len(ordered) != 1 || because != "the only one" {
		t.Errorf("of one claim: %v, %s", ordered, because)
	}
}

func TestContent(t *testing.T) {
	s, _ := homes()
	used := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	longhorn(s, "claim-a", 40)
	s.Longhorn.Volumes[0].LastPodRefAt = facts.At(used)
	// claim-b is bound to a volume that Longhorn last saw with claim-a.
	s.Longhorn.Volumes = append(s.Longhorn.Volumes, facts.LHVolume{Name: "moved", ClaimNamespace: "hub", ClaimName: "gone", LastClaimRefAt: facts.At(used),
		State: "attached", ActualBytes: 7})
	s.Kube.Volumes = []facts.Volume{{Name: "pv", Driver: "driver.longhorn.io", Handle: "moved", Phase: "Bound", ClaimNamespace: "hub", ClaimName: "claim-b"}}
	s.Kube.Snapshots = []facts.VolumeSnapshot{
		{Namespace: "hub", Name: "new", Claim: "claim-c", Ready: true, Created: used, RestoreBytes: 3},
		{Namespace: "hub", Name: "old", Claim: "claim-c", Ready: true, Taken: used.AddDate(0, 0, -1), RestoreBytes: 5},
		{Namespace: "hub", Name: "broken", Claim: "claim-c", Taken: used.AddDate(0, 0, 1), RestoreBytes: 9},
	}
	s.Kube.Pods = []facts.Pod{{Namespace: "hub", Name: "over", Phase: "Succeeded", Claims: []string{"claim-a"}},
		{Namespace: "hub", Name: "jupyter-c", Phase: "Running", Claims: []string{"claim-c"}},
		{Namespace: "other", Name: "jupyter-a", Phase: "Running", Claims: []string{"claim-a"}}}
	x := NewContents(s)
	for i, want := range []Content{
		{Bytes: 40 << 20, LastUsed: used},
		{Bytes: 7, Attached: true},
		{Bytes: 3, Pod: "jupyter-c"},
	} {
		if got := x.Of(&s.Kube.Claims[i]); got != want || got.InUse() != (i > 0) {
			t.Errorf("%s: %+v, want %+v", s.Kube.Claims[i].Name, got, want)
		}
	}
	if got := x.Of(&facts.Claim{Namespace: "hub", Name: "gone"}); got != (Content{Bytes: -1}) {
		t.Errorf("a claim that is history in Longhorn's note: %+v", got)
	}
}
