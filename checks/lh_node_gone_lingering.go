package checks

import (
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhNodeGoneLingering = &Check{
	ID:       "lh-node-gone-lingering",
	Title:    "Longhorn forgets nodes that are gone, and no drain meets their replicas",
	Severity: verdict.Error,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Params:   []Param{graceParam},
	Doc: Doc{
		Meaning: "Longhorn keeps a record of a node that Kubernetes does not have, or a node is about to be drained while volumes on it also have a replica " +
			"on record on a node that is gone. Before it lets a drain go ahead Longhorn looks up the nodes of all replicas that seem healthy: with one " +
			"that does not exist the look-up fails, and the drain hangs for ever, or, in some versions, the lost replica counts as the copy that " +
			"remains, and the drain takes the last one.",
		FalseAlarms: "Longhorn needs a moment to remove its record of a node, and autoscalers take nodes away all day: a record is reported after grace, and as a " +
			"warning if nothing is on record on that node. Records with replicas that a volume still counts on are left to lh-replica-node-missing, unless " +
			"another node is leaving.",
		Do: []string{
			"Stop the drain and put the node back to work: `kubectl uncordon NODE`.",
			"If the node that is gone is to come back with its disk, bring it back first, under the same name.",
			"Otherwise let the volumes named in the details rebuild, a few at a time: start the user's server, or set `offlineRebuilding` to `enabled` (Longhorn 1.9 and later).",
			"For each volume that is Healthy, remove the replica that is on record on the lost node, one by one: `kubectl -n longhorn-system delete replicas.longhorn.io REPLICA`.",
			"Then remove the record of the node: `kubectl -n longhorn-system patch nodes.longhorn.io GONE --type=merge -p '{\"spec\":{\"allowScheduling\":false}}'` and `kubectl -n longhorn-system delete nodes.longhorn.io GONE`.",
			"Run `audit drain NODE` before draining again.",
		},
		Dont: []string{
			"Do not force the drain (`--disable-eviction`, `--force`, deleting the instance manager's PodDisruptionBudget): it is what protects the last copies.",
			"Do not delete all records of the lost node at once: a volume without any record gets blank replicas and is formatted by its next mount.",
		},
		Sources: []string{"longhorn/longhorn#10833, #9616, #7475, #2237", "longhorn-manager controller/instance_manager_controller.go (canDeleteInstanceManagerPDB)"},
	},
	Run: runLHNodeGoneLingering,
}

func runLHNodeGoneLingering(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	var r Result
	records, counted := in.recordsOnLostNodes()
	for i := range in.Longhorn.Nodes {
		n := &in.Longhorn.Nodes[i]
		if in.lingers(n) && !(counted[n.Name] && in.tells(lhReplicaNodeMissing)) {
			r.Findings = append(r.Findings, lingeringNode(n, records[n.Name]))
		}
	}
	lingering := len(r.Findings)
	for name, d := range in.hinderedDrains() {
		r.Findings = append(r.Findings, in.hinderedDrain(name, d))
	}
	if len(r.Findings) > 1 {
		r.Summary = lingeringSummary(lingering, len(r.Findings)-lingering)
	}
	return r
}

func lingeringSummary(lingering, hindered int) string {
	var parts []string
	if lingering > 0 {
		parts = append(parts, "Longhorn keeps records of "+text.Count(lingering, "node")+" that Kubernetes does not have")
	}
	if hindered > 0 {
		parts = append(parts, "replicas on lost nodes hinder the drain of "+text.Count(hindered, "node"))
	}
	return strings.Join(parts, "; ")
}

// recordsOnLostNodes counts the replicas on record on nodes that Kubernetes does
// not have, and tells on which of them volumes still count.
func (in *Input) recordsOnLostNodes() (records map[string]int, counted map[string]bool) {
	records, counted = map[string]int{}, map[string]bool{}
	other := in.as(lhReplicaNodeMissing)
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		for i := range v.Replicas {
			r := &v.Replicas[i]
			if !onMissingNode(r) {
				continue
			}
			records[r.NodeID]++
			if v.Deleting.IsZero() && v.State != "deleting" && other.countedOn(v, r) {
				counted[r.NodeID] = true
			}
		}
	}
	return records, counted
}

