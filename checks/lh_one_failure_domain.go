package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhOneFailureDomain = &Check{
	ID:       "lh-one-failure-domain",
	Title:    "The copies of a Longhorn volume do not share one node, disk or zone",
	Severity: verdict.Warning,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Uses:     []string{facts.LonghornSettings},
	Params:   []Param{graceParam},
	Doc: Doc{
		Meaning: "The volume has several copies, and one event takes them all: the loss of the node or disk that they share, or of the only zone that they are in. " +
			"On paper it is replicated, in fact it is not.",
		FalseAlarms: "Where Longhorn has disks on one node only there is no choice: that is listed as information. A zone is reported only for " +
			"complete volumes, and only where nodes of another zone may take their replicas by tags and scheduling; replicas without a " +
			"known zone are taken to be elsewhere. Volumes that are new, restoring, cloning or standby are not judged, nor attached ones in " +
			"the first grace after they lost a copy.",
		Do: []string{
			"Add a node, or a zone, if there is none that could take a copy, and enable scheduling on it in Longhorn.",
			"Switch off `replica-soft-anti-affinity` (and `replica-zone-soft-anti-affinity` where zones have nodes enough), so that new copies go elsewhere; set `replica-auto-balance` to best-effort so that Longhorn moves those that are there.",
			"For single volumes: raise the number of replicas by one while the volume is attached, wait until it is Healthy, delete one of the replicas that share a place, and lower the number again.",
			"Run `audit now` afterwards.",
		},
		Dont: []string{
			"Do not drain, reboot or replace the node, disk or zone that the message names before the copies are elsewhere.",
			"Do not delete a replica before the new one is healthy.",
		},
		Sources: []string{"longhorn.io/docs: scheduling, replica node and zone level soft anti-affinity", "longhorn-manager scheduler/replica_scheduler.go"},
	},
	Run: runLHOneFailureDomain,
}

// domain is a place whose loss takes everything in it.
type domain struct {
	kind string // disk, node or zone
	name string // a disk's is its UUID
	node string // of a disk
}

func (d domain) String() string {
	if d.kind == "disk" {
		return "disk " + d.name + " of node " + d.node
	}
	return d.kind + " " + d.name
}

func runLHOneFailureDomain(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	shared, zones := map[domain][]*replica.Volume{}, in.zones()
	all := in.dataCopies()
	for i := range all {
		v := all[i].Longhorn
		if v == nil || v.Copies() < 2 || !in.finished(v.LHVolume) || in.rebuilding(v.LHVolume) {
			continue
		}
		if d, ok := zones.shared(&all[i]); ok {
			shared[d] = append(shared[d], v)
		}
	}
	var r Result
	var words []string
	for _, d := range slices.SortedFunc(maps.Keys(shared), func(a, b domain) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name), strings.Compare(a.node, b.node))
	}) {
		r.Findings = append(r.Findings, in.sharedDomain(d, shared[d], zones))
		words = append(words, fmt.Sprintf("%s (%s)", d, text.Count(len(shared[d]), "volume")))
	}
	if len(words) > 1 {
		r.Summary = "volumes of several copies would be lost with a single place: " + list(words, 3)
	}
	return r
}

func (in *Input) sharedDomain(d domain, volumes []*replica.Volume, z *zones) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: d.kind, Name: d.name}, Details: map[string]string{}}
	if d.kind == "disk" {
		f.Subject, f.Details["node"] = placeSubject(d.node, d.name), d.node
	}
	expected := "copies on at least two nodes are expected"
	switch {
	case d.kind == "zone":
		expected = "copies in at least two zones are expected, and nodes of other zones may take them"
	case z.storageNodes < 2:
		f.Severity, expected = verdict.Info, "Longhorn has disks on no other node of this cluster"
	}
	n := len(volumes)
	f.Message = fmt.Sprintf("%s of several copies %s lost if %s is; %s; %s", text.Count(n, "volume"), text.Plural(n, "is", "are"),
		d, expected, in.homesOf(volumes, f.Details))
	return f
}

// zones tells where nodes lie.
type zones struct {
	room         *room
	of           map[string]string // zone by node
	storageNodes int               // those with a disk of Longhorn's
}

func (in *Input) zones() *zones {
	z := &zones{room: in.room(), of: map[string]string{}}
	for _, n := range z.room.nodes {
		z.of[n.Name] = cmp.Or(n.Zone, n.kube.Zone)
		if len(n.Disks) > 0 {
			z.storageNodes++
		}
	}
	return z
}

// shared returns the place whose loss alone loses a volume, the smallest first.
func (z *zones) shared(d *copies.Data) (domain, bool) {
	v, pieces := d.Longhorn, d.Pieces
	if node, ok := loses(pieces, v.Need, func(p *copies.Piece) string { return p.Node }); ok {
		if disk, ok := loses(pieces, v.Need, func(p *copies.Piece) string { return p.Disk }); ok {
			on := slices.IndexFunc(pieces, func(p copies.Piece) bool { return p.Disk == disk })
			return domain{"disk", disk, pieces[on].Node}, true
		}
		return domain{kind: "node", name: node}, true
	}
	zone, ok := loses(pieces, v.Need, func(p *copies.Piece) string { return p.Zone })
	return domain{kind: "zone", name: zone}, ok && v.Usable >= v.Wanted() && z.elsewhere(v, zone)
}

// loses finds the first part of the pieces, by key, without which fewer are left
// than the data needs. A piece without a key shares nothing with others.
func loses(pieces []copies.Piece, need int, key func(*copies.Piece) string) (part string, ok bool) {
	for i := range pieces {
		k, left := key(&pieces[i]), 0
		for j := range pieces {
			if key(&pieces[j]) != k {
				left++
			}
		}
		if k != "" && left < need && (!ok || k < part) {
			part, ok = k, true
		}
	}
	return part, ok
}

// elsewhere tells whether a node of another zone may take copies of a volume.
func (z *zones) elsewhere(v *replica.Volume, zone string) bool {
	rules := z.room.placement(v.DataEngine)
	return slices.ContainsFunc(z.room.nodes, func(n roomNode) bool {
		other := z.of[n.Name]
		return other != "" && other != zone && refuseNode(rules, v, n, taken{}) == "" && refuseDisks(rules, v, n, taken{}) == ""
	})
}
