package hubdb

import (
	"cmp"
	"path/filepath"
	"syscall"

	"hubaudit/internal/facts"
)

// diskOf tells how full the file system is that a file lies on, if that is
// mounted there on its own and not the one that the whole container lies on.
// When it was measured is left out. What cannot be told is zero.
func diskOf(path string) facts.Usage {
	folder := filepath.Dir(path)
	if own, root := device(folder), device("/"); own == root || own == 0 {
		return facts.Usage{}
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return facts.Usage{}
	}
	return usage(&s)
}

// SameVolume tells whether two files or folders lie on the same file system,
// other than the one that the whole container lies on.
func SameVolume(a, b string) bool {
	of := device(a)
	return of != 0 && of == device(b) && of != device("/")
}

func usage(s *syscall.Statfs_t) facts.Usage {
	block := cmp.Or(s.Frsize, s.Bsize)
	return facts.Usage{CapacityBytes: int64(s.Blocks) * block, AvailableBytes: int64(s.Bavail) * block, UsedBytes: int64(s.Blocks-s.Bfree) * block,
		Inodes: int64(s.Files), InodesUsed: int64(s.Files - s.Ffree)}
}

// device numbers the file system that a path lies on, 0 if that cannot be told.
func device(path string) uint64 {
	var s syscall.Stat_t
	if syscall.Stat(path, &s) != nil {
		return 0
	}
	return s.Dev
}
