package kube

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// keptPoints is how many good backups are held of a claim while backups are
// read: more than the two that facts keep, as only the list of Velero's Backups,
// which is read at the same time, tells which of them can be restored from.
const keptPoints = 4

// maxAttemptError bounds the words of a backup that failed.
const maxAttemptError = 256

// heldKey tells what a backup is of: a claim by name, or what is known of it
// while the claims are still being read.
type heldKey struct {
	// namespace and name are the claim's; of a snapshot that names only the
	// volume they are the CSI driver and its handle.
	namespace, name string
	uid             string // the claim's, where its name is not told
	handle          bool
}

// backupRun is the run that a backup was a part of, and where it lies.
type backupRun struct{ set, target string }

// heldPoint is a facts.Point in less memory.
type heldPoint struct {
	at    int64 // Unix time; 0 for no point
	bytes int64
	name  string // "" where that of the run serves
	run   uint32 // in seriesFold.runs
}

func (p heldPoint) same(other heldPoint) bool { return p.name == other.name && p.run == other.run }

// held is what one system holds of one claim.
type held struct {
	newest          [keptPoints]heldPoint // the newest first
	oldest          heldPoint
	good            int
	failed, running *facts.Attempt
}

// seriesFold makes facts.Series of backups that come one by one, in any order.
// The same backup twice is one as long as it is among those that are held.
type seriesFold struct {
	rows   map[heldKey]*held
	runs   []backupRun
	runIDs map[backupRun]uint32
}

func (f *seriesFold) reset() { *f = seriesFold{} }

func (f *seriesFold) row(key heldKey) *held {
	h := f.rows[key]
	if h == nil {
		if f.rows == nil {
			f.rows = map[heldKey]*held{}
		}
		h = &held{}
		f.rows[key] = h
	}
	return h
}

func (f *seriesFold) runID(run backupRun) uint32 {
	id, known := f.runIDs[run]
	if !known {
		if f.runIDs == nil {
			f.runIDs = map[backupRun]uint32{}
		}
		id = uint32(len(f.runs))
		run = backupRun{Intern(run.set), Intern(run.target)}
		f.runs = append(f.runs, run)
		f.runIDs[run] = id
	}
	return id
}

// good adds a good backup. One without a time is none: nothing could be told of
// it.
func (f *seriesFold) good(key heldKey, name string, at time.Time, bytes int64, run backupRun) {
	if at.IsZero() {
		return
	}
	h := f.row(key)
	if h.running != nil && h.running.Set == run.set {
		h.running = nil // an earlier version of this one
	}
	h.put(heldPoint{at: at.Unix(), bytes: bytes, name: name, run: f.runID(run)})
}

func (h *held) put(p heldPoint) {
	if i := slices.IndexFunc(h.newest[:], func(q heldPoint) bool { return q.at != 0 && q.same(p) }); i >= 0 || h.good > 0 && h.oldest.same(p) {
		return
	}
	h.good++
	if h.oldest.at == 0 || p.at < h.oldest.at {
		h.oldest = p
	}
	i := slices.IndexFunc(h.newest[:], func(q heldPoint) bool { return cmp.Or(cmp.Compare(p.at, q.at), strings.Compare(p.name, q.name)) > 0 })
	if i >= 0 {
		copy(h.newest[i+1:], h.newest[i:])
		h.newest[i] = p
	}
}

// failed adds a backup that failed.
func (f *seriesFold) failed(key heldKey, a facts.Attempt) {
	h := f.row(key)
	if h.running != nil && h.running.Set == a.Set {
		h.running = nil
	}
	h.fail(a)
}

func (h *held) fail(a facts.Attempt) {
	if h.failed == nil || a.Since.After(h.failed.Since) {
		a.Error = shortened(a.Error)
		h.failed = &a
	}
}

// running adds a backup that has not ended, unless a later version of it is
// known.
func (f *seriesFold) running(key heldKey, a facts.Attempt) {
	h := f.row(key)
	ended := slices.ContainsFunc(h.newest[:], func(p heldPoint) bool { return p.at != 0 && f.runs[p.run].set == a.Set })
	if !ended && (h.failed == nil || h.failed.Set != a.Set) {
		h.run(a)
	}
}

func (h *held) run(a facts.Attempt) {
	if h.running == nil || a.Since.Before(h.running.Since) {
		a.Error = shortened(a.Error)
		h.running = &a
	}
}

// merge adds to a row what another has of the same claim.
func (h *held) merge(other *held) {
	points := other.points()
	for _, p := range points {
		h.put(p)
	}
	h.good += other.good - len(points)
	if other.failed != nil {
		h.fail(*other.failed)
	}
	if other.running != nil {
		h.run(*other.running)
	}
}

// absorb adds what another fold has, where this one does not have it.
func (f *seriesFold) absorb(other *seriesFold) {
	for key, from := range other.rows {
		h := f.row(key)
		for _, p := range from.points() {
			p.run = f.runID(other.runs[p.run])
			h.put(p)
		}
		h.good = max(h.good, from.good)
	}
}

// points are the good backups that are held, the newest first.
func (h *held) points() []heldPoint {
	points := slices.Clone(h.newest[:])
	if !slices.ContainsFunc(points, h.oldest.same) {
		points = append(points, h.oldest)
	}
	return slices.DeleteFunc(points, func(p heldPoint) bool { return p.at == 0 })
}

// keep drops the points that are not to be kept; left are those that are.
func (h *held) keep(kept func(heldPoint) bool) {
	points := h.points()
	left := slices.DeleteFunc(slices.Clone(points), func(p heldPoint) bool { return !kept(p) })
	h.good -= len(points) - len(left)
	h.newest, h.oldest = [keptPoints]heldPoint{}, heldPoint{}
	copy(h.newest[:], left)
	if len(left) > 0 {
		h.oldest = left[len(left)-1]
	}
}

// series is the row of one claim.
func (f *seriesFold) series(system string, key heldKey, h *held) facts.Series {
	s := facts.Series{System: system, Namespace: Intern(key.namespace), Claim: Intern(key.name), Running: h.running}
	points := h.points()
	if len(points) > 0 {
		s.Newest = f.point(points[0])
		s.Good, s.Oldest = max(h.good, len(points)), time.Unix(points[len(points)-1].at, 0).UTC()
	}
	if len(points) > 1 {
		s.Previous = f.point(points[1])
	}
	if h.failed != nil && !s.Newest.Time.After(h.failed.Since) {
		s.Failed = h.failed
	}
	return s
}

func (f *seriesFold) point(p heldPoint) facts.Point {
	run := f.runs[p.run]
	return facts.Point{Name: cmp.Or(p.name, run.set), Time: time.Unix(p.at, 0).UTC(), SizeBytes: p.bytes, Set: run.set, Target: run.target}
}

func shortened(text string) string {
	if len(text) <= maxAttemptError {
		return text
	}
	return strings.ToValidUTF8(text[:maxAttemptError], "") + "…"
}
