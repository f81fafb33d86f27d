package history

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// Checks whose acceptance moves more than their series and marks.
const (
	checkUserDrift    = "hub-user-count-drift"
	checkUserIDs      = "hub-user-id-changed"
	checkInputMissing = "audit-input-missing"
	checkEmptied      = "pvc-emptied"
	checkUntested     = "backup-untested"
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

// Accept makes what was seen last the new normal, and remembers who decided so.
//
// Every series and mark that the check's last verdict measured takes that value,
// alone, whether the run was good or not; a verdict that measured nothing does
// not count as the last. For
// hub-user-count-drift and hub-user-id-changed, users are compared with those
// of the last run that saw all of them from now on. For audit-input-missing,
// which has no hub, every source that worked before but was failed, absent or
// empty in the last run is forgotten, as if it had never worked. For pvc-emptied,
// homes that were found emptied are held against what was left in them. For
// backup-untested, which compares with no run, a restore drill of that time is
// noted (facts.MarkDrill).
//
// It does not resolve the incident: the next run does, as it judges again.
// It is refused where no run has measured anything for the check and hub,
// without a reason, when no source is missing, and when no home was emptied.
func (s *Store) Accept(ctx context.Context, a Acceptance) error {
	if strings.TrimSpace(a.Reason) == "" {
		return refuse("accept %s: say why with --reason", a.Check)
	}
	return s.write(ctx, "accept in", func(tx *transaction) (err error) {
		if err := tx.lock(ctx, a.Cluster); err != nil {
			return err
		}
		switch {
		case a.Check == checkInputMissing && a.Hub != "":
			err = refuse("accept %s: it is a check of the cluster; leave out --hub", a.Check)
		case a.Check == checkInputMissing:
			a.Effect, err = acceptSources(ctx, tx, a)
		case a.Check == checkEmptied:
			a.Effect, err = acceptSizes(ctx, tx, a)
		case a.Check == checkUntested:
			a.Effect, err = acceptDrill(ctx, tx, a)
		default:
			a.Effect, err = acceptMeasured(ctx, tx, a)
		}
		if err != nil {
			return err
		}
		return storeAcceptance(ctx, tx, a)
	})
}

func storeAcceptance(ctx context.Context, tx *transaction, a Acceptance) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO acceptances (cluster, hub, check_id, reason, by_whom, accepted_at, effect) VALUES (?, ?, ?, ?, ?, ?, ?)",
		a.Cluster, a.Hub, a.Check, a.Reason, a.By, seconds(a.At), a.Effect)
	if err != nil {
		return fmt.Errorf("store the acceptance of %s for hub %q: %w", a.Check, a.Hub, err)
	}
	return nil
}

// acceptMeasured makes normal what the last verdict of a check measured that
// measured anything, and for checks of who the users are the last view of them.
func acceptMeasured(ctx context.Context, tx *transaction, a Acceptance) (string, error) {
	series, marks, err := lastMeasured(ctx, tx, a)
	if err != nil {
		return "", err
	}
	var effects []string
	for _, key := range sortedKeys(series) {
		state := series[key]
		effects = append(effects, seriesEffect(key.Name, state.accept(), state.lastValue).String())
		if err := writeSeries(ctx, tx, a.Cluster, key, state); err != nil {
			return "", err
		}
		// It moved the baseline, if only now.
		if _, err := tx.ExecContext(ctx, "UPDATE series SET good = 1 WHERE run_seq = ? AND hub = ? AND name = ?", state.lastSeq, a.Hub, key.Name); err != nil {
			return "", err
		}
	}
	for _, key := range sortedKeys(marks) {
		state := marks[key]
		effects = append(effects, state.effect(key.Name).String())
		state.hold()
		if err := writeMark(ctx, tx, a.Cluster, key, state); err != nil {
			return "", err
		}
	}
	if a.Check == checkUserDrift || a.Check == checkUserIDs {
		members, err := acceptMembers(ctx, tx, a)
		if err != nil {
			return "", err
		}
		effects = append(effects, members...)
	}
	if len(effects) == 0 {
		return "", notMeasured(ctx, tx, a)
	}
	return strings.Join(effects, "; "), nil
}

// lastMeasured returns the series and marks of a check's last verdict that had
// any. What only an earlier one had, such as the volume of a claim that is
// gone by now, is not among them.
func lastMeasured(ctx context.Context, tx *transaction, a Acceptance) (map[facts.SeriesKey]seriesState, map[facts.SeriesKey]markState, error) {
	of := map[string]bool{}
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		of[name] = true
		return err
	}, "SELECT name FROM measures WHERE cluster = ? AND hub = ? AND check_id = ?", a.Cluster, a.Hub, a.Check)
	if err != nil {
		return nil, nil, err
	}
	series, err := readSeries(ctx, tx, a.Cluster)
	if err != nil {
		return nil, nil, err
	}
	marks, err := readMarks(ctx, tx, a.Cluster)
	if err != nil {
		return nil, nil, err
	}
	var last int64
	for key, s := range series {
		if key.Hub == a.Hub && of[key.Name] {
			last = max(last, s.lastAt)
		}
	}
	for key, s := range marks {
		if key.Hub == a.Hub && of[key.Name] {
			last = max(last, s.lastAt)
		}
	}
	maps.DeleteFunc(series, func(key facts.SeriesKey, s seriesState) bool {
		return key.Hub != a.Hub || !of[key.Name] || s.lastAt < last
	})
	maps.DeleteFunc(marks, func(key facts.SeriesKey, s markState) bool {
		return key.Hub != a.Hub || !of[key.Name] || s.lastAt < last
	})
	return series, marks, nil
}

// sortedKeys are the keys of one hub by name.
func sortedKeys[T any](m map[facts.SeriesKey]T) []facts.SeriesKey {
	return slices.SortedFunc(maps.Keys(m), func(a, b facts.SeriesKey) int { return strings.Compare(a.Name, b.Name) })
}

// notMeasured says why there is nothing to accept: the hub is unknown, or no
// run could measure it.
func notMeasured(ctx context.Context, tx *transaction, a Acceptance) error {
	sources, err := readSources(ctx, tx, a.Cluster)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for source := range sources {
		for _, prefix := range []string{facts.HubDB(""), facts.HubAPI("")} {
			if hub, ok := strings.CutPrefix(source, prefix); ok {
				seen[strconv.Quote(hub)] = true
			}
		}
	}
	switch {
	case len(sources) == 0:
		return refuse("accept %s: the history has no run%s yet: `audit now` records one", a.Check, ofCluster(a.Cluster))
	case a.Hub == "" || seen[strconv.Quote(a.Hub)]:
		return refuse("accept %s: no run has measured anything%s that it compares with; run `audit now` and see what it says of the check and of the sources",
			a.Check, ofHub(a.Hub))
	}
	return refuse("accept %s: no run has seen a hub %q; those seen are %s", a.Check, a.Hub, strings.Join(slices.Sorted(maps.Keys(seen)), ", "))
}

// ofHub names the hub in a message where there is one.
func ofHub(hub string) string {
	if hub == "" {
		return ""
	}
	return fmt.Sprintf(" of hub %q", hub)
}

// acceptSources forgets the sources that are missing.
func acceptSources(ctx context.Context, tx *transaction, a Acceptance) (effect string, err error) {
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
	err := s.read(ctx, "list the acceptances of", func(tx *transaction) error {
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
