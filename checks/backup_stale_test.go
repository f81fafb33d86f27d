package checks

import (
	"maps"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupStale(t *testing.T) { testCheck(t, backupStaleCases) }

// also adds outcomes to others.
func also(want, more outcomes) outcomes {
	both := maps.Clone(want)
	if both == nil {
		both = outcomes{}
	}
	maps.Copy(both, more)
	return both
}

// ranWeekly makes the nightly job one of Sundays, of which the last was five days
// ago, and the newest backup of every home one of then.
func ranWeekly(s *facts.Snapshot) {
	s.Longhorn.RecurringJobs[0].Cron = "30 2 * * 0"
	for i := range s.Longhorn.Volumes {
		world.LastBackup(s, &s.Longhorn.Volumes[i], time.Date(2026, 11, 15, 2, 31, 0, 0, time.UTC))
	}
	world.Settle(s)
}

// jobs replaces the recurring jobs.
func jobs(all ...facts.LHRecurringJob) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs = all
		world.Settle(s)
	}
}

func backupJob(name, cron string, age time.Duration) facts.LHRecurringJob {
	return facts.LHRecurringJob{Name: name, Created: world.Now.Add(-age), Task: "backup", Cron: cron, Groups: []string{"default"}, Retain: 7}
}

// snapshotOf adds a VolumeSnapshot of a claim, and puts its volume on a cloud's
// disk.
func snapshotOf(claim string, age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		taken := s.Now.Add(-age)
		s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: world.Namespace, Name: "of-" + claim, Claim: claim, Ready: true, Created: taken, Taken: taken})
		world.Settle(s)
	}
}

// idleOne is a claim whose server does not run.
const idleOne = "claim-student-0009"

const year = 365 * 24 * time.Hour

