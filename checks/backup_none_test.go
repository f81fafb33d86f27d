package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupNone(t *testing.T) { testCheck(t, backupNoneCases) }

// neverBackedUp takes the Longhorn backups of the claims' volumes away.
func neverBackedUp(claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, name := range claims {
			world.LastBackup(s, volumeOf(s, name), time.Time{})
		}
	}
}

func allWithoutBackup(s *facts.Snapshot) { world.NoBackups(s) }

var backupNoneCases = cases{
	check: backupNone,
	fires: []damage{
		{
			name:    "two claims left out",
			change:  neverBackedUp("claim-student-0002", "claim-student-0010--lab"),
			want:    outcomes{"backup-none": "fail critical 2"},
			summary: "2 of 11 user claims with data have no backup",
		},
		{
			name:   "nothing is backed up",
			change: allWithoutBackup,
			want:   outcomes{"backup-none": "fail critical 1"},
			summary: "not one of 11 user claims with data has a backup in Longhorn or as a VolumeSnapshot; " +
				"if they are backed up elsewhere, disable this check",
		},
		{
			name: "a cluster in which nothing could be backed up",
			change: func(s *facts.Snapshot) {
				withoutLonghorn(s)
				s.Kube.Snapshots = nil
				absent(facts.KubeSnapshots)(s)
			},
			want: noLonghorn(outcomes{"backup-none": "fail warning 1", "snapshot-not-ready": "skipped", "snapshot-delete-policy": "skipped"}),
			summary: "not one of 11 user claims with data has a backup that the audit can see: the cluster has neither Longhorn nor VolumeSnapshots, Velero or K8up; " +
				"if they are backed up elsewhere, disable this check",
		},
		{
			name: "2017: claims known by their names only, and a snapshot that failed",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				allWithoutBackup(s)
				s.Kube.Snapshots = []facts.VolumeSnapshot{
					{Namespace: world.Namespace, Name: "a", Claim: "claim-student-0001-1", Ready: true, Taken: s.Now.Add(-8 * time.Hour)},
					{Namespace: world.Namespace, Name: "b", Claim: "claim-student-0002-2"},
					{Namespace: world.Namespace, Name: "c", Claim: "claim-student-0003-3", Ready: true, Error: "lost"},
					{Namespace: "elsewhere", Name: "d", Claim: "claim-student-0004-4", Ready: true}}
				world.Settle(s)
			},
			want:    outcomes{"backup-none": "fail critical 9", "backup-same-domain": "fail error 1", "snapshot-not-ready": "fail warning 1"},
			summary: "9 of 10 user claims with data have no backup",
		},
	},
	mustNotFire: []damage{
		{
			name: "a snapshot instead of a Longhorn backup",
			change: func(s *facts.Snapshot) {
				neverBackedUp("claim-student-0002")(s)
				snapshotOf("claim-student-0002", 8*time.Hour)(s)
				disk("claim-student-0002")(s)
			},
		},
		{
			name: "pending, being deleted, empty",
			change: func(s *facts.Snapshot) {
				neverBackedUp("claim-student-0001", "claim-student-0002", "claim-student-0003")(s)
				claimNamed(s, "claim-student-0001").Phase = "Pending"
				claimNamed(s, "claim-student-0002").Deleting = s.Now
				volumeOf(s, "claim-student-0003").ActualBytes = 0
			},
			want: outcomes{"pvc-pending": "fail warning 1"},
		},
		{name: "the hub's own claim is backup-hub-db-missing's", change: neverBackedUp(world.HubClaim)},
	},
	boundary: []damage{
		{name: "as old as the rpo", change: youngClaim(26 * time.Hour), want: outcomes{"pvc-orphaned": "fail info 1"}},
		{
			name: "a second older", change: youngClaim(26*time.Hour + time.Second),
			want:    outcomes{"pvc-orphaned": "fail info 1", "backup-none": "fail critical 1"},
			summary: "1 of 12 user claims with data has no backup",
		},
		{name: "a longer rpo", change: youngClaim(40 * time.Hour), values: map[string]any{"rpo": "40h"}, want: outcomes{"pvc-orphaned": "fail info 1"}},
	},
	sourceFailed: []damage{
		{name: "Longhorn's volumes not readable", change: failed(facts.LonghornVolumes), want: unknownWithout(facts.LonghornVolumes, nil),
			summary: "source longhorn/volumes could not be read: gave up after 30s"},
		{name: "snapshots not readable", change: failed(facts.KubeSnapshots), want: unknownWithout(facts.KubeSnapshots, nil),
			summary: "source kube/volumesnapshots could not be read: gave up after 30s"},
	},
}

// youngClaim adds a claim of that age with data and no backup.
func youngClaim(age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		world.AddClaim(s, facts.Claim{Name: "claim-new", User: "student-0001", Server: "new", HasUser: true, Created: s.Now.Add(-age)})
		volumeOf(s, "claim-new").ActualBytes = 1 << 20
	}
}
