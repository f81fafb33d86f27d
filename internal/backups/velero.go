package backups

import (
	"cmp"
	"strings"
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
	// newest and counted are the runs that were looked at.
	newest  map[runKey]*Run
	counted map[*facts.VeleroBackup]*Run
}

type runKey struct{ namespace, schedule string }

func newVelero(s *facts.Snapshot) velero {
	v := velero{s: s, read: s.Source(facts.VeleroBackups).Status == facts.OK, newest: map[runKey]*Run{}}
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
	v.claims, v.counted = map[string]int{}, map[*facts.VeleroBackup]*Run{}
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
	// Named is how many claims are known to be in it, beside its Unnamed snapshots;
	// Claims is how many it takes in.
	Named, Claims int
}

// Whole tells whether a run has as many backups as it takes in claims, though it
// may not be known which is of which.
func (r *Run) Whole() bool { return r.Unnamed()+r.Named >= r.Claims }

// Run is the newest run of Velero, of a schedule or, for "", of any, that can be
// restored from and takes in a namespace with its claims; nil if there is none.
func (x *Index) Run(namespace, schedule string) *Run {
	k := runKey{namespace, schedule}
	run, known := x.velero.newest[k]
	if !known {
		run = x.newestRun(k)
		x.velero.newest[k] = run
	}
	return run
}

func (x *Index) newestRun(k runKey) *Run {
	var newest *facts.VeleroBackup
	for i := range x.s.Kube.Velero.Backups {
		b := &x.s.Kube.Velero.Backups[i]
		if (k.schedule == "" || b.Schedule == k.schedule) && usable(b, x.s.Now) && b.Scope.Claims && b.Scope.Includes(k.namespace) &&
			(newest == nil || Later(b, newest)) {
			newest = b
		}
	}
	if newest == nil {
		return nil
	}
	run := x.velero.counted[newest]
	if run == nil {
		run = x.count(newest)
		x.velero.counted[newest] = run
	}
	return run
}

// count counts what a run has and what it should have.
func (x *Index) count(b *facts.VeleroBackup) *Run {
	run := &Run{VeleroBackup: b}
	for namespace, n := range x.velero.claims {
		if b.Scope.Includes(namespace) {
			run.Claims += n
		}
	}
	for i := range x.kube {
		s := &x.kube[i]
		if (s.System == facts.SystemVeleroFile || s.System == facts.SystemVeleroData) && (s.Newest.Set == b.Name || s.Previous.Set == b.Name) {
			run.Named++
		}
	}
	return run
}

// Later tells whether one run of Velero's was made after another. When their
// objects were created does not tell: Velero creates those that it finds in its
// storage anew, all at once and in any order. Runs of one second are told apart by
// their names, in which schedules put the time.
func Later(a, b *facts.VeleroBackup) bool {
	return cmp.Or(Taken(a).Compare(Taken(b)), a.Created.Compare(b.Created), strings.Compare(a.Name, b.Name)) > 0
}

// Taken is the time of a run's data: when it began, or for one that did not, was
// asked for.
func Taken(b *facts.VeleroBackup) time.Time {
	if b.Started.IsZero() {
		return b.Created
	}
	return b.Started
}
