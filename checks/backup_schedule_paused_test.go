package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupSchedulePaused(t *testing.T) { testCheck(t, backupSchedulePausedCases) }

func pausedSchedule(v *facts.Velero, _ time.Time) { v.Schedules[0].Paused = true }

// recurring adds the CronJob that Longhorn runs its recurring job with.
func recurring(change func(c *facts.CronJob)) func(*facts.Snapshot) {
	return cronJob("nightly", func(c *facts.CronJob) {
		c.Namespace, c.Schedule = "longhorn-system", "30 2 * * *"
		if change != nil {
			change(c)
		}
	})
}

func suspended(c *facts.CronJob) { c.Suspended = true }

var backupSchedulePausedCases = cases{
	check: backupSchedulePaused,
	fires: []damage{
		{name: "Velero's schedule is paused, and nothing else covers", change: changes(onlyBy(world.WithVelero), inVelero(pausedSchedule)),
			want: outcomes{"backup-schedule-paused": "fail error 1"}, summary: "Velero Schedule velero/nightly makes no backups: it is paused; nothing else backs up 11 homes of hub datahub; their last good backups are up to 10 h " +
				`59 min old; Velero deletes the last ones from 2026-11-27 01:00 UTC on; the homes of "student-0001", "student-0002", "student-0003", "student-0004", ` +
				`"student-0005" and 5 more`},
		{name: "Velero does not take the schedule", change: changes(onlyBy(world.WithVelero), inVelero(func(v *facts.Velero, _ time.Time) {
			v.Schedules[0].Phase, v.Schedules[0].Error = "FailedValidation", "invalid schedule: expected exactly 5 fields"
		})), want: outcomes{"backup-schedule-paused": "fail error 1"}, summary: "Velero Schedule velero/nightly makes no backups: Velero does not accept it: invalid schedule: expected exactly 5 fields; nothing else backs up 11 " +
			"homes of hub datahub; their last good backups are up to 10 h 59 min old; Velero deletes the last ones from 2026-11-27 01:00 UTC on; the homes of " +
			`"student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "Longhorn's CronJob is suspended, for a week", change: changes(recurring(suspended), lastBackups(7*24*time.Hour)),
			want: outcomes{"backup-schedule-paused": "fail error 1"}, summary: "RecurringJob longhorn-system/nightly makes no backups: its CronJob is suspended; nothing else backs up 11 homes of hub datahub; their last good " +
				`backups are up to 7 days old; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "what makes the copies of the database", change: changes(cronJob("hub-db", suspended), madeBy("hub-db")),
			want: outcomes{"backup-schedule-paused": "fail error 1"}, summary: "CronJob datahub/hub-db, which makes backup nightly of hub datahub's database, is suspended; it last succeeded at 2026-11-20 03:01 UTC"},
		{name: "a CronJob named so, and an old copy", change: changes(cronJob("pg-dump", suspended), staleDatabase(48*time.Hour)),
			want: withStaleDatabase(outcomes{"backup-schedule-paused": "fail error 1"}), summary: "CronJob datahub/pg-dump, which by its name makes backups in the namespace of hub datahub, is suspended; it last succeeded at 2026-11-20 03:01 UTC"},
		{name: "what should make the copies does not exist, and they are old", change: changes(madeBy("hub-bd"), staleDatabase(48*time.Hour)),
			want:    withStaleDatabase(outcomes{"backup-schedule-paused": "fail error 1"}),
			summary: "CronJob datahub/hub-bd, which should make backup nightly of the database of hub datahub, does not exist"},
		{name: "a wrong name beside fresh copies", change: changes(madeBy("hub-bd")), want: outcomes{"backup-schedule-paused": "fail warning 1"},
			summary: "CronJob datahub/hub-bd, which should make backup nightly of the database of hub datahub, does not exist; there is a fresh copy all the same, " +
				"so look for a wrong name in hubs[].backups[].cronJob"},
		{name: "the database relies on Velero", change: changes(world.WithVelero, inVelero(pausedSchedule), func(s *facts.Snapshot) {
			s.Longhorn.RecurringJobs = nil
			b := &hubOf(s).Backups[0]
			b.Kind, b.Location, b.Verify, b.Opened = facts.BackupVelero, world.Namespace+"/"+world.HubClaim, facts.VerifyNone, nil
		}), want: outcomes{"backup-schedule-paused": "fail error 1", "backup-restore-mismatch": "skipped"}, summary: "Velero Schedule velero/nightly makes no backups: it is paused; nothing else backs up the database on datahub/hub-db-dir"},
	},
	mustNotFire: []damage{
		{name: "Longhorn covers the same", change: changes(world.WithVelero, inVelero(pausedSchedule))},
		{name: "another schedule of Velero's covers the same", change: changes(onlyBy(world.WithVelero), inVelero(func(v *facts.Velero, now time.Time) {
			other := v.Schedules[0]
			other.Name = "hourly"
			v.Schedules[0].Paused = true
			v.Schedules = append(v.Schedules, other)
		}))},
		{name: "a schedule of another namespace", change: changes(world.WithVelero, inVelero(func(v *facts.Velero, _ time.Time) {
			other := v.Schedules[0]
			other.Name, other.Paused, other.Scope.Namespaces = "other", true, []string{"elsewhere"}
			v.Schedules = append(v.Schedules, other)
		}))},
		{name: "an old CronJob beside a fresh copy", change: changes(cronJob("old-backup", suspended))},
		{name: "one that cleans up", change: changes(cronJob("backup-prune", suspended), staleDatabase(48*time.Hour)),
			want: withStaleDatabase(outcomes{})},
		{name: "Longhorn's CronJob runs", change: changes(recurring(nil))},
	},
	boundary: []damage{
		{name: "Velero has half an hour to look at a new schedule", change: changes(onlyBy(world.WithVelero), newSchedule(30*time.Minute))},
		{name: "a second more", change: changes(onlyBy(world.WithVelero), newSchedule(30*time.Minute+time.Second)),
			want: outcomes{"backup-schedule-paused": "fail error 1"}, summary: "Velero Schedule velero/nightly makes no backups: Velero has not taken it up; nothing else backs up 11 homes of hub datahub; their last good backups " +
				`are up to 10 h 59 min old; Velero deletes the last ones from 2026-11-27 01:00 UTC on; the homes of "student-0001", "student-0002", "student-0003", ` +
				`"student-0004", "student-0005" and 5 more`},
	},
	sourceFailed: []damage{
		{name: "schedules not readable", change: changes(world.WithVelero, failed(facts.VeleroSchedules)),
			want: unknownWithout(facts.VeleroSchedules, nil), summary: "source velero/schedules could not be read: gave up after 30s"},
		{name: "CronJobs not readable", change: failed(facts.KubeCronJobs), want: unknownWithout(facts.KubeCronJobs, nil),
			summary: "source kube/cronjobs could not be read: gave up after 30s"},
	},
}

// newSchedule makes Velero's schedule one of so long ago that it has not looked at.
func newSchedule(age time.Duration) func(*facts.Snapshot) {
	return inVelero(func(v *facts.Velero, now time.Time) {
		v.Schedules[0].Phase, v.Schedules[0].Created = "New", now.Add(-age)
	})
}
