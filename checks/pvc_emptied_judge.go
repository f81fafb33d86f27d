package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// emptied is a home that lost what it held.
type emptied struct {
	*home
	severity verdict.Severity
	at       time.Time // the run that found it first
	signs    []string
	details  map[string]string
	blank    bool // its replicas were all made anew, without data
}

// judge tells whether the home was emptied, nil if not.
func (h *home) judge() *emptied {
	in := h.in
	e := &emptied{home: h, at: in.Now, details: map[string]string{}}
	first := h.emptiedAt()
	latched := !first.IsZero()
	if latched {
		if h.isBack() {
			return nil
		}
		e.at = first
	} else if in.Now.Sub(h.claim.Created) < minHomeAge {
		return nil
	}
	bare, shrunk := e.kubelet(), e.longhorn()
	e.blankReplicas(latched)
	e.hollowReplicas()
	switch {
	case e.blank, bare && shrunk:
		e.severity = verdict.Critical
	case bare:
		e.severity = verdict.Error
	case shrunk:
		e.severity = verdict.Warning
	case latched: // what it was seen by is gone
		e.severity = verdict.Error
		e.signs = append(e.signs, "the run of "+text.Time(first)+" found it so, and nobody has accepted that")
	default:
		return nil
	}
	return e
}

const (
	// minLoss is what a home must have lost at least.
	minLoss = 16 << 20
	// freshBytes is what the files of a first login take at most, beside what a
	// new file system takes by itself: nothing on ext4, up to a fiftieth on xfs.
	freshBytes = 1 << 20
)

// kubelet notes that the files are gone, as the kubelet counts them, and that
// what is left looks like a new file system.
func (e *emptied) kubelet() bool {
	left, ok := e.left(facts.SizeByKubelet)
	held, before := e.held(facts.SizeByKubelet)
	if !ok || !before {
		return false
	}
	empty := int64(e.in.Number("emptyInodes"))
	lostBytes := held.Bytes >= 2*left.Bytes && held.Bytes-left.Bytes >= minLoss
	switch {
	case left.Bytes > freshBytes+e.claim.RequestBytes/50, left.Inodes > empty:
		return false
	case !lostBytes && (left.Inodes == 0 || held.Inodes < 2*empty):
		return false
	}
	e.signs = append(e.signs, fmt.Sprintf("it held %s on %s and has %s now", files(held), day(held.At), files(left)))
	e.note("kubelet", held, left)
	return true
}

// files says how much a home holds as the kubelet sees it.
func files(s facts.PastSize) string {
	if s.Inodes == 0 {
		return bytesText(s.Bytes)
	}
	return fmt.Sprintf("%s in %s", bytesText(s.Bytes), text.Count(int(s.Inodes), "file"))
}

func (e *emptied) note(by string, held, left facts.PastSize) {
	e.details[by+"BytesBefore"], e.details[by+"Bytes"] = idText(held.Bytes), idText(left.Bytes)
	if held.Inodes > 0 {
		e.details[by+"InodesBefore"], e.details[by+"Inodes"] = idText(held.Inodes), idText(left.Inodes)
	}
	e.details[by+"HeldAt"] = text.Time(held.At)
}

// longhorn notes that the volume's data shrank to about what a new file system
// takes. Files that the kubelet counts now speak against it.
func (e *emptied) longhorn() bool {
	left, ok := e.left(facts.SizeByLonghorn)
	held, before := e.held(facts.SizeByLonghorn)
	if !ok || !before || e.lh == nil || !nearEmpty(left.Bytes, e.lh.SizeBytes) || held.Bytes < 2*left.Bytes || held.Bytes-left.Bytes < minLoss {
		return false
	}
	if k, ok := e.left(facts.SizeByKubelet); ok && k.Inodes > int64(e.in.Number("emptyInodes")) {
		return false
	}
	e.signs = append(e.signs, fmt.Sprintf("its data took %s in Longhorn on %s and takes %s now, about as much as a new file system", bytesText(held.Bytes), day(held.At), bytesText(left.Bytes)))
	e.note("longhorn", held, left)
	return true
}

