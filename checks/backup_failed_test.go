package checks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupFailed(t *testing.T) { testCheck(t, backupFailedCases) }

// failedLast makes last night's Longhorn backup of claims one that failed.
func failedLast(claims ...string) func(*facts.Snapshot) {
	return changes(lastBackups(33*time.Hour+30*time.Minute, claims...), attemptFailed(claims...))
}

// attemptFailed adds a failed Longhorn backup of last night to claims.
func attemptFailed(claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i, claim := range claims {
			inSeries(func(b *facts.Series) {
				b.Failed = &facts.Attempt{Name: fmt.Sprintf("backup-bad%d", i), Since: s.Now.Add(-9*time.Hour - 30*time.Minute), Phase: "Error",
					Error: fmt.Sprintf("proxyServer=10.42.%d.5:8501: failed to back up %s: password=hunter2: no space left on device", i, b.Volume)}
			}, claim)(s)
		}
	}
}

// foundAnew has Velero find its runs in its storage one by one, the oldest last, and
// the two newest at once.
func foundAnew(s *facts.Snapshot) {
	all := s.Kube.Velero.Backups
	slices.SortFunc(all, func(a, b facts.VeleroBackup) int { return b.Started.Compare(a.Started) })
	for i := range all {
		all[i].Created = s.Now.Add(-10*time.Minute + time.Duration(i/2)*time.Second)
	}
	all[0], all[1] = all[1], all[0]
}

// usedNow are two claims whose servers run, idle some that were last used before
// the night of 33 hours ago.
var usedNow, idleHomes = []string{"claim-student-0005", "claim-student-0010"}, []string{"claim-student-0006"}

// longUnused has nobody use a home for five days.
func longUnused(claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, claim := range claims {
			at := s.Now.Add(-120 * time.Hour)
			volumeOf(s, claim).LastPodRefAt = facts.At(at)
			h := hubOf(s)
			for i := range h.Spawners {
				if h.Spawners[i].State.PVCName == claim {
					h.Spawners[i].LastActivity = at
				}
			}
		}
		world.ServeAPI(s, world.HubName)
	}
}

