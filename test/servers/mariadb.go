package servers

import (
	"database/sql"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver mysql
)

// StartMariaDB starts a MariaDB that stops at the end of the test. Options are
// settings such as max_connections=5.
func StartMariaDB(tb testing.TB, options ...string) *Database {
	tb.Helper()
	d := prepare(tb, "mysql", "mysql")
	d.Socket = d.file("socket")
	data := filepath.Join(d.dir, "data")
	d.setUp(tb, d.command(Find(tb, "mariadb-install-db"), "--no-defaults", "--datadir="+data, "--tmpdir="+d.dir, "--auth-root-authentication-method=normal", "--skip-test-db",
		"--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0"))
	d.admin = func(database string) (*sql.DB, error) {
		return sql.Open("mysql", fmt.Sprintf("root@unix(%s)/%s", d.Socket, database))
	}
	client := Find(tb, "mariadb")
	d.client = func(database string) *exec.Cmd {
		return d.command(client, "--no-defaults", "--default-character-set=utf8mb4", "--socket="+d.Socket, "--user=root", database)
	}
	// A server that starts removes the temporary tables of others from a shared folder.
	args := []string{"--no-defaults", "--datadir=" + data, "--tmpdir=" + d.dir, "--socket=" + d.Socket, "--pid-file=" + d.file("pid")}
	for _, o := range append([]string{fmt.Sprintf("port=%d", d.Port), "bind-address=127.0.0.1", "skip-name-resolve", "innodb-flush-log-at-trx-commit=0",
		"innodb-doublewrite=0", "innodb-buffer-pool-size=64M", "ssl-ca=" + d.CA, "ssl-cert=" + d.file("server.crt"), "ssl-key=" + d.file("server.key")}, options...) {
		args = append(args, "--"+o)
	}
	d.start(tb, Find(tb, "mariadbd", "/usr/sbin"), args...)
	return d
}
