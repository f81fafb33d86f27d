package verify

import (
	"context"
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/collect/verify/sqldump"
	"hubaudit/internal/facts"
)

// restore brings a copy that was opened and found good back to life: an SQLite
// file by writing it anew, a server's dump on a scratch server. Then it reads
// what came of it.
func (v *verifier) restore(ctx context.Context, f *found, opened *facts.Opened) error {
	if f.kind == sqlDump && engineOf(f.dump) != hubdb.SQLite {
		return v.restoreOnServer(ctx, f, opened)
	}
	path := f.path
	if f.kind == sqlDump {
		path = f.loaded
	}
	anew := v.newFile()
	if err := v.writeAnew(ctx, path, anew); err != nil {
		if _, refused := errors.AsType[*faultError](err); refused {
			opened.Level = facts.VerifyRestore
		}
		return err
	}
	before := opened.Content
	if err := v.read(ctx, anew, f); err != nil {
		return err
	}
	content := f.opened.Content
	fault, detail := v.judge(content)
	if fault == "" && (len(content.Users) != len(before.Users) || len(content.Spawners) != len(before.Spawners)) {
		fault, detail = facts.CopyCorrupt, fmt.Sprintf("written anew it has %d users and %d servers, and %d and %d as it was",
			len(content.Users), len(content.Spawners), len(before.Users), len(before.Spawners))
	}
	opened.Level, opened.Fault, opened.Detail = facts.VerifyRestore, fault, detail
	return nil
}

// writeAnew has SQLite read every row of a file, and write it to another with
// all indexes made again.
func (v *verifier) writeAnew(ctx context.Context, from, to string) error {
	db, err := openScratchFile(from)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	if closed := db.Close(); err == nil {
		err = closed
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, isFull(err):
		return noRoomOr(err, "the copy %q could not be written anew", v.Copy.Name)
	}
	return faulty(facts.CopyRefused, "SQLite cannot write it anew (VACUUM): %w", err)
}

// isFull tells SQLite's errors in writing a private file.
func isFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_FULL || e.Code()&0xff == sqlite3.SQLITE_IOERR)
}

// restoreOnServer restores a dump into the scratch database, reads that and
// empties it again. Where it cannot be done, what opening the dump showed stays.
func (v *verifier) restoreOnServer(ctx context.Context, f *found, opened *facts.Opened) (err error) {
	s, err := v.openScratch(ctx, engineOf(f.dump))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end(ctx)) }()
	file, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("open the unpacked dump: %w", err)
	}
	defer file.Close()
	report, err := sqldump.RestoreInto(ctx, local{ctx, file}, f.dump, s.pool)
	if errors.Is(err, sqldump.ErrUnsupported) {
		return skipped("the copy %q was opened and not restored: %w", v.Copy.Name, err)
	}
	if err != nil {
		return unreadable("the copy %q could not be restored on the scratch server: %w", v.Copy.Name, err)
	}
	if report.Fault != "" {
		opened.Level = facts.VerifyRestore
		return faulty(report.Fault, "restoring it on the scratch server: %s", report.Detail)
	}
	r, err := hubdb.Read(ctx, hubdb.Options{URL: v.Scratch.URL, BaseDir: v.Scratch.BaseDir, Password: v.Scratch.Password})
	if err != nil {
		return unreadable("what the copy %q was restored to on the scratch server could not be read: %w", v.Copy.Name, err)
	}
	content := &facts.Hub{Database: r.Database, UsersRead: r.UsersRead, SpawnersRead: r.SpawnersRead, StatesRead: true,
		Users: r.Users, Spawners: r.Spawners, Servers: r.Servers}
	opened.Level, opened.Content = facts.VerifyRestore, content
	opened.Fault, opened.Detail = v.judge(content)
	return nil
}
