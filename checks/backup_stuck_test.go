package checks

import (
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupStuck(t *testing.T) { testCheck(t, backupStuckCases) }

// begun gives claims a Longhorn backup that was begun so long ago and has not
// ended; their newest good one is of the night before that.
func begun(age time.Duration, claims ...string) func(*facts.Snapshot) {
	return changes(lastBackups(age+24*time.Hour, claims...), func(s *facts.Snapshot) {
		for i, claim := range claims {
			inSeries(func(b *facts.Series) {
				b.Running = &facts.Attempt{Name: fmt.Sprintf("backup-slow%d", i), Since: s.Now.Add(-age), Phase: "InProgress"}
			}, claim)(s)
		}
	})
}

// runsLast has Velero's newest run still go on, so long after it was begun.
func runsLast(age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		ranLast("InProgress")(s)
		b := newestRun(&s.Kube.Velero)
		b.Started, b.Created, b.Completed, b.Expires = s.Now.Add(-age), s.Now.Add(-age), time.Time{}, time.Time{}
	}
}

// hangsIn gives claims a part in a run of Velero's that was begun so long ago and
// has not ended.
func hangsIn(run string, age time.Duration, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, claim := range claims {
			s.Kube.Backups = append(s.Kube.Backups, facts.Series{System: facts.SystemVeleroFile, Namespace: world.Namespace, Claim: claim,
				Running: &facts.Attempt{Name: run + "-" + claim, Set: run, Since: s.Now.Add(-age), Phase: "InProgress"}})
		}
		world.Settle(s)
	}
}

