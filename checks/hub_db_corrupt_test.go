package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubDBCorrupt(t *testing.T) { testCheck(t, hubDBCorruptCases) }

var hubDBCorruptCases = cases{
	check: hubDBCorrupt,
	fires: []damage{
		{
			name:   "database overwritten by .save",
			change: func(s *facts.Snapshot) { world.WipeDatabase(s, world.HubName) },
			want: usersUnknown(outcomes{"hub-db-corrupt": "fail critical 1", "hub-user-count-drift": "fail critical 1",
				"hub-db-reset": "fail critical 1"}),
			summary: "the database was emptied: it has no tables, but it held data",
		},
		{
			name: "two kinds of damage, all rows readable",
			change: func(s *facts.Snapshot) {
				hubOf(s).Database.Damage = []facts.Damage{
					{Kind: facts.DamageIntegrity, Message: "integrity_check reports 3 errors, ok is expected"},
					{Kind: facts.DamageForeignKey, Message: "2 rows of spawners point at users that do not exist"}}
			},
			want:    outcomes{"hub-db-corrupt": "fail critical 2"},
			summary: "the database is corrupt (and 1 more sign of damage)",
		},
		{
			name: "half of the users unreadable",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Users, h.UsersRead = h.Users[:5], facts.Partial
				h.Database.Damage = []facts.Damage{{Kind: facts.DamageTruncated, Message: "the file has 12 pages, its header says 24"}}
			},
			want:    usersUnknown(outcomes{"hub-db-corrupt": "fail critical 1"}),
			summary: "the database file is cut off",
		},
	},
	mustNotFire: []damage{{
		name: "an old schema without constraints",
		change: func(s *facts.Snapshot) {
			d := &hubOf(s).Database
			d.Revisions, d.CookieNotNull, d.CookieUnique = nil, false, false
		},
	}},
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
