package backups

import (
	"time"

	"hubaudit/internal/facts"
)

// velero tells which of Velero's runs can be restored from.
type velero struct {
	read bool
	runs map[string]*facts.VeleroBackup
	s    *facts.Snapshot
	// claims counts the bound claims of each namespace.
	claims map[string]int
}

func newVelero(s *facts.Snapshot) velero {
	v := velero{s: s, read: s.Source(facts.VeleroBackups).Status == facts.OK}
	if len(s.Kube.Velero.Backups) == 0 {
		return v
	}
	v.runs = make(map[string]*facts.VeleroBackup, len(s.Kube.Velero.Backups))
	for i := range s.Kube.Velero.Backups {
		b := &s.Kube.Velero.Backups[i]
		if was := v.runs[b.Name]; was == nil || !usable(was, s.Now) {
			v.runs[b.Name] = b
		}
	}
	v.claims = map[string]int{}
	for i := range s.Kube.Claims {
		if c := &s.Kube.Claims[i]; c.Phase == "Bound" {
			v.claims[c.Namespace]++
		}
	}
	return v
}

// usable tells whether Velero restores from a backup. What a partially failed one
// did complete can be restored.
func usable(b *facts.VeleroBackup, now time.Time) bool {
	return (b.Phase == "Completed" || b.Phase == "PartiallyFailed") && (b.Expires.IsZero() || !b.Expires.Before(now))
}

// restorable tells whether the part of a run can be restored from. Where the runs
// are not known it is taken to be.
func (v *velero) restorable(run string) bool {
	if !v.read || run == "" {
		return true
	}
	b := v.runs[run]
	return b != nil && usable(b, v.s.Now)
}

// Run is what the newest of Velero's finished runs, of those that take in a
// namespace, says about its claims.
type Run struct {
	*facts.VeleroBackup
	// Untold is how many volumes it has of which the API does not say whose they
	// are: snapshots that a plugin of the storage's own made. Claims is how many
	// there are in all that the run takes in.
	Untold, Claims int
}

// Run is the newest run of Velero, of a schedule or, for "", of any, that can be
// restored from and takes in a namespace with its claims; false if there is none.
func (x *Index) Run(namespace, schedule string) (Run, bool) {
	var newest *facts.VeleroBackup
	for i := range x.s.Kube.Velero.Backups {
		b := &x.s.Kube.Velero.Backups[i]
		if (schedule == "" || b.Schedule == schedule) && usable(b, x.s.Now) && b.Scope.Claims && b.Scope.Includes(namespace) &&
			(newest == nil || Taken(b).After(Taken(newest))) {
			newest = b
		}
	}
	if newest == nil {
		return Run{}, false
	}
	run := Run{VeleroBackup: newest, Untold: newest.NativeSnapshots}
	for namespace, n := range x.velero.claims {
		if newest.Scope.Includes(namespace) {
			run.Claims += n
		}
	}
	return run, true
}

// Taken is the time of a run's data.
func Taken(b *facts.VeleroBackup) time.Time {
	if b.Started.IsZero() {
		return b.Created
	}
	return b.Started
}
