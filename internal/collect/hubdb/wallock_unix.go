//go:build unix

package hubdb

import (
	"io"
	"os"
	"syscall"
)

// holdLog takes the lock of an ordinary reader on a write-ahead log, in the
// index file shm, until the returned function is called. While a reader holds
// it, writers append to the log but do not begin it anew. The lock is advisory
// and changes nothing in the file. Without an index nobody has the log open,
// and there is nothing to hold.
func holdLog(shm string) (release func()) {
	f, err := os.Open(shm)
	if err != nil {
		return func() {}
	}
	// WAL_READ_LOCK(1): https://www.sqlite.org/walformat.html#wal_locks. If it
	// cannot be had, the log's generation still tells whether the copy is good.
	const readLock1 = 120 + 4
	_ = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_RDLCK, Whence: io.SeekStart, Start: readLock1, Len: 1})
	return func() { _ = f.Close() }
}
