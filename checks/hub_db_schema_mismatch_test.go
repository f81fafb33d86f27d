package checks

import (
	"slices"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubDBSchemaMismatch(t *testing.T) { testCheck(t, hubDBSchemaMismatchCases) }

// ofVersion gives the hub the database of a JupyterHub version, and the hub's
// API another version's, "" for one that is not known.
func ofVersion(database, running string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		world.FitSchema(hubOf(s), database)
		world.Settle(s)
		hubOf(s).API.Version = running
	}
}

// withRevisions gives a database of a JupyterHub version other rows in
// alembic_version; the running hub's version is not known.
func withRevisions(database string, revisions ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		ofVersion(database, "")(s)
		hubOf(s).Database.Revisions = revisions
	}
}

// withoutColumn takes columns from a table.
func withoutColumn(s *facts.Snapshot, table string, columns ...string) {
	d := &hubOf(s).Database
	d.Columns[table] = slices.DeleteFunc(d.Columns[table], func(c string) bool { return slices.Contains(columns, c) })
}

var schemaError = outcomes{"hub-db-schema-mismatch": "fail error 1"}

var hubDBSchemaMismatchCases = cases{
	check: hubDBSchemaMismatch,
	fires: []damage{
		{
			name:    "an upgrade broke off",
			change:  withRevisions("4.1.6", "3c2384c5aae1"),
			want:    schemaError,
			summary: "the schema revision is 3c2384c5aae1 (between JupyterHub 4.x and 5.x), at which no release stops: an upgrade broke off there, and a hub stops at its next start",
		},
		{
			name:   "the upgrade from 0.7 that crashes",
			change: withRevisions("0.8.1", "56cc5a70207e"),
			want:   schemaError,
			summary: "the schema revision is 56cc5a70207e (between JupyterHub 0.8 and 0.9), at which no release stops: " +
				"an upgrade broke off there, and a hub stops at its next start",
		},
		{
			name:   "a revision that lies",
			change: withRevisions("0.9.6", "4621fec11365"),
			want:   schemaError,
			summary: "the schema revision says 4621fec11365 (JupyterHub 5.x), but the columns spawners.oauth_client_id, spawners.user_options are not there: " +
				"the revision lies, and a hub stops where it needs them",
		},
		{
			name:   "columns of an upgrade that broke off within a step",
			change: withRevisions("6.0.0b2", "4621fec11365"),
			want:   schemaError,
			summary: "the schema revision says 4621fec11365 (JupyterHub 5.x), but the columns spawners.display_name, users.user_info of a later one are there already: " +
				"an upgrade broke off between two steps, and the next one fails there",
		},
		{
			name:    "two rows",
			change:  withRevisions("5.5.1", "4621fec11365", "f460b0348206"),
			want:    outcomes{"hub-db-schema-mismatch": "fail error 1", "hub-server-name-invalid": "pass"},
			summary: `alembic_version has 2 rows ("4621fec11365", "f460b0348206"), one is expected: a hub goes by whichever comes first, and an upgrade fails`,
		},
		{
			name: "no row",
			change: func(s *facts.Snapshot) {
				withRevisions("5.5.1")(s)
				hubOf(s).Database.Tables = []string{"alembic_version", "servers", "spawners", "users"}
			},
			want:    schemaError,
			summary: "alembic_version has no row, one is expected: the hub stops at its next start",
		},
		{
			name:   "no table",
			change: withRevisions("5.5.1"),
			want:   schemaError,
			summary: "the database has tables of JupyterHub 0.8 or later, but no alembic_version: " +
				"the next hub to start takes its own revision for the database's, whatever the columns are",
		},
		{
			name:    "a revision written by hand",
			change:  withRevisions("5.5.1", "latest\n"),
			want:    outcomes{"hub-db-schema-mismatch": "fail error 1", "hub-server-name-invalid": "pass"},
			summary: `the schema revision "latest\n" is none of JupyterHub's: somebody wrote it by hand, and a hub stops at its next start`,
		},
		{
			name:   "a revision that is not known",
			change: withRevisions("6.0.0b2", "0123456789ab"),
			want:   outcomes{"hub-db-schema-mismatch": "fail warning 1", "hub-server-name-invalid": "pass"},
			summary: "the schema revision 0123456789ab is not known: the database was made by a JupyterHub newer than f460b0348206 (JupyterHub 6.x), " +
				"or by hand; an older hub stops at its next start",
		},
		{
			name: "a revision that is not known, under a hub of today",
			change: func(s *facts.Snapshot) {
				withRevisions("5.5.1", "0123456789ab")(s)
				hubOf(s).API.Version = "5.5.1"
			},
			want: outcomes{"hub-db-schema-mismatch": "fail warning 1"},
			summary: "the schema revision 0123456789ab is not known: the database was made by a JupyterHub newer than f460b0348206 (JupyterHub 6.x), " +
				"or by hand; an older hub stops at its next start",
		},
		{
			name:   "the running hub is newer",
			change: ofVersion("4.1.6", "5.5.1"),
			want:   schemaError,
			summary: "the database has the schema revision 0eee8c825d24 (JupyterHub 4.x), but the hub that runs is JupyterHub 5.5.1, which starts only on 4621fec11365 (JupyterHub 5.x): " +
				"the audit reads another database than the hub uses, or somebody put an older one in its place",
		},
		{
			name:   "the running hub is older",
			change: ofVersion("5.5.1", "4.1.6"),
			want:   schemaError,
			summary: "the database has the schema revision 4621fec11365 (JupyterHub 5.x), but the hub that runs is JupyterHub 4.1.6, which starts only on 0eee8c825d24 (JupyterHub 4.x): " +
				"a newer hub has upgraded it meanwhile, and this one cannot be restarted",
		},
		{
			name:   "the running hub is a beta of the next release",
			change: ofVersion("5.5.1", "6.0.0b2"),
			want:   outcomes{"hub-db-schema-mismatch": "fail error 1", "hub-server-name-invalid": "pass"},
			summary: "the database has the schema revision 4621fec11365 (JupyterHub 5.x), but the hub that runs is JupyterHub 6.0.0b2, which starts only on f460b0348206 (JupyterHub 6.x): " +
				"the audit reads another database than the hub uses, or somebody put an older one in its place",
		},
		{
			name:    "names are not unique",
			change:  func(s *facts.Snapshot) { hubOf(s).Database.NameUnique = false },
			want:    outcomes{"hub-db-schema-mismatch": "fail warning 1"},
			summary: "users.name is not UNIQUE, as every JupyterHub makes it: a hub can make the same user twice",
		},
	},
	mustNotFire: []damage{
		{name: "JupyterHub 0.8 of today", change: ofVersion("0.8.1", "0.8.0")},
		{name: "JupyterHub 0.9", change: ofVersion("0.9.6", "0.9.4")},
		{name: "JupyterHub 1", change: ofVersion("1.5.1", "1.0.0")},
		{name: "JupyterHub 2", change: ofVersion("2.3.1", "2.0.2")},
		{name: "JupyterHub 3", change: ofVersion("3.1.1", "3.0.0")},
		{name: "JupyterHub 4", change: ofVersion("4.1.6", "4.0.2")},
		{name: "JupyterHub 5", change: ofVersion("5.5.1", "5.0.0b1")},
		{name: "no API to tell the version", change: ofVersion("4.1.6", "")},
		{name: "a version that is none", change: ofVersion("4.1.6", "main")},
		{
			name: "JupyterHub 6 has got one more revision", want: outcomes{"hub-server-name-invalid": "pass"},
			change: func(s *facts.Snapshot) {
				withRevisions("6.0.0b2", "0123456789ab")(s)
				hubOf(s).API.Version = "6.0.0"
			},
		},
		{
			name: "JupyterHub 7 runs", want: outcomes{"hub-server-name-invalid": "pass"},
			change: func(s *facts.Snapshot) {
				withRevisions("6.0.0b2", "0123456789ab")(s)
				hubOf(s).API.Version = "7.1.0"
			},
		},
		{
			name: "a development version of JupyterHub 6", want: outcomes{"hub-server-name-invalid": "pass"},
			change: func(s *facts.Snapshot) {
				withRevisions("5.5.1", "be8ecf03ddac")(s)
				hubOf(s).API.Version = "6.0.0.dev"
			},
		},
		{
			name: "migrated from 0.7 in SQLite, which keeps old columns",
			change: func(s *facts.Snapshot) {
				d := &hubOf(s).Database
				d.Columns["users"] = append(d.Columns["users"], "_server_id", "auth_state")
			},
		},
		{
			name: "MySQL shows only what was granted",
			change: func(s *facts.Snapshot) {
				hubOf(s).Database.Engine = "mysql"
				hubOf(s).Database.Columns = map[string][]string{"users": {"admin", "cookie_id", "created", "id", "last_activity", "name"},
					"spawners": {"id", "last_activity", "name", "server_id", "started", "state", "user_id"}, "servers": {"id", "ip", "port"}}
			},
			want: volumeSkipped,
		},
	},
	boundary: []damage{
		{
			name: "MySQL shows the whole table",
			change: func(s *facts.Snapshot) {
				hubOf(s).Database.Engine = "mysql"
				withoutColumn(s, "users", "created")
			},
			want: outcomes{"hub-db-schema-mismatch": "fail error 1", "hub-db-volume-full": "skipped"},
			summary: "the schema revision says 4621fec11365 (JupyterHub 5.x), but the columns users.created are not there: " +
				"the revision lies, and a hub stops where it needs them",
		},
		{
			name: "a column that came with the revision itself",
			change: func(s *facts.Snapshot) {
				withRevisions("2.3.1", "833da8570507")(s)
				withoutColumn(s, "spawners", "oauth_client_id")
			},
			want: schemaError,
			summary: "the schema revision says 833da8570507 (JupyterHub 2.x), but the columns spawners.oauth_client_id are not there: " +
				"the revision lies, and a hub stops where it needs them",
		},
		{
			name: "a column that came one revision later",
			change: func(s *facts.Snapshot) {
				withRevisions("1.5.1", "4dc2d5a8c53c")(s)
				withoutColumn(s, "spawners", "oauth_client_id")
			},
		},
		{
			name: "the oldest schema with a revision", change: withRevisions("0.7.2", "af4cbdb2d13c"),
		},
		{
			name: "a schema from before", change: withRevisions("0.7.2", "19c0846f6344"),
			want: outcomes{"hub-db-schema-mismatch": "fail error 1"},
			summary: "the schema revision is 19c0846f6344 (before JupyterHub 0.7), at which no release stops: " +
				"an upgrade broke off there, and a hub stops at its next start",
		},
		{
			name: "the table users could not be read to the end", change: func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial },
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
		{
			name: "damage, and no revision read",
			change: func(s *facts.Snapshot) {
				withRevisions("5.5.1")(s)
				hubOf(s).Database.Damage = []facts.Damage{{Kind: facts.DamageIntegrity, Message: "integrity_check found 3 errors"}}
			},
			want:    outcomes{"hub-db-schema-mismatch": "unknown", "hub-db-corrupt": "fail critical 1"},
			summary: "the database is damaged, and no schema revision could be read in it",
		},
	},
	sourceFailed: []damage{
		{
			name:    "database not reachable",
			change:  failed(facts.HubDB(world.HubName)),
			want:    databaseUnknown(nil),
			summary: "source hubdb/datahub could not be read: gave up after 30s",
		},
	},
}

// TestChainOfRevisions: what the audit knows is whole and in one order.
func TestChainOfRevisions(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range revisions {
		if !revisionForm.MatchString(r.id) || seen[r.id] || r.release != "" && seen[r.release] {
			t.Errorf("revision %+v", r)
		}
		seen[r.id], seen[r.release] = true, true
	}
	if last := revisions[len(revisions)-1]; last.release != newestRelease {
		t.Errorf("the chain ends with %+v", last)
	}
}

func FuzzReleaseOf(f *testing.F) {
	for _, v := range []string{"5.5.1", "0.9.6", "6.0.0b2", "", "1", "01.2", "99999999999999999999.1", "4.1.6.dev0+g1"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, version string) {
		release, newer := releaseOf(version)
		if newer && release == "" {
			t.Errorf("%q is newer than known, but of no series", version)
		}
		if head, ok := headOf(release); ok && (head.release != release || revisionRank(head.id) < 0) {
			t.Errorf("%q: head %+v", version, head)
		}
	})
}
