package sqldump

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// majorOf is the number that a version begins with.
func majorOf(version string) int {
	n, _, _ := strings.Cut(version, ".")
	major, _ := strconv.Atoi(n) // no number is older than any
	return major
}

func execute(ctx context.Context, conn *sql.Conn, statement string) (int64, error) {
	result, err := conn.ExecContext(ctx, statement)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func version(ctx context.Context, conn *sql.Conn, query string) (v string, err error) {
	err = conn.QueryRowContext(ctx, query).Scan(&v)
	return v, err
}

// postgresServer restores on PostgreSQL.
type postgresServer struct{ conn *sql.Conn }

// postgresObjects are what a CREATE is executed for: what lies inside a
// database and reaches nowhere else.
var postgresObjects = []string{"TABLE", "UNLOGGED", "SEQUENCE", "UNIQUE", "INDEX", "TYPE", "DOMAIN", "SCHEMA", "VIEW", "FUNCTION", "PROCEDURE",
	"OR", "AGGREGATE", "TRIGGER", "CONSTRAINT", "COLLATION", "STATISTICS"}

// begin: dumps of PostgreSQL set all that they need.
func (p *postgresServer) begin(context.Context) error { return nil }

func (p *postgresServer) wanted(t *tokens) (execute, optional bool) {
	is := func(words ...string) bool { return slices.ContainsFunc(words, t.accept) }
	switch {
	case is("INSERT"):
		return true, false
	case is("CREATE"):
		// The schema public and an extension may be there, and the role may not be
		// allowed to make one that nothing here needs.
		if at := t.at; is("SCHEMA", "EXTENSION") {
			t.at = at
			return true, true
		}
		return is(postgresObjects...), false
	case is("SET"):
		// Newer settings are not known to older servers.
		return !is("ROLE", "SESSION", "LOCAL", "DEFAULT_TABLESPACE"), true
	case is("SELECT"):
		_, name, err := t.name()
		return err == nil && (name == "set_config" || name == "setval"), false
	case is("ALTER"):
		return is("TABLE", "SEQUENCE", "INDEX", "TYPE", "DOMAIN") && alters(t), false
	}
	return false, false
}

// alters tells an ALTER that adds something from one of owners, and from those
// that take away what an empty database does not have.
func alters(t *tokens) bool {
	t.acceptAll("IF", "EXISTS")
	t.accept("ONLY")
	if _, _, err := t.name(); err != nil {
		return false
	}
	return !t.accept("OWNER") && !t.accept("DROP") && !t.acceptAll("ENABLE", "ROW") && !t.acceptAll("FORCE", "ROW")
}

func (p *postgresServer) exec(ctx context.Context, statement string) (int64, error) {
	return execute(ctx, p.conn, statement)
}

func (p *postgresServer) copyFrom(ctx context.Context, statement string, rows io.Reader) (n int64, err error) {
	err = p.conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("COPY needs the driver pgx, and this is %T", driver)
		}
		tag, err := c.Conn().PgConn().CopyFrom(ctx, rows, statement)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// refusal: of PostgreSQL's classes of errors those of rights, resources and
// operators are its own.
func (p *postgresServer) refusal(err error) (code string, own bool) {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return "", false
	}
	class := e.Code[:min(2, len(e.Code))]
	own = slices.Contains([]string{"08", "28", "53", "54", "57", "58", "XX"}, class) || e.Code == "42501" || e.Code == "25006"
	code = "SQLSTATE " + e.Code
	if e.ConstraintName != "" {
		code += fmt.Sprintf(", constraint %q", e.ConstraintName)
	}
	return code, own
}

func (p *postgresServer) version(ctx context.Context) (string, error) {
	return version(ctx, p.conn, "SHOW server_version")
}

func (p *postgresServer) drop(table string) string {
	return "DROP TABLE IF EXISTS " + quoteName(table) + " CASCADE"
}

// mysqlServer restores on MySQL and MariaDB.
type mysqlServer struct{ conn *sql.Conn }

// begin sets what a dump with --compact leaves to whoever restores it.
func (m *mysqlServer) begin(ctx context.Context) error {
	_, err := m.exec(ctx, "SET SESSION foreign_key_checks = 0, time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
	return err
}

func (m *mysqlServer) wanted(t *tokens) (execute, optional bool) {
	is := func(words ...string) bool { return slices.ContainsFunc(words, t.accept) }
	switch {
	case is("INSERT", "REPLACE", "COMMIT"):
		return true, false
	case is("START"):
		return t.accept("TRANSACTION"), false
	case is("ALTER"):
		return t.accept("TABLE"), false
	case is("CREATE"):
		return is("TABLE", "UNIQUE", "INDEX"), false
	case is("SET"):
		text := strings.ToUpper(string(t.statement.text[:min(len(t.statement.text), 200)]))
		// These reach further than this database, and take rights of their own.
		return !strings.Contains(text, "GLOBAL") && !strings.Contains(text, "GTID") && !strings.Contains(text, "SQL_LOG_BIN"), true
	}
	return false, false
}

func (m *mysqlServer) exec(ctx context.Context, statement string) (int64, error) {
	return execute(ctx, m.conn, statement)
}

func (m *mysqlServer) copyFrom(context.Context, string, io.Reader) (int64, error) {
	return 0, errors.New("MySQL has no COPY")
}

// mysqlOwn are MySQL's errors about itself: no space, no rights, shutting down,
// locks, read-only.
var mysqlOwn = []uint16{1021, 1030, 1037, 1040, 1041, 1044, 1045, 1053, 1114, 1135, 1142, 1143, 1153, 1205, 1213, 1227, 1290, 1317, 1370, 1836, 1969, 3024}

func (m *mysqlServer) refusal(err error) (code string, own bool) {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return "", false
	}
	return fmt.Sprintf("error %d", e.Number), slices.Contains(mysqlOwn, e.Number)
}

func (m *mysqlServer) version(ctx context.Context) (string, error) {
	return version(ctx, m.conn, "SELECT VERSION()")
}

func (m *mysqlServer) drop(table string) string {
	return "DROP TABLE IF EXISTS `" + strings.ReplaceAll(table, "`", "``") + "`"
}
