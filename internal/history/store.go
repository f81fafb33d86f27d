// Package history remembers audit runs: what each found, the incidents that
// span them, what is normal for a hub and who its users are, which sources once
// could be read, and which receiver was told what.
//
// It is one SQLite file that several processes may use at once. Whatever a run
// leaves behind is written in one transaction, so that a process killed at any
// moment leaves either all of a run or nothing of it.
//
// All times are UTC and truncated to seconds.
package history

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Store is an open history. Its methods may be called concurrently, and other
// processes may use the same file at the same time.
type Store struct {
	db   *sql.DB
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

// Open opens the history at a URL, makes it if there is none, and brings an
// older one up to date. A relative path is taken from baseDir, the folder of
// the configuration file. The folder must exist: a history made in a folder
// that only should have been a mounted volume would be forgotten with its
// container. A new file can be read by its owner only, as findings hold names
// of people.
//
// The errors say which file it is about and what to do: a folder that is
// missing or cannot be written, a full disk, a damaged file, a file of another
// application (which is not touched), a history of a newer version.
func Open(ctx context.Context, rawURL, baseDir string) (*Store, error) {
	path, err := parseURL(rawURL, baseDir)
	if err != nil {
		return nil, err
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, fmt.Errorf("open the history %s: %w", path, err)
	}
	// One connection: SQLite lets one write at a time anyway, and waiting in
	// database/sql ends with the caller's context at once.
	db.SetMaxOpenConns(1)
	s := &Store{db: db, path: path, clock: time.Now, keepBytes: keepBytes, keepEnded: keepEnded}
	if err := s.migrate(ctx); err != nil {
		db.Close()
		return nil, s.explain("open", err)
	}
	return s, nil
}

// dsn is the driver's name of the file and how it is to be used.
//
// The journal is a rollback journal, not a write-ahead log: a WAL needs memory
// shared by all processes, which network file systems do not have, and a
// volume in Kubernetes often is one. A run is written every few minutes, so the
// log's speed would gain nothing. EXTRA also syncs the folder after the
// journal is removed: what was committed survives a power failure.
//
// Transactions take the write lock when they begin. Taking it later can fail
// half-way without a wait when two processes have both read.
func dsn(path string) string {
	options := url.Values{
		"mode":          {"rw"}, // prepareFile makes the file, with its mode
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())},
		"_journal_mode": {"DELETE"},
		"_synchronous":  {"EXTRA"},
		"_foreign_keys": {"on"},
		"_txlock":       {"immediate"},
		"_defensive":    {"1"},
		"_dqs":          {"0"},
		"_error_rc":     {"1"},
		"_pragma":       {"secure_delete(1)"}, // names that are forgotten are gone from the file too
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode(), OmitHost: true}).String()
}

// Close closes the history.
func (s *Store) Close() error { return s.db.Close() }

// write runs f in a transaction that holds the write lock from its begin.
func (s *Store) write(ctx context.Context, what string, f func(*transaction) error) error {
	return s.transact(ctx, what, nil, f)
}

// read runs f in a transaction that sees one state of the history.
func (s *Store) read(ctx context.Context, what string, f func(*transaction) error) error {
	return s.transact(ctx, what, &sql.TxOptions{ReadOnly: true}, f)
}

func (s *Store) transact(ctx context.Context, what string, opts *sql.TxOptions, f func(*transaction) error) error {
	tx, err := s.db.BeginTx(ctx, opts)
	if err != nil {
		return s.explain(what, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := f(&transaction{tx: tx}); err != nil {
		return s.explain(what, err)
	}
	if err := tx.Commit(); err != nil {
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
