package checks

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/world"
)

// homesIn names the volumes of some claims, as a check does.
func homesIn(s *facts.Snapshot, claims ...string) (words string, details map[string]string) {
	suite, _ := NewSuite(nil, nil)
	in := &Input{Snapshot: s, shared: &shared{snapshot: s, suite: suite}}
	var volumes []*replica.Volume
	for i, v := range in.volumeHealths() {
		for _, claim := range claims {
			if v.ClaimName == claim {
				volumes = append(volumes, &in.volumeHealths()[i])
			}
		}
	}
	details = map[string]string{}
	return in.homesOf(volumes, details), details
}

func TestHomesOf(t *testing.T) {
	plain := func(*facts.Snapshot) {}
	for name, c := range map[string]struct {
		change      func(*facts.Snapshot)
		claims      []string
		words       string
		users, with string
	}{
		"nobody's": {plain, nil, "0 volumes", "", ""},
		"one home": {plain, []string{stopped}, `1 volume: that of "student-0001"`, `"student-0001"`, ""},
		"two of one user": {plain, []string{"claim-student-0010", "claim-student-0010--lab"},
			`2 volumes: those of "student-0010"`, `"student-0010"`, ""},
		"the hub's database first": {plain, []string{stopped, world.HubClaim},
			`2 volumes: the hub's own database (datahub/hub-db-dir); those of "student-0001"`, `"student-0001"`, "datahub/hub-db-dir"},
		"more than a message holds": {plain, []string{stopped, "claim-student-0002", "claim-student-0003", "claim-student-0004", running, "claim-student-0006", "claim-student-0007"},
			`7 volumes: those of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 2 more`,
			`"student-0001", "student-0002", "student-0003", "student-0004", "student-0005", "student-0006", "student-0007"`, ""},
		"a claim without an owner, and a volume without a claim": {func(s *facts.Snapshot) {
			for i := range s.Kube.Volumes {
				switch v := &s.Kube.Volumes[i]; v.ClaimName {
				case stopped:
					v.ClaimNamespace, v.ClaimName = "monitoring", "prometheus"
				case "claim-student-0002":
					v.Phase = "Released"
					volumeOf(s, v.ClaimName).LastClaimRefAt = facts.At(s.Now)
				}
			}
		}, []string{stopped, "claim-student-0002"}, `2 volumes: that of claim monitoring/prometheus; 1 of no claim`, "", "monitoring/prometheus"},
		"a hostile name": {func(s *facts.Snapshot) {
			hubOf(s).Users[0].Name = "<!channel>\n\x1b[2J\", \"root"
			claimNamed(s, stopped).HasUser = false
		}, []string{stopped}, `1 volume: that of "<!channel>\n\x1b[2J\", \"root"`, `"<!channel>\n\x1b[2J\", \"root"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			c.change(s)
			words, details := homesIn(s, c.claims...)
			if words != c.words {
				t.Errorf("words:\n got %s\nwant %s", words, c.words)
			}
			if details["users"] != c.users || details["claims"] != c.with {
				t.Errorf("details %v", details)
			}
			if got := strings.Count(details["volumes"], "pvc-"); got != len(c.claims) {
				t.Errorf("details name %d of %d volumes", got, len(c.claims))
			}
		})
	}
}
