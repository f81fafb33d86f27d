// Package hubdb reads JupyterHub's own database: its users, their spawners and
// servers, and what is wrong with the database itself.
//
// The database is never touched. SQLite's is copied to a private folder, under the
// locks that SQLite itself would take or with proof that it did not change
// meanwhile; recovery, scans and checks then work on the copy. A hub is
// therefore never kept waiting by a long check: it gives up on a lock after
// five seconds, and its user sees an error. PostgreSQL, MySQL and MariaDB are
// read over one connection, in one transaction that sees one moment and cannot
// write.
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

// Options say which database to read.
type Options struct {
	// URL is the hub's own db_url; see ParseURL for its form.
	URL string
	// BaseDir is the folder that relative paths in URL are relative to.
	BaseDir string
	// Password is used where URL has none.
	Password string
	// OwnVolume: where an SQLite file lies on a file system of its own, that is
	// the hub's volume, as in a pod that mounts it. Database.Disk is then told
	// without the time, which is the run's.
	OwnVolume bool
}

// Read reads a database. Its errors are made by source.Failed, are one line and
// never show the password. A database in memory is absent, and the result says
// that it is one.
func Read(ctx context.Context, o Options) (Result, error) {
	t, err := parse(o.URL, o.BaseDir)
	if err != nil {
		return Result{}, source.Failed(facts.CauseUnreadable, err, "reading the hub's database")
	}
	if t.Engine != SQLite {
		if t.password == "" {
			t.password = o.Password
		}
		return readServer(ctx, t)
	}
	if t.Path == inMemory {
		return Result{Database: facts.Database{Engine: SQLite, InMemory: true}, UsersRead: facts.None, SpawnersRead: facts.None},
			source.Absent("the hub keeps its database in memory, where nobody else can read it")
	}
	r, err := readSQLite(ctx, t.Path, o.OwnVolume)
	if err != nil {
		return Result{}, failed(ctx, t.Path, err)
	}
	return r, nil
}

// readSQLite tells what is wrong with the file as a file, and if it is a
// database, reads it.
func readSQLite(ctx context.Context, path string, ownVolume bool) (Result, error) {
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
		SizeBytes: look.size, Modified: look.modified, Copies: datedCopies(path)}, UsersRead: facts.None, SpawnersRead: facts.None}
	if ownVolume {
		r.Database.Disk = diskOf(real)
	}
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
