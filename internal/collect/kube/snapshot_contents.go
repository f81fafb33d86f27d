package kube

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// contentObject is a VolumeSnapshotContent, alike in v1beta1 and v1.
type contentObject struct {
	Metadata veleroMeta `json:"metadata"`
	Spec     struct {
		Driver         object.Text `json:"driver"`
		DeletionPolicy object.Text `json:"deletionPolicy"`
		Source         struct {
			Volume object.Text `json:"volumeHandle"` // absent of a snapshot that was there before its content
		} `json:"source"`
		Snapshot struct {
			Namespace object.Text `json:"namespace"`
			Name      object.Text `json:"name"`
		} `json:"volumeSnapshotRef"`
	} `json:"spec"`
	Status struct {
		Ready       object.Flag   `json:"readyToUse"`
		Taken       object.Number `json:"creationTime"` // in nanoseconds
		RestoreSize object.Number `json:"restoreSize"`
	} `json:"status"`
}

// ObjectName implements Named.
func (o *contentObject) ObjectName() string { return o.Metadata.Name }

func snapshotContent(o *contentObject) facts.SnapshotContent {
	c := facts.SnapshotContent{
		Name: o.Metadata.Name, Driver: Intern(string(o.Spec.Driver)), Handle: Intern(string(o.Spec.Source.Volume)),
		Namespace: Intern(string(o.Spec.Snapshot.Namespace)), Snapshot: string(o.Spec.Snapshot.Name),
		DeletionPolicy: Intern(string(o.Spec.DeletionPolicy)), Ready: bool(o.Status.Ready),
		Taken: o.Metadata.CreationTimestamp.Time, SizeBytes: int64(o.Status.RestoreSize),
	}
	if o.Status.Taken > 0 {
		c.Taken = time.Unix(0, int64(o.Status.Taken)).UTC().Truncate(time.Second)
	}
	return c
}

// contentFold keeps of each volume its two newest contents that are ready, and
// what of them is a backup of Velero's.
type contentFold struct {
	rows   map[volumeKey]*[2]facts.SnapshotContent // the newest first
	velero seriesFold
}

type volumeKey struct{ driver, handle string }

func (f *contentFold) reset() { *f = contentFold{} }

func (f *contentFold) add(o *contentObject) {
	c := snapshotContent(o)
	if !c.Ready || c.Handle == "" {
		return
	}
	if set := string(o.Metadata.Labels.Backup); set != "" {
		f.velero.good(heldKey{namespace: c.Driver, name: c.Handle, handle: true}, "", c.Taken, c.SizeBytes, backupRun{set: set})
	}
	key := volumeKey{c.Driver, c.Handle}
	row := f.rows[key]
	if row == nil {
		if f.rows == nil {
			f.rows = map[volumeKey]*[2]facts.SnapshotContent{}
		}
		row = &[2]facts.SnapshotContent{}
		f.rows[key] = row
	}
	if i := slices.IndexFunc(row[:], func(have facts.SnapshotContent) bool { return have.Name == c.Name }); i >= 0 {
		row[i] = c
		return
	}
	if i := slices.IndexFunc(row[:], func(have facts.SnapshotContent) bool { return byTime(c, have) < 0 }); i >= 0 {
		copy(row[i+1:], row[i:])
		row[i] = c
	}
}

// byTime has the newest first.
func byTime(a, b facts.SnapshotContent) int {
	return cmp.Or(b.Taken.Compare(a.Taken), strings.Compare(a.Name, b.Name))
}

// facts are the contents that are kept, sorted by driver and handle.
func (f *contentFold) facts() []facts.SnapshotContent {
	all := slices.Grow([]facts.SnapshotContent(nil), 2*len(f.rows))
	for _, row := range f.rows {
		for _, c := range row {
			if c.Name != "" {
				c.Name, c.Snapshot = Intern(c.Name), Intern(c.Snapshot)
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, func(a, b facts.SnapshotContent) int {
		return cmp.Or(strings.Compare(a.Driver, b.Driver), strings.Compare(a.Handle, b.Handle), byTime(a, b))
	})
	return slices.Clip(all)
}
