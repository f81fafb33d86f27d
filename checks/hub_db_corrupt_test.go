package checks

import (
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestHubDBCorrupt(t *testing.T) { testCheck(t, hubDBCorruptCases) }

// damaged gives the hub's database these damages.
func damaged(damages ...facts.Damage) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { hubOf(s).Database.Damage = damages }
}

var hubDBCorruptCases = cases{
	check: hubDBCorrupt,
	fires: []damage{
		{
			name:   "database overwritten by .save",
			change: func(s *facts.Snapshot) { world.WipeDatabase(s, world.HubName) },
			want: usersUnknown(outcomes{"pod-unknown-to-hub": "skipped", "pvc-misrouted": "skipped", "pvc-orphaned": "skipped", "pvc-owner-mismatch": "skipped", "pvc-unattributed": "skipped", "hub-db-corrupt": "fail critical 1", "hub-user-count-drift": "fail critical 1",
				"hub-db-reset": "fail critical 1", "hub-owner-missing": "skipped", "hub-source-disagree": "pass"}),
			summary: "the database was emptied: it has no tables, but it held data",
		},
		{
			name: "two kinds of damage, all rows readable",
			change: damaged(facts.Damage{Kind: facts.DamageForeignKey, Message: "2 spawners belong to users that do not exist: 1 (user 2), 3 (user 4)"},
				facts.Damage{Kind: facts.DamageIntegrity, Message: "integrity_check found 3 errors"}),
			want:    outcomes{"hub-db-corrupt": "fail critical 2"},
			summary: "the database is corrupt (and 1 more sign of damage)",
		},
		{
			name: "half of the users unreadable",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Users, h.UsersRead = h.Users[:5], facts.Partial
				damaged(facts.Damage{Kind: facts.DamageTruncated, Message: "the file ends after 12 of the 24 pages that its header counts"})(s)
			},
			want:    usersUnknown(outcomes{"hub-db-corrupt": "fail critical 1"}),
			summary: "the database file is cut off",
		},
		{
			name:    "a stale index",
			change:  damaged(facts.Damage{Kind: facts.DamageIndexStale, Message: "the index a of users(name) disagrees with its table"}),
			want:    outcomes{"hub-db-corrupt": "fail error 1"},
			summary: "an index of the database disagrees with its table",
		},
		{
			name:    "rows that point nowhere",
			change:  damaged(facts.Damage{Kind: facts.DamageForeignKey, Message: "1 spawners name servers that do not exist: 3 (server 3)", HeldData: true}),
			want:    outcomes{"hub-db-corrupt": "fail error 1"},
			summary: "rows of the database point at rows that do not exist",
		},
	},
	mustNotFire: []damage{
		{
			name:   "an old schema without constraints",
			change: func(s *facts.Snapshot) { world.FitSchema(hubOf(s), "0.7.2"); world.Settle(s) },
		},
		{
			name: "copies that upgrades left beside a sound database",
			change: func(s *facts.Snapshot) {
				hubOf(s).Database.Copies = []facts.BackupCopy{{Name: "jupyterhub.sqlite.2026-09-01-101500", SizeBytes: 1 << 20, Ready: true}}
			},
		},
	},
	boundary: []damage{{
		name:    "no damage found, but not all was read",
		change:  func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial },
		want:    usersUnknown(nil),
		summary: "the table users is damaged: 10 rows could be read, others may be missing",
	}},
	sourceFailed: []damage{{
		name:    "database not reachable",
		change:  failed(facts.HubDB(world.HubName)),
		want:    databaseUnknown(nil),
		summary: "source hubdb/datahub could not be read: gave up after 30s",
	}},
}

