package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestSnapshotNotReady(t *testing.T) { testCheck(t, snapshotNotReadyCases) }

// asked adds a VolumeSnapshot of a claim that was asked for so long ago and is not
// ready.
func asked(claim string, age time.Duration, err string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: world.Namespace, Name: claim + "-now", Claim: claim, Created: s.Now.Add(-age), Error: err})
	}
}

var snapshotNotReadyCases = cases{
	check: snapshotNotReady,
	fires: []damage{
		{name: "it hangs", change: changes(world.WithSnapshots, asked("claim-student-0002", 2*time.Hour, "")), want: outcomes{"snapshot-not-ready": "fail warning 1"}, summary: "VolumeSnapshot claim-student-0002-now of claim datahub/claim-student-0002 (\"student-0002\") is not ready to use after 2 h"},
		{name: "two failed alike, and the hub's own otherwise", change: changes(asked("claim-student-0002", 2*time.Hour, "rpc error: quota of pool 7 is used up"),
			asked("claim-student-0003", 3*time.Hour, "rpc error: quota of pool 8 is used up"), asked(world.HubClaim, time.Hour, "login token=hunter2 refused")),
			want: outcomes{"snapshot-not-ready": "fail warning 2"}, summary: "the newest VolumeSnapshots of 2 claims (\"student-0002\", \"student-0003\") are not ready to use, the oldest, claim-student-0003-now, after 3 h: rpc error: quota of pool 7 is used up"},
	},
	mustNotFire: []damage{
		{name: "a good one was made later", change: changes(world.WithSnapshots, asked("claim-student-0002", 24*time.Hour, "no space"))},
		{name: "of a claim that is gone", change: changes(asked("claim-nobody", 24*time.Hour, "no such claim"))},
		{name: "of a claim that is nobody's home", change: changes(func(s *facts.Snapshot) {
			world.AddClaim(s, facts.Claim{Name: "prometheus-data", Created: s.Now.AddDate(0, -1, 0)})
		}, asked("prometheus-data", 24*time.Hour, "no space"))},
		{name: "in another namespace", change: changes(asked("claim-student-0002", 24*time.Hour, "no space"), func(s *facts.Snapshot) { s.Kube.Snapshots[0].Namespace = "elsewhere" })},
	},
	boundary: []damage{
		{name: "within grace", change: changes(asked("claim-student-0002", 30*time.Minute-time.Second, "the object has been modified"))},
		{name: "grace", change: changes(asked("claim-student-0002", 30*time.Minute, "the object has been modified")), want: outcomes{"snapshot-not-ready": "fail warning 1"}, summary: "VolumeSnapshot claim-student-0002-now of claim datahub/claim-student-0002 (\"student-0002\") is not ready to use after 30 min: the object has been modified"},
		{name: "more patience", change: changes(asked("claim-student-0002", 2*time.Hour, "")), values: map[string]any{"grace": "3h"}},
	},
	sourceFailed: []damage{
		{name: "snapshots not readable", change: failed(facts.KubeSnapshots), want: unknownWithout(facts.KubeSnapshots, nil),
			summary: "source kube/volumesnapshots could not be read: gave up after 30s"},
		{name: "a cluster without snapshots", change: absent(facts.KubeSnapshots), want: outcomes{"snapshot-not-ready": "skipped", "snapshot-delete-policy": "skipped"},
			summary: "source kube/volumesnapshots is absent: the cluster has no such API"},
	},
}
