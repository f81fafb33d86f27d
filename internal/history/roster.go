package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

// View is what one run saw of a hub's users.
type View struct {
	Hub string
	// Roll is who they are, nil if the run did not see all of them. Why says why not.
	Roll *Roll
	Why  string
	// Good makes this view the reference that later ones are compared with.
	Good bool
}

// whyOverlap is why an older run is no view although it saw all users.
const whyOverlap = "a run that began later was recorded before it"

// roster is how the members of a hub are remembered.
type roster struct {
	id        int64 // 0: there is none yet
	naming    string
	begun     int64 // the first run
	whole     int64 // the first run of which nobody is forgotten
	lastSeq   int64 // the last run that saw all users
	lastRun   string
	lastAt    time.Time
	reference sql.NullInt64 // the last good run
	refRun    sql.NullString
	refAt     sql.NullInt64
}

func readRoster(ctx context.Context, tx *transaction, cluster, hub string) (roster, error) {
	var r roster
	var lastAt int64
	err := tx.QueryRowContext(ctx, `SELECT id, naming, begun_seq, whole_seq, last_seq, last_run, last_at, reference_seq, reference_run, reference_at
		FROM rosters WHERE cluster = ? AND hub = ?`, cluster, hub).
		Scan(&r.id, &r.naming, &r.begun, &r.whole, &r.lastSeq, &r.lastRun, &lastAt, &r.reference, &r.refRun, &r.refAt)
	r.lastAt = fromSeconds(lastAt)
	if errors.Is(err, sql.ErrNoRows) {
		return roster{}, nil
	}
	return r, err
}

// storeViews remembers which of a run's hubs were seen whole, and lets the
// members of these follow a run that is current.
func storeViews(ctx context.Context, tx *transaction, run *verdict.Run, seq int64, views []View, current bool) error {
	for _, v := range views {
		var users sql.NullInt64
		why := v.Why
		switch {
		case v.Roll != nil && current:
			users = sql.NullInt64{Int64: int64(len(v.Roll.members)), Valid: true}
			if err := moveRoster(ctx, tx, run, seq, v); err != nil {
				return fmt.Errorf("remember the users of hub %q: %w", v.Hub, err)
			}
		case v.Roll != nil:
			why = whyOverlap
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO views (run_seq, hub, users, why) VALUES (?, ?, ?, ?)", seq, v.Hub, users, why); err != nil {
			return fmt.Errorf("note the view of hub %q: %w", v.Hub, err)
		}
	}
	return nil
}

