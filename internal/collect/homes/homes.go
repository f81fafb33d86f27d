// Package homes lists the home directories on a volume that all users of a hub
// share. It reads names only: no home directory is opened, and no symbolic link
// inside the volume is followed out of it.
package homes

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// Most is how many entries are listed at most. A folder with more is hardly
// one of home directories, and would cost too much memory.
const Most = 1_000_000

// chunk is how many entries are read at once.
const chunk = 4096

// List lists the directories in a folder of a volume, sorted, as paths relative
// to the volume's root. volume is where that is mounted and in the folder,
// relative to it. A symbolic link is listed like a directory, as a home that
// was moved may be one, whether or not it leads anywhere. Names are the bytes
// that the file system has.
func List(ctx context.Context, volume, in string) ([]string, error) {
	return list(ctx, volume, in, Most)
}

func list(ctx context.Context, volume, in string, most int) ([]string, error) {
	root, err := os.OpenRoot(volume)
	if err != nil {
		return nil, failure(err, volume)
	}
	defer root.Close()
	at := path.Join(volume, in)
	folder, err := root.Open(path.Join(".", in))
	if err != nil {
		return nil, failure(err, at)
	}
	defer folder.Close()
	var names []string
	for entries := 0; ; {
		if err := ctx.Err(); err != nil {
			return nil, failure(err, at)
		}
		some, err := folder.ReadDir(chunk)
		for _, entry := range some {
			if entry.IsDir() || entry.Type()&fs.ModeSymlink != 0 {
				names = append(names, path.Join(in, entry.Name()))
			}
		}
		if entries += len(some); entries > most {
			return nil, source.Failed(facts.CauseUnreadable, nil, "there are more than %d entries in %s: is it the folder of the home directories? "+
				"See homes.directory and homes.subPath of the hub's kubespawner", most, at)
		}
		switch {
		case errors.Is(err, io.EOF):
			slices.Sort(names)
			return names, nil
		case err != nil:
			return nil, failure(err, at)
		}
	}
}

func failure(err error, at string) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return source.Failed(facts.CauseTimeout, err, "did not finish listing the home directories in %s", at)
	case errors.Is(err, fs.ErrNotExist):
		return source.Failed(facts.CauseMissing, err, "cannot list the home directories in %s: is the shared volume's root mounted there, and homes.subPath as in the hub?", at)
	case errors.Is(err, fs.ErrPermission):
		return source.Failed(facts.CauseForbidden, err, "may not list the home directories in %s: let the auditor's user or group read that folder", at)
	}
	return source.Failed(facts.CauseUnreadable, err, "cannot list the home directories in %s", at)
}
