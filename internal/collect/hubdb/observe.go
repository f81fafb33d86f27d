package hubdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// observed is the state of a database's files at one moment, for telling
// whether they changed.
type observed struct {
	main, journal, walFile fileState
	// start is the database's header, with its change counter.
	start string
	// generation is the header of the log; it changes when the log begins anew.
	generation string
}

type fileState struct {
	exists   bool
	size     int64
	modified time.Time
}

func observe(main *os.File, path string) (o observed, err error) {
	info, err := main.Stat()
	if err != nil {
		return o, err
	}
	named, err := os.Stat(path)
	if err != nil {
		return o, err
	}
	if !os.SameFile(info, named) {
		return o, errChanged
	}
	o.main = fileState{true, info.Size(), info.ModTime().UTC()}
	if o.start, err = first(main, headerSize); err != nil {
		return o, err
	}
	if o.journal, err = stateOf(path + journalSuffix); err != nil {
		return o, err
	}
	if o.walFile, err = stateOf(path + walSuffix); err != nil || !o.walFile.exists {
		return o, err
	}
	wal, err := os.Open(path + walSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return o, errChanged
	}
	if err != nil {
		return o, err
	}
	defer wal.Close()
	o.generation, err = first(wal, 32)
	return o, err
}

func stateOf(path string) (fileState, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fileState{}, nil
	}
	if err != nil {
		return fileState{}, err
	}
	return fileState{true, info.Size(), info.ModTime().UTC()}, nil
}

func first(f *os.File, n int) (string, error) {
	b := make([]byte, n)
	n, err := f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(b[:n]), err
}

// wal tells whether SQLite would use a write-ahead log: it does when the
// header says so, and also when a log merely lies beside the file.
func (o observed) wal() bool {
	return parseHeader([]byte(o.start)).wal || o.walFile.exists
}

// same tells whether a copy made between both observations is consistent; see
// attempt.
func (o observed) same(after observed, locked bool) bool {
	if o.generation != after.generation || o.walFile.exists != after.walFile.exists {
		return false
	}
	if o.generation != "" {
		return true
	}
	return o.main == after.main && o.start == after.start && (locked || o.journal == after.journal)
}

// lostLog tells what is lost when the log of a database in WAL mode is gone.
// That there is none proves nothing: the last one to close a database brings
// the log in and deletes it. But that also deletes the log's index, the -shm
// file. One that is left and counts more frames than were brought in names
// rows that existed. Format: https://www.sqlite.org/walformat.html#the_wal_index_file_format
func lostLog(path string, o observed) string {
	if o.walFile.exists {
		return ""
	}
	f, err := os.Open(path + shmSuffix)
	if err != nil {
		return ""
	}
	defer f.Close()
	const copyLen = 48
	b := make([]byte, 2*copyLen+4)
	if _, err := f.ReadAt(b, 0); err != nil {
		return ""
	}
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
	const version, initialized = 3007000, 12
	frames, broughtIn := u32(16), u32(2*copyLen)
	if u32(0) != version || b[initialized] == 0 || string(b[:copyLen]) != string(b[copyLen:2*copyLen]) || frames <= broughtIn {
		return ""
	}
	return fmt.Sprintf("the index of the write-ahead log (%s) counts %d pages of changes, of which only %d had reached the database, but the log (%s) is gone: the newest changes are lost here",
		shmSuffix, frames, broughtIn, walSuffix)
}
