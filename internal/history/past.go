package history

import (
	"context"
	"time"

	"hubaudit/internal/facts"
)

// Past returns what earlier runs of a cluster left at the time of a run: what
// is normal, how much homes held, which sources could be read, and when the runs
// were, those of other clusters in Audits. Of a cluster without runs it is
// empty but for these. How the users changed is not part of it, see References,
// nor what is still to be sent, see Undelivered.
//
// LastOK and LastItems of a source are those of the last run that read it and
// found something in it; see also Accept.
func (s *Store) Past(ctx context.Context, cluster string, now time.Time) (facts.Past, error) {
	past := facts.Past{Baselines: map[facts.SeriesKey]facts.Baseline{}, Marks: map[facts.SeriesKey]facts.Mark{},
		Sources: map[string]facts.PastSource{}, Sizes: map[facts.SizeKey]facts.PastSize{}}
	err := s.read(ctx, "read the past from", func(tx *transaction) error {
		series, err := readSeries(ctx, tx, cluster)
		if err != nil {
			return err
		}
		for key, state := range series {
			if len(state.points) > 0 {
				past.Baselines[key] = state.points.baseline()
			}
		}
		if err := addHighs(ctx, tx, cluster, now, past.Baselines); err != nil {
			return err
		}
		marks, err := readMarks(ctx, tx, cluster)
		if err != nil {
			return err
		}
		for key, m := range marks {
			if m.value.Valid {
				past.Marks[key] = facts.Mark{Value: m.value.String, Since: fromSeconds(m.since), Until: fromSeconds(m.until)}
			}
		}
		if err := readSizes(ctx, tx, cluster, past.Sizes); err != nil {
			return err
		}
		sources, err := readSources(ctx, tx, cluster)
		for name, state := range sources {
			past.Sources[name] = state.PastSource
		}
		if err != nil {
			return err
		}
		return readAudits(ctx, tx, cluster, now, &past)
	})
	return past, err
}
