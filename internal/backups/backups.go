// Package backups judges which backups there are of each claim, in whatever
// system, and what should make the next one.
package backups

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
)

// Index finds the backups of claims, and what makes them. It is for one goroutine.
type Index struct {
	s       *facts.Snapshot
	claims  *copies.Claims
	kube    []facts.Series // by namespace, claim and volume
	lh      []facts.Series // by volume
	read    bool           // Longhorn's backups were read
	volumes []facts.Volume // by name
	list    []facts.Claim  // by namespace and name
	// snapshots has the place of each claim's first VolumeSnapshot, more that of the
	// next one of the same claim, -1 for none.
	snapshots map[claim]int32
	more      []int32
	velero    velero
	plans     map[planKey][]Plan
}

type claim struct{ namespace, name string }

// Held is what all systems together hold of one claim.
type Held struct {
	// Newest is the newest good backup in any system and Previous the one before it
	// in the same; zero where there is none.
	Newest, Previous facts.Point
	// System is Newest's, Systems all that have a good one.
	System  string
	Systems []string
	// Failed is the newest attempt that failed in a system which has no later
	// success, Running the one that has been in progress the longest. VolumeSnapshots
	// are in neither.
	Failed, Running *facts.Attempt
}

// New indexes a snapshot.
func New(s *facts.Snapshot) *Index { return NewWith(s, copies.NewClaims(s)) }

// NewWith is New where the claims were joined already.
func NewWith(s *facts.Snapshot, claims *copies.Claims) *Index {
	x := &Index{s: s, claims: claims, plans: map[planKey][]Plan{},
		kube: sorted(s.Kube.Backups, compareSeries), lh: sorted(s.Longhorn.Backups, compareSeries),
		read:    s.Source(facts.LonghornBackups).Status == facts.OK,
		volumes: sorted(s.Kube.Volumes, func(a, b facts.Volume) int { return strings.Compare(a.Name, b.Name) }),
		list: sorted(s.Kube.Claims, func(a, b facts.Claim) int {
			return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
		}),
	}
	x.velero = newVelero(s)
	x.chainSnapshots()
	return x
}

func compareSeries(a, b facts.Series) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Claim, b.Claim), strings.Compare(a.Volume, b.Volume))
}

// sorted is the list itself, as collectors sort them; a list that was changed by
// hand is copied.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	if slices.IsSortedFunc(list, compare) {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, compare)
	return list
}

func (x *Index) chainSnapshots() {
	all := x.s.Kube.Snapshots
	if len(all) == 0 {
		return
	}
	x.snapshots, x.more = make(map[claim]int32), make([]int32, len(all))
	for i := range all {
		k := claim{all[i].Namespace, all[i].Claim}
		x.more[i] = -1
		if next, ok := x.snapshots[k]; ok {
			x.more[i] = next
		}
		x.snapshots[k] = int32(i)
	}
}

// claim and pv find a claim and its PersistentVolume, nil if there is none.
func (x *Index) claim(namespace, name string) *facts.Claim {
	i := sort.Search(len(x.list), func(i int) bool {
		c := &x.list[i]
		return c.Namespace > namespace || c.Namespace == namespace && c.Name >= name
	})
	if i < len(x.list) && x.list[i].Namespace == namespace && x.list[i].Name == name {
		return &x.list[i]
	}
	return nil
}

func (x *Index) pv(name string) *facts.Volume {
	i := sort.Search(len(x.volumes), func(i int) bool { return x.volumes[i].Name >= name })
	if i < len(x.volumes) && x.volumes[i].Name == name {
		return &x.volumes[i]
	}
	return nil
}

// series calls f with the rows of a claim, or of a volume where it is named.
func series(all []facts.Series, namespace, name, volume string, f func(*facts.Series)) {
	i := sort.Search(len(all), func(i int) bool {
		s := &all[i]
		switch {
		case s.Namespace != namespace:
			return s.Namespace > namespace
		case s.Claim != name:
			return s.Claim > name
		}
		return s.Volume >= volume
	})
	for ; i < len(all) && all[i].Namespace == namespace && all[i].Claim == name && (volume == "" || all[i].Volume == volume); i++ {
		f(&all[i])
	}
}

// Newest is the time of a claim's newest good backup in any system, zero if it
// has none.
func (x *Index) Newest(namespace, claim string) time.Time {
	held := x.Of(namespace, claim)
	return held.Newest.Time
}

// Any tells whether any claim or volume has a backup at all, by any system.
func (x *Index) Any() bool {
	good := func(s facts.Series) bool { return s.Good > 0 || !s.Newest.Time.IsZero() }
	return slices.ContainsFunc(x.kube, good) || x.read && slices.ContainsFunc(x.lh, good) ||
		!x.read && slices.ContainsFunc(x.s.Longhorn.Volumes, func(v facts.LHVolume) bool { return !v.LastBackupAt.IsZero() }) ||
		slices.ContainsFunc(x.s.Kube.Snapshots, func(s facts.VolumeSnapshot) bool { return s.Ready && s.Error == "" })
}
