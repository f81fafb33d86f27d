package verify

import (
	"cmp"
	"syscall"
)

// freeBytes is how much may still be written to the file system of a folder, -1
// if that cannot be told.
func freeBytes(folder string) int64 {
	var s syscall.Statfs_t
	if syscall.Statfs(folder, &s) != nil {
		return -1
	}
	return int64(s.Bavail) * cmp.Or(s.Frsize, s.Bsize)
}
