package history

import (
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// poolerState is the one SQLSTATE that PgBouncer has for all it says itself. It is
// also that of a broken protocol.
const poolerState = "08P01"

// poolerErrors are parts of what a pooler before the server says itself, and what
// to do about it: https://www.pgbouncer.org/config.html
var poolerErrors = []struct{ says, advice string }{
	{"statement pooling mode", "the pooler before the server keeps no transaction together: set its pool_mode for this database to transaction or session"},
	{"unsupported startup parameter", "the pooler before the server does not take this option: take it out of the URL, or name it in the pooler's ignore_startup_parameters"},
	// While a new history is made, one connection holds the lock and another makes the tables.
	{"query_wait_timeout", "the pooler before the server had no connection free in time, and the audit needs two: " +
		"raise its pool size, find what holds them (SHOW POOLS), or see whether the server is up; nothing of this was written"},
	{"no more connections allowed", "the pooler before the server takes no more clients: raise its max_client_conn, or find who they are (SHOW CLIENTS)"},
	{"no such user", noSuchLogin},
	{"authentication failed", noSuchLogin},
	{"no such database", noSuchDatabase},
	{"server login", noWayToServer},
	{"cannot connect to server", noWayToServer},
}

const (
	noSuchLogin    = "the password is wrong or there is no such role, which PostgreSQL does not tell apart: correct historyPassword or the role's name"
	noSuchDatabase = "there is no database of that name: make it, or correct the configuration"
	noWayToServer  = "the pooler does not get through to the server: look whether that is up and has the database, and into the pooler's log"
)

// poolerAdvice is "" for what a pooler does not say.
func poolerAdvice(err *pgconn.PgError) string {
	for _, known := range poolerErrors {
		if err.Code == poolerState && strings.Contains(err.Message, known.says) {
			return known.advice
		}
	}
	return ""
}
