package watch

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have no zones

	"github.com/google/go-cmp/cmp"
)

func parsed(t testing.TB, text, zone string) Schedule {
	t.Helper()
	s, err := ParseSchedule(text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

func TestNext(t *testing.T) {
	for name, c := range map[string]struct{ text, zone, from, want string }{
		"quarters":              {"*/15 * * * *", "", "2026-11-23T12:07:31Z", "2026-11-23T12:15:00Z"},
		"from a due time":       {"*/15 * * * *", "", "2026-11-23T12:15:00Z", "2026-11-23T12:30:00Z"},
		"every":                 {"@every 15m", "", "2026-11-23T12:07:31Z", "2026-11-23T12:22:31Z"},
		"in a zone":             {"0 3 * * *", "Australia/Melbourne", "2026-11-23T12:00:00Z", "2026-11-23T16:00:00Z"},
		"zone in the schedule":  {"CRON_TZ=Australia/Melbourne 0 3 * * *", "", "2026-11-23T12:00:00Z", "2026-11-23T16:00:00Z"},
		"half an hour of zone":  {"0 3 * * *", "Asia/Kolkata", "2026-11-23T12:00:00Z", "2026-11-23T21:30:00Z"},
		"on weekdays":           {"0 8 * * 1-5", "", "2026-11-20T09:00:00Z", "2026-11-23T08:00:00Z"},
		"leap day":              {"0 0 29 2 *", "", "2026-11-23T12:00:00Z", "2028-02-29T00:00:00Z"},
		"hour left out":         {"30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z"},
		"after that":            {"30 2 * * *", "Europe/Berlin", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"},
		"hour that comes twice": {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		"not again":             {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		"hourly goes on":        {"30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		"hourly adds none":      {"30 * * * *", "Europe/Berlin", "2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parsed(t, c.text, c.zone).Next(moment(t, c.from)); !got.Equal(moment(t, c.want)) || got.Location() != time.UTC {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	for _, c := range []struct{ text, zone, want string }{
		{"", "", "read schedule"}, {"every hour", "", "five fields such as"}, {"* * * * * *", "", "five fields such as"}, {"@every 5s", "", "at least 1m0s apart"},
		{"@every -1h", "", "at least 1m0s apart"}, {"0 0 31 2 *", "", "there is no such day"}, {"@hourly", "Mars/Olympus", "time zone \"Mars/Olympus\""},
		{"@hourly", "Local", "name it"}, {"TZ=Nowhere @hourly", "", "time zone \"Nowhere\""}, {"61 * * * *", "", "five fields"},
	} {
		if s, err := ParseSchedule(c.text, c.zone); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in %q: %v, %v; want %q", c.text, c.zone, s, err, c.want)
		}
	}
}

// TestNextByTheClock follows clocks minute by minute through their changes and
// holds Next against what they show, by rules of its own.
func TestNextByTheClock(t *testing.T) {
	changes := map[string][]string{
		"Europe/Berlin": {"2026-10-25", "2027-03-28"}, "Australia/Lord_Howe": {"2026-10-04", "2027-04-04"}, // by half an hour
		"America/Santiago":  {"2026-09-06", "2026-04-05"}, // at midnight
		"Pacific/Apia":      {"2011-12-30", "2011-09-24"}, // a whole day
		"Africa/Casablanca": {"2026-02-15", "2026-03-22"}, "UTC": {"2026-11-23"},
	}
	for zone, days := range changes {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			from := moment(t, day+"T00:00:00Z").Add(-48 * time.Hour)
			for text, c := range map[string]struct {
				hourly bool
				due    func(time.Time) bool
			}{
				"*/20 * * * *":    {true, func(w time.Time) bool { return w.Minute()%20 == 0 }},
				"15 * * * *":      {true, func(w time.Time) bool { return w.Minute() == 15 }},
				"30 2 * * *":      {false, func(w time.Time) bool { return w.Hour() == 2 && w.Minute() == 30 }},
				"0 0 * * *":       {false, func(w time.Time) bool { return w.Hour() == 0 && w.Minute() == 0 }},
				"45 1,2,23 * * *": {false, func(w time.Time) bool { return slices.Contains([]int{1, 2, 23}, w.Hour()) && w.Minute() == 45 }},
			} {
				want := walk(from, from.Add(96*time.Hour), location, c.hourly, c.due)
				var got []time.Time
				s := parsed(t, text, zone)
				for at := s.Next(from.Add(-time.Second)); at.Before(from.Add(96 * time.Hour)); at = s.Next(at) {
					got = append(got, at)
				}
				if !slices.EqualFunc(want, got, time.Time.Equal) {
					t.Errorf("%s in %s around %s: (-want +got)\n%s", text, zone, day, cmp.Diff(want, got))
				}
			}
		}
	}
}

// walk lists the minutes in which a schedule is due.
func walk(from, to time.Time, zone *time.Location, hourly bool, due func(wall time.Time) bool) (runs []time.Time) {
	wallAt := func(t time.Time) time.Time {
		t = t.In(zone)
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
	}
	latest := wallAt(from.Add(-time.Minute)) // that the clock has shown
	for now := from; now.Before(to); now = now.Add(time.Minute) {
		wall := wallAt(now)
		is := false
		switch {
		case hourly:
			is = due(wall)
		default: // everything that the clock has come to or jumped over for the first time
			for w := latest.Add(time.Minute); !w.After(wall); w = w.Add(time.Minute) {
				is = is || due(w)
			}
		}
		if wall.After(latest) {
			latest = wall
		}
		if is {
			runs = append(runs, now)
		}
	}
	return runs
}

// FuzzParseSchedule: whatever is read has a next time after any other.
func FuzzParseSchedule(f *testing.F) {
	f.Add("*/15 * * * *", "Europe/Berlin", int64(1790000000))
	f.Add("@every 90m", "", int64(0))
	f.Add("TZ=Asia/Tokyo 0 0 29 2 *", "", int64(1709164800))
	f.Add("0 0 31 2 *", "UTC", int64(1))
	f.Add("30 2 * * 0", "Australia/Lord_Howe", int64(1790000000))
	f.Fuzz(func(t *testing.T, text, zone string, unix int64) {
		s, err := ParseSchedule(text, zone)
		if err != nil {
			return
		}
		from := time.Unix(unix%(1<<33), 0).UTC()
		if next := s.Next(from); !next.IsZero() && !next.After(from) {
			t.Errorf("%q in %q: after %s comes %s", text, zone, from, next)
		}
	})
}
