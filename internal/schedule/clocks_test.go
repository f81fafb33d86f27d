package schedule

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
)

// These tests hold a Schedule against the two kinds of cron, simulated minute by
// minute from the clock on the wall and nothing else.

// changes are zones and days around which their clocks change.
var changes = map[string][]string{
	"UTC":                 {"2026-11-20"},
	"Europe/Berlin":       {"2026-10-25", "2027-03-28"},
	"America/New_York":    {"2026-11-01", "2027-03-14"},
	"Australia/Lord_Howe": {"2026-10-04", "2027-04-04"}, // by half an hour
	"America/Santiago":    {"2026-09-06", "2026-04-05"}, // at midnight
	"America/Havana":      {"2026-03-08", "2026-11-01"},
	"Pacific/Apia":        {"2011-12-30", "2011-09-24"}, // a whole day
	"Africa/Cairo":        {"2026-04-24", "2026-10-29"},
}

var specs = []string{"30 2 * * *", "0 3 * * *", "0 0 * * *", "15 0 * * *", "45 1 * * *", "0 */6 * * *", "*/20 * * * *", "0 2,14 * * *", "30 1,2,3 * * *", "0 * * * *"}

// fields are a schedule's minutes and hours, by a parser of its own.
type fields struct {
	minutes, hours []int
	wildcard       bool // it follows the clock's hours and not single times
}

func read(t *testing.T, spec string) fields {
	t.Helper()
	parts := strings.Fields(spec)
	values := func(part string, n int) (out []int) {
		step := 1
		if rest, ok := strings.CutPrefix(part, "*/"); ok {
			part, step = "*", number(t, rest)
		}
		if part == "*" {
			for v := 0; v < n; v += step {
				out = append(out, v)
			}
			return out
		}
		for _, v := range strings.Split(part, ",") {
			out = append(out, number(t, v))
		}
		return out
	}
	return fields{values(parts[0], 60), values(parts[1], 24), strings.Contains(parts[0]+parts[1], "*")}
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (f fields) match(wall time.Time) bool {
	return slices.Contains(f.minutes, wall.Minute()) && slices.Contains(f.hours, wall.Hour())
}

// late is Vixie's cron: single times that the clock leaves out run when it has
// jumped, and those of an hour that comes twice run once.
func (f fields) late(from, to time.Time, zone *time.Location) (runs []time.Time) {
	seen := map[time.Time]bool{}
	before := wallOf(from.Add(-time.Minute), zone)
	for now := from; now.Before(to); now = now.Add(time.Minute) {
		wall := wallOf(now, zone)
		due := f.match(wall) && (f.wildcard || !seen[wall])
		for skipped := before.Add(time.Minute); !f.wildcard && skipped.Before(wall) && wall.Sub(skipped) < 3*time.Hour; skipped = skipped.Add(time.Minute) {
			due = due || f.match(skipped)
		}
		seen[wall] = true
		before = wall
		if due {
			runs = append(runs, now)
		}
	}
	return runs
}

func wallOf(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
}

// skipping is the cron of Kubernetes, run from run to run.
func skipping(t *testing.T, spec string, from, to time.Time, zone *time.Location) (runs []time.Time) {
	t.Helper()
	s, err := cron.ParseStandard("CRON_TZ=" + zone.String() + " " + spec)
	if err != nil {
		t.Fatal(err)
	}
	for run := s.Next(from.Add(-time.Second)); run.Before(to); run = s.Next(run) {
		runs = append(runs, run.UTC())
	}
	return runs
}

// TestKeptSchedule: whoever runs at every time that is due, by either kind of
// cron, is never behind, however long a run takes up to the slack; and whoever
// leaves out a run that both kinds make is behind at the latest an hour after
// that had to be over.
func TestKeptSchedule(t *testing.T) {
	const slack = 2 * time.Hour
	for zone, days := range changes {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			mid := at(t, day+"T00:00:00Z")
			from, to := mid.Add(-3*24*time.Hour), mid.Add(3*24*time.Hour)
			for _, spec := range specs {
				s := parsed(t, spec, zone)
				late, skipped := read(t, spec).late(from, to, location), skipping(t, spec, from, to, location)
				for kind, runs := range map[string][]time.Time{"late": late, "skipping": skipped} {
					neverBehind(t, s, zone+" "+spec+" "+kind, runs, mid.Add(-36*time.Hour), mid.Add(36*time.Hour), slack)
				}
				for _, run := range late {
					if slices.Contains(skipped, run) && !again(run, location) && s.Due(run.Add(slack+time.Hour), slack).Before(run) {
						t.Errorf("%s %s: the run of %s can be left out unnoticed", zone, spec, run)
					}
				}
			}
		}
	}
}

// neverBehind follows runs that all take the slack, minute by minute.
func neverBehind(t *testing.T, s Schedule, name string, runs []time.Time, from, to time.Time, slack time.Duration) {
	t.Helper()
	newest, next := time.Time{}, 0
	for now := runs[0].Truncate(time.Hour); now.Before(to); now = now.Add(15 * time.Minute) {
		for next < len(runs) && !runs[next].Add(slack).After(now) {
			newest = runs[next]
			next++
		}
		if now.Before(from) {
			continue
		}
		if due := s.Due(now, slack); newest.Before(due) {
			t.Errorf("%s at %s: the newest is of %s, though one of %s is missed", name, now, newest, due)
			return
		}
	}
}

// TestStopped: a scheduler that stops is behind once the next run that every kind
// makes had to be over.
func TestStopped(t *testing.T) {
	for zone, days := range changes {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			mid := at(t, day+"T00:00:00Z")
			for _, spec := range specs {
				s := parsed(t, spec, zone)
				late := read(t, spec).late(mid.Add(-48*time.Hour), mid.Add(120*time.Hour), location)
				skipped := skipping(t, spec, mid.Add(-48*time.Hour), mid.Add(120*time.Hour), location)
				for i, last := range late[:len(late)/2] {
					both := slices.IndexFunc(late[i+1:], func(run time.Time) bool { return slices.Contains(skipped, run) && !again(run, location) })
					if both < 0 {
						t.Fatalf("%s %s: no later run than %s", zone, spec, last)
					}
					if missed := late[i+1+both]; !last.Before(s.Last(missed)) {
						t.Errorf("%s %s: stopped after %s, and at %s it is not behind: last due %s", zone, spec, last, missed, s.Last(missed))
					}
				}
			}
		}
	}
}

// again tells whether the clock shows a time for the second time.
func again(t time.Time, zone *time.Location) bool {
	for back := 30 * time.Minute; back <= time.Hour; back += 30 * time.Minute {
		if wallOf(t.Add(-back), zone).Equal(wallOf(t, zone)) {
			return true
		}
	}
	return false
}
