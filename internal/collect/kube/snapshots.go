package kube

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// snapshotGroup is the API group of CSI snapshots.
const snapshotGroup = "snapshot.storage.k8s.io"

// snapshotObject is a VolumeSnapshot, alike in v1beta1 and v1.
type snapshotObject struct {
	Metadata veleroMeta `json:"metadata"`
	Spec     struct {
		Class  object.Text `json:"volumeSnapshotClassName"`
		Source struct {
			Claim string `json:"persistentVolumeClaimName"`
		} `json:"source"`
	} `json:"spec"`
	Status struct {
		Content     object.Text `json:"boundVolumeSnapshotContentName"`
		Ready       object.Flag `json:"readyToUse"`
		Taken       object.Time `json:"creationTime"`
		RestoreSize object.Text `json:"restoreSize"`
		Error       struct {
			Message string `json:"message"`
		} `json:"error"`
	} `json:"status"`
}

// ObjectName implements Named.
func (o *snapshotObject) ObjectName() string { return o.Metadata.Name }

// volumeSnapshot interns no name that is the snapshot's alone: most are not kept.
func volumeSnapshot(o *snapshotObject) facts.VolumeSnapshot {
	f := facts.VolumeSnapshot{
		Namespace: Intern(o.Metadata.Namespace), Name: o.Metadata.Name, Created: o.Metadata.CreationTimestamp.Time,
		Claim: Intern(o.Spec.Source.Claim), Ready: bool(o.Status.Ready), Taken: o.Status.Taken.Time, Error: o.Status.Error.Message,
		Class: Intern(string(o.Spec.Class)), Content: string(o.Status.Content),
	}
	if q, err := resource.ParseQuantity(string(o.Status.RestoreSize)); err == nil {
		f.RestoreBytes = q.Value() // absent until the driver has told it
	}
	return f
}

// snapshotFold keeps of each claim the VolumeSnapshots that decide, and those
// that Velero asked for as its backups.
type snapshotFold struct {
	rows   map[heldKey]*claimSnapshots
	velero seriesFold
	// passed are the sums of the names of all others.
	seed   maphash.Seed
	passed []uint64
}

// claimSnapshots are those of one claim that decide.
type claimSnapshots struct {
	ready  [2]facts.VolumeSnapshot // the newest first; without a name where there is none
	failed *facts.VolumeSnapshot   // or not ready yet; nil for none
}

func (f *snapshotFold) reset() { *f = snapshotFold{seed: maphash.MakeSeed()} }

func (f *snapshotFold) add(o *snapshotObject) {
	s := volumeSnapshot(o)
	if set := string(o.Metadata.Labels.Backup); set != "" && s.Claim != "" {
		f.addVelero(&s, set)
		return
	}
	key := heldKey{namespace: s.Namespace, name: s.Claim}
	if s.Claim == "" { // made from a content; each is one of its own
		key = heldKey{namespace: s.Namespace, uid: s.Name}
	}
	row := f.rows[key]
	if row == nil {
		if f.rows == nil {
			f.rows = map[heldKey]*claimSnapshots{}
		}
		row = &claimSnapshots{}
		f.rows[key] = row
	}
	f.put(row, s)
}

func (f *snapshotFold) put(row *claimSnapshots, s facts.VolumeSnapshot) {
	i := slices.IndexFunc(row.ready[:], func(have facts.VolumeSnapshot) bool { return have.Name == s.Name })
	switch {
	case !s.Ready && i >= 0: // an earlier version
	case !s.Ready && row.failed != nil && s.Created.Before(row.failed.Created):
		f.pass(&s)
	case !s.Ready:
		if row.failed != nil && row.failed.Name != s.Name {
			f.pass(row.failed)
		}
		row.failed = &s
	case i >= 0:
		row.ready[i] = s
	default:
		if row.failed != nil && row.failed.Name == s.Name {
			row.failed = nil
		}
		f.putReady(row, s)
	}
}

func (f *snapshotFold) putReady(row *claimSnapshots, s facts.VolumeSnapshot) {
	i := slices.IndexFunc(row.ready[:], func(have facts.VolumeSnapshot) bool {
		return cmp.Or(takenAt(&s).Compare(takenAt(&have)), strings.Compare(s.Name, have.Name)) > 0
	})
	if i >= 0 {
		last := row.ready[len(row.ready)-1]
		copy(row.ready[i+1:], row.ready[i:])
		row.ready[i], s = s, last
	}
	f.pass(&s)
}

// pass remembers a snapshot that is not kept by the sum of its name.
func (f *snapshotFold) pass(s *facts.VolumeSnapshot) {
	if s.Name != "" {
		f.passed = append(f.passed, f.sum(s.Namespace, s.Name, s.Ready))
	}
}

// sum is of a snapshot's name, and in its last bit whether it is ready.
func (f *snapshotFold) sum(namespace, name string, ready bool) uint64 {
	sum := maphash.String(f.seed, namespace+"/"+name) &^ 1
	if ready {
		sum |= 1
	}
	return sum
}

func (f *snapshotFold) addVelero(s *facts.VolumeSnapshot, set string) {
	f.pass(s)
	key := heldKey{namespace: s.Namespace, name: s.Claim}
	switch a := (facts.Attempt{Name: s.Name, Set: Intern(set), Since: s.Created, Phase: "not ready", Error: s.Error}); {
	case s.Ready:
		f.velero.good(key, "", takenAt(s), s.RestoreBytes, backupRun{set: set})
	case s.Error != "":
		f.velero.failed(key, a)
	default:
		f.velero.running(key, a)
	}
}

func takenAt(s *facts.VolumeSnapshot) time.Time {
	if s.Taken.IsZero() {
		return s.Created
	}
	return s.Taken
}

// facts are the snapshots that are kept, and of those that claims still wait to
// be made from the name and whether they are ready.
func (f *snapshotFold) facts(claims []facts.Claim) []facts.VolumeSnapshot {
	var all []facts.VolumeSnapshot
	for _, row := range f.rows {
		for _, s := range row.ready {
			if s.Name != "" {
				all = append(all, s)
			}
		}
		if row.failed != nil {
			all = append(all, *row.failed)
		}
	}
	for i := range all {
		all[i].Name, all[i].Content = Intern(all[i].Name), Intern(all[i].Content)
	}
	slices.SortFunc(all, bySnapshotName)
	slices.Sort(f.passed)
	for i := range claims {
		c := &claims[i]
		if c.Phase != "Pending" || c.SourceKind != "VolumeSnapshot" {
			continue
		}
		source := facts.VolumeSnapshot{Namespace: c.Namespace, Name: c.SourceName}
		_, source.Ready = slices.BinarySearch(f.passed, f.sum(c.Namespace, c.SourceName, true))
		_, known := slices.BinarySearch(f.passed, f.sum(c.Namespace, c.SourceName, false))
		at, kept := slices.BinarySearchFunc(all, source, bySnapshotName)
		if (known || source.Ready) && !kept {
			all = slices.Insert(all, at, source)
		}
	}
	return all
}

func bySnapshotName(a, b facts.VolumeSnapshot) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}
