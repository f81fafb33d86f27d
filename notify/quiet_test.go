package notify

import (
	"strings"
	"testing"
	"time"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestQuietUntil: the end of quiet hours by the wall clock, over midnight, over
// whole days, and where summer time begins and ends.
func TestQuietUntil(t *testing.T) {
	weekend := []string{"sat", "sun"}
	for name, c := range map[string]struct {
		from, to string
		days     []string
		zone     string
		now      string
		want     string // "" where it is not quiet
	}{
		"in the evening":               {"20:00", "07:00", nil, "", "2026-11-20T21:30:05Z", "2026-11-21T07:00:00Z"},
		"in the morning":               {"20:00", "07:00", nil, "", "2026-11-20T06:59:59Z", "2026-11-20T07:00:00Z"},
		"when it ends":                 {"20:00", "07:00", nil, "", "2026-11-20T07:00:00Z", ""},
		"when it begins":               {"20:00", "07:00", nil, "", "2026-11-20T20:00:00Z", "2026-11-21T07:00:00Z"},
		"at noon":                      {"20:00", "07:00", nil, "", "2026-11-20T12:00:00Z", ""},
		"a siesta":                     {"12:00", "14:30", nil, "", "2026-11-20T12:00:00Z", "2026-11-20T14:30:00Z"},
		"elsewhere":                    {"20:00", "07:00", nil, "Asia/Kathmandu", "2026-11-20T15:00:00Z", "2026-11-21T01:15:00Z"},
		"elsewhere it is day":          {"20:00", "07:00", nil, "America/Los_Angeles", "2026-11-20T21:30:00Z", ""},
		"Saturday":                     {"", "", weekend, "", "2026-11-21T12:00:00Z", "2026-11-23T00:00:00Z"},
		"Friday night to Monday":       {"20:00", "07:00", weekend, "", "2026-11-20T22:00:00Z", "2026-11-23T07:00:00Z"},
		"only days, on Monday":         {"", "", weekend, "", "2026-11-23T12:00:00Z", ""},
		"summer time begins":           {"20:00", "07:00", nil, "Europe/Zurich", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"},
		"summer time ends":             {"20:00", "07:00", nil, "Europe/Zurich", "2026-10-24T22:00:00Z", "2026-10-25T06:00:00Z"},
		"its end is left out":          {"20:00", "02:30", nil, "Europe/Zurich", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"},
		"its end is left out, west":    {"20:00", "02:30", nil, "America/New_York", "2026-03-08T05:00:00Z", "2026-03-08T07:00:00Z"},
		"its end comes twice":          {"20:00", "02:30", nil, "Europe/Zurich", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z"},
		"it is all left out":           {"02:00", "03:00", nil, "Europe/Zurich", "2026-03-29T01:00:00Z", ""},
		"half an hour of summer time":  {"20:00", "07:00", nil, "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T20:00:00Z"},
		"midnight is left out":         {"22:00", "00:00", nil, "Africa/Cairo", "2026-04-23T21:00:00Z", "2026-04-23T22:00:00Z"},
		"a day that an island skipped": {"20:00", "07:00", []string{"sat"}, "Pacific/Apia", "2011-12-30T08:00:00Z", "2011-12-31T17:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := NewQuiet(c.from, c.to, c.days, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			want := time.Time{}
			if c.want != "" {
				want = at(t, c.want)
			}
			if got := q.until(at(t, c.now)); !got.Equal(want) {
				t.Errorf("until %s, want %s", got, want)
			}
		})
	}
	var never *Quiet
	always, err := NewQuiet("", "", []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, "")
	if err != nil || !never.until(at(t, "2026-11-20T12:00:00Z")).IsZero() || !always.until(at(t, "2026-11-20T12:00:00Z")).IsZero() {
		t.Errorf("what is never or always quiet holds nothing back; %v", err)
	}
}

func TestNewQuietRefuses(t *testing.T) {
	for _, c := range []struct{ from, to, day, zone, want string }{
		{"25:00", "07:00", "mon", "", "25:00"}, {"20:00", "7pm", "mon", "", "7pm"}, {"20:00", "07:00", "Monday", "", "Monday"}, {"20:00", "07:00", "mon", "Mars/Base", "Mars/Base"},
	} {
		if _, err := NewQuiet(c.from, c.to, []string{c.day}, c.zone); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// FuzzQuiet: an end lies ahead, on a whole minute, and nothing before it is not quiet.
func FuzzQuiet(f *testing.F) {
	f.Add(uint16(20*60), uint16(7*60), uint8(0b1000001), "Europe/Zurich", int64(1774735200))
	f.Add(uint16(0), uint16(150), uint8(0), "America/New_York", int64(1772949600))
	f.Fuzz(func(t *testing.T, from, to uint16, days uint8, zone string, unix int64) {
		z, err := time.LoadLocation(zone)
		if err != nil || unix < 0 || unix > 1<<33 {
			t.Skip("no such place or time")
		}
		q := &Quiet{from: time.Duration(from%1440) * time.Minute, to: time.Duration(to%1440) * time.Minute, zone: z}
		for n := range q.days {
			q.days[n] = days&(1<<n) != 0
		}
		start := time.Unix(unix, 0)
		end := q.until(start)
		if end.IsZero() {
			for later := start; q.at(start) && later.Sub(start) < longestQuiet-time.Minute; later = later.Add(time.Minute) {
				if !q.at(later) {
					t.Fatalf("no end of the quiet of %s, but it is not quiet at %s", start, later)
				}
			}
			return
		}
		if !end.After(start) || q.at(end) || end.Second() != 0 || !q.at(start) {
			t.Fatalf("from %s until %s", start, end)
		}
		for between := start; between.Before(end); between = between.Add(7 * time.Minute) {
			if !q.at(between) {
				t.Fatalf("not quiet at %s, before %s", between, end)
			}
		}
	})
}
