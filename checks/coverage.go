package checks

import (
	"cmp"
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// Coverage tells, hub by hub, what of it has backups: its homes and the copies of
// its database, by the same rules as the checks.
func Coverage(suite Suite, s *facts.Snapshot) []verdict.Coverage {
	all := make([]verdict.Coverage, len(s.Hubs))
	views := &shared{snapshot: s, suite: suite}
	for i, hub := range s.Hubs {
		all[i] = coverageOf(views, hub)
	}
	return all
}

// coverageOf tells it of one hub. A crash costs the table only.
func coverageOf(views *shared, hub *facts.Hub) (c verdict.Coverage) {
	defer func() {
		if p := recover(); p != nil {
			c = verdict.Coverage{Hub: hub.Name, Unknown: fmt.Sprintf("the audit itself crashed over it, please report it: %v", p)}
		}
	}()
	in := &Input{Snapshot: views.snapshot, Hub: hub, shared: views}
	c.Hub = hub.Name
	in.coverHomes(&c)
	in.as(backupHubDBMissing).coverDatabase(&c)
	return c
}

func (in *Input) coverHomes(c *verdict.Coverage) {
	if outcome, why := backupNone.sourcesReady(in.Snapshot, in.Hub); outcome != verdict.Pass {
		c.Unknown = why
		return
	}
	homes := in.homeBackups()
	c.Homes = len(homes)
	for i := range homes {
		h := &homes[i]
		switch h.state {
		case homeCurrent:
			c.Current++
		case homeOld:
			c.Old++
		case homeUnsure:
			c.Untold++
		default:
			c.None++
		}
		if !h.newest.IsZero() && (c.OldestAt.IsZero() || h.newest.Before(c.OldestAt)) {
			c.Oldest, c.OldestAt = h.claim.Name, h.newest
		}
	}
}

func (in *Input) coverDatabase(c *verdict.Coverage) {
	for _, t := range in.testedCopies() {
		b := t.backup
		d := verdict.DatabaseBackup{Name: b.Name, Location: b.Location}
		newest, fault := newestGood(b, in.Now)
		if newest != nil {
			d.Good, d.GoodAt = newest.Name, newest.Time
		}
		mark := in.Past.Marks[facts.SeriesKey{Hub: in.Hub.Name, Name: facts.MarkTested + b.Name}]
		_, d.Tested, d.Level = facts.ParseTestedMark(mark.Value)
		d.TestedAt = mark.Until
		if t.whole {
			d.Tested, d.TestedAt, d.Level = b.Opened.Copy.Name, cmp.Or(b.Opened.KnownAt, in.Now), b.Opened.Level
		}
		source := in.locationSource(b)
		d.Unread = source.Status == facts.Failed
		d.Trouble = trouble(&t, newest, fault, in.demands(b, in.Duration(slackParam.Name)))
		if d.Unread {
			d.Trouble = "source " + source.Name + " could not be read" // why is told with the source
		}
		c.Database = append(c.Database, d)
	}
}

// trouble is the worst that is known of a location, "" for nothing.
func trouble(t *testedCopy, newest *facts.BackupCopy, fault string, d demand) string {
	switch {
	case len(t.findings) > 0 && !t.whole:
		return t.findings[0].Message
	case newest == nil && t.unknown == "":
		return fault
	case t.unknown != "":
		return t.unknown
	case !d.met(newest):
		return "too old: " + d.words
	case fault != "":
		return "later ones are not good: " + fault
	}
	return t.skipped
}
