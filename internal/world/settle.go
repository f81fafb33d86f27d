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
	slices.SortFunc(l.InstanceManagers, func(a, b facts.LHInstanceManager) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.EngineImages, func(a, b facts.LHEngineImage) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Orphans, func(a, b facts.LHOrphan) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.ShardGroups, func(a, b facts.LHShardGroup) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Shards, func(a, b facts.LHShard) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Salvages, func(a, b facts.LHSalvage) int { return strings.Compare(a.Volume, b.Volume) })
	slices.SortFunc(l.BackupTargets, func(a, b facts.LHBackupTarget) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.BackupVolumes, func(a, b facts.LHBackupVolume) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.RecurringJobs, func(a, b facts.LHRecurringJob) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Backups, compareSeries)
	slices.SortFunc(k.Backups, compareSeries)
	sortBackupSystems(k)
	slices.SortFunc(k.SnapshotContents, func(a, b facts.SnapshotContent) int {
		return cmp.Or(strings.Compare(a.Driver, b.Driver), strings.Compare(a.Handle, b.Handle), b.Taken.Compare(a.Taken), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(k.DisruptionBudgets, func(a, b facts.DisruptionBudget) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(k.Pools, func(a, b facts.CephPool) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Usage, func(a, b facts.Usage) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Claim, b.Claim))
	})
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

func compareSeries(a, b facts.Series) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Claim, b.Claim),
		strings.Compare(a.Volume, b.Volume), strings.Compare(a.System, b.System), strings.Compare(a.Newest.Target, b.Newest.Target))
}

