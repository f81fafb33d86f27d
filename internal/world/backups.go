package world

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hubaudit/internal/facts"
)

// WriteBackups writes the copies of the hub's backups of kind files, by their
// names, into a folder: real gzipped copies of its database as WriteDatabase
// writes it, with the copies' times as modification times. A hub whose
// database is damaged has good copies of it no more; pass it as it was before.
func WriteBackups(dir string, hub *facts.Hub, version string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the backups' folder: %w", err)
	}
	plain := filepath.Join(dir, "jupyterhub.sqlite")
	if err := WriteDatabase(plain, hub, version); err != nil {
		return err
	}
	for _, b := range hub.Backups {
		if b.Kind != "files" {
			continue
		}
		for _, c := range b.Copies {
			path := filepath.Join(dir, c.Name)
			if err := compress(plain, path); err != nil {
				return fmt.Errorf("write the backup %s: %w", path, err)
			}
			if err := os.Chtimes(path, c.Time, c.Time); err != nil {
				return fmt.Errorf("date the backup: %w", err)
			}
		}
	}
	return os.Remove(plain)
}

func compress(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	err = writeGzip(to, func(w io.Writer) error {
		_, err := io.Copy(w, source)
		return err
	})
	return errors.Join(err, source.Close())
}
