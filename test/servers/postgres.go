package servers

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// StartPostgres starts a PostgreSQL that stops at the end of the test. Options
// are settings such as max_connections=5. The user "tls" must use TLS, the user
// ClientName a client's certificate; others need a password.
func StartPostgres(tb testing.TB, options ...string) *Database {
	tb.Helper()
	d := prepare(tb, "postgresql", "postgres")
	data := filepath.Join(d.dir, "data")
	d.setUp(tb, d.command(Find(tb, "initdb", postgresFolder), "--pgdata="+data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"))
	check(tb, os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(strings.Join([]string{
		"local all,replication postgres trust",
		"local all all scram-sha-256",
		"hostssl all " + ClientName + " all cert",
		"hostnossl all tls all reject",
		"host all all all scram-sha-256", ""}, "\n")), 0o600))
	d.runPostgres(tb, data, options)
	return d
}

const postgresFolder = "/usr/lib/postgresql/*/bin"

// runPostgres runs the server of a data folder.
func (d *Database) runPostgres(tb testing.TB, data string, options []string) {
	tb.Helper()
	d.Socket = d.dir
	d.admin = func(database string) (*sql.DB, error) {
		if database == "" {
			database = "postgres"
		}
		return sql.Open("pgx", fmt.Sprintf("host=%s port=%d user=postgres dbname=%s", d.Socket, d.Port, database))
	}
	psql := Find(tb, "psql", postgresFolder)
	d.client = func(database string) *exec.Cmd {
		return d.command(psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--host="+d.Socket, fmt.Sprintf("--port=%d", d.Port), "--username=postgres", database)
	}
	args := []string{"-D", data, "-k", d.Socket}
	for _, o := range append([]string{fmt.Sprintf("port=%d", d.Port), "listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "synchronous_commit=off",
		"dynamic_shared_memory_type=mmap", // in its folder: a killed server's would stay in /dev/shm for ever
		"ssl=on", "ssl_ca_file=" + d.CA, "ssl_cert_file=" + d.file("server.crt"), "ssl_key_file=" + d.file("server.key")}, options...) {
		args = append(args, "-c", o)
	}
	d.start(tb, Find(tb, "postgres", postgresFolder), args...)
}

// StartReplica starts a hot standby that follows a PostgreSQL.
func StartReplica(tb testing.TB, primary *Database, options ...string) *Database {
	tb.Helper()
	d := prepare(tb, "postgresql", "postgres")
	data := filepath.Join(d.dir, "data")
	d.setUp(tb, d.command(Find(tb, "pg_basebackup", postgresFolder), "--pgdata="+data, "--host="+primary.Socket, fmt.Sprintf("--port=%d", primary.Port),
		"--username=postgres", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"))
	d.runPostgres(tb, data, options)
	return d
}
