package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhReplicaPredatesNode = &Check{
	ID:       "lh-replica-predates-node",
	Title:    "Every Longhorn replica is younger than its node, or its disk was seen",
	Severity: verdict.Error,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Params:   []Param{graceParam},
	Doc: Doc{
		Meaning: "The replicas were last healthy before Kubernetes made their node, so the node was deleted and made anew since, and it has not shown " +
			"their disk: it is not ready. It may be the same machine with the same disk, or an empty one under the old name. Longhorn compares only " +
			"the name, and takes the replicas for intact as soon as the node is back.",
		FalseAlarms: "A node that was registered again, or restored from a backup of Kubernetes' own records, and kept its disk: the check passes as soon as the " +
			"node is ready and shows that disk, by UUID. A node that was made or went down less than grace ago is not reported, nor are replicas that are " +
			"being deleted or that their volume has already replaced.",
		Do: []string{
			"Do not drain, rebuild or delete another node until this check passes.",
			"Find out whether the node is the old machine: `kubectl get node NODE -o yaml` (machineID, creationTimestamp), and on the node `cat DISK/longhorn-disk.cfg`, which has to show the disk's UUID from the details.",
			"If it is, bring the node back; this check passes once Longhorn has read its disks.",
			"If it is not, put the old disk back, or let the volumes rebuild from their other replicas, a few at a time; restore those that have none.",
		},
		Dont: []string{
			"Do not write a longhorn-disk.cfg with the old UUID onto an empty disk: Longhorn would take its replicas for intact.",
			"Do not delete the replicas' records before their volumes are Healthy.",
		},
		Sources: []string{"longhorn-manager controller/kubernetes_node_controller.go", "longhorn/longhorn#5542"},
	},
	Run: runLHReplicaPredatesNode,
}

// remadeNode is a node that was made after replicas on it were last healthy.
type remadeNode struct {
	replicas int
	volumes  []*replica.Volume
	disks    map[string]bool
}

func runLHReplicaPredatesNode(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	cluster := in.replicaCluster()
	remade := map[string]*remadeNode{}
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if !v.Deleting.IsZero() || v.State == "deleting" {
			continue
		}
		for i := range v.Replicas {
			r := &v.Replicas[i]
			if !in.predates(r, cluster.KubeNode(r.NodeID)) || !in.countedOn(v, r) {
				continue
			}
			n := remade[r.NodeID]
			if n == nil {
				n = &remadeNode{disks: map[string]bool{}}
				remade[r.NodeID] = n
			}
			n.replicas++
			n.disks[r.DiskID] = true
			if k := len(n.volumes); k == 0 || n.volumes[k-1] != v {
				n.volumes = append(n.volumes, v)
			}
		}
	}
	var r Result
	for name, n := range remade {
		r.Findings = append(r.Findings, in.remade(cluster.KubeNode(name), n))
	}
	if len(remade) > 1 {
		r.Summary = fmt.Sprintf("%s were made anew after replicas on them were last healthy, and have not shown the disks", text.Count(len(remade), "node"))
	}
	return r
}

// predates tells whether a replica was last healthy before its node was made,
// and nothing shows that the node has its disk. What is certain is
// lh-replica-disk-missing's.
func (in *Input) predates(r *replica.Judged, node *facts.Node) bool {
	if node == nil {
		return false
	}
	if reason, ok := diskReason(&r.Judgement); ok {
		return reason.Kind == replica.NodeRebuilt && !in.tells(lhReplicaDiskMissing)
	}
	grace := in.Duration("grace")
	return r.Unverified && !in.within(node.Created, grace) && !in.within(r.Since, grace)
}

func (in *Input) remade(node *facts.Node, n *remadeNode) verdict.Finding {
	details := map[string]string{"nodeCreated": text.Time(node.Created), "replicas": idText(int64(n.replicas)), "disks": list(sorted(n.disks), len(n.disks))}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "node", Name: node.Name, ID: node.UID},
		Message: fmt.Sprintf("node %s was made at %s, after %s on it %s last healthy, and has not shown the disk since; it may be an empty machine under the old name; they are of %s",
			node.Name, text.Time(node.Created), text.Count(n.replicas, "replica"), text.Plural(n.replicas, "was", "were"), in.homesOf(n.volumes, details)),
		Details: details,
	}
}
