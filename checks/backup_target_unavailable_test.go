package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupTargetUnavailable(t *testing.T) { testCheck(t, backupTargetUnavailableCases) }

// targetLost makes Longhorn's backup target one that has not answered for so long.
func targetLost(since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		t := &s.Longhorn.BackupTargets[0]
		t.Available, t.Since, t.LastSyncedAt = false, s.Now.Add(-since), s.Now.Add(-since)
		t.Reason = "failed to list s3://AKID:hunter2@hub-backups: AccessDenied: Access Denied."
	}
}

// notPolled makes the last sync of Longhorn's backup target so long ago.
func notPolled(age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { s.Longhorn.BackupTargets[0].LastSyncedAt = s.Now.Add(-age) }
}

// locationLost makes Velero's location Unavailable for so long.
func locationLost(age time.Duration) func(*facts.Snapshot) {
	return inVelero(func(v *facts.Velero, now time.Time) {
		v.Locations[0].Phase, v.Locations[0].Error, v.Locations[0].LastSyncedAt = "Unavailable", "no such bucket", now.Add(-age)
	})
}

// notValidated: Velero has not looked at its location for so long, nor done
// anything since the night before.
func notValidated(age time.Duration) func(*facts.Snapshot) {
	return inVelero(func(v *facts.Velero, now time.Time) {
		v.Locations[0].LastValidated, v.Locations[0].LastSyncedAt = now.Add(-age), now.Add(-age)
	})
}

