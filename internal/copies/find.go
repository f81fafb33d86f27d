package copies

import (
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
)

// finder has what it takes to find the data of a PersistentVolume.
type finder struct {
	snapshot *facts.Snapshot
	nodes    *nodes
	volumes  []replica.Volume
	byName   map[string]int // volumes
	classes  map[string]*facts.StorageClass
	mounted  map[claim][]string // the nodes of the pods that mount a claim
	pieces   []Piece            // one array for all of Longhorn's
}

type claim struct{ namespace, name string }

// nodes are Kubernetes' own.
type nodes struct {
	list   []facts.Node
	byName map[string]*facts.Node
	// zones are Longhorn's, by which it places copies.
	zones map[string]string
}

func newFinder(s *facts.Snapshot, volumes []replica.Volume) *finder {
	f := &finder{snapshot: s, volumes: volumes, byName: make(map[string]int, len(volumes)), classes: map[string]*facts.StorageClass{},
		nodes: &nodes{list: s.Kube.Nodes, byName: map[string]*facts.Node{}, zones: map[string]string{}}}
	for i := range s.Kube.Nodes {
		f.nodes.byName[s.Kube.Nodes[i].Name] = &s.Kube.Nodes[i]
	}
	for i := range s.Longhorn.Nodes {
		f.nodes.zones[s.Longhorn.Nodes[i].Name] = s.Longhorn.Nodes[i].Zone
	}
	total := 0
	for i := range volumes {
		f.byName[volumes[i].Name] = i
		total += volumes[i].Usable
	}
	f.pieces = make([]Piece, 0, total)
	for i := range s.Kube.StorageClasses {
		f.classes[s.Kube.StorageClasses[i].Name] = &s.Kube.StorageClasses[i]
	}
	return f
}

func (n *nodes) zone(node string) string {
	if zone := n.zones[node]; zone != "" {
		return zone
	}
	if k := n.byName[node]; k != nil {
		return k.Zone
	}
	return ""
}

// find tells where the data of a volume lies, and notes the Longhorn volume that
// it is.
func (f *finder) find(pv *facts.Volume, seen []bool) Data {
	d := Data{PV: pv, Failures: NoPool, nodes: f.nodes}
	switch {
	case pv.Driver == facts.LonghornDriver:
		i, ok := f.byName[pv.Handle]
		if !ok {
			d.Unknown = "Longhorn has no volume of that name on record"
			break
		}
		seen[i] = true
		f.longhorn(&d, &f.volumes[i])
	case isCeph(pv.Driver):
		f.ceph(&d)
	case pv.Driver == mayastorDriver:
		f.mayastor(&d)
	case outside[pv.Driver]:
		d.Outside = true
	case pv.Driver == "nfs" || pv.Driver == "nfs.csi.k8s.io" || pv.Driver == "iscsi":
		f.served(&d)
	case len(pv.NodeNames) > 0:
		f.pinned(&d)
	case pv.Driver == "hostPath":
		f.hostPath(&d)
	case pv.Driver == "":
		d.Unknown = "its kind of storage is not known"
	default:
		d.Unknown = fmt.Sprintf("driver %q does not show where its data lies", pv.Driver)
	}
	return d
}

// longhorn adds the replicas or shards that are usable.
func (f *finder) longhorn(d *Data, v *replica.Volume) {
	d.Longhorn, d.Need = v, v.Need
	from := len(f.pieces)
	for i := range v.Replicas {
		if r := &v.Replicas[i]; !v.Sharded && r.Usable() {
			f.add(r.NodeID, r.DiskID, r.Name, &r.Judgement, i)
		}
	}
	for i := range v.Shards {
		if s := &v.Shards[i]; v.Sharded && s.Usable() {
			f.add(s.NodeID, s.DiskID, s.Name, &s.Judgement, s.Slot)
		}
	}
	d.Pieces = f.pieces[from:len(f.pieces):len(f.pieces)]
	if !v.Sharded {
		return
	}
	if src, unread := replica.UnreadShards(f.snapshot); unread {
		d.Pieces, d.Unknown = nil, "its shards could not be read: "+src.Detail
	} else if !v.NeedKnown() {
		d.Pieces, d.Unknown = nil, "its shard group is not on record, so how many shards it needs is not known"
	}
}

func (f *finder) add(node, disk, name string, j *replica.Judgement, slot int) {
	f.pieces = append(f.pieces, Piece{Node: node, Zone: f.nodes.zone(node), Disk: disk, Replica: name, Evicting: j.Evicting, slot: slot})
}

// pinned is data on the disks of the nodes that the volume's affinity names. That
// is one copy: only LINSTOR's names the nodes of all its replicas.
func (f *finder) pinned(d *Data) {
	f.onNodes(d, d.PV.NodeNames)
	if len(d.PV.NodeNames) > 1 && d.PV.Driver != linstorDriver {
		d.Unknown = fmt.Sprintf("it may be used on nodes %s, and which of them have the data is not known", strings.Join(d.PV.NodeNames, ", "))
	}
}

// onNodes adds a copy on each of the nodes that Kubernetes has.
func (f *finder) onNodes(d *Data, names []string) {
	d.Need, d.Pinned = 1, names
	for i, name := range names {
		if n := f.nodes.byName[name]; n != nil {
			d.Pieces = append(d.Pieces, Piece{Node: name, Zone: f.nodes.zone(name), Disk: d.PV.Handle, slot: i})
		}
	}
}

// hostPath is a folder of a node that the volume does not name: the only node
// there is, or the one where a pod mounts it now.
func (f *finder) hostPath(d *Data) {
	on := f.mountedOn(claim{d.PV.ClaimNamespace, d.PV.ClaimName})
	if len(f.nodes.list) == 1 {
		on = []string{f.nodes.list[0].Name}
	}
	if len(on) != 1 {
		d.Unknown = "it is a folder of a node (hostPath), and nothing tells of which"
		return
	}
	f.onNodes(d, on)
}

func (f *finder) mountedOn(c claim) []string {
	if f.mounted == nil {
		f.mounted = map[claim][]string{}
		for i := range f.snapshot.Kube.Pods {
			f.noteMounts(&f.snapshot.Kube.Pods[i])
		}
	}
	return f.mounted[c]
}

func (f *finder) noteMounts(p *facts.Pod) {
	if p.Phase != "Running" || p.Node == "" {
		return
	}
	for _, name := range p.Claims {
		c := claim{p.Namespace, name}
		if on := f.mounted[c]; len(on) == 0 || on[0] != p.Node {
			f.mounted[c] = append(on, p.Node)
		}
	}
}
