package rescue

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// What SQLite writes beside a database.
const (
	walSuffix     = "-wal"
	journalSuffix = "-journal"
	shmSuffix     = "-shm"
)

var besides = []string{walSuffix, journalSuffix, shmSuffix}

const (
	sqliteMagic  = "SQLite format 3\x00"
	journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
	// largestEmpty is far above the 200 kB of an empty hub database.
	largestEmpty = 64 << 20
)

// unfinished is the new database under the name that it has until it is
// complete.
type unfinished struct{ path, out string }

// begin copies the empty database to an unfinished file beside out.
func begin(into, out string) (*unfinished, error) {
	if err := vacant(out); err != nil {
		return nil, err
	}
	main, log, err := readTwice(into)
	if err != nil {
		return nil, err
	}
	// Whoever finds it after a crash sees by its name that it is none to use.
	file, err := os.CreateTemp(filepath.Dir(out), filepath.Base(out)+".unfinished-*")
	if err != nil {
		return nil, err
	}
	f := &unfinished{path: file.Name(), out: out}
	_, err = file.Write(main)
	err = errors.Join(err, file.Close())
	if err == nil && len(log) > 0 {
		err = os.WriteFile(f.path+walSuffix, log, 0o600)
	}
	if err != nil {
		f.discard()
		return nil, err
	}
	return f, nil
}

// vacant refuses a name that is taken, and one beside which another database
// left a journal or log: SQLite would bring their content into the new file.
func vacant(out string) error {
	for _, suffix := range append([]string{""}, besides...) {
		switch _, err := os.Lstat(out + suffix); {
		case err == nil:
			return fmt.Errorf("%s exists already: nothing is ever overwritten, choose another name", out+suffix)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return nil
}

// readTwice reads the database and its log without SQLite, which would make
// files beside it. Nobody wrote to it meanwhile if it reads the same again.
func readTwice(path string) (main, log []byte, err error) {
	path, err = filepath.EvalSymlinks(path) // SQLite names a log after the file itself
	if err != nil {
		return nil, nil, fmt.Errorf("%w; %s", err, howToMakeOne)
	}
	if main, log, err = readOnce(path); err != nil {
		return nil, nil, err
	}
	mainAgain, logAgain, err := readOnce(path)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(main, mainAgain) || !bytes.Equal(log, logAgain) {
		return nil, nil, errors.New("the empty database changes while it is read: stop the hub that runs on it")
	}
	return main, log, nil
}

func readOnce(path string) (main, log []byte, err error) {
	if main, err = readSmall(path); err != nil {
		return nil, nil, err
	}
	if !bytes.HasPrefix(main, []byte(sqliteMagic)) {
		return nil, nil, fmt.Errorf("%s is no SQLite database: %s", path, howToMakeOne)
	}
	if log, err = readSmall(path + walSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	journal, err := readSmall(path + journalSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if bytes.HasPrefix(journal, []byte(journalMagic)) {
		return nil, nil, fmt.Errorf("%s has a journal: something is writing to the database, or ended while it did; stop it, or %s", path, howToMakeOne)
	}
	return main, log, nil
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > largestEmpty:
		return nil, fmt.Errorf("%s has %d bytes and so is no empty database: %s", path, info.Size(), howToMakeOne)
	}
	return os.ReadFile(path)
}

// discard removes what is unfinished; of no effect after finish.
func (f *unfinished) discard() {
	for _, suffix := range append([]string{""}, besides...) {
		_ = os.Remove(f.path + suffix) // its name says what it is, should it stay
	}
}

// finish gives the complete database its name, after all of it is on the disk.
func (f *unfinished) finish() error {
	if err := syncPath(f.path); err != nil {
		return err
	}
	if err := vacant(f.out); err != nil {
		return err
	}
	// A link, unlike a renaming, fails where the name has just been taken. Not
	// every file system has links; there the look above has to do.
	err := os.Link(f.path, f.out)
	switch {
	case errors.Is(err, fs.ErrExist):
		return err
	case err != nil:
		err = os.Rename(f.path, f.out)
	default:
		err = os.Remove(f.path)
	}
	if err == nil {
		_ = syncPath(filepath.Dir(f.out)) // not every file system can; what is in the file is on the disk
	}
	return err
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// fileURI keeps SQLite from reading options out of a file's name.
func fileURI(path string) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: path}
	return u.String()
}