// TestAccidents: each damage is named, has its severity, and says what to do
// before the hub starts again; whether content can still be had makes the difference.
func TestAccidents(t *testing.T) {
	tests := []struct {
		kind              facts.DamageKind
		held, recoverable bool
		severity          verdict.Severity
		title, next       string
	}{
		{facts.DamageZeroBytes, false, false, verdict.Critical, "the database file is empty", "starts as a new hub without a warning, with ids from 1"},
		{facts.DamageZeroBytes, true, true, verdict.Critical, "the database file is empty", "copy it with all that lies beside it"},
		{facts.DamageNotSQLite, false, false, verdict.Critical, "the database file is no SQLite database", "unpacked or from a backup"},
		{facts.DamageNotSQLite, true, true, verdict.Critical, "the database file is no SQLite database", "run .recover on the copy"},
		{facts.DamageNoTables, true, false, verdict.Critical, "it has no tables, but it held data", "nothing of the old content is in this file"},
		{facts.DamageNoTables, true, true, verdict.Critical, "its tables were dropped, their content is still in the file", "run .recover on the copy"},
		{facts.DamageNoTables, false, false, verdict.Critical, "the database has no tables", "find the hub's own database"},
		{facts.DamageTableMissing, false, false, verdict.Critical, "lacks a table that a hub needs", "makes a missing table anew and empty"},
		{facts.DamageTableMissing, true, true, verdict.Critical, "lacks a table that a hub needs", "over what can still be had"},
		{facts.DamageTruncated, true, false, verdict.Critical, "the database file is cut off", "each try may leave one more copy"},
		{facts.DamageIntegrity, true, false, verdict.Critical, "the database is corrupt", "where it meets the broken pages"},
		{facts.DamageIndexStale, false, false, verdict.Error, "an index of the database disagrees", "REINDEX on a copy"},
		{facts.DamageForeignKey, true, false, verdict.Error, "rows that do not exist", "look the missing rows up in a backup"},
		{facts.DamageWALMissing, true, false, verdict.Critical, "lacks its newest rows", "look for the log (-wal)"},
		{facts.DamageUsersRemade, true, false, verdict.Critical, "the table users was emptied or made again", "put the users back under their old ids from the newest backup;"},
		{facts.DamageUsersRemade, true, true, verdict.Critical, "the table users was emptied or made again", "or by .recover on the copy"},
		{"new-kind", false, false, verdict.Critical, "the database is damaged", "restore the newest backup"},
	}
	for _, tt := range tests {
		s := healthy()
		hubOf(s).Database.Copies = []facts.BackupCopy{{Name: "jupyterhub.sqlite.2026-09-01-101500", Time: time.Date(2026, 9, 1, 10, 15, 0, 0, time.UTC), SizeBytes: 143360, Ready: true},
			{Name: "jupyterhub.sqlite.2026-08-01-101500", SizeBytes: 4096, Ready: true}}
		damaged(facts.Damage{Kind: tt.kind, Message: "it was seen", HeldData: tt.held, Recoverable: tt.recoverable})(s)
		suite, err := NewSuite(nil, []string{"hub-db-corrupt"})
		if err != nil {
			t.Fatal(err)
		}
		v := Judge(suite, s)[0]
		wellFormed(t, v)
		if len(v.Findings) != 1 || v.Severity != tt.severity || !strings.Contains(v.Summary, tt.title) {
			t.Errorf("%s: %s %s", tt.kind, v.Severity, v.Summary)
			continue
		}
		f := v.Findings[0]
		for _, part := range []string{"it was seen; before anyone restarts the hub: ", tt.next,
			`; beside it lie 2 dated copies that upgrades left, the newest "jupyterhub.sqlite.2026-09-01-101500" of 140 KiB`} {
			if !strings.Contains(f.Message, part) {
				t.Errorf("%s: %q does not say %q", tt.kind, f.Message, part)
			}
		}
		if got := f.Details["copies"]; got != "jupyterhub.sqlite.2026-09-01-101500 (140 KiB), jupyterhub.sqlite.2026-08-01-101500 (4.0 KiB)" {
			t.Errorf("copies: %s", got)
		}
	}
}
