package history

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// model is what a history should know of one hub's users: everything that each
// run saw, kept in memory and compared by name.
type model struct {
	rng       *rand.Rand
	hub       map[string]facts.User // as the hub has them
	nextID    int64
	known     map[string]facts.Member // as the last view left it
	runs      []modelRun
	reference int // index of runs, -1 for none
	lastView  int
}

type modelRun struct {
	id   string
	at   time.Time
	seen map[string]facts.Member // nil for no view
}

// live lets some things happen to a hub between two runs.
func (m *model) live(minute int) {
	names := slices.Sorted(maps.Keys(m.hub))
	pick := func() string { return names[m.rng.IntN(len(names))] }
	for range m.rng.IntN(6) {
		if len(names) == 0 {
			m.add(minute)
			return
		}
		switch m.rng.IntN(6) {
		case 0, 1:
			m.add(minute)
		case 2:
			delete(m.hub, pick())
		case 3: // renamed
			u := m.hub[pick()]
			delete(m.hub, u.Name)
			u.Name = fmt.Sprintf("renamed-%d", u.ID)
			m.hub[u.Name] = u
		case 4: // deleted and added again
			u := m.hub[pick()]
			m.nextID++
			u.ID, u.Created = m.nextID, world.Now.Add(time.Duration(minute)*time.Minute)
			m.hub[u.Name] = u
		}
		names = slices.Sorted(maps.Keys(m.hub))
	}
}

func (m *model) add(minute int) {
	m.nextID++
	name := fmt.Sprintf("user-%d", m.rng.IntN(40)) // some come back
	if _, there := m.hub[name]; !there {
		m.hub[name] = facts.User{ID: m.nextID, Name: name, Created: world.Now.Add(time.Duration(minute) * time.Minute)}
	}
}

// users are the rows that a source gives, and what is known of everybody then.
func (m *model) users(rest bool) (users []facts.User, known map[string]facts.Member) {
	known = map[string]facts.Member{}
	for i, name := range slices.Sorted(maps.Keys(m.hub)) {
		u := m.hub[name]
		if rest {
			u.ID = -int64(i + 1)
		}
		users = append(users, u)
		now := facts.Member{Name: name, ID: max(u.ID, 0), Created: u.Created}
		if was, ok := m.known[name]; ok && sameAccount(was, now) {
			now = was
		} else if ok {
			now = learned(was, now)
		}
		known[name] = now
	}
	return users, known
}

// diff is the answer that a comparison of two views should give.
func (m *model) diff(a, b map[string]facts.Member) facts.Changes {
	var c facts.Changes
	appeared := map[string]facts.Member{}
	for name, is := range b {
		was, ok := a[name]
		if !ok {
			appeared[name] = is
		} else if was.ID != 0 && is.ID != 0 && was.ID != is.ID {
			c.Renumbered = append(c.Renumbered, facts.Renumbered{Name: name, Was: was.ID, Now: is.ID, Created: was.Created, CreatedNow: is.Created})
		}
	}
	for name, was := range a {
		if _, ok := b[name]; ok {
			continue
		}
		renamed := ""
		for _, is := range appeared {
			if was.ID != 0 && is.ID == was.ID && is.Created.Equal(was.Created) {
				renamed = is.Name
			}
		}
		if renamed == "" {
			c.Vanished = append(c.Vanished, was)
			continue
		}
		c.Renamed = append(c.Renamed, facts.Renamed{Was: was, Now: appeared[renamed]})
		delete(appeared, renamed)
	}
	c.Appeared = slices.Collect(maps.Values(appeared))
	byName := func(a, b facts.Member) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(c.Vanished, byName)
	slices.SortFunc(c.Appeared, byName)
	slices.SortFunc(c.Renamed, func(a, b facts.Renamed) int { return strings.Compare(a.Was.Name, b.Was.Name) })
	slices.SortFunc(c.Renumbered, func(a, b facts.Renumbered) int { return strings.Compare(a.Name, b.Name) })
	return c
}

// TestMembersAgainstModel plays random lives of a hub: people come, go, are
// renamed and made again; runs are good or not, see nothing, read the REST API,
// or come too late; someone accepts; old spans are forgotten.
func TestMembersAgainstModel(t *testing.T) {
	seeds, runs := 12, 120
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &model{rng: rand.New(rand.NewPCG(uint64(seed), 7)), hub: map[string]facts.User{}, known: map[string]facts.Member{}, reference: -1, lastView: -1}
			s := newStore(t)
			unsafe(t, s)
			keep := time.Duration(20+m.rng.IntN(200)) * time.Minute
			compared := 0
			for minute := 1; minute <= runs; minute++ {
				m.live(minute)
				m.step(t, s, minute, keep)
				m.checkReference(t, s)
				if minute%10 == 0 {
					compared += m.checkDiffs(t, s, keep)
				}
			}
			if compared < 20 {
				t.Errorf("only %d comparisons", compared)
			}
			if n := count(t, s, "SELECT count(*) FROM members WHERE until_seq IS NULL"); n != len(m.known) {
				t.Errorf("%d are there, want %d", n, len(m.known))
			}
		})
	}
}

