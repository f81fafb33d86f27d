package hubdb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/test/servers"
)

// tlsCase is a URL's options, and how reading with them ends: well when cause
// is empty. The servers let the user tls in with TLS alone.
type tlsCase struct {
	host, user, options string
	cause               facts.Cause
	says                string
}

func (c tlsCase) run(t *testing.T, d *servers.Database, driver, database string) {
	t.Helper()
	url := strings.Replace(d.URL(driver, c.user, readerPassword, database, c.options), "@localhost:", "@"+c.host+":", 1)
	if c.cause != "" {
		wantFailure(t, url, readerPassword, c.cause, c.says)
		return
	}
	if r := read(t, url); len(r.Users) != dumped[d.Engine] {
		t.Errorf("%+v: %d users", c, len(r.Users))
	}
}

// otherCA is the certificate of an authority that signed nothing here.
func otherCA(tb testing.TB) string {
	tb.Helper()
	b, err := os.ReadFile(servers.StartPostgres(tb).CA)
	must(tb, err)
	path := filepath.Join(tb.TempDir(), "other-ca.crt")
	must(tb, os.WriteFile(path, b, 0o600))
	return path
}

func TestPostgresTLS(t *testing.T) {
	d := servers.StartPostgres(t)
	makeReader(t, d)
	d.Exec(t, "", "CREATE ROLE tls LOGIN PASSWORD "+quoted(readerPassword), "CREATE ROLE "+servers.ClientName+" LOGIN", "GRANT pg_read_all_data TO tls, "+servers.ClientName)
	database, other := loadHub(t, d), otherCA(t)
	certificate := "&sslcert=" + d.ClientCert + "&sslkey=" + d.ClientKey
	for _, c := range []tlsCase{
		{"localhost", "tls", "", "", ""},
		{"localhost", "tls", "sslmode=require", "", ""},
		{"localhost", "tls", "sslmode=require&ssl_min_protocol_version=TLSv1.3", "", ""},
		{"localhost", "tls", "sslmode=verify-full&sslrootcert=" + d.CA, "", ""},
		{"127.0.0.1", "tls", "sslmode=verify-ca&sslrootcert=" + d.CA, "", ""},
		{"127.0.0.1", "tls", "sslmode=verify-full&sslrootcert=" + d.CA, facts.CauseUnreachable, "another host name"},
		{"localhost", "tls", "sslmode=verify-full&sslrootcert=" + other, facts.CauseUnreachable, "not signed by an authority"},
		{"localhost", "tls", "sslmode=verify-full&sslrootcert=/nosuch.crt", facts.CauseUnreadable, "/nosuch.crt"},
		{"localhost", "tls", "sslmode=disable", facts.CauseForbidden, "whether TLS"},
		{"localhost", reader, "sslmode=disable", "", ""},
		{"localhost", servers.ClientName, "sslmode=verify-full&sslrootcert=" + d.CA + certificate, "", ""},
		{"localhost", servers.ClientName, "sslmode=verify-full&sslrootcert=" + d.CA, facts.CauseForbidden, "client's certificate"},
	} {
		c.run(t, d, "psycopg2", database)
	}
	plain := servers.StartPostgres(t, "ssl=off")
	makeReader(t, plain)
	database = loadHub(t, plain)
	tlsCase{"localhost", reader, "", "", ""}.run(t, plain, "psycopg2", database)
	tlsCase{"localhost", reader, "sslmode=require", facts.CauseUnreachable, "has no TLS"}.run(t, plain, "psycopg2", database)
}

