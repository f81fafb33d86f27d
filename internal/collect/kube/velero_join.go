package kube

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/util/validation"

	"hubaudit/internal/facts"
)

// veleroJoin completes what Velero holds of claims, once everything was read.
type veleroJoin struct {
	// backups are the Backups by name; empty where they were not read.
	backups map[string]*facts.VeleroBackup
	// byUID and byHandle are the claims that are known by these only.
	byUID, byHandle map[heldKey]heldKey
}

func newVeleroJoin(k *facts.Kube) *veleroJoin {
	j := &veleroJoin{backups: make(map[string]*facts.VeleroBackup, len(k.Velero.Backups))}
	for i := range k.Velero.Backups {
		b := &k.Velero.Backups[i]
		j.backups[b.Name], j.backups[labelOf(b.Name)] = b, b
	}
	return j
}

// labelOf is the name of a Backup as Velero makes a label of it.
func labelOf(name string) string {
	if len(name) <= validation.LabelValueMaxLength {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:validation.LabelValueMaxLength-6] + hex.EncodeToString(sum[:3])
}

// resolve gives rows of which only a claim's UID or its volume is known to the
// claim. A volume of no claim keeps its row.
func (j *veleroJoin) resolve(f *seriesFold, k *facts.Kube) {
	for key, h := range f.rows {
		if key.uid == "" && !key.handle {
			continue
		}
		if j.byUID == nil {
			j.index(k)
		}
		claim, known := j.byUID[key]
		if key.handle {
			claim, known = j.byHandle[key]
		}
		if known {
			f.row(claim).merge(h)
		}
		if known || !key.handle { // of a claim that is gone
			delete(f.rows, key)
		}
	}
}

func (j *veleroJoin) index(k *facts.Kube) {
	j.byUID, j.byHandle = make(map[heldKey]heldKey, len(k.Claims)), make(map[heldKey]heldKey, len(k.Volumes))
	for i := range k.Claims {
		c := &k.Claims[i]
		j.byUID[heldKey{uid: c.UID}] = heldKey{namespace: c.Namespace, name: c.Name}
	}
	for i := range k.Volumes {
		if v := &k.Volumes[i]; v.Handle != "" && v.ClaimName != "" {
			j.byHandle[heldKey{namespace: v.Driver, name: v.Handle, handle: true}] = heldKey{namespace: v.ClaimNamespace, name: v.ClaimName}
		}
	}
}

// judge takes out of a row what cannot be restored from: the backups of a run
// that failed as a whole, has not ended, or is gone. Of one that failed in part
// what was completed can be.
func (j *veleroJoin) judge(f *seriesFold, h *held) {
	if len(j.backups) == 0 {
		return
	}
	h.keep(func(p heldPoint) bool {
		set := f.runs[p.run].set
		b := j.backups[set]
		switch {
		case b == nil: // Velero knows of it no more
			return false
		case b.Good() || b.Phase == "PartiallyFailed":
			return true
		case b.Running():
			h.run(facts.Attempt{Name: set, Set: set, Since: earlier(b.Created, b.Started), Phase: b.Phase})
		case b.Phase != "Deleting":
			h.fail(facts.Attempt{Name: set, Set: set, Since: earlier(b.Created, b.Started), Phase: b.Phase, Error: b.FailureReason})
		}
		return false
	})
}

// expires completes the points of a row.
func (j *veleroJoin) expires(s *facts.Series) {
	for _, p := range []*facts.Point{&s.Newest, &s.Previous} {
		if b := j.backups[p.Set]; b != nil {
			p.Name, p.Set, p.Expires = b.Name, b.Name, b.Expires
			p.Target = cmp.Or(p.Target, b.Location)
		}
	}
}

// dropMoved takes out of a row of snapshots those that Velero moves elsewhere:
// they are DataUploads, and the snapshots themselves are deleted soon.
func (j *veleroJoin) dropMoved(f *seriesFold, h *held) {
	moved := func(set string) bool {
		b := j.backups[set]
		return b != nil && b.Scope.MoveData
	}
	h.keep(func(p heldPoint) bool { return !moved(f.runs[p.run].set) })
	if h.failed != nil && moved(h.failed.Set) {
		h.failed = nil
	}
	if h.running != nil && moved(h.running.Set) {
		h.running = nil
	}
}

// add moves the rows that one system of Velero has of claims to k.
func (j *veleroJoin) add(k *facts.Kube, system string, f *seriesFold) {
	j.resolve(f, k)
	for key, h := range f.rows {
		if system == facts.SystemVeleroSnap {
			j.dropMoved(f, h)
		}
		j.judge(f, h)
		s := f.series(system, key, h)
		if key.handle {
			s.Namespace, s.Claim, s.Volume = "", "", key.name
		}
		if s.Good == 0 && s.Failed == nil && s.Running == nil {
			continue
		}
		j.expires(&s)
		k.Backups = append(k.Backups, s)
	}
	f.reset()
}
