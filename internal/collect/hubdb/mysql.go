package hubdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// mySQL reads MySQL and MariaDB.
type mySQL struct {
	mariaDB bool
	log     lastLine
}

// lastLine keeps what the driver has to say about a lost connection: its error
// does not.
type lastLine struct {
	mu   sync.Mutex
	text string
}

func (l *lastLine) Print(v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = fmt.Sprint(v...)
}

func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}

// pool connects nothing yet.
func (m *mySQL) pool(t target) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName, c.Logger = t.User, t.password, t.Database, &m.log
	c.Timeout = t.mysql.connectTimeout
	c.ConnectionAttributes = "program_name:hubaudit"
	host, port := t.Host, t.Port
	if host == "" {
		host = "localhost"
	}
	if port == 0 {
		port = 3306
	}
	c.Net, c.Addr = "tcp", net.JoinHostPort(host, strconv.Itoa(port))
	if t.mysql.socket != "" {
		c.Net, c.Addr = "unix", t.mysql.socket
	}
	var err error
	if c.TLS, err = t.mysql.tlsConfig(host); err != nil {
		return nil, err
	}
	c.AllowFallbackToPlaintext = t.mysql.tls == tlsPreferred
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (m *mySQL) begin(ctx context.Context, s *server) error {
	var version string
	if err := s.row(ctx, "SELECT VERSION()", &version); err != nil {
		return err
	}
	m.mariaDB = strings.Contains(version, "MariaDB")
	if err := s.bound(ctx); err != nil {
		return err
	}
	return s.exec(ctx, "SET SESSION time_zone = '+00:00'", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
}

func (m *mySQL) limit(ctx context.Context, s *server, l limits) error {
	whole := func(d time.Duration) int { return max(1, int(d.Seconds())) }
	statement := fmt.Sprintf("max_execution_time = %d", l.statement.Milliseconds())
	if m.mariaDB {
		statement = fmt.Sprintf("max_statement_time = %.3f", l.statement.Seconds())
	}
	return s.exec(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d, wait_timeout = %d, %s", whole(l.lock), whole(l.idle)+1, statement))
}

// describe lists the tables, and the columns and constraints of the core ones.
// A server shows a user only what that user has some right to, so the tables
// and columns that are not shown are asked for by name.
func (m *mySQL) describe(ctx context.Context, s *server) error {
	// Reads nothing, but keeps a table from being changed until the transaction ends.
	for _, name := range readTables {
		if err := m.touch(ctx, s, name, "1"); err != nil && number(err) != errNoTable {
			return fmt.Errorf("looking for the table %s: %w", name, err)
		} else if err == nil {
			s.found(name)
		}
	}
	if err := m.listTables(ctx, s); err != nil {
		return err
	}
	if err := m.listColumns(ctx, s); err != nil {
		return err
	}
	for _, name := range s.tables.core(nil) {
		for _, column := range coreColumns[name] {
			if t := s.tables[name]; t != nil && !t.has(column) {
				if err := m.touch(ctx, s, name, m.quote(column)); err == nil {
					return errAltered
				} else if number(err) != errNoColumn {
					return fmt.Errorf("looking for the column %s.%s: %w", name, column, err)
				}
			}
		}
	}
	return m.listIndexes(ctx, s)
}

// touch selects an expression from no row of a table.
func (m *mySQL) touch(ctx context.Context, s *server, table, expression string) error {
	return s.each(ctx, "SELECT "+expression+" FROM "+m.quote(table)+" LIMIT 0", func(func(...any) error) error { return nil })
}

func (m *mySQL) listTables(ctx context.Context, s *server) error {
	err := s.each(ctx, `SELECT t.table_name, t.table_type, t.engine, e.transactions
		FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine
		WHERE t.table_schema = DATABASE()`, func(scan func(...any) error) error {
		var name, kind string
		var engine, transactions sql.NullString
		if err := scan(&name, &kind, &engine, &transactions); err != nil {
			return err
		}
		isRead := slices.Contains(readTables, name)
		if isRead && kind != "BASE TABLE" {
			return source.Failed(facts.CauseUnreadable, nil, "%s is no table but a %s, which shows neither constraints nor a certain point in time; give the hub's own database", name, kind)
		}
		if isRead && transactions.String != "YES" {
			return source.Failed(facts.CauseUnreadable, nil, "the table %[1]s is kept by the storage engine %[2]s, which has no transactions: its rows cannot be read as of one moment; "+
				"with the hub stopped, convert it with ALTER TABLE %[1]s ENGINE=InnoDB", name, engine.String)
		}
		if kind == "BASE TABLE" && !isRead {
			s.found(name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing its tables: %w", err)
	}
	return nil
}

func (m *mySQL) listColumns(ctx context.Context, s *server) error {
	err := s.each(ctx, `SELECT table_name, column_name, is_nullable = 'NO', FIND_IN_SET('select', privileges) > 0
		FROM information_schema.columns WHERE table_schema = DATABASE()`, func(scan func(...any) error) error {
		var table, column string
		var notNull, readable bool
		if err := scan(&table, &column, &notNull, &readable); err != nil {
			return err
		}
		t := s.tables[table]
		if t == nil {
			return nil
		}
		column = strings.ToLower(column)
		t.columns[column] = notNull
		if !readable {
			s.forbid(table, column)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing its columns: %w", err)
	}
	return nil
}

// listIndexes lists unique indexes of one column; that of an expression has
// none.
func (m *mySQL) listIndexes(ctx context.Context, s *server) error {
	err := s.each(ctx, `SELECT table_name, min(column_name) FROM information_schema.statistics
		WHERE table_schema = DATABASE() AND non_unique = 0
		GROUP BY table_name, index_name HAVING count(*) = 1 AND count(column_name) = 1`, func(scan func(...any) error) error {
		var table, column string
		err := scan(&table, &column)
		if t := s.tables[table]; t != nil {
			t.indexes = append(t.indexes, index{unique: true, columns: []string{strings.ToLower(column)}})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("listing its indexes: %w", err)
	}
	return nil
}

func (m *mySQL) quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func (m *mySQL) from(table string) string         { return m.quote(table) }
func (m *mySQL) text(_, column string) string     { return "CAST(" + m.quote(column) + " AS CHAR)" }
func (m *mySQL) integer(_, column string) string  { return "CAST(" + m.quote(column) + " AS SIGNED)" }
func (m *mySQL) compared(_, column string) string { return m.quote(column) }

// blocker is not known: the server shows other sessions only to administrators.
func (m *mySQL) blocker(context.Context, *server, error) string { return "" }

// isHex32 goes without a regular expression, which MySQL and MariaDB compare
// with the column's collation in different ways. UNHEX of anything else is NULL.
func (m *mySQL) isHex32(_, column string) string {
	c := m.quote(column)
	return fmt.Sprintf("(char_length(%[1]s) = 32 AND unhex(%[1]s) IS NOT NULL AND CAST(%[1]s AS BINARY) = CAST(lower(%[1]s) AS BINARY))", c)
}

// number is the server's error number, 0 if err is none of the server's.
func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}
