package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupUnscheduled(t *testing.T) { testCheck(t, backupUnscheduledCases) }

// labelled gives a claim's volume recurring jobs and groups of them of its own.
func labelled(claim string, jobs, groups []string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := volumeOf(s, claim)
		v.Jobs, v.JobGroups = jobs, groups
	}
}

var backupUnscheduledCases = cases{
	check: backupUnscheduled,
	fires: []damage{
		{
			name:    "a label for trimming takes a home out of the group default",
			change:  inTurn(labelled(running, []string{"trim"}, nil), lastBackups(40*time.Hour, running)),
			want:    outcomes{"backup-unscheduled": "fail error 1"},
			summary: `no schedule selects 1 of 11 homes of hub datahub; its last good backup is 1 day 16 h old; a schedule for each is expected; the home of "student-0005"`,
		},
		{
			name:   "the same of two, one without any backup",
			change: inTurn(labelled(running, nil, []string{"gold"}), labelled(idleOne, nil, []string{"gold"}), lastBackups(40*time.Hour, running), neverBackedUp(idleOne)),
			want:   outcomes{"backup-unscheduled": "fail critical 1"},
			summary: "no schedule selects 2 of 11 homes of hub datahub; their last good backups are up to 1 day 16 h old, and 1 has none; a schedule for each is expected; " +
				`the homes of "student-0005", "student-0009"`,
		},
		{
			name: "no job makes backups", change: inTurn(jobs(facts.LHRecurringJob{Name: "snap", Task: "snapshot", Cron: "0 * * * *", Groups: []string{"default"}}), world.NoBackups),
			want: outcomes{"backup-unscheduled": "fail critical 1"},
			summary: `no schedule selects 11 of 11 homes of hub datahub; none of them has a backup; a schedule for each is expected; the homes of "student-0001", ` +
				`"student-0002", "student-0003", "student-0004", "student-0005" and 5 more`,
		},
	},
	mustNotFire: []damage{
		{name: "current backups, by whatever made them", change: jobs()},
		{name: "not used since its backup", change: inTurn(jobs(), lastUsed(idleOne, 90*24*time.Hour), lastBackups(80*24*time.Hour, idleOne))},
		{name: "selected by its own label", change: inTurn(labelled(running, []string{"nightly"}, nil))},
		{name: "selected by a group", change: inTurn(jobs(facts.LHRecurringJob{Name: "gold", Task: "backup-force-create", Cron: "30 2 * * *", Groups: []string{"default", "gold"}}),
			labelled(running, nil, []string{"gold"}))},
		{name: "a Velero schedule covers it", change: inTurn(jobs(), veleroHasAll, neverBackedUp(idleOne))},
		{name: "another namespace's K8up schedule, and current backups", change: func(s *facts.Snapshot) {
			s.Kube.K8up.Schedules = []facts.K8upSchedule{{Namespace: "shop", Name: "nightly", Cron: "0 1 * * *"}}
		}},
	},
	boundary: []damage{
		{name: "26 hours are not too old", change: inTurn(labelled(running, []string{"trim"}, nil), lastBackups(26*time.Hour, running))},
		{
			name: "a second more is", change: inTurn(labelled(running, []string{"trim"}, nil), lastBackups(26*time.Hour+time.Second, running)), want: outcomes{"backup-unscheduled": "fail error 1"},
			summary: `no schedule selects 1 of 11 homes of hub datahub; its last good backup is 1 day 2 h old; a schedule for each is expected; the home of "student-0005"`,
		},
	},
	sourceFailed: []damage{
		{name: "jobs not readable", change: inTurn(jobs(), failed(facts.LonghornRecurringJobs)), want: unknownWithout(facts.LonghornRecurringJobs, nil),
			summary: "source longhorn/recurringjobs could not be read: gave up after 30s"},
	},
}
