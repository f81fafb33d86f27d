package rescue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Written is what a new database holds.
type Written struct {
	Users, Servers int
	// Roles are the assignments of roles; 0 where the hub makes them itself, at its
	// first start on a database that has no roles yet, and before JupyterHub 2.
	Roles int
	// Dropped are users of the empty database that the plan does not have, by
	// name. The hub makes those whom its configuration names again when it starts,
	// with new ids.
	Dropped []string
}

// WriteSQLite copies the empty database into, which the hub's own version made,
// to the new file out and fills it with the plan's users and servers. It only
// reads into, and leaves nothing beside it. out must not exist; it appears under
// its name only when it is complete, and only its owner may read it.
//
// All users get a new cookie_id, so that everybody has to log in again. Users
// who are in into already, as a hub makes those whom its configuration names,
// give way to the plan's; one of them who is an administrator stays one.
func WriteSQLite(ctx context.Context, into, out string, p *Plan) (Written, error) {
	w, err := writeSQLite(ctx, into, out, p)
	if err != nil {
		return Written{}, fmt.Errorf("write the rescued database %s from %s: %w", out, into, err)
	}
	return w, nil
}

func writeSQLite(ctx context.Context, into, out string, p *Plan) (Written, error) {
	if err := p.check(); err != nil {
		return Written{}, err
	}
	f, err := begin(into, out)
	if err != nil {
		return Written{}, err
	}
	defer f.discard()
	w, err := fill(ctx, f.path, p)
	if err != nil {
		return Written{}, err
	}
	return w, f.finish()
}

// fill writes the plan into the database of a file that nobody else knows.
func fill(ctx context.Context, path string, p *Plan) (w Written, err error) {
	db, err := open(ctx, path)
	if err != nil {
		return Written{}, fmt.Errorf("SQLite cannot open the copy: %w; unless the disk is full, %s", err, howToMakeOne)
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := sound(ctx, db); err != nil {
		return Written{}, fmt.Errorf("it is damaged: %w; %s", err, howToMakeOne)
	}
	s, err := readSchema(ctx, db)
	if err != nil {
		return Written{}, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return Written{}, err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after Commit
	t := &filler{ctx: ctx, tx: tx, schema: s, plan: p}
	if err := t.run(&w); err != nil {
		return Written{}, err
	}
	if err := tx.Commit(); err != nil {
		return Written{}, err
	}
	return w, sound(ctx, db)
}

// conn is the only connection of an opened database.
type conn struct {
	*sql.Conn
	pool *sql.DB
}

func (c *conn) close() error { return errors.Join(c.Conn.Close(), c.pool.Close()) }

// open opens the copy to be written. Bringing in a log that was copied with it
// and leaving WAL mode makes it one file; a hub sets its own mode when it starts.
func open(ctx context.Context, path string) (*conn, error) {
	pool, err := sql.Open("sqlite", fileURI(path)+"?mode=rw&_pragma=trusted_schema(0)&_pragma=foreign_keys(1)&_pragma=temp_store(2)")
	if err != nil {
		return nil, err
	}
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	db := &conn{c, pool}
	var mode string
	err = db.QueryRowContext(ctx, "PRAGMA journal_mode=DELETE").Scan(&mode)
	if err == nil && mode != "delete" {
		err = fmt.Errorf("SQLite keeps it in the journal mode %q", mode)
	}
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// sound tells what SQLite itself finds wrong with the database.
func sound(ctx context.Context, db *conn) error {
	var finding string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&finding); err != nil {
		return err
	}
	if finding != "ok" {
		return fmt.Errorf("SQLite's integrity check says %q", finding)
	}
	var table string
	switch err := db.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 1`).Scan(&table); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("rows of its table %q point at rows that are not there", table)
}
