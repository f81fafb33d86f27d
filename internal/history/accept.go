package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// Checks whose past can be accepted.
const (
	checkUserDrift    = "hub-user-count-drift"
	checkInputMissing = "audit-input-missing"
)

// Acceptance is someone's decision that what a check complains about is
// normal from now on.
type Acceptance struct {
	Cluster string
	Hub     string // empty for a check of the cluster
	Check   string
	Reason  string
	By      string
	At      time.Time
	// Effect says what changed, such as "users: 1000 is now 612". Accept sets it.
	Effect string
}

// Accept makes what the last run saw the new normal, and remembers who decided so.
//
// For hub-user-count-drift the number of users that the last run measured
// becomes the baseline, alone, whether that run was good or not. For
// audit-input-missing, which has no hub, every source that worked before but
// was failed, absent or empty in the last run is forgotten, as if it had never
// worked.
//
// It does not resolve the incident: the next run does, as it judges again.
// It is refused for another check, an unknown hub, a hub whose users no run has
// measured, without a reason, and when no source is missing.
func (s *Store) Accept(ctx context.Context, a Acceptance) error {
	if strings.TrimSpace(a.Reason) == "" {
		return refuse("accept %s: say why with --reason", a.Check)
	}
	return s.write(ctx, "accept in", func(tx *sql.Tx) (err error) {
		switch {
		case a.Check == checkUserDrift:
			a.Effect, err = acceptSeries(ctx, tx, a, facts.SeriesUsers)
		case a.Check == checkInputMissing && a.Hub != "":
			err = refuse("accept %s: it is a check of the cluster; leave out --hub", a.Check)
		case a.Check == checkInputMissing:
			a.Effect, err = acceptSources(ctx, tx, a)
		default:
			err = refuse("accept %s: it does not compare with the past; only %s and %s do. Change its severity or disable it in the configuration",
				a.Check, checkUserDrift, checkInputMissing)
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO acceptances (cluster, hub, check_id, reason, by_whom, accepted_at, effect) VALUES (?, ?, ?, ?, ?, ?, ?)",
			a.Cluster, a.Hub, a.Check, a.Reason, a.By, seconds(a.At), a.Effect)
		return err
	})
}

// acceptSeries makes the last measured value of a series its baseline.
func acceptSeries(ctx context.Context, tx *sql.Tx, a Acceptance, name string) (effect string, err error) {
	states, err := readSeries(ctx, tx, a.Cluster)
	if err != nil {
		return "", err
	}
	key := facts.SeriesKey{Hub: a.Hub, Name: name}
	state, ok := states[key]
	if !ok {
		return "", notMeasured(ctx, tx, a, name)
	}
	was := "none"
	if len(state.points) > 0 {
		was = number(state.points.baseline().Value)
	}
	state.points = latch{{At: state.lastAt, Value: state.lastValue}}
	return fmt.Sprintf("normal number of %s: was %s, is %s", name, was, number(state.lastValue)),
		writeSeries(ctx, tx, a.Cluster, key, state)
}

// notMeasured says why there is nothing to accept: the hub is unknown, or no
// run could measure it.
func notMeasured(ctx context.Context, tx *sql.Tx, a Acceptance, name string) error {
	sources, err := readSources(ctx, tx, a.Cluster)
	if err != nil {
		return err
	}
	if _, ok := sources[facts.HubDB(a.Hub)]; ok {
		return refuse("accept %s: no run has measured the %s of hub %q yet; run `audit now` and see what it says of source %s",
			a.Check, name, a.Hub, facts.HubDB(a.Hub))
	}
	var hubs []string
	for source := range sources {
		if hub, ok := strings.CutPrefix(source, facts.HubDB("")); ok {
			hubs = append(hubs, strconv.Quote(hub))
		}
	}
	if len(hubs) == 0 {
		return refuse("accept %s: the history has no run%s yet: `audit now` records one", a.Check, ofCluster(a.Cluster))
	}
	slices.Sort(hubs)
	return refuse("accept %s: no run has seen a hub %q; those seen are %s", a.Check, a.Hub, strings.Join(hubs, ", "))
}

// acceptSources forgets the sources that are missing.
func acceptSources(ctx context.Context, tx *sql.Tx, a Acceptance) (effect string, err error) {
	sources, err := readSources(ctx, tx, a.Cluster)
	if err != nil {
		return "", err
	}
	var missing []string
	for name, state := range sources {
		if state.missing() {
			missing = append(missing, name)
		}
	}
	switch {
	case len(sources) == 0:
		return "", refuse("accept %s: the history has no run%s yet: `audit now` records one", a.Check, ofCluster(a.Cluster))
	case len(missing) == 0:
		return "", refuse("accept %s: no source that worked before is missing; one that never worked is to be mended or taken out of the configuration", a.Check)
	}
	slices.Sort(missing)
	for _, name := range missing {
		if _, err := tx.ExecContext(ctx, "DELETE FROM sources WHERE cluster = ? AND name = ?", a.Cluster, name); err != nil {
			return "", err
		}
	}
	return "no longer missed: " + strings.Join(missing, ", "), nil
}

// Acceptances lists what was accepted in a cluster, the newest first.
func (s *Store) Acceptances(ctx context.Context, cluster string) ([]Acceptance, error) {
	var list []Acceptance
	err := s.read(ctx, "list the acceptances of", func(tx *sql.Tx) error {
		return rows(ctx, tx, func(r *sql.Rows) error {
			a := Acceptance{Cluster: cluster}
			var at int64
			if err := r.Scan(&a.Hub, &a.Check, &a.Reason, &a.By, &at, &a.Effect); err != nil {
				return err
			}
			a.At = fromSeconds(at)
			list = append(list, a)
			return nil
		}, "SELECT hub, check_id, reason, by_whom, accepted_at, effect FROM acceptances WHERE cluster = ? ORDER BY id DESC", cluster)
	})
	return list, err
}

// number is a count without an exponent or trailing zeros.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
