package hubdb_test

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgconn"

	"hubaudit/internal/facts"
	"hubaudit/test/servers"
)

// documented gives the statements of the block in docs/configuration.md that
// begins with these words.
func documented(tb testing.TB, begin string) (statements []string) {
	tb.Helper()
	b, err := os.ReadFile("../../docs/configuration.md")
	must(tb, err)
	for _, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		if !strings.HasPrefix(block[1], begin) {
			continue
		}
		for statement := range strings.SplitSeq(strings.TrimSpace(block[1]), ";\n") {
			statements = append(statements, strings.TrimSuffix(statement, ";"))
		}
	}
	if len(statements) < 2 {
		tb.Fatalf("docs/configuration.md has no block that begins with %q", begin)
	}
	return statements
}

const documentedUser, documentedPassword = "hubaudit", "change me"

// leastHub makes the database that the documentation names, and its user.
func leastHub(tb testing.TB, d *servers.Database) (url string) {
	tb.Helper()
	const database = "jupyterhub"
	d.Exec(tb, "", "CREATE DATABASE "+database)
	begin, dump := "CREATE ROLE", "testdata/hub-3.0.0.pg.sql.gz"
	if d.Engine == "mysql" {
		begin, dump = "CREATE USER", "testdata/hub-3.0.0.mysql.sql.gz"
	}
	d.Load(tb, database, bytes.NewReader(unpack(tb, dump)))
	d.Exec(tb, database, documented(tb, begin)...)
	return d.URL(drivers[d.Engine], documentedUser, documentedPassword, database)
}

// asReader gives the same database for a user with all rights to read.
func asReader(d *servers.Database) string {
	return d.URL(drivers[d.Engine], reader, readerPassword, "jupyterhub")
}

// TestLeastGrant reads with exactly the documented rights, and finds the same
// facts as with all.
func TestLeastGrant(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			got := read(t, leastHub(t, d))
			want := read(t, asReader(d))
			hidden := cmpopts.IgnoreFields(facts.Database{}, "Tables", "Location")
			if diff := cmp.Diff(want, got, hidden); diff != "" || len(got.Users) == 0 {
				t.Errorf("%d users (-all rights +least rights):\n%s", len(got.Users), diff)
			}
			if diff := cmp.Diff(judge(t, want), judge(t, got)); diff != "" {
				t.Errorf("verdicts (-all rights +least rights):\n%s", diff)
			}
		})
	}
}

// TestLeastGrantRefuses tries what the documented user must not be able to do.
func TestLeastGrantRefuses(t *testing.T) {
	statements := []string{
		"SELECT encrypted_auth_state FROM users", "SELECT state FROM users", "SELECT * FROM users", "SELECT user_options FROM spawners",
		"SELECT hashed FROM api_tokens", "SELECT code FROM oauth_codes", "SELECT secret FROM oauth_clients",
		"INSERT INTO users (id, name) VALUES (1000, 'mallory')", "UPDATE users SET admin = admin", "UPDATE spawners SET state = NULL",
		"DELETE FROM users", "DELETE FROM alembic_version", "TRUNCATE TABLE spawners", "DROP TABLE users", "ALTER TABLE users ADD COLUMN x INTEGER",
		"CREATE TABLE mallory (id INTEGER)", "CREATE INDEX mallory ON users (id)",
	}
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			leastHub(t, d)
			db := connect(t, d, documentedUser, documentedPassword, "jupyterhub")
			if _, err := db.Exec("SELECT id, name, cookie_id FROM users"); err != nil {
				t.Fatalf("what is granted: %v", err)
			}
			for _, s := range statements {
				if _, err := db.Exec(s); !denied(err) {
					t.Errorf("%s: %v, want it refused", s, err)
				}
			}
		})
	}
}

// denied tells a missing privilege from every other error.
func denied(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "42501"
	}
	var my *mysql.MySQLError
	return errors.As(err, &my) && (my.Number == 1142 || my.Number == 1143)
}

// TestRevokedGrant takes each documented right away in turn: the source fails,
// and never does a table or a column look lost.
func TestRevokedGrant(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			url := leastHub(t, d)
			revokes := map[string]string{
				"REVOKE SELECT (name) ON users FROM hubaudit":           "GRANT SELECT (name) ON users TO hubaudit",
				"REVOKE SELECT (cookie_id) ON users FROM hubaudit":      "GRANT SELECT (cookie_id) ON users TO hubaudit",
				"REVOKE SELECT (state) ON spawners FROM hubaudit":       "GRANT SELECT (state) ON spawners TO hubaudit",
				"REVOKE SELECT (id, ip, port) ON servers FROM hubaudit": "GRANT SELECT (id, ip, port) ON servers TO hubaudit",
				"REVOKE SELECT ON alembic_version FROM hubaudit":        "GRANT SELECT ON alembic_version TO hubaudit",
			}
			if d.Engine == "postgresql" {
				revokes["REVOKE USAGE ON SCHEMA public FROM hubaudit, PUBLIC"] = "GRANT USAGE ON SCHEMA public TO hubaudit"
				revokes["REVOKE CONNECT ON DATABASE jupyterhub FROM hubaudit, PUBLIC"] = "GRANT CONNECT ON DATABASE jupyterhub TO hubaudit"
			} else {
				revokes["REVOKE SELECT (id, ip, port), REFERENCES (proto, base_url, cookie_name) ON servers FROM hubaudit"] =
					"GRANT SELECT (id, ip, port), REFERENCES (proto, base_url, cookie_name) ON servers TO hubaudit"
			}
			for revoke, grant := range revokes {
				d.Exec(t, "jupyterhub", revoke)
				wantFailure(t, url, documentedPassword, facts.CauseForbidden, "")
				d.Exec(t, "jupyterhub", grant)
			}
			read(t, url)
		})
	}
}
