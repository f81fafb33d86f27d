// Package sqldump reads what pg_dump, pg_dumpall, mysqldump, mariadb-dump and
// the sqlite shell write. It loads the hub's tables of a dump into an empty
// SQLite database, or executes a dump on a scratch server.
//
// Dumps are read once, as a stream, and strictly: what none of these tools
// writes is a broken byte. The text of errors and reports holds names of tables
// and columns, numbers of statements and rows, and no value.
package sqldump

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"hubaudit/internal/facts"
)

// Format is a kind of dump.
type Format string

// The formats that are read.
const (
	PostgreSQLText   Format = "pg_dump"        // or pg_dumpall
	PostgreSQLCustom Format = "pg_dump custom" // pg_dump --format=custom
	MySQL            Format = "mysqldump"      // or mariadb-dump
	SQLite           Format = "sqlite dump"    // .dump of the shell, iterdump of Python
)

// ErrUnsupported: the dump may be good, but cannot be read here.
var ErrUnsupported = errors.New("this kind of dump cannot be read")

// Report tells what a dump held.
type Report struct {
	// Form is what was found, in words: "pg_dump custom 1.14 (gzip) of PostgreSQL 15.18".
	Form string
	// Version is that of the server that was dumped, "" where the dump does not
	// tell it.
	Version string
	// Complete: the dump has the end that its tool writes last, and nothing in
	// it is broken.
	Complete bool
	// Fault is what is wrong with it, "" for nothing. A dump without a fault that
	// is not Complete was made without what tells its end.
	Fault facts.CopyFault
	// Detail says what was seen, without a final period; also where there is no
	// fault but something to know.
	Detail string
	// Tables counts rows by table. Of several databases they are the chosen
	// one's, named by Database.
	Tables   map[string]int
	Database string
}

// Detect tells a dump by how it begins; "" for none. A few KB are enough.
func Detect(head []byte) Format {
	if bytes.HasPrefix(head, []byte(customMagic)) {
		return PostgreSQLCustom
	}
	head = bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF"))
	if bytes.IndexByte(head, 0) >= 0 && !bytes.Contains(head, []byte("INSERT INTO")) {
		return ""
	}
	s := strings.TrimSpace(string(head))
	const postgresHead = "--\n-- PostgreSQL database"
	begins := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(s, p) {
				return true
			}
		}
		return false
	}
	switch {
	case begins(postgresHead, "-- PostgreSQL database", `\restrict `), len(s) >= 8 && strings.HasPrefix(postgresHead, s):
		return PostgreSQLText
	case begins("-- MySQL dump", "-- MariaDB dump", "/*!999999\\-", "/*M!999999\\-", "/*!40", "/*!50", "-- mysqldump"):
		return MySQL
	case begins("PRAGMA foreign_keys", "BEGIN TRANSACTION;", "BEGIN;"):
		return SQLite
	case strings.Contains(s, "INSERT INTO `"), strings.Contains(s, "CREATE TABLE `"):
		return MySQL
	case begins("SET statement_timeout"), strings.Contains(s, "SELECT pg_catalog.set_config("), strings.Contains(s, " FROM stdin;\n"):
		return PostgreSQLText
	}
	return ""
}

// Load loads the hub's tables of a dump into an empty SQLite database, such
// that hubdb.Read tells of it what it told of the live one. Of the users'
// secrets only cookie_id is loaded, which is judged inside SQL. Other tables
// are made, and stay empty.
//
// What is wrong with the dump is in the report; all that could be read before is
// loaded then. An error is a reader or a scratch database that failed, a
// deadline or ErrUnsupported, and comes with what the report knows by then.
func Load(ctx context.Context, r io.Reader, f Format, into *sql.DB) (Report, error) {
	report := Report{Tables: map[string]int{}}
	tx, err := into.BeginTx(ctx, nil)
	if err != nil {
		return report, fmt.Errorf("opening the scratch database for a dump: %w", err)
	}
	l := newLoader(ctx, tx, &report)
	if err = read(ctx, r, f, l, &report); err == nil {
		err = l.finish()
	}
	if err != nil && !isFault(err) {
		return report, errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return report, fmt.Errorf("keeping a dump in the scratch database: %w", err)
	}
	report.judge(err, l.hasHub())
	return report, nil
}

func isFault(err error) bool {
	var f *fault
	return errors.As(err, &f)
}

// read drives v through a dump, and completes the report's Form and Complete.
func read(ctx context.Context, r io.Reader, f Format, v visitor, report *Report) error {
	in := newInput(ctx, r)
	switch f {
	case PostgreSQLText:
		return readPlain(in, v, report)
	case PostgreSQLCustom:
		return readCustom(in, v, report)
	case MySQL:
		return readMySQL(in, v, report)
	case SQLite:
		return readSQLite(in, v, report)
	}
	return fmt.Errorf("%w: there is no format %q", ErrUnsupported, f)
}

// judge completes a report by the fault, nil for none.
func (r *Report) judge(err error, hub bool) {
	var f *fault
	switch {
	case errors.As(err, &f):
		r.Complete, r.Fault, r.Detail = false, f.kind, f.detail
	case len(r.Tables) == 0:
		r.Complete, r.Fault, r.Detail = false, facts.CopyEmpty, "the dump makes no table"
	case !hub && r.Complete:
		r.Complete, r.Fault = false, facts.CopyNotDatabase
		r.Detail = "the dump is of another database than a hub's: it has no table users with the columns id, name and cookie_id"
	}
}

// clean keeps a version that a dump tells of itself short and printable.
func clean(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 40)]
}
