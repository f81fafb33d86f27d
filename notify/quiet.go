package notify

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Quiet are the hours in which warnings wait for their end.
type Quiet struct {
	// from and to are times of day by the wall clock, after midnight; equal for no
	// such hours. A to before from is of the next day.
	from, to time.Duration
	// days are quiet from midnight to midnight.
	days [7]bool
	zone *time.Location
}

// NewQuiet reads quiet hours: from and to as 20:00 and 07:00, both empty for none;
// days that are quiet as a whole, as mon … sun; an IANA time zone, empty for UTC.
func NewQuiet(from, to string, days []string, zone string) (*Quiet, error) {
	q := &Quiet{}
	var errs [3]error
	q.from, errs[0] = timeOfDay(from)
	q.to, errs[1] = timeOfDay(to)
	q.zone, errs[2] = time.LoadLocation(zone)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("read the quiet hours: %w", err)
	}
	for _, name := range days {
		day := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, name)
		if day < 0 {
			return nil, fmt.Errorf("read the quiet hours: %q is not one of mon, tue, wed, thu, fri, sat and sun", name)
		}
		q.days[day] = true
	}
	return q, nil
}

func timeOfDay(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse("15:04", text)
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, err
}

// longestQuiet bounds the search for the end: six days and the hours around them.
const longestQuiet = 8 * 24 * time.Hour

// until is when the quiet that there is at a time ends, in UTC; zero where it is
// not quiet, or would be for ever. It goes by the wall clock, minute by minute, so
// that an hour that is left out or comes twice needs no rule of its own.
func (q *Quiet) until(t time.Time) time.Time {
	if q == nil || !q.at(t) {
		return time.Time{}
	}
	for end := t.UTC().Truncate(time.Minute); end.Sub(t) < longestQuiet; end = end.Add(time.Minute) {
		if end.After(t) && !q.at(end) {
			return end
		}
	}
	return time.Time{}
}

// at tells whether it is quiet.
func (q *Quiet) at(t time.Time) bool {
	local := t.In(q.zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	switch {
	case q.days[local.Weekday()]:
		return true
	case q.from <= q.to:
		return q.from <= clock && clock < q.to
	default: // over midnight
		return q.from <= clock || clock < q.to
	}
}
