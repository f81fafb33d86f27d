package servers

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// StartPgBouncer starts a PgBouncer before a PostgreSQL that stops at the end of
// the test, with pool_mode session, transaction or statement. Settings are its
// further ones, such as "default_pool_size = 2". The administrator needs no
// password at its Unix socket; the passwords of others are the server's.
func StartPgBouncer(tb testing.TB, server *Database, mode string, settings ...string) *Database {
	tb.Helper()
	d := prepare(tb, "postgresql", "postgres")
	d.Socket = d.dir
	d.admin = func(database string) (*sql.DB, error) {
		if database == "" {
			database = "postgres"
		}
		return sql.Open("pgx", fmt.Sprintf("host=%s port=%d user=postgres dbname=%s default_query_exec_mode=exec", d.Socket, d.Port, database))
	}
	own := strings.Join(append([]string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d auth_user=postgres", server.Socket, server.Port),
		"[pgbouncer]",
		"pool_mode = " + mode,
		"listen_addr = 127.0.0.1",
		fmt.Sprintf("listen_port = %d", d.Port),
		"unix_socket_dir = " + d.dir,
		"auth_type = hba",
		"auth_hba_file = " + d.file("pgbouncer_hba.conf"),
		"auth_file = " + d.file("users"),
		"client_tls_sslmode = allow",
		"client_tls_cert_file = " + d.file("server.crt"),
		"client_tls_key_file = " + d.file("server.key"),
		// Tests make many databases, each with connections of its own.
		"server_idle_timeout = 2",
	}, settings...), "\n") + "\n"
	for name, content := range map[string]string{
		"pgbouncer.ini":      own,
		"pgbouncer_hba.conf": "local all postgres trust\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n",
		"users":              "\"postgres\" \"\"\n", // of others it asks the server
	} {
		check(tb, os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600))
	}
	d.start(tb, Find(tb, "pgbouncer", "/usr/sbin"), d.file("pgbouncer.ini"))
	return d
}
