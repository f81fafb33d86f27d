// Package hubdb reads JupyterHub's own database: its users, their spawners and
// servers, and what is wrong with the database itself.
//
// The database is never touched. It is copied to a private folder, under the
// locks that SQLite itself would take or with proof that it did not change
// meanwhile; recovery, scans and checks then work on the copy. A hub is
// therefore never kept waiting by a long check: it gives up on a lock after
// five seconds, and its user sees an error.
//
// What is wrong with a database is a fact and part of a Result: an empty file,
// a lost table, a broken page. An error is returned only for a database that
// could not be looked at: missing, forbidden, locked, changing too fast, or
// not checked to the end before the deadline. Rows of a database whose check
// did not end are not returned either: a reader could not tell an unchecked
// database from a sound one.
package hubdb

import (
	"context"
	"fmt"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// Result is what one database held. Users, Spawners and Servers are sorted by
// id.
type Result struct {
	Database facts.Database
	// UsersRead and SpawnersRead are those of facts.Hub.
	UsersRead, SpawnersRead facts.Completeness
	Users                   []facts.User
	Spawners                []facts.Spawner
	Servers                 []facts.Server
}

// Items counts the rows that were read, by kind.
func (r Result) Items() map[string]int {
	return map[string]int{"users": len(r.Users), "spawners": len(r.Spawners), "servers": len(r.Servers)}
}

// Read reads the database that dbURL names; see ParseURL for its form. Its
// errors are made by source.Failed.
func Read(ctx context.Context, dbURL, baseDir string) (Result, error) {
	u, err := ParseURL(dbURL, baseDir)
	if err != nil {
		return Result{}, source.Failed(facts.CauseUnreadable, err, "reading the hub's database")
	}
	if u.Engine != SQLite {
		return Result{}, source.Failed(facts.CauseUnreadable, nil,
			"reading the hub's database %s: %s is not supported yet by this version; until then audit a restored copy in SQLite, or leave the database out of the configuration", u, u.Engine)
	}
	r, err := readSQLite(ctx, u.Path)
	if err != nil {
		return Result{}, failed(ctx, u.Path, err)
	}
	return r, nil
}

// readSQLite tells what is wrong with the file as a file, and if it is a
// database, reads it.
func readSQLite(ctx context.Context, path string) (Result, error) {
	real, release, err := claim(ctx, path)
	if err != nil {
		return Result{}, err
	}
	defer release()
	look, err := lookAt(real)
	if err != nil {
		return Result{}, err
	}
	r := Result{Database: facts.Database{Engine: SQLite, Location: path,
		SizeBytes: look.size, Modified: look.modified}, UsersRead: facts.None, SpawnersRead: facts.None}
	if look.damage != nil {
		r.Database.Damage = []facts.Damage{*look.damage}
		return r, nil
	}
	c, err := takeCopy(ctx, real)
	if err != nil {
		return Result{}, err
	}
	defer c.remove()
	release()
	r.Database.SizeBytes, r.Database.Modified = c.size, c.modified
	if err := c.recover(ctx); err != nil {
		return Result{}, fmt.Errorf("recovering a private copy of it: %w", err)
	}
	err = readCopy(ctx, c, &r)
	return r, err
}
