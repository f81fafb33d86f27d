package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
)

func TestBackupSkipsDetached(t *testing.T) { testCheck(t, backupSkipsDetachedCases) }

// skipping is what Longhorn does by default: its jobs leave out what is not
// attached.
func skipping(value string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { s.Longhorn.Settings["allow-recurring-job-while-volume-detached"] = value }
}

// stoppedHomes are the claims of servers that do not run.
func stoppedHomes(s *facts.Snapshot) (claims []string) {
	for _, claim := range homeClaims(s) {
		if volumeOf(s, claim).State == "detached" {
			claims = append(claims, claim)
		}
	}
	return claims
}

// skippedFor takes the backups of the last days away from all stopped homes, which
// were used in that time.
func skippedFor(age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { lastBackups(age, stoppedHomes(s)...)(s) }
}

// startedBefore makes the running servers ones that were started so long ago.
func startedBefore(age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range hubOf(s).Spawners {
			if sp := &hubOf(s).Spawners[i]; sp.ServerID != 0 {
				sp.Started = s.Now.Add(-age)
			}
		}
	}
}

var backupSkipsDetachedCases = cases{
	check: backupSkipsDetached,
	fires: []damage{
		{
			name: "88 days", change: inTurn(skipping("false"), skippedFor(88*24*time.Hour)), want: outcomes{"backup-skips-detached": "fail critical 1"},
			summary: "recurring job nightly (30 2 * * *) leaves out volumes that are not attached: 9 of 11 homes of hub datahub have no current backup; their last good " +
				`backups are up to 88 days old; setting allow-recurring-job-while-volume-detached is false, true is expected; the homes of "student-0001", ` +
				`"student-0002", "student-0003", "student-0004", "student-0006" and 4 more`,
		},
		{
			name: "never any backup but of who runs, and the setting was not read as it is not there", change: inTurn(func(s *facts.Snapshot) {
				delete(s.Longhorn.Settings, "allow-recurring-job-while-volume-detached")
				neverBackedUp(stoppedHomes(s)...)(s)
			}),
			want: outcomes{"backup-skips-detached": "fail critical 1"},
			summary: "recurring job nightly (30 2 * * *) leaves out volumes that are not attached: 9 of 11 homes of hub datahub have no current backup; none of them has a " +
				`backup; setting allow-recurring-job-while-volume-detached is not set, true is expected; the homes of "student-0001", "student-0002", "student-0003", ` +
				`"student-0004", "student-0006" and 4 more`,
		},
		{
			name: "everybody came back this morning and runs now", change: inTurn(skipping("false"), startedBefore(3*time.Hour), lastBackups(4*24*time.Hour, running)),
			want: outcomes{"backup-skips-detached": "fail critical 1"},
			summary: "recurring job nightly (30 2 * * *) leaves out volumes that are not attached: 1 of 11 homes of hub datahub has no current backup; its last good backup " +
				`is 4 days old; setting allow-recurring-job-while-volume-detached is false, true is expected; the home of "student-0005"`,
		},
	},
	mustNotFire: []damage{
		{name: "the setting is false, and nobody was left out that was used", change: skipping("false")},
		{name: "not used since", change: inTurn(skipping("false"), func(s *facts.Snapshot) {
			for _, claim := range stoppedHomes(s) {
				lastUsed(claim, 89*24*time.Hour)(s)
			}
		}, skippedFor(88*24*time.Hour))},
		{name: "snapshots of them as well", change: inTurn(skipping("false"), skippedFor(88*24*time.Hour), func(s *facts.Snapshot) {
			for _, claim := range stoppedHomes(s) {
				snapshotOf(claim, 8*time.Hour)(s)
				disk(claim)(s)
			}
		})},
		{name: "Velero has them all", change: inTurn(skipping("false"), skippedFor(88*24*time.Hour), veleroHasAll)},
		{
			name: "the setting is true: backup-stale tells", change: inTurn(skipping(`{"v1":"true"}`), skippedFor(88*24*time.Hour)),
			want: outcomes{"backup-stale": "fail critical 9"},
		},
		{
			name:   "a server that ran when the job was due: backup-stale tells",
			change: inTurn(skipping("false"), startedBefore(30*time.Hour), lastBackups(40*time.Hour, running)), want: outcomes{"backup-stale": "fail error 1"},
		},
	},
	boundary: []damage{
		{
			name: "a fifth of the homes", change: inTurn(skipping("false"), lastBackups(35*time.Hour, "claim-student-0003", "claim-student-0004")), want: outcomes{"backup-skips-detached": "fail error 1"},
			summary: "recurring job nightly (30 2 * * *) leaves out volumes that are not attached: 2 of 11 homes of hub datahub have no current backup; their last good " +
				`backups are up to 1 day 11 h old; setting allow-recurring-job-while-volume-detached is false, true is expected; the homes of "student-0003", ` +
				`"student-0004"`,
		},
		{
			name: "a smaller part is enough", change: inTurn(skipping("false"), lastBackups(35*time.Hour, "claim-student-0003", "claim-student-0004")), values: map[string]any{"maxSkippedPercent": 18},
			want: outcomes{"backup-skips-detached": "fail critical 1"},
			summary: "recurring job nightly (30 2 * * *) leaves out volumes that are not attached: 2 of 11 homes of hub datahub have no current backup; their last good " +
				`backups are up to 1 day 11 h old; setting allow-recurring-job-while-volume-detached is false, true is expected; the homes of "student-0003", ` +
				`"student-0004"`,
		},
	},
	sourceFailed: []damage{
		{name: "settings not readable", change: inTurn(skippedFor(88*24*time.Hour), failed(facts.LonghornSettings)), want: unknownWithout(facts.LonghornSettings, nil),
			summary: "source longhorn/settings could not be read: gave up after 30s"},
	},
}
