package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvNodeGone = &Check{
	ID:       "pv-node-gone",
	Title:    "Every volume on a node's own disk has its node",
	Severity: verdict.Critical,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeVolumes, facts.KubeNodes},
	Params: []Param{{Name: "rebuilt", Doc: "how long a node that was made again under its name is told, where its volumes may be empty",
		Default: float64(7 * 24 * time.Hour), Min: 0, Max: float64(365 * 24 * time.Hour), Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "The volume lies on a disk of one node (local, hostPath, local-path, LVM, ZFS, TopoLVM and the like), and Kubernetes does not have that node. " +
			"The data is where the node's disk is, and nowhere else; a server that needs it stays Pending. Where a new machine took the node's name the " +
			"pod starts, and local-path and hostPath make an empty folder for it: the user finds an empty home.",
		FalseAlarms: "Only volumes that are bound to a claim count. It is critical for homes and a hub's database, an error where another node may have the " +
			"data too, a warning for claims that are nobody's home. A node made again under its name is a warning, told only for the time of the " +
			"parameter rebuilt: if it is the same machine with the same disk, all is well. It is not told where a pod that started since mounts a " +
			"volume of a kind that cannot be mounted without its data.",
		Do: []string{
			"Find the machine or its disk: `kubectl get pv VOLUME -o jsonpath='{.spec.nodeAffinity}'` names the node; ask whoever removed it what became of the disk.",
			"If it still exists, bring it back under the same name with the same disk; the volumes work again at once.",
			"If only the disk exists, copy the folders away, make new volumes from them, and give the users' claims those.",
			"If it is gone, restore the newest backup into a new volume and give the user's claim that before the user logs in.",
			"After a node was made again under its name, look at it before anyone starts a server: `ls` the path that `kubectl get pv VOLUME -o yaml` shows.",
		},
		Dont: []string{
			"Do not delete the claim or the volume: with the reclaim policy Delete the folder goes too once the node is back.",
			"Do not make a new node under the old name to get Pending servers started: they start with an empty home.",
			"Do not wipe or reuse the machine's disk.",
		},
		Sources: []string{"Nectar post-mortem, 2023", "kubernetes/kubernetes pkg/volume/local", "rancher/local-path-provisioner"},
	},
	Run: runPVNodeGone,
}

// goneNode is a node, gone or made again, and the volumes that lie on its disks.
type goneNode struct {
	rebuilt *facts.Node // nil where it is gone
	volumes *homes
	// lost is how many of them are homes or a hub's database with no other node,
	// elsewhere how many may be on another node.
	lost, elsewhere int
}

func runPVNodeGone(in *Input) Result {
	if len(in.Kube.Nodes) == 0 {
		return Result{Unknown: replica.NoNodes}
	}
	nodes, unread := in.goneNodes()
	r := Result{Unknown: unread}
	total := 0
	for name, n := range nodes {
		total += len(n.volumes.volumes)
		r.Findings = append(r.Findings, n.finding(name))
	}
	if len(nodes) > 1 {
		r.Summary = fmt.Sprintf("%s that are gone or were made again had %s on their own disks", text.Count(len(nodes), "node"), text.Count(total, "volume"))
	}
	return r
}

// goneNodes finds the nodes that are gone or were made again of those that
// volumes lie on. unread says why it cannot be told of some.
func (in *Input) goneNodes() (nodes map[string]*goneNode, unread string) {
	nodes = map[string]*goneNode{}
	mounted, pods := in.mountedSince(), in.Source(facts.KubePods)
	all := in.dataCopies()
	for i := range all {
		d := &all[i]
		for _, name := range d.Pinned {
			node := in.replicaCluster().KubeNode(name)
			if _, _, bound := d.Claim(); !bound || node != nil && !in.madeAgain(node, d, mounted) {
				continue
			}
			if node != nil && pods.Status == facts.Failed && d.PV.Driver != facts.MountHostPath {
				unread = fmt.Sprintf("whether volumes of node %s, which was made again, are mounted: source %s could not be read: %s", name, pods.Name, pods.Detail)
				continue
			}
			if nodes[name] == nil {
				nodes[name] = &goneNode{rebuilt: node, volumes: in.homes()}
			}
			in.addGone(nodes[name], d)
		}
	}
	return nodes, unread
}

func (in *Input) addGone(n *goneNode, d *copies.Data) {
	namespace, claim, _ := d.Claim()
	k := claimKey{namespace, claim}
	n.volumes.add(d.Name(), k, true)
	switch {
	case len(d.Pieces) > 0:
		n.elsewhere++
	case in.ofHub(k):
		n.lost++
	}
}

// madeAgain tells whether a node was made lately, after a volume on its disk, and
// nothing shows that the data is there.
func (in *Input) madeAgain(n *facts.Node, d *copies.Data, mounted map[claimKey]bool) bool {
	namespace, claim, _ := d.Claim()
	return n.Created.After(d.PV.Created) && in.within(n.Created, in.Duration("rebuilt")) &&
		(d.PV.Driver == facts.MountHostPath || !mounted[claimKey{namespace, claim}])
}

// mountedSince are the claims that a pod mounts which started after its node was
// made.
func (in *Input) mountedSince() map[claimKey]bool {
	mounted := map[claimKey]bool{}
	for i := range in.Kube.Pods {
		p := &in.Kube.Pods[i]
		if n := in.replicaCluster().KubeNode(p.Node); n == nil || p.Phase != "Running" || !p.Created.After(n.Created) {
			continue
		}
		for _, name := range p.Claims {
			mounted[claimKey{p.Namespace, name}] = true
		}
	}
	return mounted
}

func (n *goneNode) finding(name string) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "node", Name: name}, Severity: verdict.Warning, Details: map[string]string{}}
	n.volumes.describe(f.Details)
	if n.rebuilt != nil {
		f.Details["rebuilt"] = text.Time(n.rebuilt.Created)
		f.Message = fmt.Sprintf("node %s was made again at %s and may have lost what was on its own disks: %s; the same machine with the same disks is expected",
			name, text.Time(n.rebuilt.Created), n.volumes)
		return f
	}
	f.Message = fmt.Sprintf("node %s is not in Kubernetes, and its own disks have %s", name, n.volumes)
	switch {
	case n.lost > 0:
		f.Severity = verdict.Critical
	case n.elsewhere > 0:
		f.Severity = verdict.Error
		f.Message += fmt.Sprintf("; %s may be on another node as well", text.Count(n.elsewhere, "volume"))
	}
	return f
}
