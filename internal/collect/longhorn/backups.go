package longhorn

import (
	"cmp"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// backupObject is a Backup: one that this cluster asked for, which names the
// snapshot to back up in its spec, or one that was found in the backup target.
type backupObject struct {
	Metadata struct {
		object.Meta
		Labels struct {
			Volume object.Text `json:"backup-volume"`
			Target object.Text `json:"backup-target"` // since 1.8
		} `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Snapshot object.Text `json:"snapshotName"`
	} `json:"spec"`
	Status struct {
		State             object.Text   `json:"state"`
		Error             object.Text   `json:"error"`
		SnapshotCreatedAt object.Time   `json:"snapshotCreatedAt"`
		BackupCreatedAt   object.Time   `json:"backupCreatedAt"` // the end of its upload
		Size              object.Number `json:"size"`            // of all its blocks, not only the new ones
		Volume            object.Text   `json:"volumeName"`
		Target            object.Text   `json:"backupTargetName"` // since 1.8
	} `json:"status"`
}

// ObjectName implements kube.Named.
func (o *backupObject) ObjectName() string { return o.Metadata.Name }

// asked is when the backup was asked for, as well as it can be told: the
// record of one that was found in the backup target is younger than the backup.
func (o *backupObject) asked() time.Time {
	if o.Spec.Snapshot == "" && !o.Status.BackupCreatedAt.IsZero() {
		return o.Status.BackupCreatedAt.Time
	}
	return o.Metadata.CreationTimestamp.Time
}

// taken is the time of the data.
func (o *backupObject) taken() time.Time {
	if !o.Status.SnapshotCreatedAt.IsZero() {
		return o.Status.SnapshotCreatedAt.Time
	}
	return o.asked()
}

// defaultTarget is the BackupTarget that every Longhorn has, and the only one
// before 1.8.
const defaultTarget = "default"

// backupFold keeps of all Backups what decides, by volume and target. Its rows
// are small, as there are seven times as many Backups as volumes and more.
type backupFold struct{ series map[seriesKey]*series }

type seriesKey struct{ volume, target string }

// series is the backups of one volume in one target. Times are Unix seconds, 0
// for none.
type series struct {
	newest, previous point
	oldest           int64
	lastAsked        int64 // when the good one that was asked for last was
	// good has a hash of each good one's name: a dump may have an object twice, and
	// an older version of it as unfinished.
	good []uint32
	bad  *unfinished // nil for most
}

type point struct {
	name  string
	taken int64
	size  int64
}

func (p point) later(than point) bool {
	return cmp.Or(cmp.Compare(p.taken, than.taken), strings.Compare(p.name, than.name)) > 0
}

// unfinished is the newest failed backup of a series and all that have not ended.
type unfinished struct {
	failed  facts.Attempt
	running []facts.Attempt
}

// add takes a Backup into its series. One that is being deleted is as good as
// gone; one that was found in the backup target and not looked into yet, whose
// state is empty as that of a new one, will be told of by the next run.
func (f *backupFold) add(o *backupObject) {
	volume := intern(cmp.Or(o.Metadata.Labels.Volume, o.Status.Volume))
	if volume == "" || o.Metadata.Name == "" || !o.Metadata.DeletionTimestamp.IsZero() {
		return
	}
	of := seriesKey{volume, intern(cmp.Or(o.Status.Target, o.Metadata.Labels.Target, defaultTarget))}
	switch o.Status.State {
	case "Completed":
		if !o.taken().IsZero() {
			f.of(of).succeeded(o)
		}
	case "Error", "Unknown":
		f.of(of).failed(o)
	case "", "New", "Pending", "InProgress":
		if o.Spec.Snapshot != "" {
			f.of(of).runs(o)
		}
	}
}

func (f *backupFold) of(key seriesKey) *series {
	s := f.series[key]
	if s == nil {
		if f.series == nil {
			f.reset()
		}
		s = &series{}
		f.series[key] = s
	}
	return s
}

func (f *backupFold) reset() { f.series = map[seriesKey]*series{} }

func hash(name string) uint32 { return crc32.ChecksumIEEE([]byte(name)) }

func (s *series) succeeded(o *backupObject) {
	p := point{o.Metadata.Name, o.taken().Unix(), int64(o.Status.Size)}
	switch {
	case p.name == s.newest.name:
		s.newest.size = max(s.newest.size, p.size) // it is not known from the start
	case p.name == s.previous.name:
		s.previous.size = max(s.previous.size, p.size)
	case p.later(s.newest):
		s.newest, s.previous = p, s.newest
	case p.later(s.previous):
		s.previous = p
	}
	if s.oldest == 0 || p.taken < s.oldest {
		s.oldest = p.taken
	}
	s.lastAsked = max(s.lastAsked, o.asked().Unix())
	if h := hash(p.name); !slices.Contains(s.good, h) {
		s.good = append(s.good, h)
	}
}

func (s *series) unfinished() *unfinished {
	if s.bad == nil {
		s.bad = &unfinished{}
	}
	return s.bad
}

func (s *series) failed(o *backupObject) {
	f := &s.unfinished().failed
	if a := attempt(o); f.Name == "" || compareAttempts(*f, a) < 0 {
		*f = a
	}
}

func (s *series) runs(o *backupObject) {
	u := s.unfinished()
	u.running = append(u.running, attempt(o))
}

func attempt(o *backupObject) facts.Attempt {
	return facts.Attempt{Name: o.Metadata.Name, Since: o.Metadata.CreationTimestamp.Time,
		Phase: intern(cmp.Or(o.Status.State, "New")), Error: brief(string(o.Status.Error))}
}

// compareAttempts orders attempts by age. Of one in several versions InProgress
// comes before Pending, so that the order in which they were read does not matter.
func compareAttempts(a, b facts.Attempt) int {
	return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Name, b.Name), strings.Compare(a.Phase, b.Phase))
}

// facts returns the series, sorted by volume and target, and forgets them.
func (f *backupFold) facts() []facts.Series {
	if len(f.series) == 0 {
		return nil
	}
	keys := make([]seriesKey, 0, len(f.series))
	for key := range f.series {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b seriesKey) int {
		return cmp.Or(strings.Compare(a.volume, b.volume), strings.Compare(a.target, b.target))
	})
	all := make([]facts.Series, 0, len(keys))
	for _, key := range keys {
		s := f.series[key]
		one := facts.Series{System: facts.SystemLonghorn, Volume: key.volume, Newest: s.newest.fact(key.target), Previous: s.previous.fact(key.target),
			Good: len(s.good), Oldest: unix(s.oldest)}
		one.Failed, one.Running = s.attempts()
		if one.Good > 0 || one.Failed != nil || one.Running != nil {
			all = append(all, one)
		}
		delete(f.series, key)
	}
	return all
}

func (p point) fact(target string) facts.Point {
	if p.name == "" {
		return facts.Point{}
	}
	return facts.Point{Name: p.name, Time: unix(p.taken), SizeBytes: p.size, Target: target}
}

func unix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// attempts are the newest that failed, unless one that was asked for later is
// good, and the oldest that has not ended.
func (s *series) attempts() (failed, running *facts.Attempt) {
	if s.bad == nil {
		return nil, nil
	}
	if f := s.bad.failed; f.Name != "" && (s.lastAsked == 0 || f.Since.Unix() > s.lastAsked) {
		failed = &f
	}
	left := slices.DeleteFunc(s.bad.running, func(a facts.Attempt) bool {
		return a.Name == s.bad.failed.Name || slices.Contains(s.good, hash(a.Name))
	})
	if len(left) > 0 {
		oldest := slices.MinFunc(left, compareAttempts)
		running = &oldest
	}
	return failed, running
}

// brief is a text of others in one line of bounded length. Errors of Longhorn's
// engines begin with who says so and end with the cause.
func brief(text string) string {
	const head, tail = 80, 160
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= head+tail {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:head], "") + " … " + strings.ToValidUTF8(text[len(text)-tail:], "")
}
