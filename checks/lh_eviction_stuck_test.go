package checks

import (
	"maps"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHEvictionStuck(t *testing.T) { testCheck(t, lhEvictionStuckCases) }

// evictOne asks for one replica of the stopped server's volume to leave
// worker-3, and notes what earlier runs saw there.
func evictOne(value string, since time.Duration, more ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		replicasOf(s, stopped)[0].EvictionRequested = true
		seen(s, "worker-3", value, since)
		for _, change := range more {
			change(s)
		}
	}
}

func seen(s *facts.Snapshot, node, value string, since time.Duration) {
	marks := maps.Clone(s.Past.Marks)
	if marks == nil {
		marks = map[facts.SeriesKey]facts.Mark{}
	}
	marks[facts.SeriesKey{Name: markEvicting + node}] = facts.Mark{Value: value, Since: s.Now.Add(-since), Until: s.Now}
	s.Past.Marks = marks
}

// closed lets no other node take replicas.
func closed(s *facts.Snapshot) { lhNodeNamed(s, "worker-2").AllowScheduling = false }

const (
	toLeave  = "1 replica is to leave node worker-3"
	noneStay = `; none is expected to stay; 1 volume: that of "student-0001"`
)

var lhEvictionStuckCases = cases{
	check: lhEvictionStuck,
	fires: []damage{
		{name: "nothing left for a day", change: evictOne("1 left", 24*time.Hour), want: outcomes{"lh-eviction-stuck": "fail warning 1"},
			summary: toLeave + ", and none has left since 2026-11-19 12:00 UTC" + noneStay},
		{name: "no other node takes it", change: evictOne("1 left", time.Hour, closed), want: outcomes{"lh-eviction-stuck": "fail warning 1"},
			summary: toLeave + ", and none has left since 2026-11-20 11:00 UTC; for 1 volume no node may take another copy (1 closed to new replicas, 3 with one already)" + noneStay},
		{name: "a linked clone", change: evictOne("1 left", time.Hour, func(s *facts.Snapshot) {
			replicasOf(s, stopped)[0].LinkedCloneSource = replicasOf(s, running)[0].Name
		}), want: outcomes{"lh-eviction-stuck": "fail warning 1"},
			summary: toLeave + ", and none has left since 2026-11-20 11:00 UTC; for 1 volume Longhorn moves no linked clone" + noneStay},
	},
	mustNotFire: []damage{
		{name: "the first run that sees it", change: func(s *facts.Snapshot) { replicasOf(s, stopped)[0].EvictionRequested = true }},
		{name: "some have left since the last run", change: evictOne("2 left", 48*time.Hour)},
		{name: "an eviction of long ago ended", change: func(s *facts.Snapshot) { seen(s, "worker-3", "1 left", 48*time.Hour) }},
		{name: "one begins anew", change: evictOne(facts.MarkNone, 48*time.Hour)},
		{name: "what cannot be used is others' to tell", change: evictOne("1 left", 48*time.Hour, func(s *facts.Snapshot) {
			replicasOf(s, stopped)[0].FailedAt = facts.At(s.Now)
		})},
		{name: "the volume is being deleted", change: evictOne("1 left", 48*time.Hour, func(s *facts.Snapshot) { volumeOf(s, stopped).Deleting = facts.At(s.Now) })},
	},
	boundary: []damage{
		{name: "almost six hours", change: evictOne("1 left", 6*time.Hour-time.Second)},
		{name: "six hours", change: evictOne("1 left", 6*time.Hour), want: outcomes{"lh-eviction-stuck": "fail warning 1"},
			summary: toLeave + ", and none has left since 2026-11-20 06:00 UTC" + noneStay},
		{name: "six hours, and a large one is being rebuilt", change: func(s *facts.Snapshot) {
			r := replicasOf(s, running)[0]
			r.EvictionRequested = true
			seen(s, r.NodeID, "1 left", 6*time.Hour)
			filling(s)
		}},
		{name: "a rebuild that has taken a day", change: func(s *facts.Snapshot) {
			r := replicasOf(s, running)[0]
			r.EvictionRequested = true
			seen(s, r.NodeID, "1 left", 24*time.Hour)
			filling(s)
		}, want: outcomes{"lh-eviction-stuck": "fail warning 1"},
			summary: toLeave + `, and none has left since 2026-11-19 12:00 UTC; none is expected to stay; 1 volume: that of "student-0005"`},
		{name: "no room, in the grace", change: evictOne("1 left", 30*time.Minute-time.Second, closed)},
		{name: "no history: what cannot end is told", change: func(s *facts.Snapshot) {
			evictOne("1 left", 0, closed)(s)
			withoutHistory(s)
		}, want: withoutHistoryWant(outcomes{"lh-eviction-stuck": "fail warning 1"}),
			summary: toLeave + "; for 1 volume no node may take another copy (1 closed to new replicas, 3 with one already)" + noneStay},
		{name: "no history: the rest cannot be told", change: func(s *facts.Snapshot) {
			evictOne("1 left", 0)(s)
			withoutHistory(s)
		}, want: withoutHistoryWant(outcomes{"lh-eviction-stuck": "skipped"}),
			summary: "replicas are being evicted, and without a history it cannot be told for how long"},
	},
	sourceFailed: []damage{{name: "history not readable", change: failed(facts.History), want: unknownWithout(facts.History, nil),
		summary: "source history could not be read: gave up after 30s"}},
}

func withoutHistory(s *facts.Snapshot) {
	absent(facts.History)(s)
	s.Past = facts.Past{}
}

// withoutHistoryWant are the verdicts that a missing history costs.
func withoutHistoryWant(more outcomes) outcomes {
	want := outcomes{}
	for _, c := range Registry {
		for _, need := range c.Needs {
			if need == facts.History {
				want[c.ID] = "skipped"
			}
		}
	}
	maps.Copy(want, more)
	return want
}

// A node that is emptied is noted in the history, and forgotten when it is
// empty or nobody wants it to be.
func TestEvictionMarks(t *testing.T) {
	suite, err := NewSuite(nil, []string{"lh-eviction-stuck"})
	if err != nil {
		t.Fatal(err)
	}
	s := healthy()
	if marks := Judge(suite, s)[0].Marks; len(marks) != 0 {
		t.Errorf("nothing is evicted, and %v is noted", marks)
	}
	evict(s, "worker-3")
	if marks := Judge(suite, s)[0].Marks; marks["evicting/worker-3"] != "9 left" {
		t.Errorf("noted %v", marks)
	}
	seen(s, "worker-3", "9 left", time.Hour)
	world.LoseNode(s, "worker-3")
	if marks := Judge(suite, s)[0].Marks; marks["evicting/worker-3"] != facts.MarkNone {
		t.Errorf("the node is gone, and the mark is %v", marks)
	}
}
