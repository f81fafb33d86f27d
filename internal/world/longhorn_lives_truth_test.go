package world_test

import (
	"slices"
	"strings"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// audit judges the life as it is, holds what is said against the truth, and
// remembers what a history would.
func (e *estate) audit() {
	if len(e.wrong) > 0 {
		return // what follows from it tells nothing more
	}
	verdicts := checks.Judge(e.suite, e.Snapshot)
	e.lookForLosses(verdicts)
	for _, v := range verdicts {
		if v.Outcome == verdict.Unknown {
			e.say("%s is unknown: %s", v.Check, v.Summary)
		}
		for _, f := range v.Findings {
			e.fired[v.Check] = true
			if why := truths[v.Check]; f.Severity.AtLeast(verdict.Warning) && (why == nil || !why(e, f)) {
				e.say("%s cries wolf: %s %s", v.Check, f.Severity, f.Message)
			}
		}
	}
	e.lookForLapses(verdicts)
	e.pagedTwice(verdicts)
	e.remember(verdicts)
}

// truths are the findings that a life may have, each if it is true. What a check
// says of something else, or what is not listed, is a false alarm.
var truths = map[string]func(e *estate, f verdict.Finding) bool{
	// Longhorn does not rebuild a detached volume: that of a server that was stopped
	// before the replica of a rebooted node was rebuilt has one copy until it is
	// started again, in the best of clusters with two replicas.
	"lh-single-usable-replica": func(e *estate, f verdict.Finding) bool {
		return e.copiesUp(f.Subject.Name) <= 1 && !e.within(e.Volume(f.Subject.Name))
	},
	"lh-no-usable-replica": func(e *estate, f verdict.Finding) bool { return e.copiesUp(f.Subject.Name) == 0 },
	"lh-blank-attach-risk": func(e *estate, f verdict.Finding) bool { return e.copiesUp(f.Subject.Name) == 0 },
	"lh-volume-faulted":    func(e *estate, f verdict.Finding) bool { return e.copiesUp(f.Subject.Name) == 0 },
	"lh-volume-degraded": func(e *estate, f verdict.Finding) bool {
		return slices.ContainsFunc(e.named(f), func(v *facts.LHVolume) bool {
			return v.State == "attached" && e.copiesUp(v.Name) < v.WantReplicas && e.Snapshot.Now.Sub(v.LastDegradedAt.Time()) >= grace
		})
	},
	// Nothing tells since when a node is gone: one that is installed again around its
	// disks looks for those minutes as one that was lost.
	"lh-replica-node-missing": func(e *estate, f verdict.Finding) bool { return !slices.Contains(e.nodes(), f.Subject.Name) },
	"lh-replica-disk-missing": func(e *estate, f verdict.Finding) bool {
		return slices.ContainsFunc(e.Snapshot.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.DiskID == f.Subject.ID && !e.seesDisk(r.DiskID) })
	},
	// The machine was lost or its disk taken, and the one that has its name now is down.
	"lh-replica-predates-node": func(e *estate, f verdict.Finding) bool { return e.kube(f.Subject.Name).Ready != "True" },
	"lh-disk-not-ready": func(e *estate, f verdict.Finding) bool {
		since, down := e.downSince(f)
		return down && e.Snapshot.Now.Sub(since) >= grace
	},
	"lh-drain-would-lose-data": func(e *estate, f verdict.Finding) bool {
		return e.kube(f.Subject.Name).Leaving() != "" && len(e.named(f)) > 0
	},
	"lh-node-gone-lingering": func(e *estate, f verdict.Finding) bool {
		return slices.Contains(e.nodes(), f.Subject.Name) && e.kube(f.Subject.Name).Leaving() != "" && f.Details["lostNodes"] != ""
	},
	"lh-auto-salvaged": func(e *estate, f verdict.Finding) bool { return true },
	"lh-eviction-stuck": func(e *estate, f verdict.Finding) bool {
		n := e.lh(f.Subject.Name)
		return (n.EvictionRequested || n.AutoEvicting) && e.Left(n.Name) > 0
	},
	"lh-orphan-last-copy": func(e *estate, f verdict.Finding) bool { return e.copiesUp(f.Subject.Name) <= 1 },
	"lh-one-failure-domain": func(e *estate, f verdict.Finding) bool {
		return len(e.named(f)) > 0
	},
	"pvc-emptied": func(e *estate, f verdict.Finding) bool {
		for i := range e.Snapshot.Longhorn.Volumes {
			if v := &e.Snapshot.Longhorn.Volumes[i]; v.ClaimName == f.Subject.Name {
				// What a disk that came back has shows when the volume is mounted next.
				return e.Formatted(v.Name) || e.copiesUp(v.Name) == 0 || e.formatted[v.Name]
			}
		}
		return false
	},
	// It is the version's.
	"lh-version-known-bug": func(*estate, verdict.Finding) bool { return true },
}

const grace = 30 * time.Minute

func (e *estate) copiesUp(volume string) int {
	up, _ := e.Copies(volume)
	return up
}

// named are the volumes that a finding is about.
func (e *estate) named(f verdict.Finding) (volumes []*facts.LHVolume) {
	names := strings.Split(f.Details["volumes"], ", ")
	for i := range e.Snapshot.Longhorn.Volumes {
		if v := &e.Snapshot.Longhorn.Volumes[i]; v.Name == f.Subject.Name || slices.Contains(names, v.Name) {
			volumes = append(volumes, v)
		}
	}
	return volumes
}

