package accidents

import (
	"os"
	"testing"
)

var accidents = []accident{
	{name: "none", then: asBefore},

	// The hub takes what is left for a new one.
	{name: "file missing", damage: func(t *testing.T, path string) { must(t, os.Remove(path)) }, fails: []string{"unreadable"}, then: isNew},
	{name: "zero bytes", damage: content(nil), fails: []string{"hub-db-corrupt critical 1"}, then: isNew},
	{name: "saved over", damage: savedOver, fails: []string{"hub-db-corrupt critical 1"}, then: isNew},
	{name: "tables dropped", damage: dropAll, fails: []string{"hub-db-corrupt critical 1"}, then: isNew},

	// The hub does not start.
	{name: "cut in half", damage: cut(func(n int64) int64 { return n / 2 }), fails: []string{"hub-db-corrupt critical 1"}, refuses: "malformed"},
	{name: "last page cut off", damage: cut(func(n int64) int64 { return n - 1 }), fails: []string{"hub-db-corrupt critical 1"}, refuses: "malformed"},
	{name: "cut in half, with upgrade_db", damage: cut(func(n int64) int64 { return n / 2 }), config: upgradeDB,
		fails: []string{"hub-db-corrupt critical 1"}, refuses: "malformed", then: copies(0, 0)},
	{name: "an older revision, with upgrade_db", damage: sqlDamage("UPDATE alembic_version SET version_num = '4dc2d5a8c53c'"), config: upgradeDB,
		fails: []string{"hub-db-schema-mismatch error 1"}, refuses: "no such table: oauth_access_tokens", then: copies(1, 2)},
	{name: "page of users zeroed", damage: zeroed("users"), fails: []string{"hub-db-corrupt critical 2"}, refuses: "malformed"},
	{name: "page of spawners zeroed", damage: zeroed("spawners"), fails: []string{"hub-db-corrupt critical 2"}, refuses: "malformed"},
	{name: "page of tokens zeroed", damage: zeroed("api_tokens"), fails: []string{"hub-db-corrupt critical 1"}, refuses: "malformed"},
	{name: "gzip", damage: gzipped, fails: []string{"hub-db-corrupt critical 1"}, refuses: "file is not a database"},
	{name: "HTML", damage: content([]byte("<!DOCTYPE html><title>502 Bad Gateway</title>")), fails: []string{"hub-db-corrupt critical 1"}, refuses: "file is not a database"},
	{name: "cookie_id column lost", damage: sqlDamage("CREATE TABLE u AS SELECT id, name, admin FROM users", "DROP TABLE users", "ALTER TABLE u RENAME TO users"),
		fails: []string{"hub-db-corrupt critical 1", "hub-db-schema-mismatch error 2"}, refuses: "no such column"},
	{name: "running, state broken", damage: stateOf("ann", "'{broken'"), fails: []string{"hub-spawner-state-broken error 1"}, refuses: "JSONDecodeError"},
	{name: "running, state an empty text", damage: stateOf("ann", "''"), fails: []string{"hub-spawner-state-broken error 1"}, refuses: "JSONDecodeError"},
	{name: "running, state a list", damage: stateOf("ann", "'[1]'"), fails: []string{"hub-spawner-state-broken error 1"}, refuses: "'list' object has no attribute"},
	{name: "running, user_id NULL", damage: sqlDamage("UPDATE spawners SET user_id = NULL WHERE user_id = 1"), fails: []string{"hub-spawner-duplicate error 1"}, refuses: "KeyError"},
	{name: "running, user unknown", damage: sqlDamage("UPDATE spawners SET user_id = 99 WHERE user_id = 1"), fails: []string{"hub-db-corrupt error 1", "hub-spawner-duplicate error 1"}, refuses: "KeyError"},
	{name: "users.created with T and Z", damage: sqlDamage("UPDATE users SET created = '2026-11-20T12:00:00Z' WHERE id = 4"), fails: []string{"hub-time-impossible error 1"}, refuses: "Couldn't parse datetime"},
	{name: "users.last_activity with T", damage: sqlDamage("UPDATE users SET last_activity = '2026-11-20T12:00:00' WHERE id = 4"), fails: []string{"hub-time-impossible error 1"}, refuses: "Couldn't parse datetime"},
	{name: "running, started with T", damage: sqlDamage("UPDATE spawners SET started = '2026-11-20T12:00:00' WHERE user_id = 1"), fails: []string{"hub-time-impossible error 1"}, refuses: "Couldn't parse datetime"},

	// The hub starts, and one user's server does not.
	{name: "stopped, state broken", damage: stateOf("ben", "'{broken'"), fails: []string{"hub-spawner-state-broken warning 1"}, then: oneServerFails},
	{name: "stopped, last_activity with T", damage: sqlDamage("UPDATE spawners SET last_activity = '2026-11-20T12:00:00' WHERE user_id = 2"),
		fails: []string{"hub-time-impossible warning 1"}, then: oneServerFails},
	{name: "stopped, user_id NULL", damage: sqlDamage("UPDATE spawners SET user_id = NULL WHERE user_id = 2"), fails: []string{"hub-spawner-duplicate warning 1"}, then: asBefore},

	// Who logs in becomes nobody, somebody else, or who they are.
	{name: "cookie_id NULL", damage: cookies("NULL WHERE id = 4"), fails: []string{"hub-cookie-id-null critical 1", "hub-cookie-constraint-missing warning 1"},
		then: logins{"dan": "", "eve": "eve"}.are},
	{name: "cookie_id empty", damage: cookies("'' WHERE id = 4"), fails: []string{"hub-cookie-id-null critical 1", "hub-cookie-constraint-missing warning 1"},
		then: logins{"dan": "dan", "eve": "eve"}.are},
	{name: "cookie_id empty twice", damage: cookies("'' WHERE id > 3"), fails: []string{"hub-cookie-id-null critical 2", "hub-cookie-constraint-missing warning 1"},
		then: logins{"dan": "dan", "eve": "dan", "ben": "ben"}.are},
	{name: "cookie_id shared", damage: cookies("'0123456789abcdef0123456789abcdef' WHERE id > 2"), fails: []string{"hub-cookie-id-duplicate critical 3", "hub-cookie-constraint-missing warning 1"},
		then: logins{"ann": "ann", "cat": "cat", "dan": "cat", "eve": "cat"}.are},
	{name: "page of the index of names zeroed", damage: zeroed("sqlite_autoindex_users_1"), fails: []string{"hub-db-corrupt critical 1"},
		then: logins{"ann": "", "nobody yet": ""}.are},
	{name: "cookie_id by hand", damage: sqlDamage("UPDATE users SET cookie_id = 'for dan, José' WHERE id = 4"), fails: []string{"hub-cookie-id-handmade info 1"},
		then: logins{"dan": "dan", "eve": "eve"}.are},

	{name: "names refused", damage: refusedNames, fails: []string{"hub-user-name-refused error 3"}, then: namesRefused},
	{name: "names refused and deleted", damage: refusedNames, config: "c.Authenticator.delete_invalid_users = True\n",
		fails: []string{"hub-user-name-refused error 3"}, then: namesDeleted},
	{name: "index of names stale", damage: staleNames, fails: []string{"hub-db-corrupt error 1"}, then: madeTwice},

	// A running server whose pod the hub looks for.
	{name: "running, state {}, names changed", damage: stateOf("ann", "'{}'"), config: podsNamed("new-"), fails: []string{"hub-spawner-state-broken warning 1"}, then: forgotten},
	{name: "running, state NULL, names changed", damage: stateOf("ann", "NULL"), config: podsNamed("new-"), fails: []string{"hub-spawner-state-broken warning 1"}, then: forgotten},
	{name: "running, state {}, names kept", damage: stateOf("ann", "'{}'"), config: podsNamed("jupyter-"), fails: []string{"hub-spawner-state-broken warning 1"}, then: asBefore},
	{name: "running, state a list, names kept", damage: stateOf("ann", "'[1]'"), config: podsNamed("jupyter-"), fails: []string{"hub-spawner-state-broken error 1"}, then: asBefore},
	{name: "running, state a list, names changed", damage: stateOf("ann", "'[1]'"), config: podsNamed("new-"), fails: []string{"hub-spawner-state-broken error 1"}, then: forgotten},
	{name: "stopped, state a list", damage: stateOf("ben", "'[1]'"), config: podsNamed("jupyter-"), fails: []string{"hub-spawner-state-broken warning 1"}, then: benStarts},
	{name: "state whole, names changed", config: podsNamed("new-"), then: asBefore},
	{name: "running, server row lost", damage: sqlDamage("DELETE FROM servers WHERE id = (SELECT server_id FROM spawners WHERE user_id = 1)"),
		fails: []string{"hub-db-corrupt error 1", "hub-spawner-server-wrong warning 1"}, then: forgotten},
	{name: "running, a later row stopped", damage: sqlDamage("INSERT INTO spawners (user_id, name) VALUES (1, '')"), fails: []string{"hub-spawner-duplicate warning 1"}, then: unseen},

	{name: "spawners dropped", damage: sqlDamage("DROP TABLE spawners"), fails: []string{"hub-db-corrupt critical 1"}, then: serversForgotten},

	// The users are gone, what belonged to them is not.
	{name: "users dropped, servers run", damage: sqlDamage("DROP TABLE users"), fails: []string{"hub-db-corrupt critical 1"}, refuses: "KeyError", then: usersMadeAnew},
	{name: "users dropped, servers stopped", damage: sqlDamage("DROP TABLE users", stopAll), fails: []string{"hub-db-corrupt critical 1"}, then: inherits},
	{name: "users emptied, servers run", damage: sqlDamage("DELETE FROM users"), fails: []string{"hub-db-corrupt critical 1", "hub-spawner-duplicate error 6"}, refuses: "KeyError"},
	{name: "users emptied, servers stopped", damage: sqlDamage("DELETE FROM users", stopAll), fails: []string{"hub-db-corrupt critical 1", "hub-spawner-duplicate warning 6"}, then: inherits},
}
