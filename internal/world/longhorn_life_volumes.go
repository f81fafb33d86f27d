package world

import (
	"slices"

	"hubaudit/internal/facts"
)

// control is a minute of Longhorn's work on a volume (volume_controller.go).
func (l *LonghornLife) control(v *facts.LHVolume) {
	of := l.volumes[v.Name]
	if len(l.replicas(v.Name)) == 0 {
		for range v.WantReplicas { // a volume without records is a new one
			l.schedule(v)
		}
	}
	if l.allFailed(v) {
		l.salvage(v)
	}
	switch {
	case v.State == "attached":
		l.serve(v)
		if of.wanted == "" && !l.busy(v) {
			l.detach(v)
		}
	case of.wanted != "":
		l.attach(v, of.wanted)
	case l.wantsToMove(v) || l.wantsRebuild(v) || l.wantsBackup(v):
		if node := l.anyNode(); node != "" {
			l.attach(v, node)
		}
	case v.State == "attaching":
		v.State, v.Robustness = "detached", "unknown"
	}
}

// allFailed tells whether Longhorn takes a volume for faulted: no replica is
// healthy, and not because it is new.
func (l *LonghornLife) allFailed(v *facts.LHVolume) bool {
	failed, first := 0, true
	all := l.replicas(v.Name)
	for _, r := range all {
		if useful(r) {
			return false
		}
		first = first && r.HealthyAt.IsZero()
		if !r.FailedAt.IsZero() {
			failed++
		}
	}
	return failed > 0 && (!first || failed == len(all))
}

// salvage takes failed replicas into use again whose disks are there, unless one
// that cannot be reached failed later.
func (l *LonghornLife) salvage(v *facts.LHVolume) {
	if v.State == "attached" {
		l.detach(v)
	}
	v.State, v.Robustness = "detached", "faulted"
	if v.Standby || v.Restoring || l.Snapshot.Longhorn.Settings["auto-salvage"] == "false" {
		return
	}
	var usable []*facts.LHReplica
	var last facts.Moment
	for _, r := range l.replicas(v.Name) {
		if !r.HealthyAt.IsZero() && !r.FailedAt.IsZero() && l.seesDisk(r) {
			usable = append(usable, r)
			if r.FailedAt.After(last) {
				last = r.FailedAt
			}
		}
	}
	for _, r := range usable {
		if last.Time().Sub(r.FailedAt.Time()) < salvageLimit {
			r.FailedAt = 0
			v.Robustness = "unknown"
		}
	}
	if v.Robustness == "unknown" {
		l.Snapshot.Longhorn.Salvages = slices.DeleteFunc(l.Snapshot.Longhorn.Salvages, func(s facts.LHSalvage) bool { return s.Volume == v.Name })
		l.Snapshot.Longhorn.Salvages = append(l.Snapshot.Longhorn.Salvages, facts.LHSalvage{Volume: v.Name, At: l.Snapshot.Now})
		if l.minor >= 12 {
			v.LastAutoSalvagedAt = facts.At(l.Snapshot.Now)
		}
		l.takeServed(v)
	}
}

// takeServed makes what the replicas that are left have what the volume holds:
// what only others had is lost to its readers.
func (l *LonghornLife) takeServed(v *facts.LHVolume) {
	if best := l.served(v); best.made > 0 {
		l.volumes[v.Name].holds = best
	}
}

// served is the best that the replicas have that Longhorn would start.
func (l *LonghornLife) served(v *facts.LHVolume) (best content) {
	for _, r := range l.replicas(v.Name) {
		if d := l.disk(r.NodeID, r.DiskID); d != nil && useful(r) {
			if c := d.content[r.Name]; c.made > best.made || c.made == best.made && c.writes > best.writes {
				best = c
			}
		}
	}
	return best
}

// seesDisk tells whether Longhorn finds a replica's node up and its disk in order.
func (l *LonghornLife) seesDisk(r *facts.LHReplica) bool {
	n := l.lhNode(r.NodeID)
	return n != nil && n.Ready == "True" && slices.ContainsFunc(n.Disks, func(d facts.LHDisk) bool {
		return d.UUID == r.DiskID && d.Ready == "True" && d.Schedulable == "True"
	})
}

// attach starts a volume's replicas and its engine.
func (l *LonghornLife) attach(v *facts.LHVolume, node string) {
	if !l.up(node) {
		return
	}
	hangs := false
	first := true
	for _, r := range l.replicas(v.Name) {
		switch d := l.disk(r.NodeID, r.DiskID); {
		case !r.FailedAt.IsZero() || r.NodeID == "":
		case !l.up(r.NodeID), l.minor < 5 && len(l.machines[r.NodeID].disks) == 0:
			l.fail(r)
		case d == nil && l.minor >= 5:
			hangs = true // the process cannot be started, and Longhorn waits for it
		case d == nil:
			// Before 1.5 it starts at the same path of whatever disk is there: an empty
			// directory, whose count of revisions gives it away beside a good one.
			l.machines[r.NodeID].disks[0].content[r.Name] = content{}
		}
		first = first && r.HealthyAt.IsZero()
	}
	if hangs {
		v.State, v.Robustness = "attaching", "unknown"
		return
	}
	if l.allFailed(v) {
		v.State = "detached"
		return
	}
	if l.dropBlank(v); l.allFailed(v) {
		return
	}
	v.State, v.NodeID, v.LastAttachedBy, v.Robustness = "attached", node, "csi", "healthy"
	if l.volumes[v.Name].wanted != "" {
		v.LastPodRefAt = 0
	}
	for _, r := range l.replicas(v.Name) {
		if r.FailedAt.IsZero() && r.NodeID != "" {
			r.State = "running"
			if first {
				l.becomeHealthy(r)
			}
		}
	}
	l.mount(v)
	l.serve(v)
}

// dropBlank is Longhorn's comparison of revisions: a replica that lies in a new,
// empty directory fails if there is one with data.
func (l *LonghornLife) dropBlank(v *facts.LHVolume) {
	lying := func(r *facts.LHReplica) bool { return useful(r) && l.disk(r.NodeID, r.DiskID) == nil }
	all := l.replicas(v.Name)
	if !slices.ContainsFunc(all, func(r *facts.LHReplica) bool { return useful(r) && !lying(r) }) {
		return
	}
	for _, r := range all {
		if lying(r) {
			l.fail(r)
		}
	}
}

// mount formats a volume on which there is nothing, and writes to it.
func (l *LonghornLife) mount(v *facts.LHVolume) {
	of := l.volumes[v.Name]
	blank := l.served(v).made == 0
	if of.wanted == "" {
		if blank {
			v.ActualBytes = 0 // the engine's own count
		}
		return
	}
	if blank {
		of.holds.made++
		of.holds.writes = 0
		v.ActualBytes = 35 << 20 // an empty ext4
		if of.owed == 0 {
			of.owed = of.holds.made
		}
	}
	if of.holds.made == of.owed {
		v.ActualBytes = 150 << 20
	}
	l.write(v)
}

// write is what a server does to its volume: all replicas that serve get it.
func (l *LonghornLife) write(v *facts.LHVolume) {
	of := l.volumes[v.Name]
	of.holds.writes++
	for _, r := range l.replicas(v.Name) {
		if !useful(r) || r.State != "running" {
			continue
		}
		if d := l.disk(r.NodeID, r.DiskID); d != nil {
			d.content[r.Name] = of.holds
		} else if m := l.machines[r.NodeID]; m != nil && len(m.disks) > 0 {
			m.disks[0].content[r.Name] = of.holds
		}
	}
}
