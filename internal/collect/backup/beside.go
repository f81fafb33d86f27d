package backup

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"hubaudit/internal/facts"
)

// OpenBeside opens the file that lies beside a copy under its name and a
// suffix, such as SQLite's -wal. Its error is fs.ErrNotExist where there is
// none; in object storage nothing is looked for.
func OpenBeside(l Location, c facts.BackupCopy, suffix string) (io.ReadCloser, error) {
	f, ok := l.(files)
	if !ok {
		return nil, fs.ErrNotExist
	}
	base, _ := split(f.glob)
	return os.Open(filepath.Join(base, c.Name+suffix))
}