var backupFailedCases = cases{
	check: backupFailed,
	fires: []damage{
		{name: "two homes, for one cause", change: failedLast(usedNow...), want: outcomes{"backup-failed": "fail error 1"}, summary: "the newest backups of 2 homes of hub datahub failed, last at 2026-11-20 02:30 UTC: … failed to back up pvc-00000003-0000-4000-8000-000000000006: " +
			`password=(redacted) no space left on device; their last good backups are up to 1 day 9 h old; the homes of "student-0005", "student-0010"`},
		{name: "two causes", change: changes(failedLast(usedNow...), inSeries(func(b *facts.Series) { b.Failed.Error = "snapshot is gone" }, usedNow[0])),
			want: outcomes{"backup-failed": "fail error 2"}, summary: "the newest backup of 1 home of hub datahub failed, at 2026-11-20 02:30 UTC: snapshot is gone; its last good backup is 1 day 9 h old; the home of " +
				`"student-0005"`},
		{name: "an idle home failed once", change: changes(longUnused(idleHomes...), failedLast(idleHomes...)), want: outcomes{"backup-failed": "fail info 1"}, summary: "the newest backup of 1 home of hub datahub failed, at 2026-11-20 02:30 UTC: … failed to back up pvc-00000003-0000-4000-8000-000000000007: " +
			`password=(redacted) no space left on device; it has a current backup all the same; the home of "student-0006"`},
		{name: "several idle homes", change: changes(longUnused("claim-student-0001", "claim-student-0002", "claim-student-0003"), failedLast("claim-student-0001", "claim-student-0002", "claim-student-0003")),
			want: outcomes{"backup-failed": "fail warning 1"}, summary: "the newest backups of 3 homes of hub datahub failed, last at 2026-11-20 02:30 UTC: … failed to back up pvc-00000003-0000-4000-8000-000000000002: " +
				`password=(redacted) no space left on device; all of them have a current backup all the same; the homes of "student-0001", "student-0002", ` +
				`"student-0003"`},
		{name: "the hub's own claim, with copies elsewhere", change: failedLast(world.HubClaim), want: outcomes{"backup-failed": "fail info 1"}, summary: "the newest backup of the hub's own claim datahub/hub-db-dir failed, at 2026-11-20 02:30 UTC: … failed to back up " +
			"pvc-00000003-0000-4000-8000-000000000001: password=(redacted) no space left on device"},
		{name: "a whole night of Velero's", change: changes(onlyBy(world.WithVelero), ranLast("Failed")), want: outcomes{"backup-failed": "fail error 1"}, summary: "Velero's newest backup of schedule nightly, nightly-20261120010000 of 2026-11-20 01:00 UTC, ended as Failed, Completed is expected (3 errors); no " +
			`current backup of 11 homes of hub datahub; their last good backups are up to 1 day 10 h old; the homes of "student-0001", "student-0002", ` +
			`"student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "a whole night of Velero's, which it found in its storage anew", change: changes(onlyBy(world.WithVelero), ranLast("Failed"), foundAnew), want: outcomes{"backup-failed": "fail error 1"}, summary: "Velero's newest backup of schedule nightly, nightly-20261120010000 of 2026-11-20 01:00 UTC, ended as Failed, Completed is expected (3 errors); no " +
			`current backup of 11 homes of hub datahub; their last good backups are up to 1 day 10 h old; the homes of "student-0001", "student-0002", ` +
			`"student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "Velero's failed, Longhorn's are there", change: changes(world.WithVelero, ranLast("PartiallyFailed")), want: outcomes{"backup-failed": "fail warning 1"}, summary: "Velero's newest backup of schedule nightly, nightly-20261120010000 of 2026-11-20 01:00 UTC, ended as PartiallyFailed, Completed is expected (3 errors); every home has a current backup all the same"},
		{name: "K8up's run of the namespace", change: changes(world.WithK8up, func(s *facts.Snapshot) {
			s.Kube.K8up.Failed = map[string]facts.Attempt{world.Namespace: {Name: "nightly-x7", Since: s.Now.Add(-time.Hour), Phase: "Failed", Error: "repository is locked"}}
		}), want: outcomes{"backup-failed": "fail warning 1"}, summary: "the newest backups of 11 homes of hub datahub and of the hub's own claim datahub/hub-db-dir failed, last at 2026-11-20 11:00 UTC: repository is " +
			`locked; all of them have a current backup all the same; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" ` +
			"and 5 more"},
		{name: "the CronJob that makes the copies", change: changes(cronJob("hub-db", lastSuccess(33*time.Hour)), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 9*time.Hour, gaveUp)),
			want: outcomes{"backup-failed": "fail error 1"}, summary: "the last run of CronJob datahub/hub-db, which makes backup nightly of hub datahub's database, failed at 2026-11-20 03:01 UTC (Job hub-db-29384756, after 4 failed pods); it last succeeded at 2026-11-19 03:00 UTC"},
		{name: "its Job was cleaned up", change: changes(cronJob("hub-db", lastSuccess(33*time.Hour)), madeBy("hub-db")),
			want: outcomes{"backup-failed": "fail error 1"}, summary: "the last run of CronJob datahub/hub-db, which makes backup nightly of hub datahub's database, failed at 2026-11-20 03:00 UTC (its Job is gone); it last succeeded at 2026-11-19 03:00 UTC"},
		{name: "a CronJob named so, beside fresh copies", change: changes(cronJob("home-dump", lastSuccess(33*time.Hour)), aJob(world.Namespace, "home-dump", 9*time.Hour, gaveUp)),
			want: outcomes{"backup-failed": "fail warning 1"}, summary: "the last run of CronJob datahub/home-dump, which by its name makes backups in the namespace of hub datahub, failed at 2026-11-20 03:01 UTC (Job home-dump-29384756, after 4 failed pods); it last succeeded at 2026-11-19 03:00 UTC; the hub's database has a fresh copy all the same"},
		{name: "Longhorn's Job, without a failed Backup", change: changes(recurring(lastSuccess(34*time.Hour)), aJob("longhorn-system", "nightly", 9*time.Hour, gaveUp)),
			want: outcomes{"backup-failed": "fail error 1"}, summary: "the last run of CronJob longhorn-system/nightly, which runs Longhorn's recurring job of that name, failed at 2026-11-20 03:01 UTC (Job nightly-29384756, after 4 failed pods); it last succeeded at 2026-11-19 02:00 UTC"},
	},
	mustNotFire: []damage{
		{name: "a later success", change: changes(failedLast(usedNow...), func(s *facts.Snapshot) {
			for _, claim := range usedNow {
				world.BackUp(s, volumeOf(s, claim), s.Now.Add(-time.Hour))
			}
		})},
		{name: "Longhorn deleted the failed Backup: the missing one is told", change: lastBackups(72*time.Hour, usedNow...), want: outcomes{"backup-stale": "fail error 2"}},
		{name: "a Job that is tried again", change: changes(cronJob("hub-db", lastSuccess(33*time.Hour)), madeBy("hub-db"),
			aJob(world.Namespace, "hub-db", 9*time.Hour, func(j *facts.Job) { j.Failed = 2 }))},
		{name: "a Job that failed, and one by hand that succeeded", change: changes(cronJob("hub-db", lastSuccess(33*time.Hour)), madeBy("hub-db"), aJob(world.Namespace, "hub-db", 9*time.Hour, gaveUp),
			aJob(world.Namespace, "hub-db", 2*time.Hour, func(j *facts.Job) { j.Name, j.Succeeded, j.Completed = "hub-db-now", 1, j.Created.Add(time.Minute) }))},
		{name: "a CronJob that never noted a success", change: changes(cronJob("hub-db", func(c *facts.CronJob) { c.LastSuccess = time.Time{} }), madeBy("hub-db"))},
		{name: "another CronJob's Job", change: changes(cronJob("culler", nil), aJob(world.Namespace, "culler", 9*time.Hour, gaveUp))},
		{name: "Velero made one by hand later", change: changes(world.WithVelero, inVelero(func(v *facts.Velero, now time.Time) {
			v.Backups = append(v.Backups, facts.VeleroBackup{Namespace: world.VeleroNamespace, Name: "try", Phase: "Failed", Created: now.Add(-time.Hour), Scope: v.Schedules[0].Scope})
		}))},
		{name: "an old night of Velero's failed, which it found in its storage last", change: changes(onlyBy(world.WithVelero), inVelero(func(v *facts.Velero, _ time.Time) {
			v.Backups[0].Phase = "Failed" // by name, the oldest
		}), foundAnew)},
		{name: "Velero's schedule of another namespace", change: changes(world.WithVelero, inVelero(func(v *facts.Velero, now time.Time) {
			scope := facts.VeleroScope{Namespaces: []string{"elsewhere"}, Claims: true}
			v.Schedules = append(v.Schedules, facts.VeleroSchedule{Namespace: world.VeleroNamespace, Name: "other", Created: now.AddDate(0, -1, 0), Cron: "0 1 * * *", Phase: "Enabled", Scope: scope})
			v.Backups = append(v.Backups, facts.VeleroBackup{Namespace: world.VeleroNamespace, Name: "other-1", Schedule: "other", Phase: "Failed", Created: now.Add(-time.Hour), Scope: scope})
		}))},
	},
	boundary: []damage{
		{name: "a run whose Job is gone for less than grace", change: changes(cronJob("hub-db", ranBefore(30*time.Minute-time.Second)), madeBy("hub-db"))},
		{name: "grace", change: changes(cronJob("hub-db", ranBefore(30*time.Minute)), madeBy("hub-db")), want: outcomes{"backup-failed": "fail error 1"}, summary: "the last run of CronJob datahub/hub-db, which makes backup nightly of hub datahub's database, failed at 2026-11-20 11:30 UTC (its Job is gone); it last succeeded at 2026-11-20 10:30 UTC"},
	},
	sourceFailed: []damage{
		{name: "Jobs not readable", change: failed(facts.KubeJobs), want: unknownWithout(facts.KubeJobs, nil), summary: "source kube/jobs could not be read: gave up after 30s"},
		{name: "Longhorn's backups not readable", change: failed(facts.LonghornBackups), want: unknownWithout(facts.LonghornBackups, nil),
			summary: "source longhorn/backups could not be read: gave up after 30s"},
	},
}

// lastSuccess makes a CronJob's last success one of so long ago.
func lastSuccess(age time.Duration) func(*facts.CronJob) {
	return func(c *facts.CronJob) { c.LastSuccess = world.Now.Add(-age) }
}

// ranBefore makes a CronJob's last run one of so long ago, which left no success.
func ranBefore(age time.Duration) func(*facts.CronJob) {
	return func(c *facts.CronJob) {
		c.LastSchedule, c.LastSuccess = world.Now.Add(-age), world.Now.Add(-age-time.Hour)
	}
}
