package history

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate claims a new file and brings the schema up to date.
//
// Several processes may do so at once. One of them wins each migration and the
// others fail at it, so a failure counts only if nobody got further.
func (s *Store) migrate(ctx context.Context) error {
	if err := s.claim(ctx); err != nil {
		return err
	}
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	for reached := int64(-1); ; {
		provider, err := goose.NewProvider(goose.DialectSQLite3, s.db, folder, goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return err
		}
		sources := provider.ListSources()
		known := sources[len(sources)-1].Version
		current, err := s.schemaVersion(ctx)
		switch {
		case err != nil:
			return err
		case current == known:
			return nil
		case current > known:
			return fmt.Errorf("it was written by a newer version of audit (schema %d, this one knows %d): "+
				"use that version, or name another file for the history", current, known)
		}
		_, upErr := provider.Up(ctx)
		now, err := s.schemaVersion(ctx)
		if err != nil {
			return errors.Join(upErr, err)
		}
		if upErr != nil && now <= reached {
			return fmt.Errorf("bring the schema from %d to %d: %w", now, known, upErr)
		}
		reached = now
	}
}

// claim marks a new file as a history; prepareFile has refused any other that
// is not one.
func (s *Store) claim(ctx context.Context) error {
	var id int64
	if err := s.db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id == applicationID {
		return nil
	}
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
	return err
}

// schemaVersion is the newest applied migration, 0 if there is none.
func (s *Store) schemaVersion(ctx context.Context) (int64, error) {
	var table string
	err := s.db.QueryRowContext(ctx, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?",
		goose.DefaultTablename).Scan(&table)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var version int64
	err = s.db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+goose.DefaultTablename).Scan(&version)
	return version, err
}
