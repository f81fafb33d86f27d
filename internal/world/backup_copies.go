package world

import (
	"iter"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// backupCopy is one backup of a claim, good if there is no attempt.
type backupCopy struct {
	*facts.Series
	facts.Point
	attempt *facts.Attempt
}

// name is the object's, unlike that of every other backup of the run.
func (c *backupCopy) name() string {
	if c.attempt != nil {
		return c.attempt.Name
	}
	return c.Set + "-" + madeUpUID(c.Namespace, c.Claim, c.Set)[:5]
}

// copiesOf are the objects of all backups that a system has of claims.
func copiesOf(k *facts.Kube, system string, manifest func(*backupCopy) object) iter.Seq[object] {
	runs := slices.Clone(k.Velero.Backups)
	slices.SortFunc(runs, func(a, b facts.VeleroBackup) int { return b.Started.Compare(a.Started) })
	return func(yield func(object) bool) {
		for i := range k.Backups {
			if k.Backups[i].System != system {
				continue
			}
			for c := range copies(&k.Backups[i], runs) {
				if !yield(manifest(c)) {
					return
				}
			}
		}
	}
}

// copies are the backups that a row was made of: those it names, and as many
// others as it counts, from the previous one back to the oldest.
func copies(s *facts.Series, runs []facts.VeleroBackup) iter.Seq[*backupCopy] {
	return func(yield func(*backupCopy) bool) {
		for n := range s.Good {
			p := s.Newest
			if n > 0 {
				p = s.Previous
			}
			if n > 1 {
				p = older(s, n, runs)
			}
			if !yield(&backupCopy{Series: s, Point: p}) {
				return
			}
		}
		for _, a := range []*facts.Attempt{s.Failed, s.Running} {
			if a != nil && !yield(&backupCopy{Series: s, Point: facts.Point{Set: a.Set, Time: a.Since, Target: s.Newest.Target}, attempt: a}) {
				return
			}
		}
	}
}

// older is the n-th newest backup of a row, which it only counts. Of Velero it is
// of the next older run.
func older(s *facts.Series, n int, runs []facts.VeleroBackup) facts.Point {
	p := s.Previous
	p.Time = s.Oldest
	if n < s.Good-1 {
		p.Time = s.Previous.Time.Add(-s.Previous.Time.Sub(s.Oldest) / time.Duration(s.Good-2) * time.Duration(n-1)).Truncate(time.Second)
	}
	if s.System == facts.SystemK8up {
		p.Name = madeUpUID(s.Namespace, s.Claim, timestamp(p.Time))[:8]
		return p
	}
	previous := slices.IndexFunc(runs, func(b facts.VeleroBackup) bool { return b.Name == s.Previous.Set })
	run := runs[previous+n-1].Name
	p.Name, p.Set = run, run
	return p
}
