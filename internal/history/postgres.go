package history

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/postgres/*.sql
var postgresMigrations embed.FS

// schema has all of a history. Its name is fixed, and the migrations have it
// too: histories that are to be apart have databases of their own.
const schema = "hubaudit"

const versionTable = schema + "." + goose.DefaultTablename

// Limits of a server, so that one that hangs, or an audit that does, stops
// neither the run nor those of others.
const (
	connectTimeout   = 10 * time.Second
	statementTimeout = 2 * time.Minute
	// idleTimeout ends the transaction of an audit that does not go on: its machine
	// was suspended, or the network between is gone.
	idleTimeout = time.Minute
	// maxConnections of one audit: it reads and sends messages to receivers at the
	// same time, and servers have few connections for all.
	maxConnections = 4
	maxIdle        = time.Minute
	// schemaPoll is how often one that waits looks whether the tables are made.
	schemaPoll = 100 * time.Millisecond
)

// postgresServer is the engine of a history in a PostgreSQL database.
type postgresServer struct{}

// openServer connects nothing yet.
func (l Location) openServer() (*Store, error) {
	c, path, err := l.postgres()
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(maxConnections)
	db.SetConnMaxIdleTime(maxIdle)
	return makeStore(db, postgresServer{}, path), nil
}

// begin sets everything for the transaction alone, so that it works behind a
// pooler such as PgBouncer and its next client finds nothing changed.
//
// A server that does not wait for its disk when it commits (synchronous_commit
// is off) does so here: what people were told of must not be forgotten.
//
// What is read in one transaction that writes may change until it has locked
// the cluster: READ COMMITTED shows what was committed by then.
func (postgresServer) begin(ctx context.Context, db *sql.DB, write bool) (*transaction, error) {
	options := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	if !write {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `SELECT set_config('search_path', $1, true), set_config('lock_timeout', $2, true),
		set_config('statement_timeout', $3, true), set_config('idle_in_transaction_session_timeout', $4, true),
		set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`,
		schema, milliseconds(busyTimeout), milliseconds(statementTimeout), milliseconds(idleTimeout))
	if err != nil {
		_ = tx.Rollback() // the connection is of no use, and err says why
		return nil, err
	}
	return &transaction{tx: tx, numbered: true}, nil
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

func (postgresServer) migrations(db *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(postgresMigrations, "migrations/postgres")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, folder, goose.WithDisableGlobalRegistry(true), goose.WithTableName(versionTable))
}

// version looks into the catalogue, which every role may read, for what there is.
// It does so in a transaction, so that a pooler that allows none is refused here.
func (p postgresServer) version(ctx context.Context, db *sql.DB) (int64, error) {
	tx, err := p.begin(ctx, db, false)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.tx.Rollback() }() // nothing was written
	var tables, ours int64
	err = tx.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE c.relname = ?)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`, goose.DefaultTablename, schema).Scan(&tables, &ours)
	switch {
	case err != nil:
		return 0, err
	case ours > 0:
		var version int64
		err := tx.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable).Scan(&version)
		return version, err
	case tables > 0:
		return 0, fmt.Errorf("its schema %s holds tables that are no history, and was left as it is: name another database for the history", schema)
	}
	return 0, nil
}

// claim makes the schema. The lock is a transaction's and not a session's, which
// a pooler would hand to somebody else; goose works over another connection.
func (p postgresServer) claim(ctx context.Context, db *sql.DB, f func() error) error {
	lock, err := p.lockSchema(ctx, db)
	if err != nil {
		return err
	}
	defer func() { _ = lock.tx.Rollback() }() // only the lock is given back
	// While the other connection works, this one is idle.
	if _, err := lock.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		return err
	}
	if err := makeSchema(ctx, db); err != nil {
		return err
	}
	return f()
}

// lockSchema returns the transaction that holds the lock. One that has to wait
// holds no connection meanwhile: those who wait could else have all that there
// are, of which the holder needs a second one.
func (p postgresServer) lockSchema(ctx context.Context, db *sql.DB) (*transaction, error) {
	patience := time.NewTimer(busyTimeout)
	defer patience.Stop()
	for {
		tx, err := p.begin(ctx, db, true)
		if err != nil {
			return nil, err
		}
		free, err := tx.reserve(ctx, "schema", schema)
		if free && err == nil {
			return tx, nil
		}
		_ = tx.tx.Rollback() // nothing was written
		if err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience.C:
			return nil, fmt.Errorf("another process has been making its tables for %s: end that one (pg_stat_activity), or try again", busyTimeout)
		case <-time.After(schemaPoll):
		}
	}
}

// hubTables are two that every version of JupyterHub has.
const hubTables = "SELECT count(DISTINCT relname) FROM pg_catalog.pg_class WHERE relkind = 'r' AND relname IN ('spawners', 'oauth_clients')"

// makeSchema makes the schema where there is none: one that an administrator has
// made for a role that may not is used. A hub's own database is refused, as the
// audit writes nothing there, and as the history must outlive it.
func makeSchema(ctx context.Context, db *sql.DB) error {
	var there bool
	if err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1)", schema).Scan(&there); err != nil || there {
		return err
	}
	var ofHub int
	if err := db.QueryRowContext(ctx, hubTables).Scan(&ofHub); err != nil {
		return err
	}
	if ofHub == 2 {
		return errors.New("it is the database of a hub, which the audit leaves as it is, and whose loss the history must survive: " +
			"make a database of its own for the history")
	}
	_, err := db.ExecContext(ctx, "CREATE SCHEMA "+schema)
	return err
}

// uncertain: only an error that the server itself ends the transaction with says
// that nothing was written. One that ends the connection may come after the
// commit, as when a standby does not answer.
func (postgresServer) uncertain(err error) bool {
	var e *pgconn.PgError
	switch {
	case errors.As(err, &e):
		return e.SeverityUnlocalized != "ERROR"
	case errors.Is(err, pgconn.ErrConnClosed):
		return true // pgx calls that safe to retry, and says it too of an answer that did not come
	case errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, sql.ErrTxDone), pgconn.SafeToRetry(err):
		return false
	}
	// database/sql itself gives these two when it did not commit at all.
	return err != context.Canceled && err != context.DeadlineExceeded // wrapped ones are the driver's
}
