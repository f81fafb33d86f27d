package checks

import (
	"fmt"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubUserCountDrift(t *testing.T) { testCheck(t, hubUserCountDriftCases) }

var hubUserCountDriftCases = cases{
	check: hubUserCountDrift,
	fires: []damage{
		{
			name:    "users deleted by hand",
			change:  usersAndBaseline(5, 10),
			want:    outcomes{"hub-user-count-drift": "fail critical 1"},
			summary: "the database has 5 users where 10 were normal: 5 (50.0 %) are missing, at most 10 % expected",
		},
		{
			name:    "the users table is empty",
			change:  func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) },
			want:    outcomes{"hub-user-count-drift": "fail critical 1", "hub-db-reset": "fail critical 1"},
			summary: "the database has 0 users where 10 were normal: 10 (100.0 %) are missing, at most 10 % expected",
		},
		{
			name: "the users table is gone",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Users, h.Spawners, h.UsersRead, h.Database.Tables = nil, nil, facts.None, []string{"servers", "spawners"}
				h.Database.Damage = []facts.Damage{{Kind: facts.DamageTableMissing, Message: "table users is missing"}}
			},
			want: usersUnknown(outcomes{"hub-db-corrupt": "fail critical 1", "hub-user-count-drift": "fail critical 1",
				"hub-db-reset": "fail critical 1"}),
			summary: "the database has 0 users where 10 were normal: 10 (100.0 %) are missing, at most 10 % expected",
		},
		{
			name:    "mass re-creation",
			change:  usersAndBaseline(210, 110),
			want:    outcomes{"hub-user-count-drift": "fail warning 1"},
			summary: "the database has 210 users where 110 were normal: 100 (90.9 %) are new, at most 50 % expected",
		},
	},
	mustNotFire: []damage{
		{
			name:    "first run",
			change:  func(s *facts.Snapshot) { s.Past = facts.Past{} },
			want:    outcomes{"hub-user-count-drift": "skipped"},
			summary: "no baseline yet: this run starts one",
		},
		{name: "four of a small hub's users left", change: usersAndBaseline(6, 10)},
		{name: "nine of a hundred left", change: usersAndBaseline(91, 100)},
		{name: "a new hub fills up", change: usersAndBaseline(500, 0)},
		{name: "a course doubles a small hub", change: usersAndBaseline(60, 30)},
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
		{
			name: "no baseline, and no table to start one",
			change: func(s *facts.Snapshot) {
				world.WipeDatabase(s, world.HubName)
				s.Past = facts.Past{}
			},
			want:    usersUnknown(outcomes{"hub-db-corrupt": "fail critical 1", "hub-db-reset": "fail critical 1"}),
			summary: "no baseline yet, and a database without a table users cannot start one",
		},
	},
	sourceFailed: []damage{
		{
			name:    "history not readable",
			change:  failed(facts.History),
			want:    outcomes{"hub-user-count-drift": "unknown", "audit-input-missing": "unknown"},
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
		key := facts.SeriesKey{Hub: h.Name, Name: facts.SeriesUsers}
		base := s.Past.Baselines[key]
		base.Value = float64(normal)
		s.Past.Baselines[key] = base
		world.Settle(s)
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
