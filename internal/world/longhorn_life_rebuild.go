package world

import (
	"slices"

	"hubaudit/internal/facts"
)

// serve is a minute of an attached volume: lost replicas fail, others are built.
func (l *LonghornLife) serve(v *facts.LHVolume) {
	of := l.volumes[v.Name]
	if !l.up(v.NodeID) {
		v.Robustness, v.LastDegradedAt = "unknown", 0
		return
	}
	l.failLost(v)
	l.rebuild(v)
	healthy, evicting := 0, 0
	for _, r := range l.replicas(v.Name) {
		if useful(r) {
			healthy++
			if r.EvictionRequested {
				evicting++
			}
		}
	}
	if of.wanted != "" && healthy > 0 {
		of.used = l.Snapshot.Now
		l.write(v)
	}
	switch {
	case healthy == 0:
		l.detach(v) // the engine has nothing to serve
		return
	case healthy >= v.WantReplicas:
		v.Robustness, v.LastDegradedAt = "healthy", 0
		if healthy-evicting < v.WantReplicas && evicting > 0 {
			l.replenish(v)
		}
		l.dropEvicted(v, healthy)
	default:
		if v.Robustness != "degraded" {
			v.Robustness, v.LastDegradedAt = "degraded", facts.At(l.Snapshot.Now)
		}
		l.replenish(v)
	}
	if v.CloneState == "initiated" && of.rebuilt == "" {
		v.CloneState = "completed"
	}
	l.dropStale(v)
}

// failLost fails the replicas of an attached volume whose machines or disks went.
func (l *LonghornLife) failLost(v *facts.LHVolume) {
	for _, r := range l.replicas(v.Name) {
		gone := !l.up(r.NodeID) || len(l.machines[r.NodeID].disks) == 0 || l.minor >= 5 && l.disk(r.NodeID, r.DiskID) == nil
		if gone && r.FailedAt.IsZero() && r.NodeID != "" {
			l.fail(r)
		}
	}
}

// replenish begins to build one more replica: one that failed, where it lies, or
// after some waiting a new one.
func (l *LonghornLife) replenish(v *facts.LHVolume) {
	of := l.volumes[v.Name]
	if of.rebuilt != "" || v.CloneState == "initiated" {
		return
	}
	waiting := false
	for _, r := range l.replicas(v.Name) {
		if r.FailedAt.IsZero() || r.EvictionRequested || r.NodeID == "" {
			continue
		}
		waiting = true
		if n := l.kubeNode(r.NodeID); l.seesDisk(r) && l.lhNode(r.NodeID).AllowScheduling && !n.Unschedulable {
			r.FailedAt, r.HealthyAt, r.State = 0, 0, "running"
			of.rebuilt, of.done = r.Name, l.Snapshot.Now.Add(rebuildTime)
			return
		}
	}
	if waiting && v.Robustness == "degraded" && l.Snapshot.Now.Sub(v.LastDegradedAt.Time()) < replenishWait {
		return
	}
	if r := l.schedule(v); r != nil {
		r.State = "running"
		of.rebuilt, of.done = r.Name, l.Snapshot.Now.Add(rebuildTime)
	}
}

// rebuild ends the building of a replica when it is time.
func (l *LonghornLife) rebuild(v *facts.LHVolume) {
	of := l.volumes[v.Name]
	i := slices.IndexFunc(l.replicas(v.Name), func(r *facts.LHReplica) bool { return r.Name == of.rebuilt && r.FailedAt.IsZero() })
	switch {
	case of.rebuilt == "":
	case i < 0:
		of.rebuilt = ""
	case !l.Snapshot.Now.Before(of.done):
		r := l.replicas(v.Name)[i]
		from := l.served(v)
		l.becomeHealthy(r)
		l.disk(r.NodeID, r.DiskID).content[r.Name] = from
		of.rebuilt = ""
	}
}

func (l *LonghornLife) becomeHealthy(r *facts.LHReplica) {
	r.HealthyAt = facts.At(l.Snapshot.Now)
	if l.minor >= 7 {
		r.LastHealthyAt = facts.At(l.Snapshot.Now)
	}
}

func (l *LonghornLife) fail(r *facts.LHReplica) {
	r.FailedAt, r.State = facts.At(l.Snapshot.Now), "stopped"
	if l.minor >= 7 {
		r.LastFailedAt = facts.At(l.Snapshot.Now)
	}
}

// dropEvicted takes a replica away that was asked to leave, if another one is
// there for it.
func (l *LonghornLife) dropEvicted(v *facts.LHVolume, healthy int) {
	if healthy <= v.WantReplicas {
		return
	}
	for _, r := range l.replicas(v.Name) {
		if r.EvictionRequested && useful(r) {
			l.DeleteReplica(r.Name)
			return
		}
	}
}

// dropStale takes failed replicas away that nobody can use any more.
func (l *LonghornLife) dropStale(v *facts.LHVolume) {
	for _, r := range l.replicas(v.Name) {
		if !r.FailedAt.IsZero() && l.Snapshot.Now.Sub(r.FailedAt.Time()) > staleTimeout {
			l.DeleteReplica(r.Name)
			return
		}
	}
}

