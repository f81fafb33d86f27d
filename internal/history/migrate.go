package history

import (
	"context"
	"errors"
	"fmt"
)

// migrate makes a new history, or brings the schema of an older one up to date.
//
// Several processes may do so at once. In a file one of them wins each migration
// and the others fail at it, so a failure counts only if nobody got further.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := s.engine.migrations(s.db)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	if done, err := s.upToDate(ctx, known); done || err != nil {
		return err
	}
	return s.engine.claim(ctx, s.db, func() error {
		for reached := int64(-1); ; {
			if done, err := s.upToDate(ctx, known); done || err != nil {
				return err
			}
			provider, err := s.engine.migrations(s.db)
			if err != nil {
				return err
			}
			_, upErr := provider.Up(ctx)
			now, err := s.engine.version(ctx, s.db)
			if err != nil {
				return errors.Join(upErr, err)
			}
			if upErr != nil && now <= reached {
				return fmt.Errorf("bring the schema from %d to %d: %w", now, known, upErr)
			}
			reached = now
		}
	})
}

func (s *Store) upToDate(ctx context.Context, known int64) (bool, error) {
	current, err := s.engine.version(ctx, s.db)
	if err == nil && current > known {
		err = fmt.Errorf("it was written by a newer version of audit (schema %d, this one knows %d): "+
			"use that version, or name another place for the history", current, known)
	}
	return current == known, err
}