var backupTargetUnavailableCases = cases{
	check: backupTargetUnavailable,
	fires: []damage{
		{name: "no access since yesterday evening", change: targetLost(15 * time.Hour), want: outcomes{"backup-target-unavailable": "fail critical 1"}, summary: "BackupTarget default (s3://hub-backups@eu-central-1/) is not available since 2026-11-19 21:00 UTC: failed to list s3://hub-backups: AccessDenied: " +
			`Access Denied; nothing else backs up 11 homes of hub datahub; their last good backups are up to 9 h 30 min old; the homes of "student-0001", ` +
			`"student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "polled no more", change: notPolled(15 * time.Hour), want: outcomes{"backup-target-unavailable": "fail critical 1"}, summary: "BackupTarget default (s3://hub-backups@eu-central-1/) was last looked into by Longhorn at 2026-11-19 21:00 UTC, 15 h ago, though its poll interval is " +
			`5 min; nothing else backs up 11 homes of hub datahub; their last good backups are up to 9 h 30 min old; the homes of "student-0001", "student-0002", ` +
			`"student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "never polled", change: inTarget(func(t *facts.LHBackupTarget) { t.LastSyncedAt = time.Time{} }),
			want: outcomes{"backup-target-unavailable": "fail critical 1"}, summary: "BackupTarget default (s3://hub-backups@eu-central-1/) was never looked into by Longhorn, though its poll interval is 5 min; nothing else backs up 11 " +
				`homes of hub datahub; their last good backups are up to 9 h 30 min old; the homes of "student-0001", "student-0002", "student-0003", "student-0004", ` +
				`"student-0005" and 5 more`},
		{name: "for three days, and the homes were used", change: changes(targetLost(72*time.Hour), lastBackups(80*time.Hour)),
			want: outcomes{"backup-target-unavailable": "fail critical 1"}, summary: "BackupTarget default (s3://hub-backups@eu-central-1/) is not available since 2026-11-17 12:00 UTC: failed to list s3://hub-backups: AccessDenied: " +
				`Access Denied; nothing else backs up 11 homes of hub datahub; their last good backups are up to 3 days 8 h old; the homes of "student-0001", ` +
				`"student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "Velero makes backups too", change: changes(world.WithVelero, targetLost(15*time.Hour)),
			want: outcomes{"backup-target-unavailable": "fail error 1"}, summary: "BackupTarget default (s3://hub-backups@eu-central-1/) is not available since 2026-11-19 21:00 UTC: failed to list s3://hub-backups: AccessDenied: Access Denied; no home relies on it alone"},
		{name: "Velero's location", change: changes(onlyBy(world.WithVelero), locationLost(5*time.Hour)),
			want: outcomes{"backup-target-unavailable": "fail critical 1"}, summary: "Velero's storage location default (s3://velero-backups/hub) is Unavailable, and was last read at 2026-11-20 07:00 UTC: no such bucket; nothing else " +
				`backs up 11 homes of hub datahub; their last good backups are up to 10 h 59 min old; the homes of "student-0001", "student-0002", "student-0003", ` +
				`"student-0004", "student-0005" and 5 more`},
		{name: "both are lost", change: changes(world.WithVelero, targetLost(15*time.Hour), locationLost(5*time.Hour)),
			want: outcomes{"backup-target-unavailable": "fail critical 2"}, summary: "2 places that backups go to cannot be reached: BackupTarget default (s3://hub-backups@eu-central-1/) is not available since 2026-11-19 21:00 UTC: " +
				"failed to list s3://hub-backups: AccessDenied: Access Denied; nothing else backs up 11 homes of hub datahub; their last good backups are up to 9 h 30 " +
				`min old; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "Velero does not run", change: changes(onlyBy(world.WithVelero), notValidated(10*time.Hour)),
			want: outcomes{"backup-target-unavailable": "fail critical 1"}, summary: "Velero's storage location default (s3://velero-backups/hub) was last looked at by Velero at 2026-11-20 02:00 UTC, 10 h ago, and nothing was done " +
				"there since, which is expected every minute; nothing else backs up 11 homes of hub datahub; their last good backups are up to 10 h 59 min old; the " +
				`homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
	},
	mustNotFire: []damage{
		{name: "polling is off", change: changes(notPolled(90*24*time.Hour), inTarget(func(t *facts.LHBackupTarget) { t.PollInterval = 0 }))},
		{name: "an old Longhorn that tells nothing, and a backup of last night", change: inTarget(func(t *facts.LHBackupTarget) {
			*t = facts.LHBackupTarget{Name: t.Name, URL: t.URL}
		})},
		{name: "a second target that nothing uses", change: func(s *facts.Snapshot) {
			s.Longhorn.BackupTargets = append(s.Longhorn.BackupTargets, facts.LHBackupTarget{Name: "old", URL: "nfs://gone:/x", Known: true, Since: s.Now.AddDate(0, -1, 0)})
			world.Settle(s)
		}},
		{name: "a location that no schedule uses", change: changes(world.WithVelero, inVelero(func(v *facts.Velero, _ time.Time) {
			v.Locations = append(v.Locations, facts.VeleroLocation{Namespace: world.VeleroNamespace, Name: "old", Phase: "Unavailable"})
		}))},
		{name: "validation is off, and backups are made", change: changes(world.WithVelero, inVelero(func(v *facts.Velero, now time.Time) {
			v.Locations[0].LastValidated = now.AddDate(0, -2, 0)
		}))},
	},
	boundary: []damage{
		{name: "a second less than grace", change: targetLost(30*time.Minute - time.Second)},
		{name: "grace", change: targetLost(30 * time.Minute), want: outcomes{"backup-target-unavailable": "fail critical 1"}, summary: "BackupTarget default (s3://hub-backups@eu-central-1/) is not available since 2026-11-20 11:30 UTC: failed to list s3://hub-backups: AccessDenied: " +
			`Access Denied; nothing else backs up 11 homes of hub datahub; their last good backups are up to 9 h 30 min old; the homes of "student-0001", ` +
			`"student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "a poll interval of an hour", change: changes(notPolled(3*time.Hour-time.Second), inTarget(func(t *facts.LHBackupTarget) { t.PollInterval = time.Hour }))},
		{name: "three of them", change: changes(notPolled(3*time.Hour), inTarget(func(t *facts.LHBackupTarget) { t.PollInterval = time.Hour })),
			want: outcomes{"backup-target-unavailable": "fail critical 1"}, summary: "BackupTarget default (s3://hub-backups@eu-central-1/) was last looked into by Longhorn at 2026-11-20 09:00 UTC, 3 h ago, though its poll interval is " +
				`1 h; nothing else backs up 11 homes of hub datahub; their last good backups are up to 9 h 30 min old; the homes of "student-0001", "student-0002", ` +
				`"student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "more patience", change: targetLost(50 * time.Minute), values: map[string]any{"grace": "1h"}},
		{name: "Velero read its location within grace", change: changes(onlyBy(world.WithVelero), locationLost(29*time.Minute))},
	},
	sourceFailed: []damage{
		{name: "targets not readable", change: failed(facts.LonghornBackupTargets), want: unknownWithout(facts.LonghornBackupTargets, nil),
			summary: "source longhorn/backuptargets could not be read: gave up after 30s"},
		{name: "a target that Longhorn has not looked at", change: inTarget(func(t *facts.LHBackupTarget) {
			*t = facts.LHBackupTarget{Name: t.Name, URL: t.URL, Known: true}
		}), want: outcomes{"backup-target-unavailable": "unknown"}, summary: "Longhorn has not looked at backup target default yet"},
		{name: "an old Longhorn that tells nothing, and no backup", change: changes(world.NoBackups, inTarget(func(t *facts.LHBackupTarget) {
			*t = facts.LHBackupTarget{Name: t.Name, URL: t.URL}
		})), want: outcomes{"backup-target-unavailable": "unknown", "backup-none": "fail critical 1"},
			summary: "this Longhorn does not tell whether backup target default can be reached, and no backup has been made there within a day"},
	},
}
