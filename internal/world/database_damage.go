package world

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"

	"hubaudit/internal/facts"
)

// RemakeUsers leaves a hub's table users without a row beside the spawners of
// its users, as somebody does who drops and makes the table again in an sqlite
// shell. A hub that is running still knows its users from memory.
func RemakeUsers(s *facts.Snapshot, hub string) {
	h := Hub(s, hub)
	h.Users = nil
	h.Database.Damage = []facts.Damage{{Kind: facts.DamageUsersRemade, HeldData: true,
		Message: "the table users has no rows, but rows of other tables belong to users"}}
	Settle(s)
}

// writes is how often a hub that ran for months has written its database.
const writes = 184_213

// saveEmptyOver does to a database what `.save` does in an sqlite shell that
// has no file open: SQLite's own backup of an empty database over it. One page
// without a table is left, whose counters go on from the old ones. The change
// counter is first set to that of a hub's database in use.
func saveEmptyOver(path string) error {
	if err := setChangeCounter(path, writes); err != nil {
		return err
	}
	empty, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer empty.Close()
	conn, err := empty.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driverConn any) error {
		source, ok := driverConn.(interface {
			NewBackup(uri string) (*sqlite.Backup, error)
		})
		if !ok {
			return errors.New("the SQLite driver offers no online backup")
		}
		backup, err := source.NewBackup("file:" + path)
		if err != nil {
			return err
		}
		_, err = backup.Step(-1)
		return errors.Join(err, backup.Finish())
	})
}

// Places in the header of an SQLite file, both big-endian.
const (
	changeCounterAt   = 24
	versionValidForAt = 92 // the change counter for which the page count holds
)

func setChangeCounter(path string, n uint32) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("set the change counter: %w", err)
	}
	value := binary.BigEndian.AppendUint32(nil, n)
	_, err1 := file.WriteAt(value, changeCounterAt)
	_, err2 := file.WriteAt(value, versionValidForAt)
	return errors.Join(err1, err2, file.Close())
}
