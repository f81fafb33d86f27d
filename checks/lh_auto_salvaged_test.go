package checks

import (
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHAutoSalvaged(t *testing.T) { testCheck(t, lhAutoSalvagedCases) }

// salvagedReplicas: the first n replicas of the stopped server's volume failed then
// and were taken into use again without a rebuild.
func salvagedReplicas(n int, ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, r := range replicasOf(s, stopped)[:n] {
			r.LastFailedAt, r.LastHealthyAt = facts.At(s.Now.Add(-ago)), facts.At(s.Now.Add(-ago+time.Minute))
		}
	}
}

func salvageEvent(ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Longhorn.Salvages = []facts.LHSalvage{{Volume: stoppedVolume, At: s.Now.Add(-ago)}}
		world.Settle(s)
	}
}

// before17 makes the records those of a Longhorn that did not keep when a
// replica was last well.
func before17(s *facts.Snapshot) {
	for i := range s.Longhorn.Replicas {
		s.Longhorn.Replicas[i].LastHealthyAt = 0
	}
}

const (
	salvaged  = "detached volume " + stoppedVolume + ` of claim datahub/claim-student-0001, user "student-0001"'s default server was salvaged `
	usedAgain = ": failed replicas were taken into use again, none should have to be"
)

var lhAutoSalvagedCases = cases{
	check: lhAutoSalvaged,
	fires: []damage{
		{name: "the volume tells", change: func(s *facts.Snapshot) { volumeOf(s, stopped).LastAutoSalvagedAt = facts.At(s.Now.Add(-time.Hour)) },
			want: outcomes{"lh-auto-salvaged": "fail error 1"}, summary: salvaged + "at 2026-11-20 11:00 UTC" + usedAgain},
		{name: "an event tells", change: salvageEvent(10 * time.Minute),
			want: outcomes{"lh-auto-salvaged": "fail error 1"}, summary: salvaged + "at 2026-11-20 11:50 UTC" + usedAgain},
		{name: "the replica that was kept tells", change: func(s *facts.Snapshot) {
			salvagedReplicas(1, 2*time.Hour)(s)
			replicasOf(s, stopped)[1].FailedAt = facts.At(s.Now.Add(-3 * time.Hour))
		}, want: outcomes{"lh-auto-salvaged": "fail error 1"},
			summary: salvaged + "after its replicas failed at 2026-11-20 10:00 UTC" + usedAgain + "; kept is " + stoppedVolume + "-r-00000020 on node worker-3; not kept is " +
				stoppedVolume + "-r-00000021 on node worker-4, failed 2026-11-20 09:00 UTC"},
		{name: "two volumes", change: func(s *facts.Snapshot) {
			volumeOf(s, stopped).LastAutoSalvagedAt, volumeOf(s, running).LastAutoSalvagedAt = facts.At(s.Now), facts.At(s.Now)
		}, want: outcomes{"lh-auto-salvaged": "fail error 2"}, summary: "2 volumes were salvaged: their replicas had all failed and were taken into use again"},
	},
	mustNotFire: []damage{
		{name: "a replica failed and was rebuilt", change: func(s *facts.Snapshot) {
			r := replicasOf(s, stopped)[0]
			r.LastFailedAt, r.HealthyAt, r.LastHealthyAt = facts.At(s.Now.Add(-3*time.Hour)), facts.At(s.Now.Add(-2*time.Hour)), facts.At(s.Now.Add(-2*time.Hour))
		}},
		{name: "a replica that is failed still", change: func(s *facts.Snapshot) {
			r := replicasOf(s, stopped)[0]
			r.FailedAt, r.LastFailedAt = facts.At(s.Now.Add(-3*time.Hour)), facts.At(s.Now.Add(-3*time.Hour))
		}},
		{name: "being deleted", change: func(s *facts.Snapshot) {
			v := volumeOf(s, stopped)
			v.LastAutoSalvagedAt, v.Deleting = facts.At(s.Now), facts.At(s.Now)
		}},
		{name: "of a volume that is no more", change: func(s *facts.Snapshot) {
			s.Longhorn.Salvages = []facts.LHSalvage{{Volume: "gone", At: s.Now}}
			world.Settle(s)
		}},
		{name: "no events, and the replicas would tell", change: absent(facts.LonghornEvents)},
		{name: "no events, and nothing else could tell", change: func(s *facts.Snapshot) { before17(s); absent(facts.LonghornEvents)(s) },
			want: outcomes{"lh-auto-salvaged": "skipped"}, summary: "Longhorn before 1.7 tells of a salvage in events only, and those were not read"},
	},
	boundary: []damage{
		{name: "almost a week ago", change: func(s *facts.Snapshot) {
			volumeOf(s, stopped).LastAutoSalvagedAt = facts.At(s.Now.Add(-7*24*time.Hour + time.Second))
		},
			want: outcomes{"lh-auto-salvaged": "fail error 1"}, summary: salvaged + "at 2026-11-13 12:00 UTC" + usedAgain},
		{name: "a week ago", change: func(s *facts.Snapshot) {
			volumeOf(s, stopped).LastAutoSalvagedAt = facts.At(s.Now.Add(-7 * 24 * time.Hour))
		}},
		{name: "a day is enough", change: salvagedReplicas(3, 24*time.Hour), values: map[string]any{"window": "24h"}},
	},
	sourceFailed: []damage{{name: "events not readable", change: failed(facts.LonghornEvents), want: unknownWithout(facts.LonghornEvents, nil),
		summary: "source longhorn/events could not be read: gave up after 30s"}},
}

// The finding names what was kept, what was not, and when they failed.
func TestSalvagedFinding(t *testing.T) {
	s := healthy()
	salvagedReplicas(1, 2*time.Hour)(s)
	replicasOf(s, stopped)[1].FailedAt = facts.At(s.Now.Add(-3 * time.Hour))
	suite, _ := NewSuite(nil, []string{"lh-auto-salvaged"})
	f := Judge(suite, s)[0].Findings[0]
	for key, want := range map[string]string{"salvagedAt": "2026-11-20 10:00 UTC", "knownBy": "replica", "kept": stoppedVolume + "-r-00000020 on node worker-3",
		"notKept": stoppedVolume + "-r-00000021 on node worker-4, failed 2026-11-20 09:00 UTC", "failedAt": "2026-11-20T09:00:00Z, 2026-11-20T10:00:00Z"} {
		if f.Details[key] != want {
			t.Errorf("details[%s] = %q, want %q", key, f.Details[key], want)
		}
	}
	if !strings.Contains(f.Message, `user "student-0001"`) {
		t.Errorf("it does not say whose it is: %s", f.Message)
	}
}
