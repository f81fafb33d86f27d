package checks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestHubUserCountDrift(t *testing.T) { testCheck(t, hubUserCountDriftCases) }

var hubUserCountDriftCases = cases{
	check: hubUserCountDrift,
	fires: []damage{
		{
			name:    "users deleted by hand",
			change:  usersAndBaseline(5, 10),
			want:    outcomes{"pod-unknown-to-hub": "fail warning 1", "pvc-orphaned": "fail info 6", "hub-user-count-drift": "fail critical 1", "hub-owner-missing": "fail error 5"},
			summary: "the database has 5 users where 10 were normal: 5 (50.0 %) are missing, at most 10 % expected",
		},
		{
			name:    "the users table is empty",
			change:  func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) },
			want:    outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-user-count-drift": "fail critical 1", "hub-db-reset": "fail critical 1", "hub-owner-missing": "skipped"},
			summary: "the database has 0 users where 10 were normal: 10 (100.0 %) are missing, at most 10 % expected",
		},
		{
			name: "the users table is gone",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Users, h.Spawners, h.UsersRead, h.Database.Tables = nil, nil, facts.None, []string{"servers", "spawners"}
				h.Database.Damage = []facts.Damage{{Kind: facts.DamageTableMissing, Message: "table users is missing"}}
			},
			want: usersUnknown(outcomes{"pod-unknown-to-hub": "skipped", "pvc-misrouted": "skipped", "pvc-orphaned": "skipped", "pvc-owner-mismatch": "skipped", "pvc-unattributed": "skipped", "hub-db-corrupt": "fail critical 1", "hub-user-count-drift": "fail critical 1",
				"hub-db-reset": "fail critical 1", "hub-owner-missing": "skipped", "hub-source-disagree": "fail critical 1"}),
			summary: "the database has 0 users where 10 were normal: 10 (100.0 %) are missing, at most 10 % expected",
		},
		{
			name:    "mass re-creation",
			change:  usersAndBaseline(210, 110),
			want:    outcomes{"hub-user-count-drift": "fail warning 1"},
			summary: "the database has 210 users where 110 were normal: 100 (90.9 %) are new, at most 50 % expected",
		},
		{
			name:    "as many users, and others",
			change:  exchange(100, 80, 80),
			want:    outcomes{"hub-user-id-changed": "pass", "hub-user-count-drift": "fail error 1"},
			summary: "80 of 100 users (80.0 %) were replaced by others since the run of 2026-11-20 11:00 UTC, at most 25 % expected",
		},
		{
			name:    "a drop is told before the turnover in it",
			change:  exchange(50, 60, 10),
			want:    outcomes{"hub-user-id-changed": "pass", "hub-user-count-drift": "fail critical 1"},
			summary: "the database has 50 users where 100 were normal: 50 (50.0 %) are missing, at most 10 % expected",
		},
		{
			name:    "little by little",
			change:  both(usersAndBaseline(60, 65), highest(100)),
			want:    outcomes{"hub-user-count-drift": "fail warning 1"},
			summary: "the database has 60 users where 100 were counted on 2026-11-01: 40 (40.0 %) went little by little, at most 30 % in 30 days expected",
		},
		{
			name:    "turned over while nobody looked for a year",
			change:  both(exchange(100, 90, 90), unwatched(365*24*time.Hour)),
			want:    outcomes{"hub-user-id-changed": "pass", "hub-user-count-drift": "fail error 1"},
			summary: "90 of 100 users (90.0 %) were replaced by others since the run of 2025-11-20 12:00 UTC, at most 80 % expected",
		},
		{
			name:    "seen by the REST API alone",
			change:  both(usersAndBaseline(50, 100), fromAPI),
			want:    outcomes{"hub-user-count-drift": "fail critical 1", "hub-source-disagree": "skipped"},
			summary: "the REST API shows 50 users where 100 were normal: 50 (50.0 %) are missing, at most 10 % expected",
		},
		{
			name:    "more than a window explains",
			change:  usersAndBaseline(15, 100),
			expect:  cleanUp,
			want:    outcomes{"hub-user-count-drift": "fail critical 1"},
			summary: "the database has 15 users where 100 were normal: 85 (85.0 %) are missing, at most 80 % expected; more than \"end of term\" (until 2026-11-30) may explain",
		},
		{
			name:    "emptied inside a window that explains as much as one may",
			change:  func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) },
			values:  map[string]any{"maxExpectedDropPercent": 99},
			expect:  cleanUp,
			want:    outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-user-count-drift": "fail critical 1", "hub-db-reset": "fail critical 1", "hub-owner-missing": "skipped"},
			summary: "the database has 0 users where 10 were normal: 10 (100.0 %) are missing, at most 99 % expected; more than \"end of term\" (until 2026-11-30) may explain",
		},
		{
			name:    "others inside a window",
			change:  exchange(100, 81, 81),
			expect:  cleanUp,
			want:    outcomes{"hub-user-id-changed": "pass", "hub-user-count-drift": "fail error 1"},
			summary: "81 of 100 users (81.0 %) were replaced by others since the run of 2026-11-20 11:00 UTC, at most 80 % expected; more than \"end of term\" (until 2026-11-30) may explain",
		},
		{
			name:    "a hub that deletes idle users lost nearly all",
			change:  both(usersAndBaseline(15, 100), culls),
			want:    outcomes{"hub-user-count-drift": "fail critical 1"},
			summary: "the database has 15 users where 100 were normal: 85 (85.0 %) are missing, at most 80 % expected",
		},
		{
			name:    "a window that is over",
			change:  usersAndBaseline(80, 100),
			expect:  []Window{{From: world.Now.AddDate(0, 0, -9), To: world.Now.Add(-time.Second), Reason: "end of term"}},
			want:    outcomes{"hub-user-count-drift": "fail critical 1"},
			summary: "the database has 80 users where 100 were normal: 20 (20.0 %) are missing, at most 10 % expected",
		},
	},
	mustNotFire: []damage{
		{
			name:    "first run",
			change:  func(s *facts.Snapshot) { s.Past = facts.Past{} },
			want:    outcomes{"hub-user-count-drift": "skipped", "hub-db-pvc-replaced": "skipped"},
			summary: "no baseline yet: this run starts one",
		},
		{name: "four of a small hub's users left", change: usersAndBaseline(6, 10), want: outcomes{"pod-unknown-to-hub": "fail warning 1", "pvc-orphaned": "fail info 5", "hub-owner-missing": "fail info 4"}},
		{name: "nine of a hundred left", change: usersAndBaseline(91, 100)},
		{name: "a new hub fills up", change: usersAndBaseline(500, 0)},
		{name: "a course doubles a small hub", change: usersAndBaseline(60, 30)},
		{name: "a clean-up that was announced", change: both(usersAndBaseline(30, 100), highest(100)), expect: cleanUp},
		{name: "a course that was announced", change: usersAndBaseline(600, 100), expect: cleanUp},
		{name: "new people in the place of old, announced", change: exchange(100, 70, 70), expect: cleanUp, want: outcomes{"hub-user-id-changed": "pass"}},
		{name: "everybody was renamed in place", change: func(s *facts.Snapshot) {
			exchange(100, 0, 0)(s)
			c := s.Past.Changes[world.HubName]
			for _, u := range hubOf(s).Users {
				c.Renamed = append(c.Renamed, facts.Renamed{Was: facts.Member{Name: u.Name + "@example.org", ID: u.ID}, Now: facts.Member{Name: u.Name, ID: u.ID}})
			}
		}, want: outcomes{"hub-user-id-changed": "fail warning 100"}},
		{name: "a third deleted and accepted, the comparison still with before", change: both(exchange(100, 50, 25), highest(0), usersAndBaseline(100, 100)), want: outcomes{"hub-user-id-changed": "pass"}},
		{name: "four of a small hub exchanged", change: exchange(14, 4, 4), want: outcomes{"hub-user-id-changed": "pass"}},
		{name: "a term changed while nobody looked", change: both(exchange(100, 75, 75), unwatched(27*24*time.Hour)), want: outcomes{"hub-user-id-changed": "pass"}},
		{name: "a rise was undone", change: both(usersAndBaseline(300, 300), highest(900))},
		{name: "throw-away users", change: both(exchange(100, 90, 90), culls), want: outcomes{"hub-user-id-changed": "pass"}},
		{name: "idle users deleted by the hub", change: both(usersAndBaseline(30, 100), highest(400), culls)},
		{name: "a class arrives at a hub of throw-away users", change: both(usersAndBaseline(300, 20), culls)},
	},
	boundary: []damage{
		{name: "drop of exactly 10 percent", change: usersAndBaseline(90, 100)},
		{
			name: "one user below", change: usersAndBaseline(89, 100),
			want:    outcomes{"hub-user-count-drift": "fail critical 1"},
			summary: "the database has 89 users where 100 were normal: 11 (11.0 %) are missing, at most 10 % expected",
		},
		{
			name: "drop of exactly five users", change: usersAndBaseline(15, 20),
			want:    outcomes{"hub-user-count-drift": "fail critical 1"},
			summary: "the database has 15 users where 20 were normal: 5 (25.0 %) are missing, at most 10 % expected",
		},
		{name: "rise of exactly 50 percent", change: usersAndBaseline(300, 200)},
		{
			name: "one user above", change: usersAndBaseline(301, 200),
			want:    outcomes{"hub-user-count-drift": "fail warning 1"},
			summary: "the database has 301 users where 200 were normal: 101 (50.5 %) are new, at most 50 % expected",
		},
		{name: "parameters are heeded", change: usersAndBaseline(50, 100), values: map[string]any{"maxDropPercent": 50}},
		{name: "a quarter exchanged", change: exchange(100, 25, 25), want: outcomes{"hub-user-id-changed": "pass"}},
		{
			name: "one more exchanged", change: exchange(100, 26, 26),
			want:    outcomes{"hub-user-id-changed": "pass", "hub-user-count-drift": "fail error 1"},
			summary: "26 of 100 users (26.0 %) were replaced by others since the run of 2026-11-20 11:00 UTC, at most 25 % expected",
		},
		{
			name: "five of a small hub exchanged", change: exchange(16, 5, 5),
			want:    outcomes{"hub-user-id-changed": "pass", "hub-user-count-drift": "fail error 1"},
			summary: "5 of 16 users (31.2 %) were replaced by others since the run of 2026-11-20 11:00 UTC, at most 25 % expected",
		},
		{name: "half in two whole weeks", change: both(exchange(100, 50, 50), unwatched(14*24*time.Hour)), want: outcomes{"hub-user-id-changed": "pass"}},
		{
			name: "half in a second less", change: both(exchange(100, 50, 50), unwatched(14*24*time.Hour-time.Second)),
			want:    outcomes{"hub-user-id-changed": "pass", "hub-user-count-drift": "fail error 1"},
			summary: "50 of 100 users (50.0 %) were replaced by others since the run of 2026-11-06 12:00 UTC, at most 25 % expected",
		},
		{
			name: "the last good run is old, the last look is not",
			change: both(exchange(100, 50, 50), unwatched(28*24*time.Hour), func(s *facts.Snapshot) {
				s.Past.Sources[facts.HubDB(world.HubName)] = facts.PastSource{LastOK: s.Now.Add(-time.Hour), LastItems: 30}
			}),
			want:    outcomes{"hub-user-id-changed": "pass", "hub-user-count-drift": "fail error 1"},
			summary: "50 of 100 users (50.0 %) were replaced by others since the run of 2026-10-23 12:00 UTC, at most 25 % expected",
		},
		{name: "30 percent below the highest", change: both(usersAndBaseline(70, 71), highest(100))},
		{
			name: "one user further below", change: both(usersAndBaseline(69, 71), highest(100)),
			want:    outcomes{"hub-user-count-drift": "fail warning 1"},
			summary: "the database has 69 users where 100 were counted on 2026-11-01: 31 (31.0 %) went little by little, at most 30 % in 30 days expected",
		},
		{name: "four below the highest of a small hub", change: both(usersAndBaseline(8, 8), highest(12)), values: map[string]any{"maxDropPercent": 100}, want: outcomes{"pod-unknown-to-hub": "fail warning 1", "pvc-orphaned": "fail info 3", "hub-owner-missing": "fail info 2"}},
		{
			name: "five below the highest of a small hub", change: both(usersAndBaseline(10, 10), highest(15)),
			want:    outcomes{"hub-user-count-drift": "fail warning 1"},
			summary: "the database has 10 users where 15 were counted on 2026-11-01: 5 (33.3 %) went little by little, at most 30 % in 30 days expected",
		},
		{name: "the highest was too high to be normal", change: both(usersAndBaseline(200, 200), highest(301))},
		{
			name: "the highest was high and normal", change: both(usersAndBaseline(200, 200), highest(300)),
			want:    outcomes{"hub-user-count-drift": "fail warning 1"},
			summary: "the database has 200 users where 300 were counted on 2026-11-01: 100 (33.3 %) went little by little, at most 30 % in 30 days expected",
		},
		{name: "as much as a window explains", change: usersAndBaseline(20, 100), expect: cleanUp},
		{
			name: "one more than a window explains", change: usersAndBaseline(19, 100), expect: cleanUp,
			want:    outcomes{"hub-user-count-drift": "fail critical 1"},
			summary: "the database has 19 users where 100 were normal: 81 (81.0 %) are missing, at most 80 % expected; more than \"end of term\" (until 2026-11-30) may explain",
		},
		{name: "the first second of a window", change: usersAndBaseline(80, 100),
			expect: []Window{{From: world.Now, To: world.Now.AddDate(0, 0, 1), Reason: "end of term"}}},
		{name: "the last second of a window", change: usersAndBaseline(80, 100),
			expect: []Window{{From: world.Now.AddDate(0, 0, -1), To: world.Now, Reason: "end of term"}}},
		{
			name: "the second before a window", change: usersAndBaseline(80, 100),
			expect:  []Window{{From: world.Now.Add(time.Second), To: world.Now.AddDate(0, 0, 1), Reason: "end of term"}},
			want:    outcomes{"hub-user-count-drift": "fail critical 1"},
			summary: "the database has 80 users where 100 were normal: 20 (20.0 %) are missing, at most 10 % expected",
		},
		{
			name: "no baseline, and no table to start one",
			change: func(s *facts.Snapshot) {
				world.WipeDatabase(s, world.HubName)
				s.Past = facts.Past{Marks: s.Past.Marks}
			},
			want: usersUnknown(outcomes{"pod-unknown-to-hub": "skipped", "pvc-misrouted": "skipped", "pvc-orphaned": "skipped", "pvc-owner-mismatch": "skipped", "pvc-unattributed": "skipped", "hub-db-corrupt": "fail critical 1", "hub-db-reset": "fail critical 1",
				"hub-owner-missing": "skipped", "hub-source-disagree": "pass"}),
			summary: "no baseline yet, and a database without a table users cannot start one",
		},
	},
	sourceFailed: []damage{
		{
			name:    "history not readable",
			change:  failed(facts.History),
			want:    unknownWithout(facts.History, nil),
			summary: "source history could not be read: gave up after 30s",
		},
		{
			name: "no table users in what is left of the file",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Users, h.Spawners, h.UsersRead = nil, nil, facts.None
				h.Database.Damage = []facts.Damage{{Kind: facts.DamageTruncated, Message: "the file has 1 page, its header says 24"},
					{Kind: facts.DamageTableMissing, Message: "table users is missing"}}
			},
			want:    usersUnknown(outcomes{"hub-db-corrupt": "fail critical 2"}),
			summary: "the database has no table users that could be read",
		},
		{
			name: "not a database at all",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Users, h.Spawners, h.UsersRead = nil, nil, facts.None
				h.Database.Damage = []facts.Damage{{Kind: facts.DamageNotSQLite, Message: "the file is gzip, not SQLite"}}
			},
			want:    usersUnknown(outcomes{"hub-db-corrupt": "fail critical 1"}),
			summary: "the database has no table users that could be read",
		},
	},
}

