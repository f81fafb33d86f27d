package history

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestPoolerAdvice has PgBouncer's own words; most of them test/history provokes.
func TestPoolerAdvice(t *testing.T) {
	for message, want := range map[string]string{
		"transaction blocks not allowed in statement pooling mode": "pool_mode",
		"unsupported startup parameter: options":                   "ignore_startup_parameters",
		"unsupported startup parameter in options: search_path":    "ignore_startup_parameters",
		"query_wait_timeout":                            "raise its pool size",
		"no more connections allowed (max_client_conn)": "max_client_conn",
		"no such user":                                  "the password is wrong",
		"SASL authentication failed":                    "the password is wrong",
		"password authentication failed":                "the password is wrong",
		"no such database: gone":                        "no database of that name",
		"server login has been failing, try again later (server_login_retry)": "does not get through to the server",
		"pgbouncer cannot connect to server":                                  "does not get through to the server",
		"server conn crashed?":                                                "the connection to the server failed",
	} {
		if got := (postgresServer{}).advice(&pgconn.PgError{Severity: "FATAL", Code: "08P01", Message: message}); !strings.Contains(got, want) {
			t.Errorf("%s: %q does not say %q", message, got, want)
		}
	}
	// The server's own words are about something else.
	server := &pgconn.PgError{Severity: "ERROR", Code: "42501", Message: "authentication failed"}
	if got := (postgresServer{}).advice(server); !strings.Contains(got, "the role needs the right") {
		t.Errorf("the server's error is taken for the pooler's: %q", got)
	}
}
