package text

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
)

// Number groups digits: 1,003.
func Number(n int) string { return humanize.Comma(int64(n)) }

// Count is a number of things: "1 user", "1,003 users", "2 copies".
func Count(n int, singular string) string {
	return Number(n) + " " + english.PluralWord(n, singular, "")
}

// Plural is the singular where n is 1 and the plural otherwise.
func Plural(n int, singular, plural string) string { return english.PluralWord(n, singular, plural) }

// Time is a moment for people, to the minute, in UTC: 2026-11-20 12:00 UTC.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Duration is a span for people in its two largest units: "3 h 20 min", "2 days
// 4 h", "1.2 s". What is shorter than a tenth of a millisecond is "0 s".
func Duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 100*time.Microsecond:
		return "0 s"
	case d < 999500*time.Microsecond: // what would be rounded to 1,000 ms is 1 s
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	case d < 10*time.Second:
		return fmt.Sprintf("%.2g s", d.Seconds())
	case d < time.Minute:
		return units(d, time.Second, "s", 0, "")
	case d < time.Hour:
		return units(d, time.Minute, "min", time.Second, "s")
	case d < 24*time.Hour:
		return units(d, time.Hour, "h", time.Minute, "min")
	default:
		days := Count(int(d/(24*time.Hour)), "day")
		if hours := d % (24 * time.Hour) / time.Hour; hours > 0 {
			return fmt.Sprintf("%s %d h", days, hours)
		}
		return days
	}
}

func units(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	s := fmt.Sprintf("%d %s", d/large, largeName)
	if small > 0 && d%large/small > 0 {
		s += fmt.Sprintf(" %d %s", d%large/small, smallName)
	}
	return s
}