// usersAndBaseline gives the hub n users where so many were normal. The first
// ten are the healthy world's; further ones have no claim yet.
func usersAndBaseline(n, normal int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		h := hubOf(s)
		for i := len(h.Users) + 1; i <= n; i++ {
			h.Users = append(h.Users, facts.User{ID: int64(i), Name: fmt.Sprintf("more-%d", i), Created: s.Now, Cookie: facts.CookieUnique})
		}
		h.Users = h.Users[:n]
		h.Spawners = slices.DeleteFunc(h.Spawners, func(sp facts.Spawner) bool { return sp.UserID > int64(n) }) // as the hub's foreign keys do
		key := facts.SeriesKey{Hub: h.Name, Name: facts.SeriesUsers}
		base := s.Past.Baselines[key]
		base.Value = float64(normal)
		s.Past.Baselines[key] = base
		world.Settle(s)
	}
}

// exchange gives the hub n users, of whom so many appeared since the last good
// run, an hour ago, while others vanished. Nobody of either has a claim.
func exchange(n, vanished, appeared int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		before := n - appeared + vanished
		usersAndBaseline(n, before)(s)
		c := &facts.Changes{Run: "20261120T110000Z-1", At: s.Now.Add(-time.Hour), Before: before, HighestID: int64(n)}
		for i := range vanished {
			c.Vanished = append(c.Vanished, facts.Member{Name: fmt.Sprintf("gone-%02d", i+1), ID: int64(n + i + 1)})
		}
		for _, u := range hubOf(s).Users[n-appeared:] {
			c.Appeared = append(c.Appeared, facts.Member{Name: u.Name, ID: u.ID, Created: u.Created})
		}
		s.Past.Changes = map[string]*facts.Changes{world.HubName: c}
	}
}

