package hubdb

import (
	"database/sql"
	"fmt"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// OpenServer opens a database server as Read does, but so that its caller may
// write to it: a scratch database, never a hub's. It connects nothing yet, and
// its errors never show the password.
func OpenServer(o Options) (*sql.DB, error) {
	t, err := parse(o.URL, o.BaseDir)
	if err == nil && t.Engine == SQLite {
		err = fmt.Errorf("the URL names no database server")
	}
	if err != nil {
		return nil, source.Failed(facts.CauseUnreadable, err, "opening a database server")
	}
	if t.password == "" {
		t.password = o.Password
	}
	var d dialect = &postgres{}
	if t.Engine == MySQL {
		d = &mySQL{}
	}
	pool, err := d.pool(t)
	if err != nil {
		return nil, source.Failed(facts.CauseUnreadable, err, "opening the database server %s: the options of its URL cannot be used", t.URL)
	}
	return pool, nil
}