var backupStuckCases = cases{
	check: backupStuck,
	fires: []damage{
		{name: "two homes, for three days", change: begun(72*time.Hour, usedNow...), want: outcomes{"backup-stuck": "fail error 1"}, summary: "2 backups have not ended for 3 days, backup-slow0 is InProgress since 2026-11-17 12:00 UTC; meanwhile there is no newer one of 2 homes of hub " +
			`datahub; the homes of "student-0005", "student-0010"`},
		{name: "15 days of Longhorn's Job (longhorn#7814)", change: changes(lastBackups(16*24*time.Hour), begun(15*24*time.Hour, usedNow...), recurring(nil), aJob("longhorn-system", "nightly", 15*24*time.Hour, nil)),
			want: outcomes{"backup-stuck": "fail error 1"}, summary: "Job longhorn-system/nightly-29384756 of CronJob nightly, which runs Longhorn's recurring job of that name, has run since 2026-11-05 12:00 UTC, for 15 " +
				"days, and Longhorn starts no other one before it ends; no current backup of 11 homes of hub datahub; their last good backups are up to 16 days old; " +
				"delete first the Backups that hang (backup-slow0, backup-slow1), then the Job, and neither the CronJob nor the RecurringJob; the homes of " +
				`"student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "Longhorn's Job alone", change: changes(lastBackups(4*24*time.Hour), recurring(nil), aJob("longhorn-system", "nightly", 80*time.Hour, nil)),
			want: outcomes{"backup-stuck": "fail error 1"}, summary: "Job longhorn-system/nightly-29384756 of CronJob nightly, which runs Longhorn's recurring job of that name, has run since 2026-11-17 04:00 UTC, for 3 " +
				"days 8 h, and Longhorn starts no other one before it ends; no current backup of 11 homes of hub datahub; their last good backups are up to 4 days " +
				`old; delete the Job, and neither the CronJob nor the RecurringJob; the homes of "student-0001", "student-0002", "student-0003", "student-0004", ` +
				`"student-0005" and 5 more`},
		{name: "an idle home", change: changes(longUnused(idleHomes...), begun(25*time.Hour, idleHomes...)), want: outcomes{"backup-stuck": "fail warning 1"}, summary: "1 backup has not ended for 1 day 1 h, backup-slow0 is InProgress since 2026-11-19 11:00 UTC; meanwhile there is no newer one of 1 home of hub " +
			`datahub; the home of "student-0006"`},
		{name: "a first backup of a day", change: changes(begun(25*time.Hour, usedNow...), inSeries(func(b *facts.Series) { b.Newest, b.Previous, b.Good = facts.Point{}, facts.Point{}, 0 }, usedNow...)),
			want: outcomes{"backup-stuck": "fail warning 1"}, summary: "2 backups have not ended for 1 day 1 h, backup-slow0 is InProgress since 2026-11-19 11:00 UTC; meanwhile there is no newer one of 2 homes of hub " +
				`datahub; it may be a large first backup; the homes of "student-0005", "student-0010"`},
		{name: "Velero's run, and nothing else", change: changes(onlyBy(world.WithVelero), runsLast(35*time.Hour)), want: outcomes{"backup-stuck": "fail error 1"}, summary: "Velero's backup nightly-20261120010000 of schedule nightly is InProgress since 2026-11-19 01:00 UTC, 1 day 11 h ago, and the schedule makes no other " +
			`one before it ends; no current backup of 11 homes of hub datahub; their last good backups are up to 1 day 10 h old; the homes of "student-0001", ` +
			`"student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "the first run of a Velero schedule that selects homes by label", change: changes(lastBackups(96*time.Hour, usedNow...),
			veleroHas("nightly-1", "InProgress", 35*time.Hour), narrowed(func(scope *facts.VeleroScope) { scope.Selected = true }), hangsIn("nightly-1", 35*time.Hour, usedNow...)),
			want: outcomes{"backup-stuck": "fail error 1"}, summary: "Velero's backup nightly-1 of schedule nightly is InProgress since 2026-11-19 01:00 UTC, 1 day 11 h ago, and the schedule makes no other one before it ends; " +
				`no current backup of 2 homes of hub datahub; their last good backups are up to 4 days old; the homes of "student-0005", "student-0010"`},
		{name: "a run of a Velero schedule that is gone", change: changes(lastBackups(96*time.Hour, usedNow...), veleroHas("nightly-1", "InProgress", 35*time.Hour),
			hangsIn("nightly-1", 35*time.Hour, usedNow...), func(s *facts.Snapshot) { s.Kube.Velero.Schedules = nil }),
			want: outcomes{"backup-stuck": "fail error 1"}, summary: "2 backups have not ended for 1 day 11 h, nightly-1-claim-student-0005 is InProgress since 2026-11-19 01:00 UTC; meanwhile there is no " +
				`newer one of 2 homes of hub datahub; the homes of "student-0005", "student-0010"`},
		{name: "Velero's run beside Longhorn's", change: changes(world.WithVelero, runsLast(35*time.Hour)), want: outcomes{"backup-stuck": "fail warning 1"}, summary: "Velero's backup nightly-20261120010000 of schedule nightly is InProgress since 2026-11-19 01:00 UTC, 1 day 11 h ago, and the schedule makes no other one before it ends; every home has a current backup all the same"},
		{name: "what makes the copies of the database", change: changes(cronJob("hub-db", nil), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 26*time.Hour, nil)),
			want: outcomes{"backup-stuck": "fail error 1"}, summary: "Job datahub/hub-db-29384756 of CronJob hub-db, which makes backup nightly of hub datahub's database, has run since 2026-11-19 10:00 UTC, for 1 day 2 h"},
	},
	mustNotFire: []damage{
		{name: "a backup that runs now", change: changes(lastBackups(33*time.Hour+30*time.Minute, usedNow...), inSeries(func(b *facts.Series) {
			b.Running = &facts.Attempt{Name: "backup-now", Since: world.Now.Add(-9 * time.Hour), Phase: "InProgress"}
		}, usedNow...))},
		{name: "a Job that ended", change: changes(cronJob("hub-db", nil), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 26*time.Hour, func(j *facts.Job) { j.Succeeded, j.Completed = 1, j.Created.Add(time.Hour) }))},
		{name: "a Job of another CronJob", change: changes(cronJob("culler", nil), aJob(world.Namespace, "culler", 26*time.Hour, nil))},
		{name: "Longhorn's Job of a snapshot task", change: changes(func(s *facts.Snapshot) {
			s.Longhorn.RecurringJobs = append(s.Longhorn.RecurringJobs, facts.LHRecurringJob{Name: "trim", Created: s.Now.AddDate(0, -1, 0), Task: "filesystem-trim", Cron: "0 0 * * *", Groups: []string{"default"}})
		}, func(s *facts.Snapshot) {
			s.Kube.CronJobs = append(s.Kube.CronJobs, facts.CronJob{Namespace: "longhorn-system", Name: "trim", Schedule: "0 0 * * *"})
		}, aJob("longhorn-system", "trim", 80*time.Hour, nil))},
	},
	boundary: []damage{
		{name: "patience", change: changes(cronJob("hub-db", nil), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 24*time.Hour, nil))},
		{name: "a second more", change: changes(cronJob("hub-db", nil), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 24*time.Hour+time.Second, nil)),
			want: outcomes{"backup-stuck": "fail error 1"}, summary: "Job datahub/hub-db-29384756 of CronJob hub-db, which makes backup nightly of hub datahub's database, has run since 2026-11-19 11:59 UTC, for 1 day"},
		{name: "two periods of a Job of every three hours", change: changes(cronJob("hub-db", every(3)), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 6*time.Hour, nil))},
		{name: "and a second", change: changes(cronJob("hub-db", every(3)), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 6*time.Hour+time.Second, nil)),
			want: outcomes{"backup-stuck": "fail error 1"}, summary: "Job datahub/hub-db-29384756 of CronJob hub-db, which makes backup nightly of hub datahub's database, has run since 2026-11-20 05:59 UTC, for 6 h"},
		{name: "more patience", change: changes(cronJob("hub-db", func(c *facts.CronJob) { c.Schedule = "0 3 * * 0" }), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 30*time.Hour, nil)),
			values: map[string]any{"patience": "36h"}},
	},
	sourceFailed: []damage{
		{name: "Jobs not readable", change: failed(facts.KubeJobs), want: unknownWithout(facts.KubeJobs, nil), summary: "source kube/jobs could not be read: gave up after 30s"},
		{name: "Velero's backups not readable", change: changes(world.WithVelero, failed(facts.VeleroBackups)), want: unknownWithout(facts.VeleroBackups, nil),
			summary: "source velero/backups could not be read: gave up after 30s"},
	},
}

// every makes a CronJob one of every few hours.
func every(hours int) func(*facts.CronJob) {
	return func(c *facts.CronJob) { c.Schedule = fmt.Sprintf("0 */%d * * *", hours) }
}
