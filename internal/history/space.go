package history

import "context"

// SQLite uses the space of what was deleted for what comes next, and so the file
// never shrinks by itself. It is rewritten once more than half of it, and more
// than this, is empty: after a large deletion, and not after every run.
const worthRewriting = 16 << 20 // bytes

// giveBack returns space that the history does not need any more to the disk.
// It is a convenience: a disk too full for a second copy keeps the file as it is.
func (s *Store) giveBack(ctx context.Context) {
	if _, file := s.engine.(sqliteFile); !file {
		return
	}
	var pages, free, size int64
	for pragma, into := range map[string]*int64{"page_count": &pages, "freelist_count": &free, "page_size": &size} {
		if err := s.db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(into); err != nil {
			return
		}
	}
	if free > pages/2 && free*size > worthRewriting {
		_, _ = s.db.ExecContext(ctx, "VACUUM")
	}
}