// step records one run, in the history and in the model.
func (m *model) step(t *testing.T, s *Store, minute int, keep time.Duration) {
	t.Helper()
	s.at(minute)
	users, known := m.users(m.rng.IntN(4) == 0)
	view := View{Hub: world.HubName, Roll: PlainNames().Roll(users), Good: m.rng.IntN(3) > 0}
	at, seen := minute, known
	switch m.rng.IntN(8) {
	case 0:
		view.Roll, view.Why, seen = nil, "the database is locked", nil
	case 1:
		at = max(0, minute-2) // a run that may have begun before another
	}
	if m.isLate(runAt(at).StartedAt) {
		seen = nil
	}
	run := recordMoves(t, s, runAt(at), Moves{Views: []View{view}, KeepMembers: keep})
	m.runs = append(m.runs, modelRun{run.ID, run.StartedAt, seen})
	if seen == nil {
		return
	}
	m.known, m.lastView = known, len(m.runs)-1
	if view.Good {
		m.reference = m.lastView
	}
	if m.rng.IntN(12) == 0 {
		a := Acceptance{Cluster: cluster, Hub: world.HubName, Check: checkUserIDs, Reason: "r", At: run.StartedAt}
		if err := s.Accept(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		m.reference = m.lastView
	}
}

func (m *model) isLate(at time.Time) bool {
	return slices.ContainsFunc(m.runs, func(r modelRun) bool { return r.at.After(at) })
}

// checkReference: whom the hub lost since the last good run is known, however
// long ago that was.
func (m *model) checkReference(t *testing.T, s *Store) {
	t.Helper()
	if m.reference < 0 {
		return
	}
	then := m.runs[m.reference]
	users, _ := m.users(false)
	now := map[string]facts.Member{}
	for _, u := range users {
		now[u.Name] = facts.Member{Name: u.Name, ID: u.ID, Created: u.Created}
	}
	want := m.diff(then.seen, now)
	want.Run, want.At, want.Before = then.id, then.at, len(then.seen)
	for _, p := range then.seen {
		want.HighestID = max(want.HighestID, p.ID)
	}
	references, err := s.References(t.Context(), cluster, []string{world.HubName})
	if err != nil {
		t.Fatal(err)
	}
	got := references[world.HubName].Changes(PlainNames().Roll(users))
	sameChanges(t, want, *got)
}

// checkDiffs compares random pairs of runs, and returns how many could be.
func (m *model) checkDiffs(t *testing.T, s *Store, keep time.Duration) (compared int) {
	t.Helper()
	for range 10 {
		i, j := m.rng.IntN(len(m.runs)), m.rng.IntN(len(m.runs))
		if i == j {
			continue
		}
		d, err := s.Diff(t.Context(), cluster, m.runs[i].id, m.runs[j].id, "")
		if err != nil {
			t.Fatal(err)
		}
		a, b := m.runs[min(i, j)], m.runs[max(i, j)]
		if d.From.ID != a.id || d.To.ID != b.id || d.Swapped != (i > j) {
			t.Fatalf("compared %s with %s, swapped %v", d.From.ID, d.To.ID, d.Swapped)
		}
		h := d.Hubs[0]
		if a.seen == nil || b.seen == nil {
			if !strings.Contains(h.Unknown, "did not see all users") {
				t.Errorf("a run without a view is compared: %q", h.Unknown)
			}
			continue
		}
		if h.Unknown != "" {
			if oldest := m.runs[len(m.runs)-1].at.Add(-keep); !strings.Contains(h.Unknown, "members.keep") || a.at.After(oldest.Add(2*time.Minute)) {
				t.Errorf("run of %s is not known, kept since %s: %s", a.at, oldest, h.Unknown)
			}
			continue
		}
		compared++
		if h.Before != len(a.seen) || h.After != len(b.seen) {
			t.Errorf("%d and %d users, want %d and %d", h.Before, h.After, len(a.seen), len(b.seen))
		}
		sameChanges(t, m.diff(a.seen, b.seen), facts.Changes{Vanished: h.Vanished, Appeared: h.Appeared, Renamed: h.Renamed, Renumbered: h.Renumbered})
	}
	return compared
}

// sameChanges compares with no difference between no list and an empty one.
func sameChanges(t *testing.T, want, got facts.Changes) {
	t.Helper()
	for _, c := range []*facts.Changes{&want, &got} {
		c.Vanished, c.Appeared = append([]facts.Member{}, c.Vanished...), append([]facts.Member{}, c.Appeared...)
	}
	diff(t, want, got)
}

// TestModelIsNotBlind: the model tells a wrong history.
func TestModelIsNotBlind(t *testing.T) {
	m := &model{}
	a := map[string]facts.Member{"x": {Name: "x", ID: 1, Created: world.Now}}
	b := map[string]facts.Member{"y": {Name: "y", ID: 1, Created: world.Now}}
	diff(t, []facts.Renamed{{Was: a["x"], Now: b["y"]}}, m.diff(a, b).Renamed)
	diff(t, []facts.Member{a["x"]}, m.diff(a, nil).Vanished)
}