// moveRoster brings a hub's roster to what a run saw. Under another naming it
// starts anew: neither could be compared with the other, and who asks for
// hashes does not want the names to stay.
func moveRoster(ctx context.Context, tx *transaction, run *verdict.Run, seq int64, v View) error {
	r, err := readRoster(ctx, tx, run.Cluster, v.Hub)
	if err != nil {
		return err
	}
	at := seconds(run.StartedAt)
	if r.id != 0 && r.naming != v.Roll.naming.id {
		if _, err := tx.ExecContext(ctx, "DELETE FROM rosters WHERE id = ?", r.id); err != nil {
			return err
		}
		r.id = 0
	}
	if r.id == 0 {
		err := tx.QueryRowContext(ctx, `INSERT INTO rosters (cluster, hub, naming, begun_seq, whole_seq, last_seq, last_run, last_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, run.Cluster, v.Hub, v.Roll.naming.id, seq, seq, seq, run.ID, at).Scan(&r.id)
		if err != nil {
			return err
		}
	}
	if err := moveMembers(ctx, tx, r.id, v.Roll.members, seq, at); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE rosters SET last_seq = ?, last_run = ?, last_at = ? WHERE id = ?", seq, run.ID, at, r.id); err != nil {
		return err
	}
	if v.Good {
		err = referToLast(ctx, tx, r.id)
	}
	return err
}

// referToLast makes the last view of a roster the reference.
func referToLast(ctx context.Context, tx *transaction, id int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE rosters SET reference_seq = last_seq, reference_run = last_run, reference_at = last_at WHERE id = ?", id)
	return err
}

// span is a stored time in which somebody was there.
type span struct {
	since int64
	member
}

// moveMembers ends the spans of those who are gone or are another account now,
// and begins those of who is new.
func moveMembers(ctx context.Context, tx *transaction, id int64, now []member, seq, at int64) error {
	var ended []span
	var begun []member
	next := 0 // of now
	err := scanMembers(ctx, tx, func(s span) {
		for next < len(now) && now[next].key < s.key {
			begun = append(begun, now[next])
			next++
		}
		if next == len(now) || now[next].key != s.key {
			ended = append(ended, s)
			return
		}
		is := now[next]
		next++
		if !sameAccount(s.Member, is.Member) {
			is.Member = learned(s.Member, is.Member)
			ended, begun = append(ended, s), append(begun, is)
		}
	}, "roster = ? AND until_seq IS NULL", id)
	if err != nil {
		return err
	}
	begun = append(begun, now[next:]...)
	if err := endSpans(ctx, tx, id, ended, seq, at); err != nil {
		return err
	}
	return beginSpans(ctx, tx, id, begun, seq)
}

func endSpans(ctx context.Context, tx *transaction, id int64, ended []span, seq, at int64) error {
	if len(ended) == 0 {
		return nil
	}
	end, err := tx.PrepareContext(ctx, "UPDATE members SET until_seq = ?, until_at = ? WHERE roster = ? AND name = ? AND since_seq = ?")
	if err != nil {
		return err
	}
	defer end.Close()
	for _, s := range ended {
		if _, err := end.ExecContext(ctx, seq, at, id, s.key, s.since); err != nil {
			return err
		}
	}
	return nil
}

// rowsPerInsert keeps a statement of five values per row below maxPlaceholders.
const rowsPerInsert = 100

func beginSpans(ctx context.Context, tx *transaction, id int64, begun []member, seq int64) error {
	for len(begun) > 0 {
		part := begun[:min(len(begun), rowsPerInsert)]
		begun = begun[len(part):]
		args := make([]any, 0, 5*len(part))
		for _, m := range part {
			args = append(args, id, m.key, seq, m.ID, optional(m.Created))
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO members (roster, name, since_seq, user_id, created) VALUES (?, ?, ?, ?, ?)"+
			strings.Repeat(", (?, ?, ?, ?, ?)", len(part)-1), args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// scanMembers gives the spans that a condition selects, by name.
func scanMembers(ctx context.Context, tx *transaction, see func(span), where string, args ...any) error {
	return rows(ctx, tx, func(r *sql.Rows) error {
		var s span
		var created sql.NullInt64
		if err := r.Scan(&s.key, &s.since, &s.ID, &created); err != nil {
			return err
		}
		s.Name, s.Created = s.key, fromOptional(created)
		see(s)
		return nil
	}, "SELECT name, since_seq, user_id, created FROM members WHERE "+where+" ORDER BY name", args...)
}

// References returns, by hub, who the users of some hubs of a cluster were in
// the last good run. A hub that no run has seen whole has none.
func (s *Store) References(ctx context.Context, cluster string, hubs []string) (map[string]*Reference, error) {
	references := map[string]*Reference{}
	err := s.read(ctx, "read the users from", func(tx *transaction) error {
		for _, hub := range hubs {
			r, err := readRoster(ctx, tx, cluster, hub)
			if err != nil {
				return err
			}
			if r.id == 0 {
				continue
			}
			ref := &Reference{naming: r.naming}
			references[hub] = ref
			if !r.reference.Valid {
				continue
			}
			ref.run, ref.at = r.refRun.String, fromSeconds(r.refAt.Int64)
			err = scanMembers(ctx, tx, func(s span) { ref.members = append(ref.members, s.member) },
				"roster = ? AND "+covers, r.id, r.reference.Int64, r.reference.Int64)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return references, err
}

// covers selects the spans in which somebody was there in the run that is
// named twice.
const covers = "since_seq <= ? AND (until_seq IS NULL OR until_seq > ?)"

// acceptMembers makes the last view of a hub the reference. There is no effect
// where no run has seen all users.
func acceptMembers(ctx context.Context, tx *transaction, a Acceptance) (effect []string, err error) {
	r, err := readRoster(ctx, tx, a.Cluster, a.Hub)
	if err != nil || r.id == 0 {
		return nil, err
	}
	return []string{fmt.Sprintf("users are compared with those of run %s", r.lastRun)}, referToLast(ctx, tx, r.id)
}
