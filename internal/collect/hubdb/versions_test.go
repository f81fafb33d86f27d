package hubdb

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serverColumns are the same in every version of JupyterHub.
const serverColumns = "base_url cookie_name id ip port proto"

// TestColumnsByVersion holds the reader to the columns, constraints and tables
// that each version's own models make. A "!" marks a column that is NOT NULL.
func TestColumnsByVersion(t *testing.T) {
	const (
		users08    = "admin cookie_id! encrypted_auth_state id! last_activity name state"
		users09    = "admin cookie_id! created encrypted_auth_state id! last_activity name state"
		users6     = users09 + " user_info"
		spawners08 = "id! last_activity name server_id state user_id"
		spawners09 = "id! last_activity name server_id started state user_id"
		spawners1  = spawners09 + " user_options"
		spawners2  = "id! last_activity name oauth_client_id server_id started state user_id user_options"
		spawners6  = "display_name " + spawners2
	)
	tests := []struct{ fixture, users, spawners string }{
		{"schema-0.7.2", "_server_id admin auth_state cookie_id id! last_activity name state", ""},
		{"schema-0.8.1", users08, spawners08},
		{"schema-0.9.6", users09, spawners09},
		{"schema-1.5.1", users09, spawners1},
		{"schema-2.3.1", users09, spawners2},
		{"schema-3.1.1", users09, spawners2},
		{"schema-4.1.6", users09, spawners2},
		{"schema-5.5.1", users09, spawners2},
		{"schema-6.0.0b2", users6, spawners6},
		{"hub-3.0.0", users09, spawners2},
		{"hub-5.5.1", users09, spawners2},
		{"hub-6.0.0b2", users6, spawners6},
		// Upgrading leaves old columns, and cookie_id without its constraints.
		{"migrated-0.7.2-to-5.5.1", "_server_id admin cookie_id created encrypted_auth_state id! last_activity name state", spawners2},
	}
	for _, tt := range tests {
		t.Run(tt.fixture, func(t *testing.T) {
			path := fixture(t, tt.fixture)
			d := read(t, path).Database
			want := map[string][]string{"users": columnNames(tt.users), "servers": columnNames(serverColumns)}
			if tt.spawners != "" {
				want["spawners"] = columnNames(tt.spawners)
			}
			if diff := cmp.Diff(want, d.Columns); diff != "" {
				t.Errorf("columns (-want +got):\n%s", diff)
			}
			for table, columns := range map[string]string{"users": tt.users, "spawners": tt.spawners, "servers": strings.Replace(serverColumns, "id", "id!", 1)} {
				notNull := slices.DeleteFunc(strings.Fields(columns), func(c string) bool { return !strings.HasSuffix(c, "!") })
				for i, c := range notNull {
					notNull[i] = strings.TrimSuffix(c, "!")
				}
				seen := ask[string](t, path, `SELECT name FROM pragma_table_info('`+table+`') WHERE "notnull" ORDER BY name`)
				if !slices.Equal(notNull, seen) {
					t.Errorf("%s: NOT NULL are %v, want %v", table, seen, notNull)
				}
			}
			if notNull := strings.Contains(tt.users, "cookie_id!"); d.CookieNotNull != notNull || d.CookieUnique != notNull || !d.NameUnique {
				t.Errorf("cookie NOT NULL %t, UNIQUE %t, want %t; name UNIQUE %t, want true", d.CookieNotNull, d.CookieUnique, notNull, d.NameUnique)
			}
			oldest := tt.fixture == "schema-0.7.2"
			for table, there := range map[string]bool{"proxies": oldest, "hubs": oldest, "spawners": !oldest, "alembic_version": !oldest} {
				if slices.Contains(d.Tables, table) != there {
					t.Errorf("table %s there: %t, want %t", table, !there, there)
				}
			}
		})
	}
}

func columnNames(text string) []string {
	return strings.Fields(strings.ReplaceAll(text, "!", ""))
}

// TestMigrationGivesOneCreated: the upgrade from before 0.9 has no other time
// to give, and 0.7 and 0.8 have none at all.
func TestMigrationGivesOneCreated(t *testing.T) {
	users := read(t, fixture(t, "migrated-0.7.2-to-5.5.1")).Users
	for _, u := range users {
		if u.Created.IsZero() || !u.Created.Equal(users[0].Created) || u.BrokenTimes != "" {
			t.Errorf("%+v", u)
		}
	}
	for _, name := range []string{"schema-0.7.2", "schema-0.8.1"} {
		for _, u := range read(t, fixture(t, name)).Users {
			if !u.Created.IsZero() || u.BrokenTimes != "" {
				t.Errorf("%s: %+v", name, u)
			}
		}
	}
}
