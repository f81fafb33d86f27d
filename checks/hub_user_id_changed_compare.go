package checks

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// runSkew is how far the clocks of the hub and of the audit may differ.
const runSkew = 10 * time.Minute

// idChanges sorts what happened to users and ids since an earlier run by what
// may have caused it.
type idChanges struct {
	past    *facts.Changes
	highest int64 // id now
	// moved have another id; remade too, but were plainly added again after
	// they had been deleted.
	moved, remade []facts.Renumbered
	// handed are ids of one person then and another now, renamed the same
	// person's under another name as far as it can be told.
	handed, renamed []facts.Renamed
	// returned are there although they were made before the earlier run, which
	// did not see them.
	returned []facts.Member
	// newest are those who vanished and whose ids were above all that stayed.
	newest []facts.Member
}

func compareIDs(h *facts.Hub, past *facts.Changes) *idChanges {
	c := &idChanges{past: past, renamed: slices.Clone(past.Renamed)}
	stayed := c.highestStayed(h)
	for _, n := range past.Renumbered {
		if n.Now > past.HighestID && madeSince(past, n.CreatedNow) {
			c.remade = append(c.remade, n)
		} else {
			c.moved = append(c.moved, n)
		}
	}
	vanished := make(map[int64]facts.Member, len(past.Vanished))
	for _, m := range past.Vanished {
		vanished[m.ID] = m
		if m.ID > stayed {
			c.newest = append(c.newest, m)
		}
	}
	for _, now := range past.Appeared {
		was, reused := vanished[now.ID]
		switch {
		case now.ID <= 0:
		case !reused:
			if !now.Created.IsZero() && !madeSince(past, now.Created) && now.ID <= past.HighestID {
				c.returned = append(c.returned, now)
			}
		case was.Created.IsZero() || now.Created.IsZero() || sameSecond(was.Created, now.Created):
			c.renamed = append(c.renamed, facts.Renamed{Was: was, Now: now})
		case now.ID <= stayed || !madeSince(past, now.Created):
			c.handed = append(c.handed, facts.Renamed{Was: was, Now: now})
		}
	}
	return c
}

// highestStayed is the highest id of those who were there and still are, under
// the same id. It sets the highest id of all on the way.
func (c *idChanges) highestStayed(h *facts.Hub) int64 {
	other := make(map[int64]bool, len(c.past.Appeared)+len(c.past.Renumbered))
	for _, m := range c.past.Appeared {
		other[m.ID] = true
	}
	for _, n := range c.past.Renumbered {
		other[n.Now] = true
	}
	stayed := int64(0)
	for i := range h.Users {
		id := h.Users[i].ID
		c.highest = max(c.highest, id)
		if !other[id] {
			stayed = max(stayed, id)
		}
	}
	return stayed
}

// former is how a user of the earlier run is called in a sentence.
func (c *idChanges) former(m facts.Member) string {
	if c.past.Hashed {
		return "somebody else's"
	}
	return fmt.Sprintf("%q", m.Name)
}

// madeSince tells whether a user was certainly made after the earlier run, or
// just before it.
func madeSince(past *facts.Changes, created time.Time) bool {
	return created.After(past.At.Add(-runSkew))
}

func sameSecond(a, b time.Time) bool { return a.Truncate(time.Second).Equal(b.Truncate(time.Second)) }
