package hubdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// dialect is what differs between database servers. Its methods make SQL for
// a table and a column that exist.
type dialect interface {
	pool(t target) (*sql.DB, error)
	// begin opens a transaction that only reads, all of it as of one moment.
	begin(ctx context.Context, s *server) error
	// limit makes the server end what takes too long.
	limit(ctx context.Context, s *server, l limits) error
	// describe fills in s.tables and s.Database.Tables. errAltered asks for a new
	// transaction.
	describe(ctx context.Context, s *server) error
	// blocker tells who held the lock that err is about, "" if it is about none
	// or that cannot be known. There is no transaction any more.
	blocker(ctx context.Context, s *server, err error) string
	// explain classes an error of the server, and says what to do.
	explain(err error) (facts.Cause, string)
	// passing tells whether a new transaction may well not meet err.
	passing(err error) bool

	from(table string) string
	text(table, column string) string
	integer(table, column string) string
	compared(table, column string) string
	isHex32(table, column string) string
}

// server reads a database server, in one transaction, into a Result.
type server struct {
	*conn
	dialect dialect
	tables  schema
	// forbidden are the columns, as table.column, that this user may not read.
	forbidden map[string]bool
	*Result
}

// limits are how long the server may take before it gives up by itself.
type limits struct{ lock, statement, idle time.Duration }

// readTables are the tables that are read.
var readTables = []string{"users", "spawners", "servers", "alembic_version"}

// errAltered: a table was altered, emptied or made anew while it was read.
var errAltered = errors.New("a table was altered or made anew while it was read")

// readAttempts outlasts the few steps of a hub's upgrade: each attempt waits
// for the lock of a step that is under way.
const readAttempts = 5

func readServer(ctx context.Context, t target) (Result, error) {
	for attempt := 1; ; attempt++ {
		var d dialect = &postgres{}
		if t.Engine == MySQL {
			d = &mySQL{}
		}
		r, err := readOnce(ctx, t, d)
		if err == nil || attempt == readAttempts || ctx.Err() != nil || !errors.Is(err, errAltered) && !d.passing(err) {
			return r, err
		}
	}
}

func readOnce(ctx context.Context, t target, d dialect) (Result, error) {
	fail := func(err error) (Result, error) { return Result{}, serverFailed(ctx, t, d, err) }
	pool, err := d.pool(t)
	if err != nil {
		return fail(source.Failed(facts.CauseUnreadable, err, "the options of its URL cannot be used"))
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	c, err := pool.Conn(ctx)
	if err != nil {
		return fail(fmt.Errorf("connecting: %w", err))
	}
	s := &server{conn: &conn{c, pool}, dialect: d, tables: schema{}, forbidden: map[string]bool{},
		Result: &Result{Database: facts.Database{Engine: t.Engine, Location: t.String()}, UsersRead: facts.None, SpawnersRead: facts.None}}
	defer s.close()
	err = s.read(ctx)
	s.end(ctx)
	if err != nil {
		return fail(s.withBlocker(ctx, err))
	}
	return *s.Result, nil
}

// end closes the transaction, so that a pooler can give the connection to
// somebody else. Where that fails, closing the connection does it too.
func (s *server) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = s.ExecContext(ctx, "ROLLBACK")
}

func (s *server) read(ctx context.Context) error {
	if err := s.dialect.begin(ctx, s); err != nil {
		return fmt.Errorf("beginning to read: %w", err)
	}
	if err := s.bound(ctx); err != nil {
		return err
	}
	if err := s.dialect.describe(ctx, s); err != nil {
		return err
	}
	s.constraints(s.tables)
	if err := s.readRows(ctx); err != nil {
		return err
	}
	s.checkServerTables()
	s.checkReferences(s.tables.whole("spawners"), s.tables.whole("servers"))
	return nil
}

// bound passes the deadline on to the server, a little earlier, so that its
// own words about what it waited for come before the deadline. It is renewed
// before each table, because the server counts by statement.
func (s *server) bound(ctx context.Context) error {
	left := 10 * time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		left = max(time.Until(deadline), 10*time.Millisecond)
	}
	margin := min(left/5, 2*time.Second)
	if err := s.dialect.limit(ctx, s, limits{lock: left - 2*margin, statement: left - margin, idle: left + margin}); err != nil {
		return fmt.Errorf("setting its time limits: %w", err)
	}
	return nil
}

func (s *server) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) row(ctx context.Context, query string, to ...any) error {
	return s.QueryRowContext(ctx, query).Scan(to...)
}

// each calls row for every row of a query, as they stream.
func (s *server) each(ctx context.Context, query string, row func(scan func(...any) error) error) error {
	rows, err := s.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// found notes that a table exists.
func (s *server) found(name string) {
	s.tables[name] = &table{name: name, columns: map[string]bool{}}
	s.Database.Tables = append(s.Database.Tables, clean(name))
	slices.Sort(s.Database.Tables)
}

func (s *server) forbid(table, column string) { s.forbidden[table+"."+column] = true }

// checkServerTables reports tables and columns without which no hub can know
// its users.
func (s *server) checkServerTables() {
	if len(s.tables) == 0 {
		s.damaged(facts.DamageNoTables, "the database has no tables: it was made anew, or they were dropped", false)
		return
	}
	if missing := s.missing(s.tables); missing != "" {
		s.damaged(facts.DamageTableMissing, missing, false)
	}
}

// withBlocker adds who held the lock on which the server gave up: it did so
// early enough for the question.
func (s *server) withBlocker(ctx context.Context, err error) error {
	if who := s.dialect.blocker(ctx, s, err); who != "" {
		return fmt.Errorf("%w (the lock is held by %s)", err, who)
	}
	return err
}
