package checks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// Changes to the healthy world that the checks of the machinery of backups share.

// changes makes one change after the other, and settles the world.
func changes(all ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, change := range all {
			change(s)
		}
		world.Settle(s)
	}
}

// inTarget changes Longhorn's backup target.
func inTarget(change func(t *facts.LHBackupTarget)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { change(&s.Longhorn.BackupTargets[0]) }
}

// inSeries changes the Longhorn backups of claims.
func inSeries(change func(b *facts.Series), claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, claim := range claims {
			volume := volumeOf(s, claim).Name
			i := slices.IndexFunc(s.Longhorn.Backups, func(b facts.Series) bool { return b.Volume == volume })
			change(&s.Longhorn.Backups[i])
		}
	}
}

// lastBackups makes the newest Longhorn backup of claims, or of all, one of so
// long ago.
func lastBackups(age time.Duration, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Longhorn.Volumes {
			if v := &s.Longhorn.Volumes[i]; len(claims) == 0 || slices.Contains(claims, v.ClaimName) {
				world.LastBackup(s, v, s.Now.Add(-age))
			}
		}
	}
}

// only has another system make the backups, and Longhorn none.
func onlyBy(system func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		world.NoBackups(s)
		s.Longhorn.RecurringJobs = nil
		s.Longhorn.BackupTargets[0].URL = ""
		system(s)
	}
}

// inVelero changes what Velero was told.
func inVelero(change func(v *facts.Velero, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { change(&s.Kube.Velero, s.Now) }
}

// ranLast makes Velero's last night one that the newest Backup ended with a phase,
// and of which the homes have nothing.
func ranLast(phase string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		newest := newestRun(&s.Kube.Velero)
		newest.Phase, newest.Errors, newest.CSISnapshots = phase, 3, 0
		for i := range s.Kube.Backups {
			b := &s.Kube.Backups[i]
			if b.System == facts.SystemVeleroData {
				b.Newest, b.Previous, b.Good = b.Previous, facts.Point{}, b.Good-1
			}
		}
	}
}

func newestRun(v *facts.Velero) *facts.VeleroBackup {
	newest := &v.Backups[0]
	for i := range v.Backups {
		if v.Backups[i].Created.After(newest.Created) {
			newest = &v.Backups[i]
		}
	}
	return newest
}

// cronJob adds a CronJob of the hub's namespace, with a success of last night.
func cronJob(name string, change func(c *facts.CronJob)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		at := time.Date(s.Now.Year(), s.Now.Month(), s.Now.Day(), 3, 0, 0, 0, time.UTC)
		c := facts.CronJob{Namespace: world.Namespace, Name: name, Schedule: "0 3 * * *", LastSchedule: at, LastSuccess: at.Add(time.Minute)}
		if change != nil {
			change(&c)
		}
		s.Kube.CronJobs = append(s.Kube.CronJobs, c)
	}
}

// aJob adds a Job of a CronJob that was made so long ago.
func aJob(namespace, owner string, age time.Duration, change func(j *facts.Job)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		j := facts.Job{Namespace: namespace, Name: owner + "-29384756", Owner: owner, Created: s.Now.Add(-age)}
		if change != nil {
			change(&j)
		}
		s.Kube.Jobs = append(s.Kube.Jobs, j)
	}
}

// gaveUp is a Job that failed a minute after it was made.
func gaveUp(j *facts.Job) { j.Failed, j.FailedAt = 4, j.Created.Add(time.Minute) }

// madeBy has the hub's configured backup made by a CronJob.
func madeBy(cronJob string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { hubOf(s).Backups[0].CronJob = cronJob }
}

// staleDatabase makes the newest copy of the hub's database one of so long ago.
func staleDatabase(age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		b := &hubOf(s).Backups[0]
		b.Copies = slices.DeleteFunc(b.Copies, func(c facts.BackupCopy) bool { return s.Now.Sub(c.Time) < age })
		b.Opened = nil
	}
}

// withStaleDatabase adds what staleDatabase(48h) costs.
func withStaleDatabase(more outcomes) outcomes {
	more["backup-hub-db-missing"], more["backup-untested"], more["backup-restore-mismatch"] = "fail critical 1", "fail error 1", "skipped"
	return more
}

// A home without a current backup is left to the check of its cause, which must
// then name it: nothing else would.
func TestEveryHomeOfACauseIsTold(t *testing.T) {
	causes := map[homeCause]*Check{targetUnset: backupTargetUnset, targetUnavailable: backupTargetUnavailable,
		schedulePaused: backupSchedulePaused, stuck: backupStuck, failedBackup: backupFailed}
	homes := 0
	for _, c := range []cases{backupTargetUnsetCases, backupTargetUnavailableCases, backupSchedulePausedCases, backupStuckCases, backupFailedCases, backupStaleCases} {
		for _, d := range slices.Concat(c.fires, c.mustNotFire, c.boundary) {
			s := healthy()
			d.change(s)
			suite, err := NewSuite(map[string]Setting{c.check.ID: {Values: d.values}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			told := map[string]string{}
			for _, v := range Judge(suite, s) {
				for _, f := range v.Findings {
					told[v.Check] += ", " + f.Details["claims"]
				}
			}
			in := &Input{Snapshot: s, Hub: hubOf(s), shared: &shared{snapshot: s, suite: suite}}
			for cause, check := range causes {
				for _, h := range in.uncovered(cause) {
					homes++
					if !strings.Contains(told[check.ID]+",", ", "+h.claim.Namespace+"/"+h.claim.Name+",") {
						t.Errorf("%s, %s: %s does not tell %s", c.check.ID, d.name, check.ID, h.claim.Name)
					}
				}
			}
		}
	}
	if homes < 50 {
		t.Errorf("only %d homes were looked at", homes)
	}
}

// BenchmarkBackupMachinery judges the machinery of 100,000 homes' backups while
// the target is away, so that every home is told.
func BenchmarkBackupMachinery(b *testing.B) {
	s := world.Healthy(world.Size{Users: 91000, Nodes: 40, Replicas: 1})
	targetLost(72 * time.Hour)(s)
	attempted := []string{"claim-student-0005", "claim-student-0010"}
	failedLast(attempted...)(s)
	suite, err := NewSuite(nil, []string{"backup-target-unset", "backup-target-unavailable", "backup-schedule-paused", "backup-stuck",
		"backup-failed", "backup-expiring", "snapshot-not-ready", "snapshot-delete-policy"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Judge(suite, s)
	}
}