// unwatched lets the last good run, which is the last run, be so long ago.
func unwatched(gap time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Past.Changes[world.HubName].At = s.Now.Add(-gap)
		for name, src := range s.Past.Sources {
			src.LastOK = s.Now.Add(-gap)
			s.Past.Sources[name] = src
		}
	}
}

// highest sets the highest good value of the last 30 days.
func highest(n float64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		key := facts.SeriesKey{Hub: world.HubName, Name: facts.SeriesUsers}
		base := s.Past.Baselines[key]
		base.High, base.HighAt = n, time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
		s.Past.Baselines[key] = base
	}
}

func culls(s *facts.Snapshot) { hubOf(s).CullUsers = true }

// fromAPI lets the users come from the REST API: the hub has no database to read.
func fromAPI(s *facts.Snapshot) {
	hubOf(s).UsersFrom = facts.HubAPI(world.HubName)
}

// cleanUp is a window around the healthy world's present.
var cleanUp = []Window{{From: time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC), Reason: "end of term"}}

func both(changes ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, change := range changes {
			change(s)
		}
	}
}

// The series becomes the next baseline: only a true count may enter it.
func TestUserSeries(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		want   map[string]float64
	}{
		"healthy":   {func(*facts.Snapshot) {}, map[string]float64{"users": 10}},
		"drop":      {usersAndBaseline(3, 10), map[string]float64{"users": 3}},
		"first run": {func(s *facts.Snapshot) { s.Past = facts.Past{} }, map[string]float64{"users": 10}},
		"no table":  {func(s *facts.Snapshot) { world.WipeDatabase(s, world.HubName) }, nil},
		"partial":   {func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial }, nil},
		"failed":    {failed(facts.HubDB(world.HubName)), nil},
	} {
		s := healthy()
		c.change(s)
		suite, _ := NewSuite(nil, []string{"hub-user-count-drift"})
		got := Judge(suite, s)[0].Series
		if len(got) != len(c.want) || got["users"] != c.want["users"] {
			t.Errorf("%s: series %v, want %v", name, got, c.want)
		}
	}
}

