package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupHubDBMissing(t *testing.T) { testCheck(t, backupHubDBMissingCases) }

var nightly = facts.BackupSource(world.HubName, "nightly")

// inBackup changes the copies of the hub's one location.
func inBackup(change func(b *facts.Backup, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		change(&hubOf(s).Backups[0], s.Now)
		world.Settle(s)
	}
}

var backupHubDBMissingCases = cases{
	check: backupHubDBMissing,
	fires: []damage{
		{
			name: "none configured",
			change: func(s *facts.Snapshot) {
				withoutBackups(s)
				world.LastBackup(s, volumeOf(s, world.HubClaim), time.Time{})
			},
			want:    outcomes{"backup-hub-db-missing": "fail critical 1", "backup-restore-mismatch": "skipped"},
			summary: "no backup of the hub's database is configured for this audit, at least one location under hubs[].backups is expected",
		},
		{
			name:   "none configured, but the volume of the database is backed up",
			change: withoutBackups,
			want:   outcomes{"backup-hub-db-missing": "fail warning 1", "backup-restore-mismatch": "skipped"},
			summary: "Longhorn has a backup of its volume hub-db-dir of 2026-11-20 02:30 UTC, but no dump of the database is known: what that holds is the database as a power cut " +
				"would leave it, and nobody has opened it; a copy made by SQLite itself is expected under hubs[].backups",
		},
		{
			name: "none configured, and the backups of its volume stopped a week ago",
			change: func(s *facts.Snapshot) {
				withoutBackups(s)
				world.LastBackup(s, volumeOf(s, world.HubClaim), s.Now.AddDate(0, 0, -7))
			},
			want: outcomes{"backup-hub-db-missing": "fail critical 1", "backup-restore-mismatch": "skipped"},
			summary: "no backup of the hub's database is configured for this audit, at least one location under hubs[].backups is expected; " +
				"Longhorn has a backup of its volume hub-db-dir of 2026-11-13 12:00 UTC, which is too old",
		},
		{
			name: "on a server, where a claim of that name says nothing",
			change: func(s *facts.Snapshot) {
				withoutBackups(s)
				hubOf(s).Database.Engine = "postgresql"
			},
			want:    outcomes{"backup-hub-db-missing": "fail critical 1", "backup-restore-mismatch": "skipped", "hub-db-volume-full": "skipped"},
			summary: "no backup of the hub's database is configured for this audit, at least one location under hubs[].backups is expected",
		},
		{
			name: "weekly, and last Sunday's was missed",
			change: inBackup(func(b *facts.Backup, now time.Time) {
				aged(8*24*time.Hour)(b, now)
				b.Schedule, b.TimeZone = "0 4 * * 0", "Europe/Berlin"
			}),
			want: outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "the newest good copy in backup nightly (backups/jupyterhub-*.sqlite.gz) is of 2026-11-12 12:00 UTC, 8 days old, " +
				"one of the run that was due at 2026-11-15 03:00 UTC is expected",
		},
		{
			name:   "the location is empty",
			change: inBackup(func(b *facts.Backup, _ time.Time) { b.Copies = nil }),
			want:   outcomes{"backup-hub-db-missing": "fail critical 1", "audit-input-missing": "fail critical 1"},
			summary: "backup nightly (backups/jupyterhub-*.sqlite.gz) has no good copy of the hub's database: " +
				"nothing is there; one of the run that was due at 2026-11-20 03:00 UTC is expected",
		},
		{
			name: "the job has written empty files for two nights",
			change: inBackup(func(b *facts.Backup, _ time.Time) {
				b.Copies[0].SizeBytes, b.Copies[1].SizeBytes = 0, 0
			}),
			want: outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "the newest good copy in backup nightly (backups/jupyterhub-*.sqlite.gz) is of 2026-11-18 03:00 UTC, 2 days 8 h old, " +
				"one of the run that was due at 2026-11-20 03:00 UTC is expected; later ones are not good: jupyterhub-2026-11-20.sqlite.gz is empty",
		},
		{
			name: "a snapshot that failed, in two locations",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Backups = []facts.Backup{
					{Name: "snap", Kind: "volumesnapshots", Location: "datahub/hub-db-dir", Copies: []facts.BackupCopy{{Name: "s1", Time: s.Now, Error: "pool is full"}}},
					{Name: "snap2", Kind: "volumesnapshots", Location: "datahub/hub-db-dir", Copies: []facts.BackupCopy{{Name: "s2", Time: s.Now}}}}
				world.Settle(s)
			},
			want: outcomes{"backup-hub-db-missing": "fail critical 2", "backup-restore-mismatch": "skipped"},
			summary: "none of 2 backup locations has a good copy of the hub's database that is fresh enough: " +
				"backup snap (datahub/hub-db-dir) has no good copy of the hub's database: s1 failed: pool is full; one not older than 1 day 2 h is expected",
		},
	},
	mustNotFire: []damage{
		{
			name: "the newest copy is damaged, and backup-restore-mismatch tells of it",
			change: func(s *facts.Snapshot) {
				faultyCopy(facts.CopyEmpty, "")(s)
				hubOf(s).Backups[0].Copies = hubOf(s).Backups[0].Copies[:2]
			},
			want:    outcomes{"backup-hub-db-missing": "skipped", "backup-restore-mismatch": "fail critical 1"},
			summary: "the newest copy in nightly is fresh and not good: backup-restore-mismatch tells of it",
		},
		{
			name: "a snapshot whose driver tells no size",
			change: func(s *facts.Snapshot) {
				hubOf(s).Backups = []facts.Backup{{Name: "snap", Kind: "volumesnapshots",
					Copies: []facts.BackupCopy{{Name: "s1", Time: s.Now.Add(-time.Hour), Ready: true}}}}
				world.Settle(s)
			},
			want: outcomes{"backup-restore-mismatch": "skipped", "backup-untested": "fail error 1"},
		},
		{
			name: "weekly, and the last one was on time",
			change: inBackup(func(b *facts.Backup, now time.Time) {
				b.Copies, b.Schedule = b.Copies[:1], "0 4 * * 0"
				b.Copies[0].Time = time.Date(2026, 11, 15, 4, 20, 0, 0, time.UTC)
			}),
		},
		{
			name: "only a date in the name",
			change: inBackup(func(b *facts.Backup, _ time.Time) {
				b.Copies = b.Copies[:1]
				b.Copies[0].Time = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
			}),
		},
		{
			name: "one location cannot be read, another is fresh",
			change: func(s *facts.Snapshot) {
				hubOf(s).Backups = append(hubOf(s).Backups, facts.Backup{Name: "off-site", Kind: facts.BackupObjects, Verify: facts.VerifyOpen})
				world.Settle(s)
				failed(facts.BackupSource(world.HubName, "off-site"))(s)
			},
			want: outcomes{"backup-restore-mismatch": "unknown"},
		},
		{
			name: "one location of two is fresh",
			change: func(s *facts.Snapshot) {
				hubOf(s).Backups = append(hubOf(s).Backups, facts.Backup{Name: "weekly", Kind: "files"})
				world.Settle(s)
			},
		},
	},
	boundary: []damage{
		{name: "exactly as old as allowed", change: inBackup(within26h(26 * time.Hour))},
		{
			name: "a second older", change: inBackup(within26h(26*time.Hour + time.Second)),
			want: outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "the newest good copy in backup nightly (backups/jupyterhub-*.sqlite.gz) is of 2026-11-19 09:59 UTC, 1 day 2 h old, " +
				"one not older than 1 day 2 h is expected",
		},
		{
			name: "neither age nor schedule configured: 26 hours",
			change: inBackup(func(b *facts.Backup, now time.Time) {
				aged(26*time.Hour)(b, now)
				b.Schedule = ""
			}),
		},
		{name: "a run that began a little early by its clock", change: inBackup(aged(9*time.Hour + 10*time.Minute))},
		{
			name: "the run before", change: inBackup(aged(9*time.Hour + 10*time.Minute + time.Second)),
			want: outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "the newest good copy in backup nightly (backups/jupyterhub-*.sqlite.gz) is of 2026-11-20 02:49 UTC, 9 h 10 min old, " +
				"one of the run that was due at 2026-11-20 03:00 UTC is expected",
		},
		{name: "the run may take longer", change: inBackup(aged(30 * time.Hour)), values: map[string]any{"slack": "10h"}},
		{name: "an hour ahead of our clock", change: inBackup(aged(-time.Hour))},
		{
			name: "more than an hour ahead", change: inBackup(aged(-time.Hour - time.Second)),
			want: outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "backup nightly (backups/jupyterhub-*.sqlite.gz) has no good copy of the hub's database: " +
				"jupyterhub-2026-11-20.sqlite.gz is dated in the future, 2026-11-20 13:00 UTC; one of the run that was due at 2026-11-20 03:00 UTC is expected",
		},
	},
	sourceFailed: []damage{
		{
			name:    "location not readable",
			change:  failed(nightly),
			want:    unknownWithout(nightly, nil),
			summary: "source backup/datahub/nightly could not be read: gave up after 30s",
		},
		{
			name: "not readable, and the other one is empty",
			change: func(s *facts.Snapshot) {
				hubOf(s).Backups = append(hubOf(s).Backups, facts.Backup{Name: "off-site", Kind: facts.BackupObjects})
				world.Settle(s)
				failed(nightly)(s)
			},
			want:    unknownWithout(nightly, nil),
			summary: "source backup/datahub/nightly could not be read: gave up after 30s; no other location has a good copy that is fresh enough",
		},
		{
			name: "none configured, and the backups of volumes not readable",
			change: func(s *facts.Snapshot) {
				withoutBackups(s)
				world.LastBackup(s, volumeOf(s, world.HubClaim), time.Time{})
				failed(facts.LonghornBackups)(s)
			},
			want: unknownWithout(facts.LonghornBackups, outcomes{"backup-hub-db-missing": "unknown", "backup-restore-mismatch": "skipped"}),
			summary: "no backup of the hub's database is configured, and whether its volume is backed up cannot be told: " +
				"source longhorn/backups could not be read: gave up after 30s",
		},
	},
}

func withoutBackups(s *facts.Snapshot) {
	hubOf(s).Backups = nil
	world.Settle(s)
}

// within26h is aged of a location that has a greatest age instead of a schedule.
func within26h(age time.Duration) func(*facts.Backup, time.Time) {
	return func(b *facts.Backup, now time.Time) {
		aged(age)(b, now)
		b.MaxAge = 26 * time.Hour
	}
}

// aged leaves one copy of that age.
func aged(age time.Duration) func(*facts.Backup, time.Time) {
	return func(b *facts.Backup, now time.Time) {
		b.Copies = b.Copies[:1]
		b.Copies[0].Time = now.Add(-age)
	}
}