// DeleteReplica removes a record, and the directory with it where its node is up.
func (l *LonghornLife) DeleteReplica(name string) {
	s := l.Snapshot
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool {
		if r.Name != name {
			return false
		}
		if d := l.disk(r.NodeID, r.DiskID); d != nil && l.up(r.NodeID) {
			delete(d.content, name)
		}
		return true
	})
}

// detach stops a volume. A replica that was being built has failed then.
func (l *LonghornLife) detach(v *facts.LHVolume) {
	of := l.volumes[v.Name]
	data := slices.ContainsFunc(l.replicas(v.Name), func(r *facts.LHReplica) bool { return !r.HealthyAt.IsZero() })
	for _, r := range l.replicas(v.Name) {
		if data && r.HealthyAt.IsZero() && r.FailedAt.IsZero() {
			l.fail(r)
		}
		r.State = "stopped"
	}
	v.State, v.Robustness, v.NodeID, v.LastDegradedAt, of.rebuilt = "detached", "unknown", "", 0, ""
}

// schedule makes the record of a new replica on a node that has none, in another
// zone if there is one; nil if no node may take it.
func (l *LonghornLife) schedule(v *facts.LHVolume) *facts.LHReplica {
	s := l.Snapshot
	nodes, zones := map[string]bool{}, map[string]bool{}
	for _, r := range l.replicas(v.Name) {
		if n := l.lhNode(r.NodeID); n != nil && r.FailedAt.IsZero() {
			nodes[n.Name], zones[n.Zone] = true, true
		}
	}
	var best *facts.LHNode
	var on string
	for i := range s.Longhorn.Nodes {
		n := &s.Longhorn.Nodes[i]
		d := slices.IndexFunc(n.Disks, func(d facts.LHDisk) bool {
			return d.Ready == "True" && d.Schedulable == "True" && d.AllowScheduling && !d.EvictionRequested
		})
		k := l.kubeNode(n.Name)
		if d < 0 || k == nil || k.Unschedulable || n.Ready != "True" || !n.AllowScheduling || nodes[n.Name] {
			continue
		}
		if best == nil || zones[best.Zone] && !zones[n.Zone] {
			best, on = n, n.Disks[d].UUID
		}
	}
	if best == nil {
		return nil
	}
	s.Longhorn.Replicas = append(s.Longhorn.Replicas, facts.LHReplica{Name: v.Name + "-r-" + l.name(), Volume: v.Name, Created: facts.At(s.Now),
		NodeID: best.Name, DiskID: on, Active: true, State: "stopped"})
	r := &s.Longhorn.Replicas[len(s.Longhorn.Replicas)-1]
	l.disk(best.Name, on).content[r.Name] = content{}
	return r
}

// busy tells whether Longhorn has something to do on an attached volume that
// nobody else wants attached.
func (l *LonghornLife) busy(v *facts.LHVolume) bool {
	return l.volumes[v.Name].rebuilt != "" || l.wantsToMove(v) || l.wantsRebuild(v) || l.wantsBackup(v)
}

// wantsToMove tells whether replicas were asked to leave, and a node may take them.
func (l *LonghornLife) wantsToMove(v *facts.LHVolume) bool {
	return slices.ContainsFunc(l.replicas(v.Name), func(r *facts.LHReplica) bool { return r.EvictionRequested }) && l.hasRoom(v)
}

// wantsRebuild tells whether Longhorn rebuilds a volume although it is detached.
// It takes every record that looks healthy for a replica, as long as its node is
// there.
func (l *LonghornLife) wantsRebuild(v *facts.LHVolume) bool {
	enabled := v.OfflineRebuilding == "enabled" || l.Snapshot.Longhorn.Settings["offline-replica-rebuilding"] == "true" && v.OfflineRebuilding != "disabled"
	if l.minor < 9 || !enabled || l.volumes[v.Name].holds.made == 0 {
		return false
	}
	healthy := 0
	for _, r := range l.replicas(v.Name) {
		if useful(r) && l.lhNode(r.NodeID) != nil && l.up(r.NodeID) {
			healthy++
		}
	}
	return healthy > 0 && healthy < v.WantReplicas && l.hasRoom(v)
}

// hasRoom tells whether a node may take a replica, or has one that can be used again.
func (l *LonghornLife) hasRoom(v *facts.LHVolume) bool {
	if r := l.schedule(v); r != nil {
		l.DeleteReplica(r.Name)
		return true
	}
	return slices.ContainsFunc(l.replicas(v.Name), func(r *facts.LHReplica) bool { return !r.FailedAt.IsZero() && l.seesDisk(r) })
}

// anyNode is one on which Longhorn can attach a volume for its own ends.
func (l *LonghornLife) anyNode() string {
	nodes := l.Snapshot.Kube.Nodes
	i := slices.IndexFunc(nodes, func(n facts.Node) bool { return l.up(n.Name) && !n.Unschedulable })
	if i < 0 {
		i = slices.IndexFunc(nodes, func(n facts.Node) bool { return l.up(n.Name) })
	}
	if i < 0 {
		return ""
	}
	return nodes[i].Name
}
