package world_test

import (
	"time"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// remember is what a history takes over from a run.
func (e *estate) remember(verdicts []verdict.Verdict) {
	s := e.Snapshot
	for _, src := range s.Sources {
		if src.Status == facts.OK {
			s.Past.Sources[src.Name] = facts.PastSource{LastOK: s.Now, LastItems: src.Total()}
		}
	}
	for _, v := range verdicts {
		for name, value := range v.Marks {
			key := facts.SeriesKey{Hub: v.Hub, Name: name}
			m := s.Past.Marks[key]
			if v.Outcome == verdict.Fail {
				continue
			}
			if m.Value != value {
				m = facts.Mark{Value: value, Since: s.Now}
			}
			m.Until = s.Now
			s.Past.Marks[key] = m
		}
		emptied := map[string]bool{}
		for _, size := range v.Sizes {
			emptied[size.ClaimUID] = emptied[size.ClaimUID] || size.Emptied
		}
		for _, size := range v.Sizes {
			p := s.Past.Sizes[size.SizeKey]
			switch {
			case emptied[size.ClaimUID] && p.EmptiedAt.IsZero():
				p.EmptiedAt, p.EmptiedBytes, p.EmptiedInodes = s.Now, size.Bytes, size.Inodes
			case !emptied[size.ClaimUID]:
				p = facts.PastSize{Bytes: size.Bytes, Inodes: size.Inodes, At: s.Now}
			}
			s.Past.Sizes[size.SizeKey] = p
		}
	}
}

// mend puts everything right: disks come back, nodes are uncordoned, lost records
// and orphans of complete volumes removed, homes restored. Nothing is left to say.
func (e *estate) mend() {
	if len(e.wrong) > 0 {
		return
	}
	e.mending = true
	e.note("everything is mended")
	e.Snapshot.Longhorn.Settings["auto-salvage"] = "true"
	e.mendBackups()
	for len(e.shelf) > 0 {
		e.bringBack()
	}
	for _, node := range e.nodes() {
		e.Cordon(node, false)
		e.Evict(node, false)
	}
	e.pass(6 * time.Hour)
	for _, node := range e.nodes() {
		if e.ForgetDisks(node); len(e.lh(node).Disks) == 0 {
			e.PutDisk(node, nil)
		}
	}
	for range 3 {
		e.mendVolumes()
		e.pass(2 * time.Hour)
	}
	e.DeleteOrphans()
	e.pass(8 * 24 * time.Hour) // until salvages are forgotten
	if len(e.wrong) > 0 {
		return
	}
	for _, v := range checks.Judge(e.suite, e.Snapshot) {
		if v.Outcome == verdict.Fail && v.Severity.AtLeast(verdict.Warning) && v.Check != "lh-version-known-bug" && v.Check != "lh-one-failure-domain" {
			e.say("%s does not resolve: %s", v.Check, v.Summary)
		}
	}
}

// mendVolumes does for every volume what the checks say is to be done.
func (e *estate) mendVolumes() {
	for i := range e.Snapshot.Longhorn.Volumes {
		v := &e.Snapshot.Longhorn.Volumes[i]
		up, _ := e.Copies(v.Name)
		e.StopServer(v.Name)
		if up == 0 && e.Held(v.Name) {
			e.ForgetReplicas(v.Name) // to be filled from its backup
		}
		for _, name := range e.lostReplicas(v.Name) {
			e.DeleteReplica(name)
		}
		e.StartServer(v.Name, e.upNode())
		if e.Formatted(v.Name) {
			e.Restore(v.Name)
		}
	}
}

// lostReplicas are the records of a volume on disks that are not there.
func (e *estate) lostReplicas(volume string) (names []string) {
	for _, r := range e.Replicas(volume) {
		if !e.seesDisk(r.DiskID) {
			names = append(names, r.Name)
		}
	}
	return names
}
