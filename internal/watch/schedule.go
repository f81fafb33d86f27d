package watch

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// minPeriod is the shortest distance between two runs.
const minPeriod = time.Minute

// Schedule is when runs are due, by the clock on the wall of a time zone. A
// schedule of certain hours is due once at each time that clock shows, however it
// is changed: of an hour that comes twice in the first, and for one that is left
// out in the moment of the change. One of every hour goes on through both.
type Schedule struct {
	text   string
	zone   *time.Location
	spec   *cron.SpecSchedule // in UTC, asked with the wall clock's time
	period time.Duration      // of @every; spec is nil then
}

// ParseSchedule reads a schedule of five fields, a word such as @hourly, or @every
// 15m. zone is the name of a time zone, "" for UTC; a CRON_TZ= or TZ= before the
// schedule outweighs it.
func ParseSchedule(text, zone string) (Schedule, error) {
	text = strings.TrimSpace(text)
	if _, rest, ok := strings.Cut(text, "TZ="); ok {
		zone, text, _ = strings.Cut(rest, " ")
	}
	if zone == "Local" {
		return Schedule{}, errors.New("time zone Local is another one on every machine: name it, such as Europe/Berlin")
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Schedule{}, fmt.Errorf("time zone %q: %w; name one such as Europe/Berlin", zone, err)
	}
	parsed, err := cron.ParseStandard("CRON_TZ=UTC " + text)
	if err != nil {
		return Schedule{}, fmt.Errorf("read schedule %q: %w; five fields such as */15 * * * * are expected, or @every 15m", text, err)
	}
	s := Schedule{text: text, zone: location}
	switch parsed := parsed.(type) {
	case cron.ConstantDelaySchedule:
		s.period = parsed.Delay
		if s.period < minPeriod {
			return Schedule{}, fmt.Errorf("read schedule %q: runs must be at least %s apart", text, minPeriod)
		}
	case *cron.SpecSchedule:
		s.spec = parsed
	}
	if s.Next(time.Unix(0, 0)).IsZero() {
		return Schedule{}, fmt.Errorf("read schedule %q: there is no such day", text)
	}
	return s, nil
}

// String is the schedule as it was written, with its zone.
func (s Schedule) String() string {
	if s.period > 0 || s.zone == time.UTC {
		return s.text
	}
	return s.text + " " + s.zone.String()
}

// maxShift is how far a change of clocks has ever moved them.
const maxShift = 25 * time.Hour

// allHours are the bits of a cron spec that runs in each hour.
const allHours = 1<<24 - 1

// Next is the first due time after t, in UTC. It is zero where there is none within
// years.
func (s Schedule) Next(t time.Time) time.Time {
	if s.period > 0 {
		return t.UTC().Add(s.period).Truncate(time.Second)
	}
	// Cron is asked in the time that the clock on the wall shows, as if that were
	// UTC: there no hour is left out and none comes twice.
	wall := shown(t.In(s.zone)).Add(-maxShift)
	hourly := s.spec.Hour&allHours == allHours
	var best time.Time
	for {
		if wall = s.spec.Next(wall); wall.IsZero() {
			return best
		}
		first, again := s.moments(wall)
		if !best.IsZero() && !first.Before(best) {
			return best
		}
		due := first
		switch {
		case hourly && !first.After(t):
			due = again
		case hourly && !shown(first.In(s.zone)).Equal(wall):
			continue
		}
		if due.After(t) && (best.IsZero() || due.Before(best)) {
			best = due
		}
	}
}

// moments are the times at which the clock shows wall: the first, and the second if
// it comes twice. For one that it leaves out the first is that of the change.
func (s Schedule) moments(wall time.Time) (first, again time.Time) {
	before, after := s.offset(wall.Add(-2*maxShift)), s.offset(wall.Add(2*maxShift))
	first, again = wall.Add(-before), wall.Add(-after)
	shows := func(t time.Time) bool { return shown(t.In(s.zone)).Equal(wall) }
	switch {
	case shows(first) && shows(again) && first.Before(again):
		return first, again
	case shows(first):
		return first, time.Time{}
	case shows(again):
		return again, time.Time{}
	}
	change, _ := first.In(s.zone).ZoneBounds()
	return change.UTC(), time.Time{}
}

func (s Schedule) offset(t time.Time) time.Duration {
	_, seconds := t.In(s.zone).Zone()
	return time.Duration(seconds) * time.Second
}

// shown is what a clock in t's zone shows then, as a time of UTC.
func shown(t time.Time) time.Time {
	_, seconds := t.Zone()
	return t.UTC().Add(time.Duration(seconds) * time.Second)
}