var backupStaleCases = cases{
	check: backupStale,
	fires: []damage{
		{
			name: "the last two runs left out a home in use", change: lastBackups(57*time.Hour+30*time.Minute, running), want: outcomes{"backup-stale": "fail error 1"},
			summary: `the newest backup of claim claim-student-0005 of user "student-0005"'s default server, in Longhorn, is of 2026-11-18 02:30 UTC, 2 days 9 h old, and ` +
				"it was used on 2026-11-20 12:00 UTC; one by RecurringJob nightly (30 2 * * *) is expected, due on 2026-11-20 02:30 UTC",
		},
		{
			name: "so old that more than one run was missed", change: lastBackups(5*24*time.Hour, running, "claim-student-0002"), want: outcomes{"backup-stale": "fail critical 2"},
			summary: "2 of 11 user claims with data were used since their newest backup, the oldest of which is 5 days old (claim claim-student-0002)",
		},
		{
			name: "failed, and Longhorn has deleted what failed", change: inTurn(lastBackups(33*time.Hour, running), inSeries(func(b *facts.Series) { b.Failed = nil }, running)),
			want: outcomes{"backup-stale": "fail error 1"},
			summary: `the newest backup of claim claim-student-0005 of user "student-0005"'s default server, in Longhorn, is of 2026-11-19 03:00 UTC, 1 day 9 h old, and it ` +
				"was used on 2026-11-20 12:00 UTC; one by RecurringJob nightly (30 2 * * *) is expected, due on 2026-11-20 02:30 UTC",
		},
		{
			name: "a weekly run was missed", change: inTurn(ranWeekly, lastBackups(12*24*time.Hour, running)), want: outcomes{"backup-stale": "fail error 1"},
			summary: `the newest backup of claim claim-student-0005 of user "student-0005"'s default server, in Longhorn, is of 2026-11-08 12:00 UTC, 12 days old, and it ` +
				"was used on 2026-11-20 12:00 UTC; one by RecurringJob nightly (30 2 * * 0) is expected, due on 2026-11-15 02:30 UTC",
		},
		{
			name:   "a nightly job stopped, and a monthly one ran",
			change: inTurn(jobs(backupJob("nightly", "30 2 * * *", year), backupJob("monthly", "0 1 17 * *", year)), lastBackups(82*time.Hour+59*time.Minute, running)),
			want:   outcomes{"backup-stale": "fail critical 1"},
			summary: `the newest backup of claim claim-student-0005 of user "student-0005"'s default server, in Longhorn, is of 2026-11-17 01:01 UTC, 3 days 10 h old, and ` +
				"it was used on 2026-11-20 12:00 UTC; one by RecurringJob nightly (30 2 * * *) is expected, due on 2026-11-20 02:30 UTC",
		},
		{
			name: "an hourly job stopped this morning", change: inTurn(jobs(backupJob("hourly", "0 * * * *", year))),
			want:    outcomes{"backup-stale": "fail error 9"},
			summary: "9 of 11 user claims with data were used since their newest backup, the oldest of which is 9 h 30 min old (claim claim-student-0001)",
		},
		{
			name:   "snapshots by whatever makes them, which stopped",
			change: inTurn(neverBackedUp(running), snapshotOf(running, 27*time.Hour), jobs(), disk(running)),
			want:   outcomes{"backup-stale": "fail error 1"},
			summary: `the newest backup of claim claim-student-0005 of user "student-0005"'s default server, in VolumeSnapshots, is of 2026-11-19 09:00 UTC, 1 day 3 h old, ` +
				"and it was used on 2026-11-20 12:00 UTC; one within 1 day 2 h is expected, by whatever makes them: no schedule of it is known",
		},
	},
	mustNotFire: []damage{
		{name: "not used since", change: inTurn(lastUsed(idleOne, 90*24*time.Hour), lastBackups(80*24*time.Hour, idleOne))},
		{name: "a weekly schedule", change: ranWeekly},
		{name: "the schedule was made after its last due time", change: inTurn(jobs(backupJob("nightly", "0 11 * * *", 30*time.Minute)), lastBackups(25*time.Hour, running))},
		{name: "a daily schedule that was moved to an hour of this morning", change: jobs(backupJob("nightly", "0 8 * * *", year))},
		{name: "another system's backup", change: inTurn(lastBackups(10*24*time.Hour, running), disk(running), snapshotOf(running, 8*time.Hour))},
		{name: "Velero's", want: outcomes{"backup-failed": "fail warning 1"}, change: inTurn(lastBackups(10*24*time.Hour, running), veleroHas("nightly-1", "PartiallyFailed", 9*time.Hour, running))},
		{
			name:   "today's is still going on",
			change: inTurn(lastBackups(33*time.Hour+30*time.Minute, running), inSeries(func(b *facts.Series) { b.Running = &facts.Attempt{Name: "b", Since: world.Now.Add(-9 * time.Hour)} }, running)),
		},
		{name: "a standby copy", change: inTurn(lastBackups(5*24*time.Hour, idleOne), func(s *facts.Snapshot) { volumeOf(s, idleOne).Standby = true })},
		{
			name: "failed: backup-failed tells it",
			change: inTurn(lastBackups(57*time.Hour, running), inSeries(func(b *facts.Series) {
				b.Failed = &facts.Attempt{Name: "b", Since: world.Now.Add(-9 * time.Hour), Phase: "Error", Error: "no space left"}
			}, running)),
			want: outcomes{"backup-failed": "fail error 1"},
		},
	},
	boundary: []damage{
		{name: "the run of this morning had until now", change: inTurn(jobs(backupJob("nightly", "0 10 * * *", year)), lastBackups(26*time.Hour, running))},
		{
			name: "a second longer", change: inTurn(jobs(backupJob("nightly", "0 10 * * *", year)), lastBackups(26*time.Hour+time.Second, running)),
			want: outcomes{"backup-stale": "fail error 1"},
			summary: `the newest backup of claim claim-student-0005 of user "student-0005"'s default server, in Longhorn, is of 2026-11-19 09:59 UTC, 1 day 2 h old, and it ` +
				"was used on 2026-11-20 12:00 UTC; one by RecurringJob nightly (0 10 * * *) is expected, due on 2026-11-20 10:00 UTC",
		},
		{name: "more slack", change: inTurn(jobs(backupJob("often", "0 */6 * * *", year)), lastBackups(8*time.Hour, running)), values: map[string]any{"slack": "6h1s"}},
		{name: "used when it was backed up", change: inTurn(lastUsed(idleOne, 50*time.Hour), lastBackups(50*time.Hour, idleOne))},
		{
			name: "used a second later", change: inTurn(lastUsed(idleOne, 50*time.Hour-time.Second), lastBackups(50*time.Hour, idleOne)), want: outcomes{"backup-stale": "fail error 1"},
			summary: `the newest backup of claim claim-student-0009 of user "student-0009"'s default server, in Longhorn, is of 2026-11-18 10:00 UTC, 2 days 2 h old, and ` +
				"it was used on 2026-11-18 10:00 UTC; one by RecurringJob nightly (30 2 * * *) is expected, due on 2026-11-20 02:30 UTC",
		},
	},
	sourceFailed: []damage{
		{name: "Longhorn's backups not readable", change: failed(facts.LonghornBackups), want: unknownWithout(facts.LonghornBackups, nil),
			summary: "source longhorn/backups could not be read: gave up after 30s"},
		{name: "jobs not readable", change: failed(facts.LonghornRecurringJobs), want: unknownWithout(facts.LonghornRecurringJobs, nil),
			summary: "source longhorn/recurringjobs could not be read: gave up after 30s"},
	},
}

// disk puts claims' volumes on a cloud's disk instead of Longhorn.
func disk(claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Kube.Volumes {
			if v := &s.Kube.Volumes[i]; slices.Contains(claims, v.ClaimName) {
				v.Driver = "ebs.csi.aws.com"
			}
		}
	}
}
