package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupTargetUnset(t *testing.T) { testCheck(t, backupTargetUnsetCases) }

// noTarget takes the URL away. Longhorn forgets the backups then.
func noTarget(s *facts.Snapshot) {
	world.NoBackups(s)
	s.Longhorn.BackupTargets[0].URL = ""
	s.Longhorn.BackupTargets[0].Available, s.Longhorn.BackupTargets[0].Reason = false, "backup target URL is empty"
}

// toTarget has the volumes of claims name a backup target.
func toTarget(name string, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, claim := range claims {
			volumeOf(s, claim).BackupTarget = name
		}
	}
}

var backupTargetUnsetCases = cases{
	check: backupTargetUnset,
	fires: []damage{
		{
			name: "the default target has no URL", change: noTarget, want: outcomes{"backup-target-unset": "fail critical 1"},
			summary: "BackupTarget default has no URL: Longhorn cannot back up 11 homes of hub datahub; none of them has a backup; a place outside of the cluster is " +
				`expected; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`,
		},
		{
			name: "before 1.3 it is a setting", change: changes(noTarget, inTarget(func(t *facts.LHBackupTarget) { t.Known = false })),
			want: outcomes{"backup-target-unset": "fail critical 1"},
			summary: "BackupTarget default has no URL: Longhorn cannot back up 11 homes of hub datahub; none of them has a backup; a place outside of the cluster is " +
				`expected; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`,
		},
		{
			name:    "a volume names a target that does not exist",
			change:  changes(neverBackedUp("claim-student-0003"), toTarget("old", "claim-student-0003")),
			want:    outcomes{"backup-target-unset": "fail critical 1"},
			summary: `there is no BackupTarget old: Longhorn cannot back up 1 home of hub datahub; it has no backup; one that exists is expected; the home of "student-0003"`,
		},
		{
			name:    "no target at all, and one that does not exist",
			change:  changes(noTarget, toTarget("old", "claim-student-0003"), func(s *facts.Snapshot) { s.Longhorn.BackupTargets = nil }),
			want:    outcomes{"backup-target-unset": "fail critical 2", "audit-input-missing": "fail critical 1"},
			summary: "11 homes cannot be backed up, because 2 BackupTargets have no URL or do not exist",
		},
	},
	mustNotFire: []damage{
		{name: "Velero makes the backups", change: changes(onlyBy(world.WithVelero))},
		{name: "K8up makes the backups", change: changes(onlyBy(world.WithK8up))},
		{name: "a cluster without BackupTargets", change: absent(facts.LonghornBackupTargets), want: outcomes{"backup-target-unset": "skipped"},
			summary: "source longhorn/backuptargets is absent: the cluster has no such API"},
		{
			name:   "no home on Longhorn",
			change: func(s *facts.Snapshot) { onOtherStorage(s); world.WithVelero(s) },
			want:   outcomes{"backup-target-unset": "skipped"}, summary: "no home that needs a backup lies on a Longhorn volume",
		},
	},
	boundary: []damage{
		{name: "the last backup is as old as the rpo", change: changes(lastBackups(26*time.Hour, "claim-student-0003"), toTarget("old", "claim-student-0003"))},
		{
			name: "a second older", change: changes(lastBackups(26*time.Hour+time.Second, "claim-student-0003"), toTarget("old", "claim-student-0003")),
			want: outcomes{"backup-target-unset": "fail critical 1"},
			summary: "there is no BackupTarget old: Longhorn cannot back up 1 home of hub datahub; its last good backup is 1 day 2 h old; one that exists is expected; the " +
				`home of "student-0003"`,
		},
	},
	sourceFailed: []damage{
		{name: "targets not readable", change: failed(facts.LonghornBackupTargets), want: unknownWithout(facts.LonghornBackupTargets, nil),
			summary: "source longhorn/backuptargets could not be read: gave up after 30s"},
		{name: "Longhorn's backups not readable", change: failed(facts.LonghornBackups), want: unknownWithout(facts.LonghornBackups, nil),
			summary: "source longhorn/backups could not be read: gave up after 30s"},
	},
}

// onOtherStorage puts the homes on another driver, while Longhorn is there for the
// hub's own claim.
func onOtherStorage(s *facts.Snapshot) {
	keep := volumeOf(s, world.HubClaim).Name
	world.NoBackups(s)
	var volumes []facts.LHVolume
	for _, v := range s.Longhorn.Volumes {
		if v.Name == keep {
			volumes = append(volumes, v)
		}
	}
	var replicas []facts.LHReplica
	for _, r := range s.Longhorn.Replicas {
		if r.Volume == keep {
			replicas = append(replicas, r)
		}
	}
	s.Longhorn.Volumes, s.Longhorn.Replicas = volumes, replicas
	for i := range s.Kube.Volumes {
		if v := &s.Kube.Volumes[i]; v.Name != keep {
			v.Driver, v.Handle = "ebs.csi.aws.com", "vol-"+v.Name
		}
	}
	world.Settle(s)
	world.Remember(s)
}
