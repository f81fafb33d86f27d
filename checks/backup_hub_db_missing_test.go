package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupHubDBMissing(t *testing.T) { testCheck(t, backupHubDBMissingCases) }

var nightly = facts.BackupSource(world.HubName, "nightly")

// backups changes the copies of the hub's one location.
func backups(change func(b *facts.Backup, now time.Time)) func(*facts.Snapshot) {
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
				hubOf(s).Backups = nil
				world.Settle(s)
			},
			want:    outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "no backup of the hub's database is configured for this audit, at least one location under hubs[].backups is expected",
		},
		{
			name:   "the location is empty",
			change: backups(func(b *facts.Backup, _ time.Time) { b.Copies = nil }),
			want:   outcomes{"backup-hub-db-missing": "fail critical 1", "audit-input-missing": "fail critical 1"},
			summary: "backup nightly (backups/jupyterhub-*.sqlite.gz) has no good copy of the hub's database: " +
				"nothing is there; one not older than 1 day 2 h is expected",
		},
		{
			name: "the job has written empty files for two nights",
			change: backups(func(b *facts.Backup, _ time.Time) {
				b.Copies[0].SizeBytes, b.Copies[1].SizeBytes = 0, 0
			}),
			want: outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "the newest good copy in backup nightly (backups/jupyterhub-*.sqlite.gz) is of 2026-11-18 03:00 UTC, 2 days 8 h old, " +
				"at most 1 day 2 h is expected; later ones are not good: jupyterhub-2026-11-20.sqlite.gz is empty",
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
			want: outcomes{"backup-hub-db-missing": "fail critical 2"},
			summary: "none of 2 backup locations has a good copy of the hub's database that is fresh enough: " +
				"backup snap (datahub/hub-db-dir) has no good copy of the hub's database: s1 failed: pool is full; one not older than 1 day 2 h is expected",
		},
	},
	mustNotFire: []damage{
		{
			name: "a snapshot whose driver tells no size",
			change: func(s *facts.Snapshot) {
				hubOf(s).Backups = []facts.Backup{{Name: "snap", Kind: "volumesnapshots",
					Copies: []facts.BackupCopy{{Name: "s1", Time: s.Now.Add(-time.Hour), Ready: true}}}}
				world.Settle(s)
			},
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
		{name: "exactly as old as allowed", change: backups(aged(26 * time.Hour))},
		{
			name: "a second older", change: backups(aged(26*time.Hour + time.Second)),
			want: outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "the newest good copy in backup nightly (backups/jupyterhub-*.sqlite.gz) is of 2026-11-19 09:59 UTC, 1 day 2 h old, " +
				"at most 1 day 2 h is expected",
		},
		{
			name: "no age configured: 26 hours",
			change: backups(func(b *facts.Backup, now time.Time) {
				aged(26*time.Hour)(b, now)
				b.MaxAge = 0
			}),
		},
		{name: "an hour ahead of our clock", change: backups(aged(-time.Hour))},
		{
			name: "more than an hour ahead", change: backups(aged(-time.Hour - time.Second)),
			want: outcomes{"backup-hub-db-missing": "fail critical 1"},
			summary: "backup nightly (backups/jupyterhub-*.sqlite.gz) has no good copy of the hub's database: " +
				"jupyterhub-2026-11-20.sqlite.gz is dated in the future, 2026-11-20 13:00 UTC; one not older than 1 day 2 h is expected",
		},
	},
	sourceFailed: []damage{{
		name:    "location not readable",
		change:  failed(nightly),
		want:    outcomes{"backup-hub-db-missing": "unknown"},
		summary: "source backup/datahub/nightly could not be read: gave up after 30s",
	}},
}

// aged leaves one copy of that age.
func aged(age time.Duration) func(*facts.Backup, time.Time) {
	return func(b *facts.Backup, now time.Time) {
		b.Copies = b.Copies[:1]
		b.Copies[0].Time = now.Add(-age)
	}
}
