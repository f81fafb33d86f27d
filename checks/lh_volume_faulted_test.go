package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
)

func TestLHVolumeFaulted(t *testing.T) { testCheck(t, lhVolumeFaultedCases) }

// faulty fails all replicas of the stopped server's volume, one minute after
// the other, the last one then, and changes the volume further.
func faulty(last time.Duration, more ...func(s *facts.Snapshot, v *facts.LHVolume)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := volumeOf(s, stopped)
		v.Robustness = "faulted"
		for i, r := range replicasOf(s, stopped) {
			r.FailedAt = facts.At(s.Now.Add(-last - time.Duration(2-i)*time.Minute))
			r.LastFailedAt = r.FailedAt
		}
		for _, change := range more {
			change(s, v)
		}
	}
}

const (
	stoppedVolume = "pvc-00000003-0000-4000-8000-000000000002"
	faultedIs     = "detached volume " + stoppedVolume + ` of claim datahub/claim-student-0001, user "student-0001"'s default server is faulted, an available one is expected; it `
	faultedHolds  = faultedIs + "holds 150 MiB by its last count; of its replicas "
)

// listed are the verdicts where this check lists what another one pages for.
func listed(own string) outcomes {
	return outcomes{"lh-volume-faulted": own, "lh-no-usable-replica": "fail critical 1"}
}

var lhVolumeFaultedCases = cases{
	check: lhVolumeFaulted,
	fires: []damage{
		{name: "all replicas failed: the last one to fail is the newest", change: faulty(time.Hour), want: listed("fail info 1"),
			summary: faultedHolds + stoppedVolume + "-r-00000022 on node worker-1 is the best to salvage, it failed last, 2026-11-20 11:00 UTC"},
		{name: "a restore failed", change: faulty(time.Hour, func(_ *facts.Snapshot, v *facts.LHVolume) { v.Restoring = true }),
			want: outcomes{"lh-volume-faulted": "fail error 1"},
			summary: faultedIs + "was to be filled from a backup, which failed; of its replicas " +
				stoppedVolume + "-r-00000022 on node worker-1 is the best to salvage, it failed last, 2026-11-20 11:00 UTC"},
		{name: "a standby volume", change: faulty(time.Hour, func(s *facts.Snapshot, v *facts.LHVolume) {
			v.Standby = true
			for _, r := range replicasOf(s, stopped) {
				r.HealthyAt, r.LastHealthyAt = 0, 0
			}
		}), want: outcomes{"lh-volume-faulted": "fail error 1"},
			summary: faultedIs + "was to be filled from a backup, which failed; no replica of it ever held data"},
	},
	mustNotFire: []damage{
		{name: "an engine starts again: its replicas are well", change: func(s *facts.Snapshot) {
			v := volumeOf(s, running)
			v.State, v.Robustness = "detaching", "faulted"
		}},
		{name: "never used", change: faulty(time.Hour, func(s *facts.Snapshot, v *facts.LHVolume) { forgotten(v, s.Now) })},
		{name: "being deleted", change: faulty(time.Hour, func(s *facts.Snapshot, v *facts.LHVolume) { v.Deleting = facts.At(s.Now) })},
	},
	boundary: []damage{
		{name: "salvage may be under way", change: faulty(2*time.Minute - time.Second), want: outcomes{"lh-no-usable-replica": "fail critical 1"}},
		{name: "it is not", change: faulty(2 * time.Minute), want: listed("fail info 1"),
			summary: faultedHolds + stoppedVolume + "-r-00000022 on node worker-1 is the best to salvage, it failed last, 2026-11-20 11:58 UTC"},
	},
	sourceFailed: []damage{{name: "replicas not readable", change: failed(facts.LonghornReplicas), want: replicasUnknown(nil),
		summary: "source longhorn/replicas could not be read: gave up after 30s"}},
}

// The replica to salvage is the newest in reach; a newer one that is not is
// named as well.
func TestSalvageAdvice(t *testing.T) {
	const r = stoppedVolume + "-r-0000002"
	for name, c := range map[string]struct {
		change func(s *facts.Snapshot, replicas []*facts.LHReplica)
		want   string
	}{
		"the last to fail": {func(*facts.Snapshot, []*facts.LHReplica) {},
			r + "2 on node worker-1 is the best to salvage, it failed last, 2026-11-20 11:00 UTC"},
		"the newest is out of reach": {func(s *facts.Snapshot, _ []*facts.LHReplica) { lhNodeNamed(s, "worker-1").Disks[0].UUID = "another" },
			r + "1 on node worker-4 is the best to salvage, it failed last, 2026-11-20 10:59 UTC; newer is only " + r +
				"2, which is on disk 00000002-0000-4000-8000-000000000001 that node worker-1 no longer has"},
		"none is in reach": {func(s *facts.Snapshot, _ []*facts.LHReplica) {
			for i := range s.Longhorn.Nodes {
				s.Longhorn.Nodes[i].Ready, s.Longhorn.Nodes[i].ReadySince = "False", time.Time{}
			}
		}, r + "2 on node worker-1 is the best to salvage, it failed last, 2026-11-20 11:00 UTC, but it is on node worker-1, which is not ready"},
		"failed at once: the one that was healthy last": {func(s *facts.Snapshot, replicas []*facts.LHReplica) {
			for _, of := range replicas {
				of.FailedAt = facts.At(s.Now.Add(-time.Hour))
			}
			replicas[1].LastHealthyAt = facts.At(s.Now.Add(-2 * time.Hour))
		}, r + "1 on node worker-4 is the best to salvage, it failed last, 2026-11-20 11:00 UTC"},
		"the newest is being deleted": {func(s *facts.Snapshot, replicas []*facts.LHReplica) { replicas[2].Deleting = facts.At(s.Now) },
			r + "1 on node worker-4 is the best to salvage, it failed last, 2026-11-20 10:59 UTC"},
	} {
		s := healthy()
		faulty(time.Hour)(s)
		c.change(s, replicasOf(s, stopped))
		var got string
		for _, v := range replica.Volumes(s, replica.NewCluster(s)) {
			if v.Name == stoppedVolume {
				got = salvageAdvice(&v, map[string]string{})
			}
		}
		if want := "of its replicas " + c.want; got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}
