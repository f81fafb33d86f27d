package schedule

import (
	"strings"
	"testing"
	"time"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func parsed(t *testing.T, spec, zone string) Schedule {
	t.Helper()
	s, err := Parse(spec, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLastAndNext(t *testing.T) {
	for _, c := range []struct{ spec, zone, now, last, next string }{
		{"30 2 * * *", "", "2026-11-20T12:00:00Z", "2026-11-20T02:30:00Z", "2026-11-21T02:30:00Z"},
		{"30 2 * * *", "", "2026-11-20T02:30:00Z", "2026-11-20T02:30:00Z", "2026-11-21T02:30:00Z"},
		{"30 2 * * *", "", "2026-11-20T02:29:59Z", "2026-11-19T02:30:00Z", "2026-11-20T02:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-11-20T12:00:00Z", "2026-11-20T01:30:00Z", "2026-11-21T01:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "Asia/Tokyo", "2026-07-20T12:00:00Z", "2026-07-20T00:30:00Z", "2026-07-21T00:30:00Z"},
		{"TZ=Asia/Tokyo 0 3 * * 0", "", "2026-11-20T12:00:00Z", "2026-11-14T18:00:00Z", "2026-11-21T18:00:00Z"},
		{"@weekly", "", "2026-11-20T12:00:00Z", "2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z"},
		{"@yearly", "", "2026-11-20T12:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"* * * * *", "", "2026-11-20T12:00:30Z", "2026-11-20T12:00:00Z", "2026-11-20T12:01:00Z"},
		{"0 0 31 * *", "", "2026-11-20T12:00:00Z", "2026-10-31T00:00:00Z", "2026-12-31T00:00:00Z"},
		// The hour that Berlin's clocks leave out on 28 March 2027, and the one that comes twice on 25 October 2026.
		{"30 2 * * *", "Europe/Berlin", "2027-03-28T12:00:00Z", "2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-10-25T01:45:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"*/15 * * * *", "Europe/Berlin", "2026-10-25T01:50:00Z", "2026-10-25T00:45:00Z", "2026-10-25T02:00:00Z"},
		// Samoa had no 30 December 2011.
		{"0 6 * * *", "Pacific/Apia", "2011-12-30T18:00:00Z", "2011-12-30T16:00:00Z", "2011-12-31T16:00:00Z"},
		{"0 6 * * *", "Pacific/Apia", "2011-12-30T15:00:00Z", "2011-12-29T16:00:00Z", "2011-12-30T16:00:00Z"},
	} {
		s, now := parsed(t, c.spec, c.zone), at(t, c.now)
		if got := s.Last(now); !got.Equal(at(t, c.last)) {
			t.Errorf("%s %s: last before %s is %s, want %s", c.spec, c.zone, c.now, got, c.last)
		}
		if got := s.Next(now); !got.Equal(at(t, c.next)) {
			t.Errorf("%s %s: next after %s is %s, want %s", c.spec, c.zone, c.now, got, c.next)
		}
	}
}

// TestNever: a date that no year has is never due, one of leap years rarely.
func TestNever(t *testing.T) {
	now := at(t, "2026-11-20T12:00:00Z")
	for _, s := range []Schedule{{}, parsed(t, "0 0 30 2 *", ""), parsed(t, "0 0 31 4 *", "Europe/Berlin"), parsed(t, "0 0 29 2 *", "")} {
		if last, next := s.Last(now), s.Next(now); !last.IsZero() || !next.IsZero() {
			t.Errorf("due on %s and %s", last, next)
		}
		if s.Every(1e18, now) {
			t.Error("it recurs")
		}
	}
	if last := parsed(t, "0 0 29 2 *", "").Last(at(t, "2028-12-01T00:00:00Z")); !last.Equal(at(t, "2028-02-29T00:00:00Z")) {
		t.Errorf("29 February was last on %s", last)
	}
}

// TestPeriods: a schedule whose phase is not known is due one period after
// whatever was last.
func TestPeriods(t *testing.T) {
	now := at(t, "2026-11-20T12:00:00Z")
	for spec, period := range map[string]time.Duration{"@every 24h": 24 * time.Hour, "@every 90m": 90 * time.Minute,
		"@daily-random": 25 * time.Hour, "@hourly-random": time.Hour, "@weekly-random": 7*24*time.Hour + time.Hour} {
		s := parsed(t, spec, "")
		if last, next := now.Sub(s.Last(now)), s.Next(now).Sub(now); last != period || next != period {
			t.Errorf("%s: due %s ago and in %s, want %s", spec, last, next, period)
		}
		if !s.Every(period, now) || s.Every(period-1, now) {
			t.Errorf("%s does not recur every %s", spec, period)
		}
		if due := s.Due(now, time.Hour); !due.Equal(now.Add(-period - time.Hour)) {
			t.Errorf("%s: %s has to be over", spec, due)
		}
	}
	if s := parsed(t, "0 */6 * * *", ""); !s.Every(6*time.Hour, now) || s.Every(5*time.Hour, now) {
		t.Error("0 */6 * * * does not recur every six hours")
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ spec, zone, want string }{
		{"", "", "fields"}, {"30 2 * *", "", "5 fields"}, {"61 2 * * *", "", "above maximum"}, {"@never", "", "@never"}, {"@every soon", "", "duration"},
		{"CRON_TZ=UTC", "", "fields"}, {"TZ=", "", ""}, {"CRON_TZ=Europe/Nowhere 0 3 * * *", "", "Europe/Nowhere"}, {"0 3 * * *", "Mars/Olympus", "Mars/Olympus"},
		{"0 3 * * *", "Local", "every machine"}, {"TZ=UTC TZ=UTC 0 3 * * *", "", "twice"}, {"@every 0s", "", ""}, {"@every -5m", "", ""},
	} {
		_, err := Parse(c.spec, c.zone)
		if err == nil && strings.HasPrefix(c.spec, "@every") {
			continue // cron rounds it up to a second
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "schedule") {
			t.Errorf("Parse(%q, %q): %v", c.spec, c.zone, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, spec := range []string{"30 2 * * *", "@daily", "@every 6h", "CRON_TZ=Europe/Berlin 0 3 * * 0", "TZ=x", "0 0 30 2 *", "@weekly-random", "*/7 1-5/2 ? jan mon-fri", "@every 1ns"} {
		f.Add(spec, "", int64(1795000000))
	}
	f.Add("0 0 * * *", "America/Havana", int64(1741500000))
	f.Fuzz(func(t *testing.T, spec, zone string, unix int64) {
		s, err := Parse(spec, zone)
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<33), 0).UTC()
		last, next := s.Last(now), s.Next(now)
		if last.After(now) || !next.IsZero() && !next.After(now) {
			t.Errorf("%q in %q at %s: last %s, next %s", spec, zone, now, last, next)
		}
		if s.period == 0 && !last.IsZero() && !s.Last(last).Equal(last) {
			t.Errorf("%q in %q: %s is due and is not the last by then: %s", spec, zone, last, s.Last(last))
		}
	})
}

func BenchmarkLast(b *testing.B) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ spec, zone string }{{"30 2 * * *", ""}, {"30 2 * * *", "Europe/Berlin"}, {"* * * * *", "Europe/Berlin"}, {"0 0 1 1 *", "Europe/Berlin"}, {"0 0 30 2 *", ""}} {
		b.Run(c.spec+c.zone, func(b *testing.B) {
			s, err := Parse(c.spec, c.zone)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s.Last(now)
			}
		})
	}
}
