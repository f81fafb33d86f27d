package collect

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// TestRunningVersion takes away one after the other what tells which KubeSpawner
// a hub runs.
func TestRunningVersion(t *testing.T) {
	s := world.Healthy(world.Small)
	h := s.Hubs[0]
	expect := func(version, chart, from string) {
		t.Helper()
		if v, c, f := runningVersion(s, h); v != version || c != chart || f != from {
			t.Errorf("got %q, chart %q, from %q; want %q, chart %q, from %q", v, c, f, version, chart, from)
		}
	}
	h.KubeSpawner.Version, h.KubeSpawner.Chart = "6.2.0", ""
	expect("6.2.0", "", fromConfiguration)
	h.KubeSpawner.Version = ""
	expect("", "4.4.0", "the hub's image")

	for i := range s.Kube.Pods {
		s.Kube.Pods[i].Image, s.Kube.Pods[i].KubeSpawnerVersion = "hub.example.org/own:1", ""
	}
	expect("7.0.0", "", "what servers and claims remember")
	for i := range h.Spawners {
		h.Spawners[i].State.KubeSpawnerVersion = ""
	}
	for i := range s.Kube.Claims {
		s.Kube.Claims[i].KubeSpawnerVersion, s.Kube.Claims[i].Chart = "", "jupyterhub-3.3.8"
	}
	h.KubeSpawner.PVCNameTemplate = "" // as where the configuration sets none
	expect("", "jupyterhub-3.3.8", "the newest claim's labels")

	h.KubeSpawner.PVCNameTemplate = "home-{safe_username}"
	expect("7.0.0", "", "a field of the template")
	h.KubeSpawner.PVCNameTemplate = "home-{username}"

	// The hub may have been upgraded since: its pod would tell.
	world.Fail(s, facts.KubePods, facts.CauseForbidden, "may not list pods")
	expect("", "", "")
}
