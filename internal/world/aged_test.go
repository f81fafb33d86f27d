package world_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/checks"
	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestAged judges a hub that has been through five charts: it has exactly
// these findings.
func TestAged(t *testing.T) {
	s := world.Aged()
	world.ServeAPI(s, world.HubName)
	world.Remember(s)
	want := map[string][]string{
		"pvc-legacy-forgotten":   {"eli@example.org", "finn@example.org", "lou-lou"},
		"pvc-legacy-unreachable": {"bea/lab", "cem/lab", "jo/lab", "max", "mia-wong", "mia.wong", "old-timer"},
		"pvc-duplicate-server":   {"cem/lab", "gia@example.org", "kim/exp-1", "lea"},
		"pvc-name-collision":     {"claim-jolab"},
		"hub-user-twin":          {"hal-king"},
	}
	got := map[string][]string{}
	for _, v := range judgeAll(t, s) {
		switch v.Outcome {
		case verdict.Unknown:
			t.Errorf("%s is unknown: %s", v.Check, v.Summary)
		case verdict.Fail:
			for _, f := range v.Findings {
				got[v.Check] = append(got[v.Check], whose(f))
				t.Logf("%s: %s", v.Check, f.Message)
			}
			slices.Sort(got[v.Check])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func judgeAll(t *testing.T, s *facts.Snapshot) []verdict.Verdict {
	t.Helper()
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return checks.Judge(suite, s)
}

// whose is a finding's subject, with the server where that is a named one.
func whose(f verdict.Finding) string {
	if server := f.Details["server"]; server != "" {
		return f.Subject.Name + "/" + server
	}
	return f.Subject.Name
}

// TestAgedOwners attributes every claim of that hub but those that are nobody's.
func TestAgedOwners(t *testing.T) {
	s := world.Aged()
	owners := attribution.New(s)
	nobodys := []string{world.HubClaim, "shared-data", "ann-before-the-exam"}
	by := map[attribution.By]int{}
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		o, ok := owners.Owner(c.Namespace, c.Name)
		if ok == slices.Contains(nobodys, c.Name) {
			t.Errorf("%s: attributed %t, to %s by %s", c.Name, ok, o, o.By)
		}
		if ok {
			by[o.By]++
		}
	}
	for _, kind := range []attribution.By{attribution.ByState, attribution.ByAnnotation, attribution.ByID} {
		if by[kind] == 0 {
			t.Errorf("no claim is attributed by %s: %v", kind, by)
		}
	}
}

// TestAgedUpgrade predicts the upgrade from chart 3.3.8 to 4.4.0 on the day
// before it, and then makes it: exactly those whom it named find an empty home
// or somebody else's.
func TestAgedUpgrade(t *testing.T) {
	s := world.AgedBefore()
	hub := world.Hub(s, world.HubName)
	k, err := prediction.Under(hub.KubeSpawner, prediction.Change{Chart: "4.4.0"})
	if err != nil {
		t.Fatal(err)
	}
	starts, err := prediction.Predict(s, hub, k, attribution.New(s))
	if err != nil {
		t.Fatal(err)
	}
	predicted, claims := map[string]prediction.Outcome{}, map[string]string{}
	for _, start := range starts {
		name := start.User
		if start.Server != "" {
			name += "/" + start.Server
		}
		claims[name] = start.Claim
		if start.Outcome != prediction.Same {
			predicted[name] = start.Outcome
		}
	}
	want := map[string]prediction.Outcome{"jolab": prediction.Other}
	for _, name := range []string{"bea/lab", "cem/lab", "eli@example.org", "finn@example.org", "gia@example.org", "jo/lab", "kim/exp-1",
		"lou-lou", "max", "mia-wong", "mia.wong", "old-timer"} {
		want[name] = prediction.Empty
	}
	if diff := cmp.Diff(want, predicted); diff != "" {
		t.Errorf("predicted (-want +got):\n%s", diff)
	}
	if made := upgraded(t, claims); !maps.Equal(made, empty(want)) {
		t.Errorf("the upgrade gave a new claim to %v, want %v", slices.Sorted(maps.Keys(made)), slices.Sorted(maps.Keys(empty(want))))
	}
}

func empty(outcomes map[string]prediction.Outcome) map[string]bool {
	names := map[string]bool{}
	for name, o := range outcomes {
		if o == prediction.Empty {
			names[name] = true
		}
	}
	return names
}

// upgraded is the same hub after the upgrade: every server is stopped if it
// ran, and started. It returns whom that gave a new claim although they had
// one, and compares the claims with those that were predicted.
func upgraded(t *testing.T, predicted map[string]string) map[string]bool {
	t.Helper()
	l := world.AgedLife()
	had := map[string]bool{}
	for _, sp := range l.Hub.Spawners {
		had[fmt.Sprint(sp.UserID, sp.Name)] = true
	}
	l.Upgrade(world.Eras[4])
	made := map[string]bool{}
	for _, sp := range slices.Clone(l.Hub.Spawners) {
		user := l.Hub.Users[sp.UserID-1].Name
		if sp.ServerID != 0 {
			l.Stop(user, sp.Name)
		}
		claim, fresh := l.Start(user, sp.Name)
		name := user
		if sp.Name != "" {
			name += "/" + sp.Name
		}
		if claim != predicted[name] {
			t.Errorf("%s mounts %s, predicted was %s", name, claim, predicted[name])
		}
		if fresh && had[fmt.Sprint(sp.UserID, sp.Name)] {
			made[name] = true
		}
	}
	return made
}