// driftOf judges the check alone.
func driftOf(t *testing.T, expect []Window, change func(*facts.Snapshot)) verdict.Verdict {
	t.Helper()
	s := healthy()
	change(s)
	suite, err := NewSuite(map[string]Setting{"hub-user-count-drift": {Expect: expect}}, []string{"hub-user-count-drift"})
	if err != nil {
		t.Fatal(err)
	}
	return Judge(suite, s)[0]
}

// What a window explains is normal at once; what it need not explain, or may
// not, moves nothing.
func TestRebase(t *testing.T) {
	const because = "expected 2026-11-16..2026-11-30: end of term"
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		expect []Window
		want   string
	}{
		"drop":                    {usersAndBaseline(80, 100), cleanUp, because},
		"slow":                    {both(usersAndBaseline(60, 62), highest(100)), cleanUp, because},
		"five fewer":              {usersAndBaseline(95, 100), cleanUp, because},
		"five below the high":     {both(usersAndBaseline(100, 101), highest(105)), cleanUp, because},
		"four below the high":     {both(usersAndBaseline(100, 101), highest(104)), cleanUp, ""},
		"lower before the window": {both(usersAndBaseline(100, 100), highest(110)), cleanUp, ""},
		"four fewer":              {usersAndBaseline(96, 100), cleanUp, ""},
		"turnover":                {exchange(100, 70, 70), cleanUp, because},
		"rise":                    {usersAndBaseline(301, 200), cleanUp, because},
		"ordinary growth":         {usersAndBaseline(110, 100), cleanUp, ""},
		"too much":                {usersAndBaseline(19, 100), cleanUp, ""},
		"no change":               {func(*facts.Snapshot) {}, cleanUp, ""},
		"no window":               {usersAndBaseline(95, 100), nil, ""},
		"no number":               {func(s *facts.Snapshot) { world.WipeDatabase(s, world.HubName) }, cleanUp, ""},
		"not known":               {func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial }, cleanUp, ""},
	} {
		v := driftOf(t, c.expect, c.change)
		if got := v.Rebase[facts.SeriesUsers]; got != c.want || len(v.Rebase) > 1 {
			t.Errorf("%s: rebase %v, want %q", name, v.Rebase, c.want)
		}
		if c.want != "" && v.Outcome != verdict.Pass {
			t.Errorf("%s: %s %s", name, v.Outcome, v.Summary)
		}
	}
}

