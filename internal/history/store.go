// Package history remembers audit runs: what each found, the incidents that
// span them, what is normal for a hub and who its users are, which sources once
// could be read, and which receiver was told what.
//
// It is an SQLite file or a schema in a PostgreSQL database, and several
// processes may use it at once. Whatever a run leaves behind is written in one
// transaction, so that a process killed at any moment leaves either all of a
// run or nothing of it.
//
// All times are UTC and truncated to seconds.
package history

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Store is an open history. Its methods may be called concurrently, and other
// processes may use the same history at the same time.
type Store struct {
	db     *sql.DB
	engine engine
	// path is SQLite's file, or the server's URL without its password and options.
	path string
	// clock is the wall clock. It only guards against a history written while
	// a clock was wrong; everything stored takes its time from the caller.
	clock func() time.Time
	// keepBytes and keepEnded are the constants of these names; smaller in tests.
	keepBytes, keepEnded int64
}

// busyTimeout is how long to wait for another process that writes. Recording
// 100,000 findings takes about a second on a slow disk.
const busyTimeout = 30 * time.Second

// Open opens a history, makes it if there is none, and brings an older one up
// to date.
//
// The folder of a file must exist: a history made in a folder that only should
// have been a mounted volume would be forgotten with its container. A new file
// can be read by its owner only, as findings hold names of people. In a
// PostgreSQL database everything is in a schema of its own, "hubaudit", which is
// made if the role may; the rest of the database is left as it is, and that of
// a hub is refused.
//
// The errors say which history it is about and what to do: a folder that is
// missing or cannot be written, a full disk, a damaged file, a server that does
// not answer or let the role in, what another application made (which is not
// touched), a history of a newer version. They hold no password.
func Open(ctx context.Context, where Location) (*Store, error) {
	s, err := where.connect()
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(s.explain("open", err), s.db.Close())
	}
	return s, nil
}

// Exists tells whether there is a history, without making one as Open does.
func Exists(ctx context.Context, where Location) (bool, error) {
	if !where.server() {
		return fileExists(where)
	}
	s, err := where.connect()
	if err != nil {
		return false, err
	}
	defer s.db.Close()
	version, err := s.engine.version(ctx, s.db)
	if err != nil {
		return false, s.explain("look for", err)
	}
	return version > 0, nil
}

func makeStore(db *sql.DB, e engine, path string) *Store {
	return &Store{db: db, engine: e, path: path, clock: time.Now, keepBytes: keepBytes, keepEnded: keepEnded}
}

// Close closes the history.
func (s *Store) Close() error { return s.db.Close() }

// write runs f in a transaction that may write. SQLite lets only one of them
// begin at a time; see transaction.lock for PostgreSQL.
func (s *Store) write(ctx context.Context, what string, f func(*transaction) error) error {
	return s.transact(ctx, what, true, f)
}

// read runs f in a transaction that sees one state of the history.
func (s *Store) read(ctx context.Context, what string, f func(*transaction) error) error {
	return s.transact(ctx, what, false, f)
}

func (s *Store) transact(ctx context.Context, what string, write bool, f func(*transaction) error) error {
	tx, err := s.engine.begin(ctx, s.db, write)
	if err != nil {
		return s.explain(what, err)
	}
	defer func() { _ = tx.tx.Rollback() }() // after a commit it does nothing
	if err := f(tx); err != nil {
		return s.explain(what, err)
	}
	if err := tx.tx.Commit(); err != nil {
		if write && s.engine.uncertain(err) {
			err = &uncertainty{err}
		}
		return s.explain(what, err)
	}
	return nil
}

// rows runs a query and gives every row to scan.
func rows(ctx context.Context, tx *transaction, scan func(*sql.Rows) error, query string, args ...any) error {
	rs, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rs.Close()
	for rs.Next() {
		if err := scan(rs); err != nil {
			return err
		}
	}
	return rs.Err()
}

// seconds is how a time is stored.
func seconds(t time.Time) int64 { return t.Unix() }

// whole is a time as it comes back from the history.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func fromSeconds(n int64) time.Time { return time.Unix(n, 0).UTC() }

// optional is how a time that may be absent is stored.
func optional(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.Unix(), Valid: !t.IsZero()}
}

func fromOptional(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return fromSeconds(n.Int64)
}
