package schedule

import "time"

// maxShift is how far a change of clocks moves them, but for the few times that a
// country moved across the date line.
const maxShift = 3 * time.Hour

// each gives the due times around and after from, in order, until told to stop or
// until there is none for more than the horizon.
func (s Schedule) each(from time.Time, more func(due time.Time) bool) {
	// Cron is asked in the time that a clock on the wall shows, as if that were UTC:
	// there no hour is left out and none comes twice.
	wall := shown(from.In(s.zone)).Add(-maxShift)
	end := from.Add(horizon + maxShift)
	for {
		wall = s.spec.Next(wall)
		if wall.IsZero() {
			return
		}
		due, ok := s.at(wall)
		switch {
		case !ok:
			if wall.After(shown(end)) {
				return
			}
		case due.Before(from):
		case due.After(end) || !more(due):
			return
		}
	}
}

// shown is what a clock in t's zone shows then, as a time of UTC.
func shown(t time.Time) time.Time { return t.UTC().Add(offset(t)) }

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

// at is the first time at which the clock shows wall; false if it never does, or
// if the change of clocks makes schedulers leave the run out.
func (s Schedule) at(wall time.Time) (time.Time, bool) {
	if s.zone == time.UTC {
		return wall, true
	}
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, s.zone)
	if !shown(t).Equal(wall) {
		return time.Time{}, false
	}
	change, _ := t.ZoneBounds()
	if change.IsZero() || t.Sub(change) > 2*24*time.Hour {
		return t.UTC(), true
	}
	before := offset(change.Add(-time.Second))
	if first := t.Add(offset(t) - before); first.Before(change) {
		return first.UTC(), true
	}
	return t.UTC(), (offset(t)-before).Abs() > maxShift || s.kept(wall, t, change)
}

// kept tells whether robfig/cron, which runs Kubernetes' CronJobs and most
// backup tools, does run at t, soon after a change of clocks: where the change
// leaves out a midnight or half an hour it loses its way for that day.
func (s Schedule) kept(wall, t, change time.Time) bool {
	if s.spec.Next(wall.Add(-time.Hour - time.Second)).Before(wall) {
		return true // it goes from run to run, without a way to lose
	}
	own := *s.spec
	own.Location = s.zone
	for _, window := range []time.Duration{25 * time.Hour, 32 * 24 * time.Hour, horizon} {
		run := own.Next(change.Add(-window))
		if !run.Before(change) {
			continue
		}
		for run.Before(t) && !run.IsZero() {
			run = own.Next(run)
		}
		return run.Equal(t)
	}
	return true
}
