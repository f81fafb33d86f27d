package history

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Remembered is everybody whom the history has seen in a hub.
type Remembered struct {
	// Members are by name, and the spans of one name the oldest first.
	Members []Remember
	// Hashed: the names are hashes, as members.names asks.
	Hashed bool
	// LastGood is the time of the last good run that saw all users, zero if there
	// was none.
	LastGood time.Time

	naming string
}

// Hash returns the function that made the hashes in place of the names, nil
// where names are plain or were hashed under another key than n's.
func (r *Remembered) Hash(n Naming) func(name string) string {
	if !r.Hashed || r.naming != n.id {
		return nil
	}
	return n.hashes()
}

// Remember is one span in which somebody was there under one id.
type Remember struct {
	Name    string
	ID      int64     // users.id, 0 where it was not known
	Created time.Time // zero where it was not known
	// Until is the time of the first run that saw all users without them, or with
	// another id; zero while they are there.
	Until time.Time
	// Good: they were there in the last good run.
	Good bool
}

// Members returns everybody of a hub whom no run has forgotten (members.keep),
// those who are gone included. A hub that no run has seen whole has nobody.
func (s *Store) Members(ctx context.Context, cluster, hub string) (Remembered, error) {
	var all Remembered
	err := s.read(ctx, "read who the users were from", func(tx *transaction) error {
		r, err := readRoster(ctx, tx, cluster, hub)
		if err != nil || r.id == 0 {
			return err
		}
		all.naming, all.Hashed = r.naming, strings.HasPrefix(r.naming, hashedPrefix)
		if r.refAt.Valid {
			all.LastGood = fromSeconds(r.refAt.Int64)
		}
		return rows(ctx, tx, func(rs *sql.Rows) error {
			var m Remember
			var created, until sql.NullInt64
			if err := rs.Scan(&m.Name, &m.ID, &created, &until, &m.Good); err != nil {
				return err
			}
			m.Created, m.Until = fromOptional(created), fromOptional(until)
			all.Members = append(all.Members, m)
			return nil
		}, "SELECT name, user_id, created, until_at, CASE WHEN "+covers+" THEN 1 ELSE 0 END FROM members WHERE roster = ? ORDER BY name, since_seq",
			r.reference, r.reference, r.id)
	})
	return all, err
}
