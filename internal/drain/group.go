package drain

import (
	"encoding/binary"
	"slices"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/replica"
)

// rebuild tells when Longhorn rebuilds a volume by itself.
type rebuild uint8

const (
	never rebuild = iota
	whileAttached
	always
)

// Places where a volume is attached, beside the numbers of nodes.
const (
	nowhere   = -1
	elsewhere = -2 // on some node that is not going
)

// pattern is all of a volume that a drain depends on: volumes with equal
// patterns fare alike.
type pattern struct {
	// pieces has the nodes of each piece, in the coding of encode: usually one, for a
	// linked clone also those of what it is a clone of.
	pieces string
	need   int // how many pieces have all data
	want   int // how many Longhorn keeps of them
	// remains: the volume has no copy any more, and the pieces are what may be
	// saved of it.
	remains bool
	// apart: the data is not lost with the volume.
	apart    bool
	local    bool // not Longhorn's
	rebuild  rebuild
	attached int
	returns  bool // what mounts it starts again on another node
	class    int
	size     int64
}

// group is the volumes of one pattern.
type group struct {
	pattern
	nodes   [][]int // of each piece
	on      []uint64
	items   []int // of planner.data
	near    []int // the nodes of any piece, sorted
	rebuilt bool  // so says the state for Longhorn's rule
}

// maxPieces is how many pieces of one volume are looked at: no volume has more.
const maxPieces = 64

// encode writes the nodes of pieces as a key; decode reads them.
func encode(pieces [][]int) string {
	slices.SortFunc(pieces, slices.Compare)
	var b []byte
	for _, piece := range pieces[:min(len(pieces), maxPieces)] {
		b = binary.AppendUvarint(b, uint64(len(piece)))
		for _, n := range piece {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return string(b)
}

func decode(key string) [][]int {
	b := []byte(key)
	next := func() int {
		n, size := binary.Uvarint(b)
		b = b[size:]
		return int(n)
	}
	var pieces [][]int
	for len(b) > 0 {
		piece := make([]int, next())
		for i := range piece {
			piece[i] = next()
		}
		pieces = append(pieces, piece)
	}
	return pieces
}

// newGroup spreads a pattern out for the simulation.
func newGroup(p pattern) *group {
	g := &group{pattern: p, nodes: decode(p.pieces)}
	for i, piece := range g.nodes {
		for _, n := range piece {
			at, ok := slices.BinarySearch(g.near, n)
			if !ok {
				g.near = slices.Insert(g.near, at, n)
				g.on = slices.Insert(g.on, at, 0)
			}
			g.on[at] |= 1 << i
		}
	}
	return g
}

// mask is the pieces that go with a node.
func (g *group) mask(node int) uint64 {
	at, ok := slices.BinarySearch(g.near, node)
	if !ok {
		return 0
	}
	return g.on[at]
}

// patternOf tells how a volume fares; false if no piece of it lies on a node
// that could go.
func (p *planner) patternOf(d *copies.Data) (pattern, bool) {
	t := pattern{need: max(1, d.Need), attached: nowhere, local: d.Longhorn == nil}
	var pieces [][]int
	for i := range d.Pieces {
		if n, ok := p.cluster.at(d.Pieces[i].Node); ok {
			pieces = append(pieces, p.needs(n, d, d.Pieces[i].Replica))
		}
	}
	if d.Longhorn != nil {
		t.apart = d.Longhorn.Unsettled() != ""
		p.attachment(&t, d)
		if len(pieces) < t.need {
			pieces, t.remains = append(pieces, p.remains(d.Longhorn)...), true
		} else if p.result.WaitRebuild {
			p.rebuilding(&t, d.Longhorn)
		}
	}
	t.pieces = encode(pieces)
	return t, len(pieces) >= t.need
}

// attachment notes where a volume is attached and whether it will be again once
// that node is drained.
func (p *planner) attachment(t *pattern, d *copies.Data) {
	if d.Longhorn.State != "attached" {
		return
	}
	t.attached = elsewhere
	if n, ok := p.cluster.index[d.Longhorn.NodeID]; ok {
		namespace, claim, bound := d.Claim()
		t.attached, t.returns = n, bound && p.pods.returns(namespace, claim)
	}
}

// rebuilding notes whether Longhorn rebuilds a volume by itself, and where.
func (p *planner) rebuilding(t *pattern, v *replica.Volume) {
	c := p.cluster
	t.want = v.Wanted()
	switch {
	case !c.placement.Rebuilds || t.want <= t.need || v.DataLocality == "strict-local":
	case !v.Sharded && c.offline(v.LHVolume):
		t.rebuild = always
	case v.State == "attached":
		t.rebuild = whileAttached
	}
	if t.rebuild == never {
		t.want = 0
		return
	}
	t.class, t.size = c.class(v.LHVolume), v.SizeBytes/int64(max(1, t.need))
}

// offline tells whether Longhorn rebuilds a volume also while it is detached.
func (c *cluster) offline(v *facts.LHVolume) bool {
	switch v.OfflineRebuilding {
	case "enabled":
		return true
	case "ignored":
		return lhsetting.Bool(c.settings, "offline-replica-rebuilding", v.DataEngine, false)
	}
	return false
}

// needs are the nodes without which a piece on a node cannot be used: its own,
// and those of what it is a linked clone of.
func (p *planner) needs(node int, d *copies.Data, name string) []int {
	nodes := []int{node}
	if d.Longhorn == nil {
		return nodes
	}
	for i := range d.Longhorn.Replicas {
		r := d.Longhorn.Replicas[i].LHReplica
		if r.Name != name {
			continue
		}
		for _, source := range p.replicas.Sources(r) {
			if n, ok := p.cluster.at(source.NodeID); ok && !slices.Contains(nodes, n) {
				nodes = append(nodes, n)
			}
		}
	}
	slices.Sort(nodes)
	return nodes
}

// remains are the nodes on which something may be left of a volume that has too
// few usable pieces: replicas that failed or whose node is away, and directories
// that no record owns. They may be all there is to restore it from.
func (p *planner) remains(v *replica.Volume) [][]int {
	var pieces [][]int
	add := func(node string) {
		if n, ok := p.cluster.at(node); ok {
			pieces = append(pieces, []int{n})
		}
	}
	for i := range v.Replicas {
		r := &v.Replicas[i]
		if r.Usable() || !r.Deleting.IsZero() || r.FailedAt.IsZero() && r.LastGood().IsZero() {
			continue // counted already, going anyway, or never written
		}
		p.whereDiskIs(r.NodeID, r.DiskID, add)
	}
	for i := range v.Shards {
		if s := &v.Shards[i]; !s.Usable() && s.Deleting.IsZero() && s.State != "replacing" {
			p.whereDiskIs(s.NodeID, s.DiskID, add)
		}
	}
	for _, node := range p.orphans[v.Name] {
		add(node)
	}
	return pieces
}

// whereDiskIs calls add with the nodes that have a disk. A node that does not show
// its disks may have it still.
func (p *planner) whereDiskIs(node, uuid string, add func(node string)) {
	on := p.replicas.DiskOn(uuid)
	for _, name := range on {
		add(name)
	}
	if i, ok := p.cluster.index[node]; ok && len(on) == 0 && (p.cluster.store[i] == nil || p.cluster.store[i].Ready != "True") {
		add(node)
	}
}