func TestMariaDBTLS(t *testing.T) {
	d := servers.StartMariaDB(t)
	makeReader(t, d)
	password := quoted(readerPassword)
	d.Exec(t, "", "CREATE USER tls@'%' IDENTIFIED BY "+password+" REQUIRE SSL", "CREATE USER certified@'%' IDENTIFIED BY "+password+" REQUIRE X509",
		"GRANT SELECT ON *.* TO tls@'%', certified@'%'")
	database, other := loadHub(t, d), otherCA(t)
	certificate := "&ssl_cert=" + d.ClientCert + "&ssl_key=" + d.ClientKey
	for _, c := range []tlsCase{
		{"localhost", "tls", "", "", ""},
		{"localhost", "tls", "ssl_mode=REQUIRED", "", ""},
		{"localhost", "tls", "ssl_ca=" + d.CA, "", ""},
		{"localhost", "tls", "ssl_capath=" + capath(t, d), "", ""},
		{"127.0.0.1", "tls", "ssl_ca=" + d.CA, facts.CauseUnreachable, "another host name"}, // as PyMySQL
		{"127.0.0.1", "tls", "ssl_ca=" + d.CA + "&ssl_check_hostname=false", "", ""},
		{"127.0.0.1", "tls", "ssl_ca=" + d.CA + "&ssl_mode=VERIFY_CA", "", ""},
		{"127.0.0.1", "tls", "ssl_ca=" + d.CA + "&ssl_mode=VERIFY_IDENTITY", facts.CauseUnreachable, "another host name"},
		{"localhost", "tls", "ssl_ca=" + other, facts.CauseUnreachable, "not signed by an authority"},
		{"localhost", "tls", "ssl_ca=" + other + "&ssl_mode=VERIFY_CA", facts.CauseUnreachable, "not signed by an authority"},
		{"localhost", "tls", "ssl_verify_cert=true", facts.CauseUnreachable, "not signed by an authority"}, // the system knows no test authority
		{"localhost", "tls", "ssl_ca=/nosuch.crt", facts.CauseUnreadable, "/nosuch.crt"},
		{"localhost", "tls", "ssl_disabled=true", facts.CauseForbidden, "wants TLS"},
		{"localhost", reader, "ssl_disabled=true", "", ""},
		{"localhost", "certified", "ssl_ca=" + d.CA + certificate, "", ""},
		{"localhost", "certified", "ssl_ca=" + d.CA, facts.CauseForbidden, "wants TLS"},
	} {
		c.run(t, d, "pymysql", database)
	}
	tlsCase{"127.0.0.1", "tls", "ssl_ca=" + d.CA, "", ""}.run(t, d, "mysqldb", database) // which does not compare names
	plain := servers.StartMariaDB(t, "skip-ssl")
	makeReader(t, plain)
	database = loadHub(t, plain)
	tlsCase{"localhost", reader, "", "", ""}.run(t, plain, "pymysql", database)
	tlsCase{"localhost", reader, "ssl_mode=REQUIRED", facts.CauseUnreachable, "has no TLS"}.run(t, plain, "pymysql", database)
}

// capath is a folder with the server's authority in it, and what else lies in
// such folders.
func capath(tb testing.TB, d *servers.Database) string {
	tb.Helper()
	dir := tb.TempDir()
	b, err := os.ReadFile(d.CA)
	must(tb, err)
	must(tb, os.WriteFile(filepath.Join(dir, "ca.pem"), b, 0o600))
	must(tb, os.WriteFile(filepath.Join(dir, "README"), []byte("no certificate"), 0o600))
	must(tb, os.Mkdir(filepath.Join(dir, "old"), 0o700))
	return dir
}

// TestUnixSocket reads through the socket, by every way to name it.
func TestUnixSocket(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			database := loadHub(t, d)
			options := []string{"unix_socket=" + d.Socket}
			driver := "pymysql"
			if d.Engine == "postgresql" {
				driver = "psycopg2"
				port := fmt.Sprintf("&port=%d", d.Port)
				options = []string{"host=" + d.Socket + port, fmt.Sprintf("unix_sock=%s/.s.PGSQL.%d", d.Socket, d.Port) + port}
			}
			for _, o := range options {
				url := strings.Replace(d.URL(driver, reader, readerPassword, database, o), fmt.Sprintf("@localhost:%d/", d.Port), "@/", 1)
				if r := read(t, url); len(r.Users) != dumped[d.Engine] {
					t.Errorf("%s: %d users", o, len(r.Users))
				}
			}
			missing := "mysql+pymysql://u:hunter2@/x?unix_socket=/nosuch.sock"
			if d.Engine == "postgresql" {
				missing = "postgresql://u:hunter2@/x?host=/nosuch"
			}
			wantFailure(t, missing, "hunter2", facts.CauseUnreachable, "socket")
		})
	}
}

// TestSeveralHosts passes over a server that is not there.
func TestSeveralHosts(t *testing.T) {
	d := servers.StartPostgres(t)
	makeReader(t, d)
	database := loadHub(t, d)
	for _, options := range []string{
		fmt.Sprintf("host=localhost:1&host=localhost:%d", d.Port),
		fmt.Sprintf("host=localhost,localhost&port=1,%d&target_session_attrs=primary&connect_timeout=5", d.Port),
	} {
		url := strings.Replace(d.URL("psycopg2", reader, readerPassword, database, options), fmt.Sprintf("@localhost:%d/", d.Port), "@/", 1)
		if r := read(t, url); len(r.Users) != dumped[d.Engine] || !strings.Contains(r.Database.Location, "localhost:1,localhost:") {
			t.Errorf("%s: %d users at %s", options, len(r.Users), r.Database.Location)
		}
	}
	wantFailure(t, "postgresql://u:hunter2@/x?host=localhost:1&host=localhost:2", "hunter2", facts.CauseUnreachable, "nothing answers")
	wantFailure(t, fmt.Sprintf("postgresql://%s:%s@localhost:%d/%s?target_session_attrs=standby", "tls", "hunter2", d.Port, database), "hunter2", facts.CauseForbidden, "")
}
