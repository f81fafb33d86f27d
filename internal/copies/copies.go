// Package copies tells where the copies of each volume's data lie, whatever
// stores it: Longhorn, a node's own disk, a pool of Ceph, a cloud. It answers how
// many failures it takes until a home is gone, and says so where the API does not
// show it.
package copies

import (
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
)

// NoPool is the Failures of data that lies in no pool.
const NoPool = -1

// Data is the data of one volume.
type Data struct {
	PV       *facts.Volume   // nil for a Longhorn volume without one
	Longhorn *replica.Volume // nil for other storage
	// Pieces are the usable ones of storage whose pieces the API shows by node. A
	// piece on a node's own disk counts while Kubernetes has the node, ready or not.
	Pieces []Piece
	// Pinned are the nodes on whose own disks it lies, whether or not Kubernetes has
	// them; none for other storage.
	Pinned []string
	// Need is how many pieces have all data; 0 where there are none by design.
	Need int
	// Outside: it does not lie on this cluster's nodes, and no drain touches it.
	Outside bool
	// Failures is how many losses of a Domain (host, osd, zone …) it survives at
	// least, for data in a pool; NoPool otherwise.
	Failures int
	Domain   string
	// PoolName is the pool of Ceph, with the namespace of its cluster; "" for others.
	PoolName string
	// Unknown says why it cannot be told, "" if it can.
	Unknown string

	nodes *nodes
}

// Piece is one replica, shard or plain copy.
type Piece struct {
	Node, Zone, Disk string
	// Evicting: Longhorn is to make a copy of it elsewhere and then remove it.
	Evicting bool
	Replica  string // the name of Longhorn's replica or shard

	slot int // pieces of one slot are the same piece
}

// Name is the Longhorn volume's name, or else the PersistentVolume's.
func (d *Data) Name() string {
	if d.Longhorn != nil {
		return d.Longhorn.Name
	}
	return d.PV.Name
}

// Claim is the claim whose data it is; where bound is false, the last one.
func (d *Data) Claim() (namespace, name string, bound bool) {
	if d.PV != nil {
		return d.PV.ClaimNamespace, d.PV.ClaimName, d.PV.Phase == "Bound"
	}
	v := d.Longhorn
	return v.ClaimNamespace, v.ClaimName, noted(v.LHVolume)
}

// Pool tells whether it lies in a pool that survives Failures.
func (d *Data) Pool() bool { return d.Failures != NoPool }

// Left is how many copies are left once the nodes are gone that gone names: 0
// when the data is lost. For a pool it is the least that can be left. known is
// false where it cannot be told. What lies outside of the cluster keeps its one.
func (d *Data) Left(gone func(node string) bool) (copies int, known bool) {
	switch {
	case d.Outside:
		return 1, true
	case d.Unknown != "":
		// Wherever it is among these nodes, it goes with the last of them.
		return 0, len(d.Pieces) > 0 && d.pieces(gone) == 0
	case d.Pool():
		return d.leftInPool(gone)
	}
	return max(0, d.pieces(gone)-d.Need+1), true
}

// pieces counts those that are left, each slot once.
func (d *Data) pieces(gone func(node string) bool) int {
	n := 0
	for i := range d.Pieces {
		p := &d.Pieces[i]
		again := slices.ContainsFunc(d.Pieces[:i], func(q Piece) bool { return q.slot == p.slot && !gone(q.Node) })
		if !again && !gone(p.Node) {
			n++
		}
	}
	return n
}

// leftInPool takes the worst case: every node that is gone held a copy. On one
// host several osds may hold all copies.
func (d *Data) leftInPool(gone func(node string) bool) (int, bool) {
	lost := 0
	zones := map[string]bool{}
	for _, n := range d.nodes.list {
		switch {
		case !gone(n.Name):
		case d.Domain == "zone" && n.Zone != "":
			zones[n.Zone] = true
		default:
			lost++
		}
	}
	lost += len(zones)
	left := d.Failures + 1 - lost
	if lost > 0 && (left <= 0 || d.Domain == "osd") {
		return 0, false
	}
	return left, true
}

// All is the data of every PersistentVolume that has or had a claim, and of every
// Longhorn volume, by name. volumes are all of Longhorn's, judged.
func All(s *facts.Snapshot, volumes []replica.Volume) []Data {
	f := newFinder(s, volumes)
	all := make([]Data, 0, max(len(s.Kube.Volumes), len(volumes)))
	seen := make([]bool, len(volumes))
	for i := range s.Kube.Volumes {
		pv := &s.Kube.Volumes[i]
		if pv.Phase != "Bound" && pv.Phase != "Released" && pv.Phase != "Failed" {
			continue
		}
		all = append(all, f.find(pv, seen))
	}
	for i := range volumes {
		if !seen[i] {
			d := Data{Failures: NoPool, nodes: f.nodes}
			f.longhorn(&d, &volumes[i])
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b Data) int { return strings.Compare(a.Name(), b.Name()) })
	return all
}
