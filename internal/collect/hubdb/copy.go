package hubdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// copied is a private copy of a database with its journal or write-ahead log.
type copied struct {
	dir  string // mode 0700
	path string
	// size and modified are the original file's.
	size     int64
	modified time.Time
	// recovery: a journal or a log was copied with it, so that SQLite has to
	// bring the copy in order before it is read.
	recovery bool
	// lostLog tells what a -shm file without its -wal proves to be lost.
	lostLog string
}

func (c *copied) remove() {
	// A folder that stays behind is the temp folder's owner's to clean; the
	// result is true all the same.
	_ = os.RemoveAll(c.dir)
}

// errChanged: the file changed while it was copied without a lock.
var errChanged = errors.New("it changed while it was copied")

// copyAttempts and their growing pauses outlast a hub that is starting or
// stopping, which takes seconds.
const (
	copyAttempts = 12
	copyPause    = 20 * time.Millisecond
)

const (
	// copyPrefix begins the name of each private folder.
	copyPrefix = "hubaudit-copy-"
	// leftoverAge is far more than any copying takes.
	leftoverAge = time.Hour
)

// removeLeftovers removes copies that a process left which was killed while it
// made them: they hold all that the database holds. Another user's, and what
// cannot be removed, is left alone.
func removeLeftovers(temp string, now time.Time) {
	folders, _ := filepath.Glob(filepath.Join(temp, copyPrefix+"*"))
	for _, folder := range folders {
		if info, err := os.Lstat(folder); err == nil && info.IsDir() && now.Sub(info.ModTime()) > leftoverAge {
			_ = os.RemoveAll(folder)
		}
	}
}

// takeCopy copies the database at a consistent point in time.
func takeCopy(ctx context.Context, path string) (*copied, error) {
	removeLeftovers(os.TempDir(), time.Now())
	dir, err := os.MkdirTemp("", copyPrefix+"*")
	if err != nil {
		return nil, noRoom(err)
	}
	c := &copied{dir: dir, path: filepath.Join(dir, "hub.sqlite")}
	for attempt := 1; ; attempt++ {
		err = c.attempt(ctx, path)
		if !errors.Is(err, errChanged) || attempt == copyAttempts {
			break
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(time.Duration(attempt*attempt) * copyPause):
			continue
		}
		break
	}
	if errors.Is(err, errChanged) {
		err = source.Failed(facts.CauseUnreadable, err, "copying it was tried %d times; if something other than the hub writes to the file, stop that, else run again", copyAttempts)
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// attempt copies once. In rollback mode SQLite's read lock keeps writers away.
// Where it cannot be taken (a hot journal, a broken header, a file system
// without locks) the files must be the same before and after.
//
// In WAL mode SQLite never opens the original: it could not without making or
// changing the -shm file, and a read-only mount forbids that. Instead the log
// is copied after the database and must still be of the same generation
// afterwards: a log only grows, and a checkpoint copies only committed pages of
// it into the database, so whatever a checkpoint changed in the meantime is in
// the copied log too. A reader's lock on the log keeps a busy writer from
// beginning a new generation meanwhile.
func (c *copied) attempt(ctx context.Context, path string) error {
	// Closing any descriptor of a file drops all the process's locks on it, so
	// this one is closed after SQLite has released its own.
	main, err := os.Open(path)
	if err != nil {
		return err
	}
	defer main.Close()
	before, err := observe(main, path)
	if err != nil {
		return err
	}
	locked := false
	if before.wal() {
		defer holdLog(path + shmSuffix)()
	} else {
		release, err := readLock(ctx, path)
		if err != nil {
			return err
		}
		if locked = release != nil; locked {
			defer release()
			// The lock may have come after a writer's commit.
			if before, err = observe(main, path); err != nil {
				return err
			}
		}
	}
	if err := c.copyAll(ctx, main, path, before, locked); err != nil {
		return err
	}
	after, err := observe(main, path)
	if err != nil {
		return err
	}
	if !before.same(after, locked) {
		return errChanged
	}
	c.size, c.modified = before.main.size, before.main.modified
	c.lostLog = lostLog(path, after)
	return nil
}

func (c *copied) copyAll(ctx context.Context, main *os.File, path string, seen observed, locked bool) error {
	c.recovery = false
	for _, suffix := range []string{walSuffix, journalSuffix, shmSuffix} {
		if err := os.RemoveAll(c.path + suffix); err != nil {
			return noRoom(err)
		}
	}
	if _, err := main.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := copyFile(ctx, c.path, main); err != nil {
		return err
	}
	if seen.walFile.exists {
		if err := c.copyBeside(ctx, path, walSuffix); err != nil {
			return err
		}
	}
	// Under the lock a journal is a live writer's, who has not touched the
	// database yet, or an empty remainder.
	if seen.journal.exists && !locked {
		if err := c.copyBeside(ctx, path, journalSuffix); err != nil {
			return err
		}
		return refuseSuperJournal(c.path + journalSuffix)
	}
	return nil
}

func (c *copied) copyBeside(ctx context.Context, path, suffix string) error {
	f, err := os.Open(path + suffix)
	if errors.Is(err, fs.ErrNotExist) {
		return errChanged
	}
	if err != nil {
		return err
	}
	defer f.Close()
	c.recovery = true
	return copyFile(ctx, c.path+suffix, f)
}

// refuseSuperJournal refuses a journal that belongs to a transaction over
// several databases: SQLite would follow the file name in it, which points out
// of the private folder, and may delete that file. A hub has one database.
func refuseSuperJournal(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	end := make([]byte, len(journalMagic))
	info, err := f.Stat()
	if err != nil || info.Size() < int64(len(end)) {
		return err
	}
	if _, err := f.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return err
	}
	if bytes.Equal(end, []byte(journalMagic)) {
		return source.Failed(facts.CauseUnreadable, nil,
			"its journal belongs to a transaction over several databases, which a hub never makes; open a copy of the folder with the sqlite3 shell to see which state it holds")
	}
	return nil
}

const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

// recover lets SQLite roll back the copied journal or bring in the copied log.
// A structure too broken for that is left as it is: reading it will show it.
func (c *copied) recover(ctx context.Context) error {
	if !c.recovery {
		return nil
	}
	db, err := open(ctx, c.path, "mode=rw")
	if err != nil {
		return err
	}
	defer db.close()
	var n int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
	if err == nil {
		_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if ctx.Err() == nil && isFull(err) {
		return noRoom(err)
	}
	if ctx.Err() != nil || !isDamage(err) {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// header reads the header of the copy and its size.
func (c *copied) header() (header, int64, error) {
	f, err := os.Open(c.path)
	if err != nil {
		return header{}, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return header{}, 0, err
	}
	b := make([]byte, headerSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return header{}, 0, fmt.Errorf("reading the header: %w", err)
	}
	return parseHeader(b[:n]), info.Size(), nil
}
