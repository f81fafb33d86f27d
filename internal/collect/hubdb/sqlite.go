package hubdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// conn is the one connection of an opened database.
type conn struct {
	*sql.Conn
	pool *sql.DB
}

func (c *conn) close() {
	// Nothing was written that a failed close could lose.
	_ = c.Conn.Close()
	_ = c.pool.Close()
}

// open opens a file with the given URI parameters. The settings keep the
// functions of a hostile schema from having side effects, tell broken pages
// early, and keep cookies out of temporary files.
func open(ctx context.Context, path string, params string) (*conn, error) {
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: params +
		"&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&_pragma=temp_store(2)"}
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &conn{c, pool}, nil
}

// lockWait bounds the wait for a writer when ctx has no earlier deadline. A
// hub holds its lock for milliseconds.
const lockWait = "30000"

// errLocked: another process kept the database locked.
var errLocked = errors.New("another process holds a lock on it")

// readLock takes SQLite's read lock on the original without writing anything.
// It returns nil when there is no lock to be had, because SQLite cannot read
// the file as it is.
func readLock(ctx context.Context, path string) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db, err := open(ctx, path, "mode=ro&_pragma=busy_timeout("+lockWait+")")
	if err == nil {
		_, err = db.ExecContext(ctx, "BEGIN")
		if err == nil {
			var n int
			err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
		}
		if err == nil {
			return db.close, nil
		}
		db.close()
	}
	switch {
	case ctx.Err() != nil: // nothing else here takes time
		return nil, fmt.Errorf("%w (%w)", errLocked, ctx.Err())
	case code(err) == sqlite3.SQLITE_BUSY:
		return nil, errLocked
	}
	return nil, nil
}

// code is SQLite's primary result code, 0 if err is none of SQLite's.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// isDamage tells an error that comes from the database's content from one of
// the machine or the deadline. No error is harmless content too.
func isDamage(err error) bool {
	switch code(err) {
	case 0:
		return err == nil
	case sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY:
		return false
	}
	return true
}

// claims has the databases that this process is copying. Closing one
// descriptor of a file drops the locks of all others in the same process, so
// two copies of one database must not be made at once.
var claims = struct {
	sync.Mutex
	taken map[string]chan struct{}
}{taken: map[string]chan struct{}{}}

// claim resolves symbolic links, because SQLite names journals after the real
// file, and waits until nobody else in this process copies it.
func claim(ctx context.Context, path string) (real string, release func(), err error) {
	if real, err = filepath.EvalSymlinks(path); err != nil {
		return "", nil, err
	}
	if real, err = filepath.Abs(real); err != nil {
		return "", nil, err
	}
	mine := make(chan struct{})
	for {
		claims.Lock()
		other, taken := claims.taken[real]
		if !taken {
			claims.taken[real] = mine
		}
		claims.Unlock()
		if !taken {
			return real, sync.OnceFunc(func() {
				claims.Lock()
				delete(claims.taken, real)
				claims.Unlock()
				close(mine)
			}), nil
		}
		select {
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-other:
		}
	}
}
