package world

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// Settle puts a world that was changed by hand back into the form that
// collectors give: every list sorted, every source present with its item
// count. A source already Failed or Absent stays so.
func Settle(s *facts.Snapshot) {
	k, l := &s.Kube, &s.Longhorn
	slices.SortFunc(k.Claims, func(a, b facts.Claim) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(k.Volumes, func(a, b facts.Volume) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(k.Nodes, func(a, b facts.Node) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(k.Pods, func(a, b facts.Pod) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(k.Snapshots, func(a, b facts.VolumeSnapshot) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(l.Volumes, func(a, b facts.LHVolume) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Replicas, func(a, b facts.LHReplica) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Nodes, func(a, b facts.LHNode) int { return strings.Compare(a.Name, b.Name) })
	for _, h := range s.Hubs {
		if h.API.Location != "" {
			showAPI(h)
		}
	}
	for _, src := range expectedSources(s) {
		setSource(s, src)
	}
	slices.SortFunc(s.Sources, func(a, b facts.Source) int { return strings.Compare(a.Name, b.Name) })
}

func expectedSources(s *facts.Snapshot) []facts.Source {
	k, l := &s.Kube, &s.Longhorn
	counts := []struct {
		name, item string
		n          int
	}{
		{facts.KubeClaims, "claims", len(k.Claims)}, {facts.KubeVolumes, "volumes", len(k.Volumes)},
		{facts.KubeNodes, "nodes", len(k.Nodes)}, {facts.KubePods, "pods", len(k.Pods)},
		{facts.KubeStorageClasses, "storageclasses", len(k.StorageClasses)}, {facts.KubeCronJobs, "cronjobs", len(k.CronJobs)},
		{facts.KubeJobs, "jobs", len(k.Jobs)}, {facts.KubeSnapshots, "volumesnapshots", len(k.Snapshots)},
		{facts.LonghornVolumes, "volumes", len(l.Volumes)}, {facts.LonghornReplicas, "replicas", len(l.Replicas)},
		{facts.LonghornNodes, "nodes", len(l.Nodes)}, {facts.LonghornSettings, "settings", len(l.Settings)},
	}
	var sources []facts.Source
	for _, c := range counts {
		sources = append(sources, facts.Source{Name: c.name, Status: facts.OK, Items: map[string]int{c.item: c.n}})
	}
	for _, h := range s.Hubs {
		sources = append(sources, facts.Source{Name: facts.HubDB(h.Name), Status: facts.OK, Items: map[string]int{
			"users": len(h.Users), "spawners": len(h.Spawners), "servers": len(h.Servers)}})
		if h.API.Location != "" {
			sources = append(sources, facts.Source{Name: facts.HubAPI(h.Name), Status: facts.OK, Items: map[string]int{
				"users": len(h.API.Users), "spawners": len(h.API.Spawners)}})
		}
		if homes := h.KubeSpawner.Homes; homes.Location != "" {
			sources = append(sources, facts.Source{Name: facts.HomesSource(h.Name), Status: facts.OK, Items: map[string]int{"directories": len(homes.Names)}})
		}
		for _, b := range h.Backups {
			sources = append(sources, facts.Source{Name: facts.BackupSource(h.Name, b.Name), Status: facts.OK,
				Items: map[string]int{"copies": len(b.Copies)}})
		}
	}
	return append(sources, facts.Source{Name: facts.History, Status: facts.OK})
}

func setSource(s *facts.Snapshot, src facts.Source) {
	i := slices.IndexFunc(s.Sources, func(have facts.Source) bool { return have.Name == src.Name })
	if i < 0 {
		s.Sources = append(s.Sources, src)
	} else if s.Sources[i].Status == facts.OK {
		s.Sources[i] = src
	}
}

// Fail makes a source one that could not be read.
func Fail(s *facts.Snapshot, name string, cause facts.Cause, detail string) {
	i := slices.IndexFunc(s.Sources, func(have facts.Source) bool { return have.Name == name })
	s.Sources[i] = facts.Source{Name: name, Status: facts.Failed, Cause: cause, Detail: detail}
}

// Remember gives the world a past: every source was read an hour ago with as
// many items as now, and every hub has had the users and the claim that it has
// now for a week.
func Remember(s *facts.Snapshot) {
	s.Past = facts.Past{Baselines: map[facts.SeriesKey]facts.Baseline{}, Marks: map[facts.SeriesKey]facts.Mark{},
		Sources: map[string]facts.PastSource{}}
	for _, src := range s.Sources {
		if src.Status == facts.OK {
			s.Past.Sources[src.Name] = facts.PastSource{LastOK: s.Now.Add(-time.Hour), LastItems: src.Total()}
		}
	}
	for _, h := range s.Hubs {
		s.Past.Baselines[facts.SeriesKey{Hub: h.Name, Name: facts.SeriesUsers}] = facts.Baseline{
			Value: float64(len(h.Users)), Runs: 7, Since: s.Now.AddDate(0, 0, -7), Until: s.Now.Add(-time.Hour)}
		rememberClaim(s, h)
	}
}

// rememberClaim marks the claim that a hub's database lies on.
func rememberClaim(s *facts.Snapshot, h *facts.Hub) {
	mark := func(name, value string) {
		s.Past.Marks[facts.SeriesKey{Hub: h.Name, Name: name}] = facts.Mark{
			Value: cmp.Or(value, facts.MarkNone), Since: s.Now.AddDate(0, 0, -7), Until: s.Now.Add(-time.Hour)}
	}
	for i := range s.Kube.Volumes {
		if v := &s.Kube.Volumes[i]; v.ClaimNamespace == h.Namespace && v.ClaimName == HubClaim && v.Phase == "Bound" {
			mark(facts.MarkHubClaim, v.ClaimUID)
			mark(facts.MarkHubVolume, v.UID)
			mark(facts.MarkHubStorage, v.Storage())
		}
	}
}
