package history

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

// sqliteFile is the engine of a history in a file.
type sqliteFile struct{}

// openFile opens the file of a history, and makes it if there is none.
func openFile(path string) (*Store, error) {
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
	return makeStore(db, sqliteFile{}, path), nil
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

func (sqliteFile) begin(ctx context.Context, db *sql.DB, write bool) (*transaction, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: !write})
	if err != nil {
		return nil, err
	}
	return &transaction{tx: tx}, nil
}

// claim marks a new file as a history; prepareFile has refused any other that
// is not one.
func (sqliteFile) claim(ctx context.Context, db *sql.DB, f func() error) error {
	var id int64
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id != applicationID {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	}
	return f()
}

func (sqliteFile) migrations(db *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(sqliteMigrations, "migrations/sqlite")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithDisableGlobalRegistry(true))
}

func (sqliteFile) version(ctx context.Context, db *sql.DB) (int64, error) {
	var table string
	err := db.QueryRowContext(ctx, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?",
		goose.DefaultTablename).Scan(&table)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var version int64
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+goose.DefaultTablename).Scan(&version)
	return version, err
}

// uncertain: what the file has is what was committed.
func (sqliteFile) uncertain(error) bool { return false }

func (sqliteFile) advice(err error) string {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code() & 0xff { // the low byte is the primary code
	case sqlite3.SQLITE_FULL:
		return "make room on its disk; nothing of this was written"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return "the user that runs audit needs write access to the file and its folder"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Sprintf("another process has held it for %s: end that one, or try again", busyTimeout)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "the file is damaged: move it away together with its -journal file, keep both, and run again; " +
			"incidents that are still true will be opened anew"
	case sqlite3.SQLITE_IOERR:
		return "its disk or network file system failed, or is full: mend that and run again"
	}
	return ""
}
