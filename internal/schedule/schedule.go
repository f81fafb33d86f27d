// Package schedule tells from a cron schedule when a backup was due. It is for
// judging what others ran, not for running: a time counts as due only if every
// kind of cron runs then. A time that a change of clocks leaves out is due for
// none (some run it late, some not at all), and of an hour that comes twice the
// first is due. So a scheduler that keeps to its schedule is never behind, and one
// that stops is told at the next time that all agree about.
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is when something is due. The zero Schedule is never due.
type Schedule struct {
	spec *cron.SpecSchedule // in UTC, asked with the wall clock's time
	zone *time.Location
	// period is that of a schedule without a fixed phase; spec is nil then.
	period time.Duration
}

// horizon is how far Last looks back and Next ahead.
const horizon = 400 * 24 * time.Hour

// drift is how much longer a period of a schedule without a fixed phase may be
// than its name says, because clocks change.
const drift = time.Hour

// periods are the schedules whose phase somebody else chooses: K8up's random
// ones are the same time in every period.
var periods = map[string]time.Duration{
	"@hourly-random": time.Hour, "@daily-random": 24*time.Hour + drift, "@weekly-random": 7*24*time.Hour + drift,
	"@monthly-random": 31*24*time.Hour + drift, "@yearly-random": 366*24*time.Hour + drift, "@annually-random": 366*24*time.Hour + drift,
}

// Parse reads a schedule of five fields, a descriptor such as @daily or @every
// 6h, or one of K8up's random ones. zone is the name of its time zone, "" for
// UTC; a CRON_TZ= or TZ= before the schedule outweighs it.
func Parse(spec, zone string) (Schedule, error) {
	spec = strings.TrimSpace(spec)
	for _, prefix := range []string{"CRON_TZ=", "TZ="} {
		if rest, ok := strings.CutPrefix(spec, prefix); ok {
			zone, spec, _ = strings.Cut(rest, " ")
			spec = strings.TrimSpace(spec)
			break
		}
	}
	location, err := location(zone)
	if err != nil {
		return Schedule{}, fmt.Errorf("read schedule %q: %w", spec, err)
	}
	if period, ok := periods[spec]; ok {
		return Schedule{period: period, zone: location}, nil
	}
	parsed, err := parse(spec)
	if err != nil {
		return Schedule{}, fmt.Errorf("read schedule %q: %w; five fields such as 30 2 * * * are expected, or @daily", spec, err)
	}
	switch parsed := parsed.(type) {
	case cron.ConstantDelaySchedule:
		return Schedule{period: parsed.Delay, zone: location}, nil
	case *cron.SpecSchedule:
		return Schedule{spec: parsed, zone: location}, nil
	}
	return Schedule{}, fmt.Errorf("read schedule %q: its kind is not known", spec)
}

func location(zone string) (*time.Location, error) {
	if zone == "Local" {
		return nil, errors.New("time zone Local is another one on every machine: name it, such as Europe/Berlin")
	}
	return time.LoadLocation(zone)
}

func parse(spec string) (cron.Schedule, error) {
	if strings.Contains(spec, "TZ=") {
		return nil, errors.New("the time zone is given twice")
	}
	return cron.ParseStandard("CRON_TZ=UTC " + spec)
}

// Last is the latest due time not after now; zero if there was none in 400 days.
// A schedule without a fixed phase was last due one period ago.
func (s Schedule) Last(now time.Time) time.Time {
	switch {
	case s.period > 0:
		return now.Add(-s.period)
	case s.spec == nil:
		return time.Time{}
	}
	// Cron only looks ahead: the windows grow, so that a schedule of every minute
	// is not followed through a year.
	for _, window := range []time.Duration{time.Hour, 25 * time.Hour, 32 * 24 * time.Hour, horizon} {
		var last time.Time
		s.each(now.Add(-window), func(due time.Time) bool {
			if due.After(now) {
				return false
			}
			last = due
			return true
		})
		if !last.IsZero() {
			return last
		}
	}
	return time.Time{}
}

// Next is the first due time after t; zero if there is none in 400 days.
func (s Schedule) Next(t time.Time) time.Time {
	switch {
	case s.period > 0:
		return t.Add(s.period)
	case s.spec == nil:
		return time.Time{}
	}
	var next time.Time
	s.each(t, func(due time.Time) bool {
		if due.After(t) && due.Sub(t) <= horizon {
			next = due
		}
		return !due.After(t)
	})
	return next
}

// Due is the run that has to be over now, if a run takes slack at most.
func (s Schedule) Due(now time.Time, slack time.Duration) time.Time { return s.Last(now.Add(-slack)) }

// Every tells whether it runs at least as often as every d, counted between the
// last due time and the next.
func (s Schedule) Every(d time.Duration, now time.Time) bool {
	last, next := s.Last(now), s.Next(now)
	if s.period > 0 {
		return s.period <= d
	}
	return !last.IsZero() && !next.IsZero() && next.Sub(last) <= d
}
