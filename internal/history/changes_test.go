package history

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// person is a user who was created so many days before the world's noon.
func person(name string, id int64, days int) facts.User {
	return facts.User{Name: name, ID: id, Created: world.Now.AddDate(0, 0, -days)}
}

func asMember(u facts.User) facts.Member {
	return facts.Member{Name: u.Name, ID: u.ID, Created: u.Created}
}

func TestChanges(t *testing.T) {
	before := []facts.User{person("alice", 1, 9), person("bob", 2, 8), person("carol", 3, 7), person("dave", 7, 6)}
	names := PlainNames()
	reference := func(users []facts.User) *Reference {
		return &Reference{run: "r1", at: world.Now, naming: names.id, members: names.Roll(users).members}
	}
	rest := func(users []facts.User) []facts.User {
		out := append([]facts.User(nil), users...)
		for i := range out {
			out[i].ID = -int64(i + 1)
		}
		return out
	}
	off := func(by time.Duration) []facts.User {
		out := append([]facts.User(nil), before...)
		for i := range out {
			out[i].Created = out[i].Created.Add(by)
		}
		return out
	}
	for name, c := range map[string]struct {
		before, now []facts.User
		want        facts.Changes // Run, At, Before and HighestID are completed
		highest     int64
	}{
		"nobody changed":  {before, before, facts.Changes{}, 7},
		"nobody then":     {nil, before[:1], facts.Changes{Appeared: []facts.Member{asMember(before[0])}}, 0},
		"nobody now":      {before[:1], nil, facts.Changes{Vanished: []facts.Member{asMember(before[0])}}, 1},
		"REST after":      {before, rest(before), facts.Changes{}, 7},
		"REST before":     {rest(before), before, facts.Changes{}, 0},
		"rounded seconds": {before, off(time.Second), facts.Changes{}, 7},
		"another id": {before, []facts.User{before[0], before[1], before[2], person("dave", 4, 0)}, facts.Changes{
			Renumbered: []facts.Renumbered{{Name: "dave", Was: 7, Now: 4, Created: before[3].Created, CreatedNow: world.Now}}}, 7},
		"renamed": {before, []facts.User{before[0], person("robert", 2, 8), before[2], before[3]}, facts.Changes{
			Renamed: []facts.Renamed{{Was: asMember(before[1]), Now: facts.Member{Name: "robert", ID: 2, Created: before[1].Created}}}}, 7},
		"the id of the deleted one again": {before, []facts.User{before[0], before[1], before[2], person("erin", 7, 0)}, facts.Changes{
			Vanished: []facts.Member{asMember(before[3])}, Appeared: []facts.Member{{Name: "erin", ID: 7, Created: world.Now}}}, 7},
		"no id to know somebody by": {rest(before[:2]), rest([]facts.User{before[0], person("robert", 2, 8)}), facts.Changes{
			Vanished: []facts.Member{{Name: "bob", Created: before[1].Created}}, Appeared: []facts.Member{{Name: "robert", Created: before[1].Created}}}, 0},
		"no time to know somebody by": {[]facts.User{{Name: "bob", ID: 2}}, []facts.User{{Name: "robert", ID: 2}}, facts.Changes{
			Vanished: []facts.Member{{Name: "bob", ID: 2}}, Appeared: []facts.Member{{Name: "robert", ID: 2}}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.want
			want.Run, want.At, want.Before, want.HighestID = "r1", world.Now, len(c.before), c.highest
			got := reference(c.before).Changes(names.Roll(c.now))
			if len(got.Vanished) == 0 { // findRenamed leaves an empty list
				got.Vanished = nil
			}
			if len(got.Appeared) == 0 {
				got.Appeared = nil
			}
			diff(t, &want, got)
		})
	}
}