func expectedSources(s *facts.Snapshot) []facts.Source {
	k, l := &s.Kube, &s.Longhorn
	counts := []sourceCount{
		{facts.KubeClaims, "claims", len(k.Claims)}, {facts.KubeVolumes, "volumes", len(k.Volumes)},
		{facts.KubeNodes, "nodes", len(k.Nodes)}, {facts.KubePods, "pods", len(k.Pods)},
		{facts.KubeStorageClasses, "storageclasses", len(k.StorageClasses)}, {facts.KubeCronJobs, "cronjobs", len(k.CronJobs)},
		{facts.KubeJobs, "jobs", len(k.Jobs)}, {facts.KubeSnapshots, "volumesnapshots", len(k.Snapshots) + backupsOf(k, facts.SystemVeleroSnap)},
		{facts.LonghornVolumes, "volumes", len(l.Volumes)}, {facts.LonghornReplicas, "replicas", len(l.Replicas)},
		{facts.LonghornNodes, "nodes", len(l.Nodes)}, {facts.LonghornSettings, "settings", len(l.Settings)},
		{facts.LonghornInstanceManagers, "instancemanagers", len(l.InstanceManagers)}, {facts.LonghornEngineImages, "engineimages", len(l.EngineImages)},
		{facts.LonghornOrphans, "orphans", len(l.Orphans)}, {facts.LonghornShardGroups, "shardgroups", len(l.ShardGroups)},
		{facts.LonghornShards, "shards", len(l.Shards)}, {facts.LonghornEvents, "events", len(l.Salvages)},
		{facts.KubeDisruptionBudgets, "poddisruptionbudgets", len(k.DisruptionBudgets)},
		{facts.KubeSnapshotContents, "volumesnapshotcontents", len(k.SnapshotContents)},
		{facts.LonghornBackupTargets, "backuptargets", len(l.BackupTargets)}, {facts.LonghornBackupVolumes, "backupvolumes", len(l.BackupVolumes)},
		{facts.LonghornBackups, "backups", backupsIn(l.Backups)}, {facts.LonghornRecurringJobs, "recurringjobs", len(l.RecurringJobs)},
	}
	var sources []facts.Source
	if len(s.Usage) > 0 {
		sources = append(sources, facts.Source{Name: facts.Prometheus, Status: facts.OK, Items: map[string]int{"volumes": len(s.Usage)}})
	}
	if len(k.Pools) > 0 {
		sources = append(sources, poolSources(k.Pools)...)
	}
	counts = append(counts, backupSystemCounts(k)...)
	version := releaseOf(l.Version)
	for _, c := range counts {
		source := facts.Source{Name: c.name, Status: facts.OK, Items: map[string]int{c.item: c.n}}
		if !version.has(c.name) {
			source = facts.Source{Name: c.name, Status: facts.Absent, Detail: "this Longhorn is older than that"}
		}
		sources = append(sources, source)
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

// backupsIn is how many objects the series were made of.
func backupsIn(all []facts.Series) int {
	n := 0
	for i := range all {
		n += all[i].Good
		if all[i].Failed != nil {
			n++
		}
		if all[i].Running != nil {
			n++
		}
	}
	return n
}

func poolSources(pools []facts.CephPool) []facts.Source {
	block, files := poolObjects(pools)
	return []facts.Source{{Name: facts.CephBlockPools, Status: facts.OK, Items: map[string]int{"blockpools": len(block)}},
		{Name: facts.CephFilesystems, Status: facts.OK, Items: map[string]int{"filesystems": len(files)}}}
}

// Measure has Prometheus tell how full the volumes are that are mounted.
func Measure(s *facts.Snapshot) {
	attached := map[string]bool{}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		attached[v.ClaimNamespace+"/"+v.ClaimName] = v.State == "attached"
	}
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		if !attached[c.Namespace+"/"+c.Name] {
			continue
		}
		used := int64(120 << 20)
		s.Usage = append(s.Usage, facts.Usage{Namespace: c.Namespace, Claim: c.Name, UsedBytes: used, CapacityBytes: c.RequestBytes,
			AvailableBytes: c.RequestBytes - used, Inodes: c.RequestBytes >> 14, InodesUsed: 3500, At: s.Now.Add(-30 * time.Second)})
	}
	for _, h := range s.Hubs {
		h.MetricUsers, h.MetricUsersAt = len(h.Users), s.Now.Add(-30*time.Second)
	}
	Settle(s)
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
// now for a week; a home of each was restored as a test 40 days ago.
func Remember(s *facts.Snapshot) {
	s.Past = facts.Past{Baselines: map[facts.SeriesKey]facts.Baseline{}, Marks: map[facts.SeriesKey]facts.Mark{},
		Sources: map[string]facts.PastSource{}, Sizes: map[facts.SizeKey]facts.PastSize{}}
	for _, src := range s.Sources {
		if src.Status == facts.OK {
			s.Past.Sources[src.Name] = facts.PastSource{LastOK: s.Now.Add(-time.Hour), LastItems: src.Total()}
		}
	}
	for _, h := range s.Hubs {
		s.Past.Baselines[facts.SeriesKey{Hub: h.Name, Name: facts.SeriesUsers}] = facts.Baseline{
			Value: float64(len(h.Users)), Runs: 7, Since: s.Now.AddDate(0, 0, -7), Until: s.Now.Add(-time.Hour)}
		rememberClaim(s, h)
		drilled := s.Now.AddDate(0, 0, -40)
		s.Past.Marks[facts.SeriesKey{Hub: h.Name, Name: facts.MarkDrill}] = facts.Mark{Value: "restored by hand", Since: drilled, Until: drilled}
	}
	rememberSizes(s)
}

// rememberSizes remembers every home as it is now.
func rememberSizes(s *facts.Snapshot) {
	uids, at := map[string]string{}, s.Now.AddDate(0, 0, -7)
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		uids[c.Namespace+"/"+c.Name] = c.UID
	}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if uid := uids[v.ClaimNamespace+"/"+v.ClaimName]; uid != "" {
			s.Past.Sizes[facts.SizeKey{ClaimUID: uid, By: facts.SizeByLonghorn}] = facts.PastSize{Bytes: v.ActualBytes, At: at}
		}
	}
	for i := range s.Usage {
		u := &s.Usage[i]
		s.Past.Sizes[facts.SizeKey{ClaimUID: uids[u.Namespace+"/"+u.Claim], By: facts.SizeByKubelet}] =
			facts.PastSize{Bytes: u.UsedBytes, Inodes: u.InodesUsed, At: at}
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
