package history

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// sameSecond is how far apart two readings of one time of creation may lie:
// engines keep fractions of a second, round them, or cut them off.
const sameSecond = time.Second

// Reference is who a hub's users were in the last good run.
type Reference struct {
	run     string // "" while there was no good run
	at      time.Time
	naming  string   // its id
	members []member // sorted by key
}

// Changes compares the users now with those of the reference. It is nil where
// there is nothing to compare: no good run yet, users who are not all known
// now, or names that are kept in another form since.
func (r *Reference) Changes(now *Roll) *facts.Changes {
	if r == nil || r.run == "" || now == nil || r.naming != now.naming.id {
		return nil
	}
	c := compare(r.members, now.members)
	c.Run, c.At, c.Before, c.Hashed = r.run, r.at, len(r.members), now.naming.hashed()
	for _, m := range r.members {
		c.HighestID = max(c.HighestID, m.ID)
	}
	return c
}

// Anew tells that recording this roll forgets the earlier users, because their
// names were kept in another form or under another key.
func (r *Reference) Anew(now *Roll) bool {
	return r != nil && now != nil && r.naming != now.naming.id
}

// compare lists how two rolls differ. Both are sorted by key, which they have
// in common; people who are alike in both may be missing from both.
func compare(then, now []member) *facts.Changes {
	c := &facts.Changes{}
	for i, j := 0, 0; i < len(then) || j < len(now); {
		order := 0
		switch {
		case i == len(then):
			order = 1
		case j == len(now):
			order = -1
		default:
			order = strings.Compare(then[i].key, now[j].key)
		}
		switch {
		case order < 0:
			c.Vanished = append(c.Vanished, then[i].Member)
			i++
		case order > 0:
			c.Appeared = append(c.Appeared, now[j].Member)
			j++
		default:
			was, is := then[i].Member, now[j].Member
			if was.ID != 0 && is.ID != 0 && was.ID != is.ID {
				c.Renumbered = append(c.Renumbered, facts.Renumbered{Name: is.Name, Was: was.ID, Now: is.ID, Created: was.Created, CreatedNow: is.Created})
			}
			i++
			j++
		}
	}
	findRenamed(c)
	byName := func(a, b facts.Member) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(c.Appeared, byName) // by key until now, which may be a hash
	slices.SortFunc(c.Renumbered, func(a, b facts.Renumbered) int { return strings.Compare(a.Name, b.Name) })
	return c
}

// findRenamed takes those who only have another name out of Vanished and
// Appeared. SQLite gives the id of the newest user again once that one is
// deleted, so it takes the time of creation too to know somebody by.
func findRenamed(c *facts.Changes) {
	appeared := make(map[int64]facts.Member, len(c.Appeared))
	for _, m := range c.Appeared {
		if m.ID != 0 && !m.Created.IsZero() {
			appeared[m.ID] = m
		}
	}
	kept := map[string]bool{} // by new name
	c.Vanished = slices.DeleteFunc(c.Vanished, func(was facts.Member) bool {
		now, ok := appeared[was.ID]
		if !ok || was.Created.IsZero() || !near(was.Created, now.Created) {
			return false
		}
		c.Renamed = append(c.Renamed, facts.Renamed{Was: was, Now: now})
		kept[now.Name] = true
		return true
	})
	c.Appeared = slices.DeleteFunc(c.Appeared, func(m facts.Member) bool { return kept[m.Name] })
	slices.SortFunc(c.Renamed, func(a, b facts.Renamed) int {
		return cmp.Or(strings.Compare(a.Was.Name, b.Was.Name), strings.Compare(a.Now.Name, b.Now.Name))
	})
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() <= sameSecond }

// sameAccount tells whether what is known of somebody now says nothing else
// than before. Not to know an id any more, as after a change from the database
// to the REST API, is not another id.
func sameAccount(was, now facts.Member) bool {
	return (now.ID == 0 || now.ID == was.ID) && (now.Created.IsZero() || !was.Created.IsZero() && near(was.Created, now.Created))
}

// learned is what is known of somebody who is not the same account: what only
// the earlier view knew stays true where the rest does not contradict it.
func learned(was, now facts.Member) facts.Member {
	if now.ID == 0 && was.Created.IsZero() {
		now.ID = was.ID
	}
	if now.Created.IsZero() && was.ID == 0 {
		now.Created = was.Created
	}
	return now
}