// TestChangesOfHashes: who is there now has a name; who is gone has a hash only.
func TestChangesOfHashes(t *testing.T) {
	names := HashedNames("k")
	before := names.Roll([]facts.User{person("alice", 1, 9), person("bob", 2, 8), person("carol", 3, 7)})
	r := &Reference{run: "r1", at: world.Now, naming: names.id}
	for _, m := range before.members {
		m.Name = m.key // as it comes back from the history
		r.members = append(r.members, m)
	}
	hash := names.hashes()
	got := r.Changes(names.Roll([]facts.User{person("alice", 9, 1), person("robert", 2, 8), person("dave", 10, 0)}))
	diff(t, &facts.Changes{Run: "r1", At: world.Now, Before: 3, HighestID: 3, Hashed: true,
		Vanished:   []facts.Member{{Name: hash("carol"), ID: 3, Created: world.Now.AddDate(0, 0, -7)}},
		Appeared:   []facts.Member{asMember(person("dave", 10, 0))},
		Renamed:    []facts.Renamed{{Was: facts.Member{Name: hash("bob"), ID: 2, Created: world.Now.AddDate(0, 0, -8)}, Now: asMember(person("robert", 2, 8))}},
		Renumbered: []facts.Renumbered{{Name: "alice", Was: 1, Now: 9, Created: world.Now.AddDate(0, 0, -9), CreatedNow: world.Now.AddDate(0, 0, -1)}},
	}, got)
}

// TestNoChanges: nil, and not "nothing changed", where there is nothing to compare.
func TestNoChanges(t *testing.T) {
	now := PlainNames().Roll([]facts.User{person("alice", 1, 9)})
	good := &Reference{run: "r1", naming: PlainNames().id}
	other := &Reference{run: "r1", naming: HashedNames("k").id}
	for name, c := range map[string]struct {
		reference *Reference
		now       *Roll
		anew      bool
	}{
		"a hub never seen":    {nil, now, false},
		"no good run yet":     {&Reference{naming: PlainNames().id}, now, false},
		"not all users known": {good, nil, false},
		"other names":         {other, now, true},
	} {
		if got := c.reference.Changes(c.now); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
		if got := c.reference.Anew(c.now); got != c.anew {
			t.Errorf("%s: anew is %v", name, got)
		}
	}
	if good.Anew(now) || good.Changes(now) == nil {
		t.Error("the same naming cannot be compared")
	}
}

func TestAccounts(t *testing.T) {
	day1, day2 := world.Now, world.Now.AddDate(0, 0, 1)
	m := func(id int64, created time.Time) facts.Member {
		return facts.Member{Name: "a", ID: id, Created: created}
	}
	for name, c := range map[string]struct {
		was, now facts.Member
		same     bool
		learned  facts.Member // unless it is the same
	}{
		"the same":                 {m(1, day1), m(1, day1), true, m(0, time.Time{})},
		"nothing known now":        {m(1, day1), m(0, time.Time{}), true, m(0, time.Time{})},
		"REST now":                 {m(1, day1), m(0, day1), true, m(0, time.Time{})},
		"rounded":                  {m(1, day1), m(1, day1.Add(-time.Second)), true, m(0, time.Time{})},
		"another id":               {m(1, day1), m(2, day1), false, m(2, day1)},
		"another id, no time":      {m(1, day1), m(2, time.Time{}), false, m(2, time.Time{})},
		"made again, seen by REST": {m(1, day1), m(0, day2), false, m(0, day2)},
		"made again, same id":      {m(1, day1), m(1, day2), false, m(1, day2)},
		"database after REST":      {m(0, day1), m(1, day1), false, m(1, day1)},
		"id without a time":        {m(0, day1), m(1, time.Time{}), false, m(1, day1)},
		"hub upgraded to 0.9":      {m(1, time.Time{}), m(1, day1), false, m(1, day1)},
		"time from REST":           {m(1, time.Time{}), m(0, day1), false, m(1, day1)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sameAccount(c.was, c.now); got != c.same {
				t.Errorf("same account: %v", got)
			}
			if !c.same {
				diff(t, c.learned, learned(c.was, c.now))
			}
		})
	}
}
