package e2e

import (
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// replicaDamages are those that only nodes, disks and records tell, and what
// looks like one of them and is none.
var replicaDamages = []damage{
	{name: "a node was rebuilt under its name, with a new disk", damage: func(s *facts.Snapshot) {
		s.Now = s.Now.Add(-time.Hour)
		world.ReplaceNode(s, "worker-2", "worker-2")
		world.Rebuild(s)
	}, want: outcome{Status: 1, Fail: map[string][]string{"lh-replica-disk-missing error": {firstDisk("worker-2")}}}},
	{name: "a node is gone, and Longhorn keeps its record", damage: func(s *facts.Snapshot) { lingering(s, "worker-2", false) },
		want: outcome{Status: 1, Fail: map[string][]string{"lh-replica-node-missing error": {"node worker-2"}}}},
	{name: "a node is gone, all is rebuilt, and Longhorn keeps its record", damage: func(s *facts.Snapshot) { lingering(s, "worker-2", true) },
		want: outcome{Status: 1, Fail: map[string][]string{"lh-node-gone-lingering warning": {"node worker-2"}}}},
	{name: "volumes that are to have one copy, which they have", damage: func(s *facts.Snapshot) { oneCopy(s, 3, ""); oneCopy(s, 4, "strict-local") },
		want: outcome{Status: 1, Fail: map[string][]string{"lh-low-replica-count warning": {"storageclass " + world.Class}}}},
	{name: "volumes that are to have one copy, on a node that is gone", damage: func(s *facts.Snapshot) {
		oneCopy(s, 3, "")
		oneCopy(s, 4, "strict-local")
		world.LoseNode(s, "worker-4")
		world.LoseNode(s, "worker-1")
	}, want: outcome{Status: 1, Fail: map[string][]string{"lh-low-replica-count warning": {"storageclass " + world.Class},
		"lh-replica-node-missing error": {"node worker-1", "node worker-4"}, "lh-no-usable-replica critical": volumes(3, 4),
		"lh-single-usable-replica critical": volumes(2, 7, 10)}}},
	{name: "volumes whose replicas are no copies yet", damage: unfinished},
	{name: "the same volumes, and all of them are finished", damage: func(s *facts.Snapshot) {
		unfinished(s)
		for i := range s.Longhorn.Volumes {
			v := &s.Longhorn.Volumes[i]
			v.Standby, v.FromBackup, v.Restoring, v.CloneState = false, "", false, ""
		}
	}, want: outcome{Status: 1, Fail: map[string][]string{"lh-blank-attach-risk critical": volumes(2, 3, 4)}}},
	{name: "settings that differ by data engine, and are unsafe for the one in use", damage: func(s *facts.Snapshot) {
		s.Longhorn.Settings["default-replica-count"] = `{"v1":"1","v2":"3"}`
		s.Longhorn.Settings["node-drain-policy"] = "always-allow"
	}, want: outcome{Status: 1, Fail: map[string][]string{"lh-low-replica-count info": {"setting default-replica-count"},
		"lh-drain-policy-unsafe error": {"setting node-drain-policy"}}}},
	{name: "settings that differ by data engine, and are unsafe for the other one", damage: func(s *facts.Snapshot) {
		s.Longhorn.Settings["default-replica-count"] = `{"v1":"3","v2":"1"}`
	}},
}

// firstDisk is the subject of a disk that a worker of a healthy world had.
func firstDisk(worker string) string {
	for _, n := range healthyWorld(world.Small).Longhorn.Nodes {
		if n.Name == worker {
			return "disk " + n.Disks[0].UUID + " of " + worker
		}
	}
	panic("no node " + worker)
}

// lingering takes a node away of which Longhorn's record stays. With rebuilt all
// volumes have their replicas elsewhere.
func lingering(s *facts.Snapshot, name string, rebuilt bool) {
	i := slices.IndexFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return n.Name == name })
	record := s.Longhorn.Nodes[i]
	world.LoseNode(s, name)
	if rebuilt {
		rebuildAll(s)
	}
	record.Ready, record.ReadyReason, record.ReadySince = "False", "KubernetesNodeGone", s.Now.Add(-time.Hour)
	s.Longhorn.Nodes = append(s.Longhorn.Nodes, record)
}

// rebuildAll rebuilds detached volumes too.
func rebuildAll(s *facts.Snapshot) {
	var names []string
	for _, v := range s.Longhorn.Volumes {
		names = append(names, v.Name)
	}
	world.Rebuild(s, names...)
}

// oneCopy makes a volume, by its number, one that is to have one replica: the first it has.
func oneCopy(s *facts.Snapshot, number int, locality string) {
	v := &s.Longhorn.Volumes[number-1]
	v.WantReplicas, v.DataLocality = 1, "disabled"
	if locality != "" {
		v.DataLocality = locality
	}
	kept := false
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool {
		drop := r.Volume == v.Name && kept
		kept = kept || r.Volume == v.Name
		return drop
	})
}

// unfinished has a copy of another cluster's volume, one that is being restored,
// one that is being cloned and one that nobody has used yet; none has a replica
// that was ever healthy.
func unfinished(s *facts.Snapshot) {
	l := s.Longhorn.Volumes
	l[1].Standby, l[1].FromBackup = true, "s3://b@r/?backup=x"
	l[2].Restoring, l[2].FromBackup = true, "s3://b@r/?backup=x"
	l[3].CloneState = "initiated"
	l[4].ActualBytes, l[4].LastPodRefAt = 0, 0
	world.LastBackup(s, &l[4], time.Time{})
	for i := range s.Longhorn.Replicas {
		if r := &s.Longhorn.Replicas[i]; slices.ContainsFunc(l[1:5], func(v facts.LHVolume) bool { return v.Name == r.Volume }) {
			r.HealthyAt, r.LastHealthyAt = 0, 0
		}
	}
}