// Growth alone may move the baseline although it is told.
func TestOnlyGrowthIsNormal(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		want   bool
	}{
		"rise":                   {usersAndBaseline(301, 200), true},
		"drop":                   {usersAndBaseline(50, 100), false},
		"slow":                   {both(usersAndBaseline(60, 62), highest(100)), false},
		"turnover":               {exchange(100, 80, 80), false},
		"rise beside a turnover": {exchange(301, 80, 181), false},
	} {
		if v := driftOf(t, nil, c.change); v.Outcome != verdict.Fail || v.Normal != c.want {
			t.Errorf("%s: %s, normal is %t", name, v.Outcome, v.Normal)
		}
	}
}

// Who vanished is told by name: some in the message, all in the details.
func TestDriftNames(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*facts.Snapshot)
		message string
	}{
		"drop": {exchange(50, 7, 0),
			`7 users ("gone-01", "gone-02", "gone-03", "gone-04", "gone-05" and 2 more) vanished since the run of 2026-11-20 11:00 UTC; nobody appeared`},
		"five": {exchange(30, 5, 0),
			`5 users ("gone-01", "gone-02", "gone-03", "gone-04", "gone-05") vanished since the run of 2026-11-20 11:00 UTC; nobody appeared`},
		"one came": {exchange(30, 7, 1),
			`7 users ("gone-01", "gone-02", "gone-03", "gone-04", "gone-05" and 2 more) vanished since the run of 2026-11-20 11:00 UTC; 1 ("more-30") appeared`},
		"rise": {exchange(301, 0, 101),
			`nobody vanished since the run of 2026-11-20 11:00 UTC; 101 ("more-201", "more-202", "more-203", "more-204", "more-205" and 96 more) appeared`},
		"renamed": {both(exchange(30, 6, 0), func(s *facts.Snapshot) {
			s.Past.Changes[world.HubName].Renamed = make([]facts.Renamed, 2)
		}), `6 users ("gone-01", "gone-02", "gone-03", "gone-04", "gone-05" and 1 more) vanished since the run of 2026-11-20 11:00 UTC; nobody appeared; 2 are renamed`},
		"hashed": {both(exchange(30, 6, 0), func(s *facts.Snapshot) { s.Past.Changes[world.HubName].Hashed = true }),
			"6 users vanished since the run of 2026-11-20 11:00 UTC; nobody appeared; the history keeps hashes of names: compare with the newest backup and with the owners of the claims"},
		"hostile": {both(exchange(30, 6, 0), func(s *facts.Snapshot) {
			gone := s.Past.Changes[world.HubName].Vanished
			gone[0].Name, gone[1].Name = "<!channel>\n\x1b[31m", `a","b`
		}), `6 users ("<!channel>\n\x1b[31m", "a\",\"b", "gone-03", "gone-04", "gone-05" and 1 more) vanished since the run of 2026-11-20 11:00 UTC; nobody appeared`},
		"names not known": {usersAndBaseline(50, 100), "the database has 50 users where 100 were normal: 50 (50.0 %) are missing, at most 10 % expected"},
	} {
		t.Run(name, func(t *testing.T) {
			v := driftOf(t, nil, c.change)
			if len(v.Findings) != 1 || v.Findings[0].Message != c.message {
				t.Fatalf("findings %+v, want the message\n%s", v.Findings, c.message)
			}
			if strings.Contains(v.Summary, "gone-") {
				t.Errorf("the headline names people: %s", v.Summary)
			}
			s := healthy()
			c.change(s)
			changes, details := s.Past.Changes[world.HubName], v.Findings[0].Details
			if changes == nil {
				return
			}
			key := map[bool]string{false: "vanished", true: "vanishedHashes"}[changes.Hashed]
			for key, members := range map[string][]facts.Member{key: changes.Vanished, "appeared": changes.Appeared} {
				var names []string
				if err := json.Unmarshal([]byte(details[key]), &names); err != nil || len(names) != len(members) {
					t.Fatalf("detail %s is %q: %v", key, details[key], err)
				}
				for i, m := range members {
					if names[i] != m.Name {
						t.Errorf("detail %s has %q for %q", key, names[i], m.Name)
					}
				}
			}
		})
	}
}
