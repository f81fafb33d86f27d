package hubdb

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// usersOf makes the table users as JupyterHub 5 does, under a name.
func usersOf(name string) string {
	return "CREATE TABLE " + name + ` (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(255) UNIQUE, admin BOOLEAN, created DATETIME,
		last_activity DATETIME, cookie_id VARCHAR(255) NOT NULL UNIQUE, state TEXT, encrypted_auth_state BLOB)`
}

// deleteThroughHub deletes every user as a hub does: the keys are enforced.
var deleteThroughHub = []string{"PRAGMA foreign_keys = ON", "DELETE FROM servers WHERE id IN (SELECT server_id FROM spawners)", "DELETE FROM users"}

// TestUsersRemade: an empty table users is an accident only where the database
// shows that it had users.
func TestUsersRemade(t *testing.T) {
	none := []string(nil)
	remade := []string{"users-remade!"}
	tests := []struct {
		name, fixture string
		do            []string
		kinds         []string
		says          string
	}{
		{"emptied in a shell", "hub-5.5.1", []string{"DELETE FROM users"}, remade,
			"no rows, but rows of other tables belong to users: 7 of api_tokens, 1 of user_group_map, 15 of user_role_map, 15 of spawners"},
		{"emptied with its spawners in a shell", "hub-5.5.1", []string{"DELETE FROM users", "DELETE FROM spawners"}, remade, "7 of api_tokens, 1 of user_group_map"},
		{"made again in a shell", "hub-5.5.1", []string{"DROP TABLE users", usersOf("users")}, remade, "15 of spawners"},
		{"made again, keys enforced", "hub-5.5.1", []string{"PRAGMA foreign_keys = ON", "DROP TABLE users", usersOf("users")}, remade,
			"is empty and was made again, later than the tables that refer to it"},
		{"made again in JupyterHub 0.7", "schema-0.7.2", []string{"DROP TABLE users", strings.Replace(usersOf("users"), "admin", "_server_id INTEGER, admin", 1)}, remade, "was made again"},
		{"made again, and some came back", "hub-5.5.1", []string{"DROP TABLE users", usersOf("users"),
			"INSERT INTO users (id, name, cookie_id) VALUES (1, 'ann', 'a'), (2, 'ben', 'b')"}, remade, "of 15 spawners, 12 belong to users that it does not have"},

		{"a new hub", "hub-5.5.1", append(deleteThroughHub, "DELETE FROM servers", "DELETE FROM oauth_clients", "VACUUM"), none, ""},
		{"all deleted through the hub", "hub-5.5.1", deleteThroughHub, none, ""},
		{"all deleted through the hub 3.0", "hub-3.0.0", deleteThroughHub, none, ""},
		{"all deleted through the hub 6.0", "hub-6.0.0b2", deleteThroughHub, none, ""},
		{"all deleted through an upgraded hub", "migrated-0.7.2-to-5.5.1", deleteThroughHub, none, ""},
		{"all deleted in JupyterHub 0.7, which leaves tokens", "schema-0.7.2", []string{"DELETE FROM users", "INSERT INTO api_tokens (user_id) VALUES (5)"}, none, ""},
		{"tables without keys and all deleted", "hub-5.5.1", []string{"CREATE TABLE u AS SELECT * FROM users", "DROP TABLE users", "ALTER TABLE u RENAME TO users"}, none, ""},
		{"rebuilt by hand with its rows", "hub-5.5.1", []string{usersOf("u"), "INSERT INTO u SELECT * FROM users", "DROP TABLE users", "ALTER TABLE u RENAME TO users"}, none, ""},
		{"one user of a rebuilt table deleted by hand", "hub-5.5.1", []string{usersOf("u"), "INSERT INTO u SELECT * FROM users", "DROP TABLE users", "ALTER TABLE u RENAME TO users",
			"DELETE FROM users WHERE id = 2"}, []string{"foreign-key!"}, "spawners belong to users that do not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := fixture(t, tt.fixture)
			shell(t, path, tt.do...)
			wantDamage(t, read(t, path), tt.kinds, tt.says)
		})
	}
}

// TestLoadedDump: a dump makes tables in the order of their names, users after
// all that refer to it. That alone is no sign of anything.
func TestLoadedDump(t *testing.T) {
	path := fixture(t, "hub-5.5.1")
	loaded := path + ".loaded"
	shell(t, loaded, "PRAGMA foreign_keys = OFF")
	for _, statement := range ask[string](t, path, "SELECT sql FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
		shell(t, loaded, statement)
	}
	statements := []string{"ATTACH '" + path + "' AS whole"}
	for _, name := range ask[string](t, path, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		statements = append(statements, "INSERT INTO main."+name+" SELECT * FROM whole."+name)
	}
	shell(t, loaded, statements...)
	r := read(t, loaded)
	wantDamage(t, r, nil, "")
	if len(r.Users) != 14 || len(r.Spawners) != 15 {
		t.Fatalf("%d users, %d spawners", len(r.Users), len(r.Spawners))
	}
	shell(t, loaded, deleteThroughHub...)
	wantDamage(t, read(t, loaded), nil, "")
}

func wantDamage(t *testing.T, r Result, want []string, says string) {
	t.Helper()
	if diff := cmp.Diff(want, kinds(r)); diff != "" {
		t.Errorf("damage (-want +got):\n%s\n%v", diff, r.Database.Damage)
	}
	if len(r.Database.Damage) > 0 && !strings.Contains(r.Database.Damage[0].Message, says) {
		t.Errorf("message %q does not say %q", r.Database.Damage[0].Message, says)
	}
	for _, d := range r.Database.Damage {
		if strings.HasSuffix(d.Message, ".") || strings.ContainsAny(d.Message, "\n\x00") {
			t.Errorf("%q is not a plain sentence", d.Message)
		}
		if d.Recoverable && !d.HeldData {
			t.Errorf("recoverable, but held nothing: %+v", d)
		}
	}
}
