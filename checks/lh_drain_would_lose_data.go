package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhDrainWouldLoseData = &Check{
	ID:       "lh-drain-would-lose-data",
	Title:    "No node that is leaving has the only copy of anything",
	Severity: verdict.Critical,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeNodes, facts.KubeVolumes},
	Uses:     []string{facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes},
	Doc: Doc{
		Meaning: "Nodes are cordoned, being deleted, or about to be removed by the cluster autoscaler, and together they have every copy of some volumes: " +
			"with the nodes the data goes. Replicas that Longhorn has on record count only where node and disk exist; local volumes, hostPath folders and " +
			"volumes that are meant to have one replica count as well. Longhorn itself looks at names of nodes and at its records, and not at all at volumes " +
			"that are not its own, so that the drain may be allowed.",
		FalseAlarms: "A node that is cordoned for a reboot and keeps its disk: the data is away for that time and comes back; uncordon it afterwards. Where Longhorn is " +
			"moving the copies away already (eviction, or a drain policy that blocks for it) and the node is only cordoned, it is information. Storage " +
			"outside of the cluster, pools of Ceph, and storage of which it cannot be told where its data lies are not reported.",
		Do: []string{
			"Stop the drain, upgrade or scale-down now, and take the node back: `kubectl uncordon NODE`.",
			"If the node is being deleted, keep its machine and its disks, or a snapshot of them, before they go.",
			"Move the copies first: `kubectl -n longhorn-system patch nodes.longhorn.io NODE --type=merge -p '{\"spec\":{\"allowScheduling\":false,\"evictionRequested\":true}}'`, and wait until `kubectl -n longhorn-system get replicas.longhorn.io -o wide` shows none there. Longhorn attaches detached volumes by itself for that.",
			"Copy what lies on the node's own disks (local volumes, hostPath) to another volume, or back it up.",
			"Ask `audit drain NODE` before each further step, and take one node at a time.",
		},
		Dont: []string{
			"Do not drain with `--force` or `--disable-eviction`, and do not delete the instance manager's PodDisruptionBudget.",
			"Do not delete the node or its machine because the drain went through: that it is allowed says nothing about the data.",
			"Do not cordon the next node as long as this check fails.",
		},
		Sources: []string{"Nectar post-mortem, 2023", "longhorn/longhorn#2237, #9616", "longhorn-manager controller/instance_manager_controller.go (canDeleteInstanceManagerPDB)"},
	},
	Run: runLHDrainWouldLoseData,
}

// departure is a node that is leaving and what goes with it.
type departure struct {
	node *facts.Node
	// lost goes with the node, and the others that are leaving; moving would, but
	// Longhorn is moving it away.
	lost, moving *homes
	// with are the others that are leaving and have copies of the same volumes.
	with map[string]bool
	// hubs tells that something of a hub is among the lost.
	hubs bool
}

func runLHDrainWouldLoseData(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	departures := map[string]*departure{}
	for i := range in.Kube.Nodes {
		if n := &in.Kube.Nodes[i]; n.Leaving() != "" {
			departures[n.Name] = &departure{node: n, lost: in.homes(), moving: in.homes(), with: map[string]bool{}}
		}
	}
	if len(departures) == 0 {
		return Result{}
	}
	var r Result
	lost := 0
	all := in.dataCopies()
	for i := range all {
		if in.goesWith(&all[i], departures) {
			lost++
		} else if why := in.placeUnread(&all[i]); why != "" {
			r.Unknown = why
		}
	}
	for _, d := range departures {
		if len(d.lost.volumes)+len(d.moving.volumes) > 0 {
			r.Findings = append(r.Findings, d.finding())
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s that are leaving have every copy of %s", text.Count(n, "node"), text.Count(lost, "volume"))
	}
	return r
}

// placeUnread says which source would have told where data lies, "" if none.
func (in *Input) placeUnread(d *copies.Data) string {
	switch pods := in.Source(facts.KubePods); {
	case d.Unknown == "":
	case d.Longhorn != nil:
		return in.shardsUnread(d.Longhorn)
	case d.PV.Driver == "hostPath" && pods.Status == facts.Failed:
		return fmt.Sprintf("source %s could not be read: %s", pods.Name, pods.Detail)
	}
	return ""
}

// goesWith notes data of which every copy that is left lies on nodes that are
// leaving, with each of these.
func (in *Input) goesWith(d *copies.Data, departures map[string]*departure) bool {
	if v := d.Longhorn; v != nil && (!v.HasHistory() || !in.finished(v.LHVolume)) {
		return false
	}
	left, known := d.Left(func(node string) bool { return departures[node] != nil })
	if before, ok := d.Left(func(string) bool { return false }); !known || left > 0 || ok && before == 0 {
		return false
	}
	namespace, name, bound := d.Claim()
	k := claimKey{namespace, name}
	moves := moving(d, departures)
	for i := range d.Pieces {
		at := departures[d.Pieces[i].Node]
		if at == nil || slices.ContainsFunc(d.Pieces[:i], func(p copies.Piece) bool { return p.Node == at.node.Name }) {
			continue
		}
		for _, p := range d.Pieces {
			if p.Node != at.node.Name && departures[p.Node] != nil {
				at.with[p.Node] = true
			}
		}
		if moves {
			at.moving.add(d.Name(), k, bound)
			continue
		}
		at.lost.add(d.Name(), k, bound)
		at.hubs = at.hubs || bound && in.ofHub(k)
	}
	return true
}

// moving tells whether Longhorn is making a copy of the data on another node, and
// nobody but an operator can take these nodes away before that is done.
func moving(d *copies.Data, departures map[string]*departure) bool {
	if d.Longhorn == nil {
		return false
	}
	evicting := false
	for i := range d.Pieces {
		p := &d.Pieces[i]
		if at := departures[p.Node]; at != nil && at.node.Leaving() != cordoned {
			return false
		}
		evicting = evicting || p.Evicting
	}
	return evicting // Longhorn attaches a detached volume by itself to move its replicas
}

// cordoned is what facts.Node.Leaving says of a node that is cordoned and nothing
// worse.
var cordoned = (&facts.Node{Unschedulable: true}).Leaving()

func (d *departure) finding() verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "node", Name: d.node.Name, ID: d.node.UID},
		Severity: verdict.Error, Details: map[string]string{"leaving": d.node.Leaving()}}
	others := sorted(d.with)
	together := ""
	if len(others) > 0 {
		f.Details["with"] = list(others, len(others))
		together = ", together with " + list(others, homesShown) + ","
	}
	switch {
	case len(d.lost.volumes) == 0:
		f.Severity = verdict.Info
		d.moving.describe(f.Details)
		f.Message = fmt.Sprintf("node %s %s and%s still has every copy of %s; Longhorn is moving them, and the node has to stay until then",
			d.node.Name, d.node.Leaving(), together, d.moving)
		return f
	case d.hubs:
		f.Severity = verdict.Critical
	}
	d.lost.describe(f.Details)
	f.Message = fmt.Sprintf("node %s %s and%s has every copy of %s", d.node.Name, d.node.Leaving(), together, d.lost)
	if n := len(d.moving.volumes); n > 0 {
		f.Details["moving"] = list(d.moving.volumes, n)
		f.Message += fmt.Sprintf("; Longhorn is moving %s more away", text.Number(n))
	}
	return f
}
