package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver of scratch files

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/collect/verify/sqldump"
)

// openDump loads a dump into a scratch SQLite file and reads that.
func (v *verifier) openDump(ctx context.Context, f *found) error {
	scratch := v.newFile()
	report, err := v.load(ctx, f, scratch)
	if err != nil {
		return err
	}
	f.opened.Form = f.form(report.Form)
	f.loaded = scratch
	if err := v.read(ctx, scratch, f); err != nil {
		return err
	}
	content := f.opened.Content
	content.Database.Engine, content.Database.SizeBytes = engineOf(f.dump), 0
	fault, detail := v.judge(content)
	if report.Fault != "" || fault == "" { // what the dump itself shows comes first
		fault, detail = report.Fault, report.Detail
	}
	f.opened.Fault, f.opened.Detail = fault, detail
	return nil
}

func (v *verifier) load(ctx context.Context, f *found, scratch string) (report sqldump.Report, err error) {
	file, err := os.Open(f.path)
	if err != nil {
		return report, fmt.Errorf("open the unpacked dump: %w", err)
	}
	defer file.Close()
	db, err := openScratchFile(scratch)
	if err != nil {
		return report, err
	}
	report, err = sqldump.Load(ctx, local{ctx, file}, f.dump, db)
	if closed := db.Close(); err == nil {
		err = closed
	}
	if errors.Is(err, sqldump.ErrUnsupported) {
		return report, skipped("the copy %q was not tested: %w", v.Copy.Name, err)
	}
	if err != nil {
		return report, noRoomOr(err, "the dump %q could not be loaded into a scratch file", v.Copy.Name)
	}
	return report, nil
}

// openScratchFile makes a private SQLite database. A crash may cost it: nothing
// waits for the disk.
func openScratchFile(path string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: path,
		RawQuery: "_pragma=journal_mode(memory)&_pragma=synchronous(0)&_pragma=trusted_schema(0)&_pragma=temp_store(2)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open a scratch file: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// noRoomOr is noRoom where SQLite says that the disk is full.
func noRoomOr(err error, format string, args ...any) error {
	var s *skipError
	switch {
	case errors.As(err, &s):
		return err
	case isFull(err):
		return noRoom(err)
	}
	return unreadable(format+": %w", append(args, err)...)
}

// engineOf is the engine whose dump it is.
func engineOf(f sqldump.Format) string {
	switch f {
	case sqldump.PostgreSQLText, sqldump.PostgreSQLCustom:
		return hubdb.PostgreSQL
	case sqldump.MySQL:
		return hubdb.MySQL
	}
	return hubdb.SQLite
}
