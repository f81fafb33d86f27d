package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// applicationID marks a SQLite file as a history: "huba".
const applicationID = 0x68756261

// Where a SQLite file keeps what it is: https://www.sqlite.org/fileformat2.html
const (
	headerSize          = 100
	headerMagic         = "SQLite format 3\x00"
	headerApplicationID = 68
)

// Location says where a history is.
type Location struct {
	// URL is sqlite:PATH, or postgresql://USER@HOST:PORT/DATABASE?OPTION=VALUE in
	// libpq's or SQLAlchemy's spelling.
	URL string
	// Password is the server's; empty for none, and where the URL has one.
	Password string
	// BaseDir is the folder of the configuration file, from which relative paths
	// are taken.
	BaseDir string
}

// server tells whether a server has it, and not a file.
func (l Location) server() bool { return strings.HasPrefix(l.URL, "postgres") }

// Check tells whether there could be a history, as far as its words and the files of
// certificates that they name show: no server is asked and no file is made. An error
// says how to write it, and shows no password.
func (l Location) Check() error {
	if l.server() {
		_, _, err := l.postgres()
		return err
	}
	_, err := l.file()
	return err
}

// connect makes a store that is not yet known to be a history. No server is
// asked yet.
func (l Location) connect() (*Store, error) {
	if l.server() {
		return l.openServer()
	}
	path, err := l.file()
	if err != nil {
		return nil, err
	}
	return openFile(path)
}

// file is the path that a URL of SQLite names. The URL itself is never part of
// an error: that of a server holds a password.
func (l Location) file() (string, error) {
	scheme, path, found := strings.Cut(l.URL, ":")
	switch {
	case !found:
		return "", errors.New("history: no scheme; write sqlite:PATH, such as sqlite:hubaudit.db, or postgresql://USER@HOST/DATABASE")
	case scheme != "sqlite":
		return "", fmt.Errorf("history: unknown scheme %q; use sqlite:PATH or postgresql://USER@HOST/DATABASE", scheme)
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return "", errors.New("history: a path after sqlite:// would be read as a host; write sqlite:PATH or sqlite:///ABSOLUTE/PATH")
	case strings.Trim(path, "/") == "":
		return "", errors.New("history: no file named; write sqlite:PATH, such as sqlite:hubaudit.db")
	case strings.ContainsRune(path, 0):
		return "", errors.New("history: the path holds a zero byte; correct it")
	case l.Password != "":
		return "", errors.New("history: there is a historyPassword, and an SQLite file has none; take it out")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.BaseDir, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("history: find the folder of the configuration: %w", err)
	}
	return path, nil
}

// fileExists tells whether there is a file. One that cannot be looked at is for
// Open to tell.
func fileExists(where Location) (bool, error) {
	path, err := where.file()
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist), nil
}

// prepareFile makes the file if there is none. One that is there is only
// looked at, without SQLite: opening another application's database could roll
// back its journal.
func prepareFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the history %s: %w (%s)", path, err, fileAdvice(path, err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open the history %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("open the history %s: it is not a regular file: name a file of its own in the configuration", path)
	}
	header := make([]byte, headerSize)
	switch n, err := io.ReadFull(f, header); {
	case n == 0 && errors.Is(err, io.EOF):
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("open the history %s: %w", path, err)
	case n < headerSize || string(header[:len(headerMagic)]) != headerMagic:
		return fmt.Errorf("open the history %s: it is not a SQLite database: name another file in the configuration, "+
			"or move this one away if it was the history and is damaged", path)
	case binary.BigEndian.Uint32(header[headerApplicationID:]) != applicationID:
		return fmt.Errorf("open the history %s: it is another application's database and was left as it is: "+
			"name a file of its own for the history in the configuration", path)
	}
	return nil
}

func fileAdvice(path string, err error) string {
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the folder %s must exist: make it, mount its volume, or correct the configuration", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("the user that runs audit needs write access to the folder %s and the file", dir)
	}
	return fmt.Sprintf("name a file in a folder that can be written; %s is not", dir)
}