// nearEmpty tells whether a volume has no more than what a new ext4 writes of
// itself: its journal (33 MiB in all for 1 GiB, 69 for 10, 518 for 100), and its
// tables of inodes, which the kernel fills later (up to 261 MiB for 10 GiB).
func nearEmpty(actual, size int64) bool { return actual <= 32<<20+size/40 }

const (
	// madeTogether is how far apart Longhorn makes the replicas of a volume that has
	// none at most. Further replicas of one that has some are rebuilt one by one.
	madeTogether = 10 * time.Second
	// startedTogether is how far apart they become healthy at their first attachment.
	startedTogether = time.Minute
)

// blankReplicas notes that all replicas began blank, long after the volume had
// data.
func (e *emptied) blankReplicas(latched bool) {
	if e.lh == nil || e.lh.FromBackup != "" || !e.in.finished(e.lh.LHVolume) {
		return
	}
	made, blank := madeBlank(e.lh.Replicas)
	left, measured := e.left(facts.SizeByLonghorn)
	if !blank || made.Sub(e.lh.Created.Time()) < minHomeAge || !measured || !nearEmpty(left.Bytes, e.lh.SizeBytes) {
		return
	}
	held, before := e.held(facts.SizeByLonghorn)
	switch {
	case before && !held.At.Before(made):
		return // accepted since
	case before && left.Bytes >= held.Bytes:
		return // restored in place: with nothing in it, it would take less
	case !before && !latched && !earlier(e.lh.LastBackupAt.Time(), made) && !earlier(e.lh.LastPodRefAt.Time(), made):
		return // nothing tells that it was used before
	}
	e.blank = true
	e.details["replicasMade"], e.details["longhornBytes"] = text.Time(made), idText(left.Bytes)
	e.signs = append(e.signs, fmt.Sprintf("all its %d replicas were made blank on %s, after the volume had been in use, and hold %s",
		len(e.lh.Replicas), text.Time(made), bytesText(left.Bytes)))
}

// hollowReplicas notes that Longhorn itself attached the volume while its
// replicas were blank, to back it up or to move a replica: they count as healthy
// since, and the next mount formats them.
func (e *emptied) hollowReplicas() {
	if e.lh == nil || e.blank || !e.hollow() {
		return
	}
	_, before := e.held(facts.SizeByLonghorn)
	since, _ := madeHollow(e.lh)
	if !before && !earlier(e.lh.LastBackupAt.Time(), since) {
		return
	}
	e.blank = true
	e.details["replicasHealthy"] = text.Time(since)
	e.signs = append(e.signs, fmt.Sprintf("its replicas were blank when they became healthy on %s, after it was last mounted, and hold nothing: the next mount formats them", text.Time(since)))
}

// madeHollow tells whether nothing is in a volume that was mounted before any of
// the replicas that are left became healthy, and when the first did. A volume that
// was detached at once has no size for a while either, but older replicas.
func madeHollow(v *replica.Volume) (since time.Time, hollow bool) {
	if v.State != "detached" || v.ActualBytes != 0 || v.LastPodRefAt.IsZero() {
		return time.Time{}, false
	}
	for i := range v.Replicas {
		switch r := &v.Replicas[i]; {
		case !r.Usable():
		case !r.HealthyAt.After(v.LastPodRefAt):
			return time.Time{}, false
		case since.IsZero() || r.HealthyAt.Before(facts.At(since)):
			since = r.HealthyAt.Time()
		}
	}
	return since, !since.IsZero()
}

func earlier(t, than time.Time) bool { return !t.IsZero() && t.Before(than) }

func apart(a, b facts.Moment) time.Duration { return a.Time().Sub(b.Time()).Abs() }

// madeBlank tells whether a volume's replicas were all made at one moment and
// became healthy together without a rebuild, and when they were made. A live
// upgrade of the engine makes their records anew too, but healthy since before. Of
// a single replica it cannot be told.
func madeBlank(replicas []replica.Judged) (made time.Time, blank bool) {
	if len(replicas) < 2 {
		return time.Time{}, false
	}
	first := replicas[0]
	for _, r := range replicas {
		together := apart(r.Created, first.Created) <= madeTogether && apart(r.HealthyAt, first.HealthyAt) <= startedTogether
		if !together || r.HealthyAt.IsZero() || r.HealthyAt.Before(r.Created) {
			return time.Time{}, false
		}
	}
	return first.Created.Time(), true
}
