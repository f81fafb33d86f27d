package drain

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
)

// cell is what is left of the volumes of one group.
type cell struct {
	left uint64 // the pieces that are where the snapshot has them
	// loose are pieces that were rebuilt since: on nodes of Longhorn's choice, each
	// on another one. What goes is taken to be one of them wherever it may be.
	loose    uint8
	over     bool // the data is lost
	attached int32
}

// moment is the cluster between two steps.
type moment struct {
	cells []cell
	gone  []bool // by node: drained by now
	spent int64  // bytes that loose pieces were promised
}

// tally counts volumes that a step costs.
type tally struct{ lost, below int }

// fate is what a step does to a group's volumes.
type fate uint8

const (
	spared fate = iota
	apart
	below
	lost
)

// clone is a moment of its own.
func (m *moment) clone() *moment {
	return &moment{slices.Clone(m.cells), slices.Clone(m.gone), m.spent}
}

// key is the same for moments with the same future.
func (m *moment) key(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var b [14]byte
	for _, c := range m.cells {
		binary.LittleEndian.PutUint64(b[:], c.left)
		binary.LittleEndian.PutUint32(b[8:], uint32(c.attached))
		b[12], b[13] = c.loose, 0
		if c.over {
			b[13] = 1
		}
		_, _ = h.Write(b[:]) // never fails
	}
	for _, gone := range m.gone {
		b[0] = 0
		if gone {
			b[0] = 1
		}
		_ = h.WriteByte(b[0])
	}
	return h.Sum64()
}

// usable is how many pieces are left.
func (c *cell) usable() int { return bits.OnesCount64(c.left) + int(c.loose) }

// copies is how many copies are left.
func (g *group) copies(c *cell) int { return max(0, c.usable()-g.need+1) }

// hit takes a node's pieces, by their mask, from a cell.
func (p *planner) hit(g *group, c *cell, node int, mask uint64) (after cell, f fate) {
	after = *c
	if c.over {
		return after, spared
	}
	if mask &= c.left; mask != 0 {
		after.left &^= mask
	} else if c.loose > 0 && p.cluster.classes[g.class][node].now {
		after.loose--
	}
	if int(after.attached) == node {
		after.attached = nowhere
		if g.returns {
			after.attached = elsewhere
		}
	}
	before, now := g.copies(c), g.copies(&after)
	after.over = now == 0
	switch {
	case now == before:
		return after, spared
	case g.apart && now == 0:
		return after, apart
	case now == 0:
		return after, lost
	case now < p.result.Keep && !g.remains && !g.apart:
		return after, below
	}
	return after, spared
}

// cost is what the drain of a node costs at a moment.
func (p *planner) cost(m *moment, node int) tally {
	t := tally{lost: len(p.folders[node])}
	for _, at := range p.byNode[node] {
		g := p.groups[at.group]
		switch _, f := p.hit(g, &m.cells[at.group], node, at.mask); f {
		case lost:
			t.lost += len(g.items)
		case below:
			t.below += len(g.items)
		}
	}
	return t
}

// touch is a group that the drain of a node may change, and its pieces there.
type touch struct {
	group int
	mask  uint64
}

// take drains a node and lets Longhorn rebuild, if that is waited for.
func (p *planner) take(m *moment, node int) {
	for _, at := range p.byNode[node] {
		g, c := p.groups[at.group], &m.cells[at.group]
		loose := c.loose
		*c, _ = p.hit(g, c, node, at.mask)
		m.spent -= int64(loose-c.loose) * g.size * int64(len(g.items))
	}
	m.gone[node] = true
	if p.result.WaitRebuild {
		p.refill(m)
	}
}

// refill rebuilds what Longhorn rebuilds, as far as there are nodes without a
// copy and room. Groups for which there is no room stay as they are.
func (p *planner) refill(m *moment) {
	room := p.room(m)
	for _, i := range p.refillable {
		g, c := p.groups[i], &m.cells[i]
		missing := g.want - c.usable()
		if c.over || missing <= 0 || g.rebuild == whileAttached && c.attached == nowhere {
			continue
		}
		missing = min(missing, p.places(m, g, c))
		bytes := int64(missing) * g.size * int64(len(g.items))
		if missing > 0 && m.spent+bytes <= room {
			c.loose += uint8(missing)
			m.spent += bytes
		}
	}
}

// room is what all nodes there are can be promised together.
func (p *planner) room(m *moment) int64 {
	room := int64(0)
	for n := range m.gone {
		room = min(unlimited, room+p.roomOf(m, n))
	}
	return room
}

// roomOf is what a node can be promised: nothing once it is gone, everything
// once it has come back empty.
func (p *planner) roomOf(m *moment, n int) int64 {
	switch {
	case !m.gone[n]:
		return p.cluster.room[n]
	case p.result.Rolling:
		return p.cluster.empty[n]
	}
	return 0
}

// open tells whether a node can take a piece of a volume.
func (p *planner) open(m *moment, g *group, n int) bool {
	takes := p.cluster.classes[g.class][n]
	if m.gone[n] && (!p.result.Rolling || !takes.anew) || !m.gone[n] && !takes.now {
		return false
	}
	return p.roomOf(m, n) >= g.size
}

// places is how many more pieces of a volume find a node without one, and where
// no two may lie in one zone a zone without one.
func (p *planner) places(m *moment, g *group, c *cell) int {
	free := 0
	var zones []string
	for n := range m.gone {
		switch {
		case !p.open(m, g, n) || g.mask(n)&c.left != 0:
			continue
		case !p.cluster.placement.SoftZone:
			zone := p.cluster.zone[n]
			if slices.Contains(zones, zone) || p.inZone(g, c, zone) {
				continue
			}
			zones = append(zones, zone)
		}
		free++
	}
	return max(0, free-int(c.loose))
}

// inZone tells whether a volume has a piece in a zone.
func (p *planner) inZone(g *group, c *cell, zone string) bool {
	return slices.ContainsFunc(g.near, func(n int) bool { return g.mask(n)&c.left != 0 && p.cluster.zone[n] == zone })
}