func (e *estate) seesDisk(uuid string) bool {
	return slices.ContainsFunc(e.Snapshot.Longhorn.Nodes, func(n facts.LHNode) bool {
		return slices.ContainsFunc(n.Disks, func(d facts.LHDisk) bool { return d.UUID == uuid && d.Ready == "True" })
	})
}

// downSince is when the node or disk of a finding went.
func (e *estate) downSince(f verdict.Finding) (time.Time, bool) {
	n := e.lh(f.Details["node"])
	for _, d := range n.Disks {
		if d.UUID == f.Subject.ID {
			return d.ReadySince, d.Ready != "True"
		}
	}
	return n.ReadySince, n.Ready != "True"
}

// lookForLosses: whatever is left of a home's copies is told.
func (e *estate) lookForLosses(verdicts []verdict.Verdict) {
	said := map[string]map[string]verdict.Severity{}
	for _, v := range verdicts {
		said[v.Check] = map[string]verdict.Severity{}
		for _, f := range v.Findings {
			said[v.Check][f.Subject.Name] = f.Severity
		}
	}
	for i := range e.Snapshot.Longhorn.Volumes {
		v := &e.Snapshot.Longhorn.Volumes[i]
		up, away := e.Copies(v.Name)
		if !e.Held(v.Name) || v.Restoring || v.CloneState == "initiated" || e.Snapshot.Now.Sub(v.Created.Time()) < 10*time.Minute {
			continue
		}
		lost := said["lh-no-usable-replica"][v.Name] != "" || said["lh-blank-attach-risk"][v.Name] != ""
		emptied := said["pvc-emptied"][v.ClaimName] != ""
		single := said["lh-single-usable-replica"][v.Name] != ""
		if e.Formatted(v.Name) {
			e.lookForEmptied(v, emptied)
			continue
		}
		e.told[v.Name] = lost || emptied
		switch {
		case up == 0 && emptied:
			e.formatted[v.Name] = true
			continue
		case up == 0 && v.State != "detached" && e.Blank(v.Name):
			// Longhorn itself attached it for its own ends while it was blank, and it is not
			// known since when: no size is what every volume has for a moment then.
			continue
		case up == 0 && !lost:
			e.say("a loss is missed: %s has no copy that can be used (%d away)", v.Name, away)
		case up > 0 && e.Fake(v.Name):
			// Before 1.5 Longhorn starts an empty directory where a replica's disk is lost,
			// and rebuilds others from it. On record they are as good as any.
		case up == 1 && v.WantReplicas > 1 && !single && !lost && !e.within(v):
			e.say("a last copy is missed: %s (%d away)", v.Name, away)
		}
	}
}

// within tells whether a volume with one copy is in the grace: it is attached
// and was degraded just now, or another copy's node or disk is not ready since
// just now. Whether such a one comes back nobody can tell before. Nor can it be
// told of a node that is not ready and shows no disk whether it has some.
func (e *estate) within(v *facts.LHVolume) bool {
	if v.State == "attached" && v.Robustness == "degraded" && e.Snapshot.Now.Sub(v.LastDegradedAt.Time()) < grace {
		return true
	}
	return slices.ContainsFunc(e.Replicas(v.Name), func(r *facts.LHReplica) bool {
		if !slices.Contains(e.nodes(), r.NodeID) || !r.FailedAt.IsZero() || r.HealthyAt.IsZero() {
			return false
		}
		n := e.lh(r.NodeID)
		if len(n.Disks) == 0 && n.Ready != "True" && e.Snapshot.Now.Sub(n.ReadySince) < grace {
			return true
		}
		return slices.ContainsFunc(n.Disks, func(d facts.LHDisk) bool {
			down := d.Ready != "True" && e.Snapshot.Now.Sub(d.ReadySince) < grace
			return d.UUID == r.DiskID && (down || n.Ready != "True" && e.Snapshot.Now.Sub(n.ReadySince) < grace)
		})
	})
}

// lookForEmptied: a mount that formatted a home was warned of, and is told.
func (e *estate) lookForEmptied(v *facts.LHVolume, told bool) {
	if !e.formatted[v.Name] && !e.told[v.Name] {
		e.say("a formatting is not foretold: %s", v.Name)
	}
	e.formatted[v.Name] = true
	if !told && e.Snapshot.Now.Sub(v.Created.Time()) > 24*time.Hour && !e.mending {
		e.say("an emptied home is missed: %s", v.Name)
	}
}

// pagedTwice: no volume is critical to two checks. A home that was emptied is
// told until somebody accepts, and its volume may be lost once more meanwhile. That
// one copy is left and that the backup is old are two causes, with two remedies.
func (e *estate) pagedTwice(verdicts []verdict.Verdict) {
	claims := map[string]string{}
	for i := range e.Snapshot.Longhorn.Volumes {
		claims[e.Snapshot.Longhorn.Volumes[i].ClaimName] = e.Snapshot.Longhorn.Volumes[i].Name
	}
	by := map[string]string{}
	for _, v := range verdicts {
		for _, f := range v.Findings {
			name := f.Subject.Name
			if f.Subject.Kind == "claim" {
				name = claims[name]
			} else if f.Subject.Kind != "volume" {
				continue
			}
			if f.Severity != verdict.Critical {
				continue
			}
			apart := strings.HasPrefix(v.Check, "backup-") != strings.HasPrefix(by[name], "backup-") && e.copiesUp(name) > 0
			if by[name] != "" && by[name] != v.Check && !e.formatted[name] && !apart {
				e.say("paged twice by %s and %s: %s", by[name], v.Check, name)
			}
			by[name] = v.Check
		}
	}
}