// lingers tells whether Longhorn has had time to remove the record of a node
// that Kubernetes does not have. While it calls the node ready, or down for
// another reason than that, it has not even noticed: the two lists may be seconds
// apart, and the node may have been down long before it went.
func (in *Input) lingers(n *facts.LHNode) bool {
	noticed := n.Ready != "True" && n.ReadyReason == "KubernetesNodeGone"
	return in.replicaCluster().KubeNode(n.Name) == nil && noticed && !in.within(n.ReadySince, in.Duration("grace"))
}

func lingeringNode(n *facts.LHNode, records int) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "node", Name: n.Name}, Severity: verdict.Warning,
		Details: map[string]string{"reason": n.ReadyReason, "replicas": idText(int64(records))}}
	since, left := "", "no replica is on record there"
	if !n.ReadySince.IsZero() {
		since = " since " + text.Time(n.ReadySince)
		f.Details["since"] = text.Time(n.ReadySince)
	}
	if records > 0 {
		f.Severity = verdict.Error
		left = fmt.Sprintf("%s that no volume counts on %s still on record there", text.Count(records, "replica"), text.Plural(records, "is", "are"))
	}
	f.Message = fmt.Sprintf("Longhorn keeps a record of node %s, which is not in Kubernetes and not ready%s; %s", n.Name, since, left)
	return f
}

// meeting is a node that is leaving and the lost nodes that its drain meets.
type meeting struct {
	leaving string
	lost    map[string]bool
	volumes []*replica.Volume
}

// hinderedDrains finds the nodes that are leaving and have replicas of volumes
// of which others look healthy on nodes that Kubernetes does not have.
func (in *Input) hinderedDrains() map[string]*meeting {
	found := map[string]*meeting{}
	leaving := map[string]string{}
	for i := range in.Kube.Nodes {
		if words := in.Kube.Nodes[i].Leaving(); words != "" {
			leaving[in.Kube.Nodes[i].Name] = words
		}
	}
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		lost := lostNodesOf(v)
		if len(lost) == 0 || !v.Deleting.IsZero() || v.State == "deleting" {
			continue
		}
		for i := range v.Replicas {
			node := v.Replicas[i].NodeID
			if leaving[node] == "" || !v.Replicas[i].Deleting.IsZero() {
				continue
			}
			m := found[node]
			if m == nil {
				m = &meeting{leaving: leaving[node], lost: map[string]bool{}}
				found[node] = m
			}
			for _, name := range lost {
				m.lost[name] = true
			}
			if k := len(m.volumes); k == 0 || m.volumes[k-1] != v {
				m.volumes = append(m.volumes, v)
			}
		}
	}
	return found
}

// lostNodesOf are the nodes that Kubernetes does not have and on which a replica
// of the volume looks healthy on record.
func lostNodesOf(v *replica.Volume) []string {
	var lost []string
	for i := range v.Replicas {
		r := &v.Replicas[i]
		if r.Deleting.IsZero() && !r.HealthyAt.IsZero() && r.FailedAt.IsZero() && r.NodeID != "" &&
			len(r.Reasons) > 0 && r.Reasons[0].Kind == replica.NodeGone {
			lost = append(lost, r.NodeID)
		}
	}
	return lost
}

func (in *Input) hinderedDrain(name string, m *meeting) verdict.Finding {
	gone := sorted(m.lost)
	details := map[string]string{"lostNodes": list(gone, len(gone))}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "node", Name: name},
		Message: fmt.Sprintf("node %s %s, and its drain may hang or take last copies: Longhorn still counts on replicas on %s, not in Kubernetes any more, for %s",
			name, m.leaving, text.Plural(len(gone), "node ", "nodes ")+list(gone, homesShown), in.homesOf(m.volumes, details)),
		Details: details,
	}
}
