package history

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/verdict"
)

// Diff compares the users of a cluster's hubs, or of one hub, in two recorded
// runs, which are named as for Run. The order of the two does not matter.
//
// A hub whose users one of the runs did not see whole, or whose members of then
// are forgotten, is in the answer with the reason. It is an error to name a run
// or a hub that is not in the history, or the same run twice.
func (s *Store) Diff(ctx context.Context, cluster, from, to, hub string) (*verdict.Diff, error) {
	d := &verdict.Diff{Cluster: cluster}
	err := s.read(ctx, "compare two runs of", func(tx *transaction) error {
		a, err := findSighting(ctx, tx, cluster, from)
		if err != nil {
			return err
		}
		b, err := findSighting(ctx, tx, cluster, to)
		if err != nil {
			return err
		}
		if a.seq == b.seq {
			return refuse("both are run %s: name two runs, such as latest~1..latest", a.ID)
		}
		if d.Swapped = a.seq > b.seq; d.Swapped {
			a, b = b, a
		}
		d.From, d.To = a.RunRef, b.RunRef
		hubs := slices.Sorted(maps.Keys(a.views))
		for name := range b.views {
			hubs = append(hubs, name)
		}
		slices.Sort(hubs)
		for _, name := range slices.Compact(hubs) {
			if hub != "" && name != hub {
				continue
			}
			h, err := diffHub(ctx, tx, cluster, name, a, b)
			if err != nil {
				return fmt.Errorf("compare the users of hub %q: %w", name, err)
			}
			d.Hubs = append(d.Hubs, h)
		}
		if len(d.Hubs) == 0 {
			return noHub(a, b, hub)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// sighting is a run and what it saw of hubs.
type sighting struct {
	verdict.RunRef
	seq   int64
	views map[string]sightOfHub
}

type sightOfHub struct {
	users sql.NullInt64
	why   string
}

func findSighting(ctx context.Context, tx *transaction, cluster, id string) (sighting, error) {
	s := sighting{views: map[string]sightOfHub{}}
	var err error
	if s.seq, err = findRun(ctx, tx, cluster, id); err != nil {
		return s, err
	}
	var started int64
	if err := tx.QueryRowContext(ctx, "SELECT id, started_at FROM runs WHERE seq = ?", s.seq).Scan(&s.ID, &started); err != nil {
		return s, err
	}
	s.StartedAt = fromSeconds(started)
	err = rows(ctx, tx, func(r *sql.Rows) error {
		var hub string
		var v sightOfHub
		err := r.Scan(&hub, &v.users, &v.why)
		s.views[hub] = v
		return err
	}, "SELECT hub, users, why FROM views WHERE run_seq = ?", s.seq)
	return s, err
}

// noHub says why there is nothing to compare at all.
func noHub(a, b sighting, hub string) error {
	seen := map[string]bool{}
	for _, s := range []sighting{a, b} {
		for name := range s.views {
			seen[fmt.Sprintf("%q", name)] = true
		}
	}
	if len(seen) == 0 {
		return refuse("neither run %s nor run %s remembers who the users were: they were recorded by a version of audit before 0.2, or had no hub", a.ID, b.ID)
	}
	return refuse("neither run looked at a hub %q; they looked at %s", hub, strings.Join(slices.Sorted(maps.Keys(seen)), ", "))
}

// blind says why the run does not tell who the hub's users were, "" if it does.
func (s sighting) blind(hub string) string {
	v, ok := s.views[hub]
	switch {
	case !ok:
		return fmt.Sprintf("run %s did not look at this hub, or was recorded by a version of audit before 0.2", s.ID)
	case !v.users.Valid:
		return fmt.Sprintf("run %s did not see all users: %s", s.ID, v.why)
	}
	return ""
}

func diffHub(ctx context.Context, tx *transaction, cluster, hub string, a, b sighting) (verdict.HubDiff, error) {
	d := verdict.HubDiff{Hub: hub}
	var blind []string
	for _, s := range []sighting{a, b} {
		if why := s.blind(hub); why != "" {
			blind = append(blind, why)
		}
	}
	if d.Unknown = strings.Join(blind, "; "); d.Unknown != "" {
		return d, nil
	}
	r, err := readRoster(ctx, tx, cluster, hub)
	if err != nil {
		return d, err
	}
	if d.Unknown, err = forgotten(ctx, tx, r, a); d.Unknown != "" || err != nil {
		return d, err
	}
	d.Before, d.After = int(a.views[hub].users.Int64), int(b.views[hub].users.Int64)
	d.Hashed = Naming{id: r.naming}.hashed()
	then, now, err := between(ctx, tx, r.id, a.seq, b.seq)
	c := compare(then, now)
	d.Vanished, d.Appeared, d.Renamed, d.Renumbered = c.Vanished, c.Appeared, c.Renamed, c.Renumbered
	return d, err
}

// forgotten says why a roster does not tell any more who was there in a run,
// "" if it does.
func forgotten(ctx context.Context, tx *transaction, r roster, run sighting) (string, error) {
	switch {
	case r.id == 0:
		return "no run has seen this hub for so long that its users are forgotten (members.keep)", nil
	case run.seq >= r.whole:
		return "", nil
	}
	first := max(r.begun, r.whole)
	var id string
	err := tx.QueryRowContext(ctx, "SELECT id FROM runs WHERE seq >= ? ORDER BY seq LIMIT 1", first).Scan(&id)
	if err != nil {
		return "", err
	}
	if run.seq < r.begun {
		return fmt.Sprintf("who the users were before run %s is forgotten: members.names or its key was changed then", id), nil
	}
	return fmt.Sprintf("users who were gone by run %s are forgotten (members.keep), so that run %s cannot be compared any more", id, run.ID), nil
}

// between reads the spans that cover exactly one of two runs: whoever is in
// neither list was there in both, or in neither, under one id.
func between(ctx context.Context, tx *transaction, roster, a, b int64) (then, now []member, err error) {
	err = rows(ctx, tx, func(r *sql.Rows) error {
		var m member
		var created sql.NullInt64
		var inA bool
		if err := r.Scan(&m.key, &m.ID, &created, &inA); err != nil {
			return err
		}
		m.Name, m.Created = m.key, fromOptional(created)
		if inA {
			then = append(then, m)
		} else {
			now = append(now, m)
		}
		return nil
	}, `SELECT name, user_id, created, since_seq <= ? FROM members WHERE roster = ? AND since_seq <= ?
		AND (until_seq IS NULL OR until_seq > ?) AND (since_seq <= ?) <> (until_seq IS NULL OR until_seq > ?) ORDER BY name`,
		a, roster, b, a, a, b)
	return then, now, err
}
