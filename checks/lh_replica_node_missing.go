package checks

import (
	"fmt"

	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhReplicaNodeMissing = &Check{
	ID:       "lh-replica-node-missing",
	Title:    "Every Longhorn replica lies on a node that exists",
	Severity: verdict.Error,
	Since:    "0.1.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Params:   []Param{graceParam},
	Doc: Doc{
		Meaning: "Longhorn's records still count on replicas whose node is gone from Kubernetes or from Longhorn. For a detached volume nothing corrects " +
			"that: it has fewer copies than its records say, and the next drain may be allowed, or may hang, because of replicas that are not there.",
		FalseAlarms: "There is no record of when a node went, so a node that is being replaced this minute is reported. Not counted are replicas and volumes " +
			"that are being deleted, failed ones that an attached volume lost less than grace ago, and failed ones whose volume has all its " +
			"replicas again.",
		Do: []string{
			"Do not take another node away until this check passes.",
			"If the node is to come back with its disk, bring it back now, under the same name.",
			"If it is gone for good, let the volumes rebuild: attach them a few at a time until each is Healthy, or set offlineRebuilding (Longhorn 1.9 and later).",
			"Remove what is left on record one by one, only for volumes that are Healthy: `kubectl -n longhorn-system delete replicas.longhorn.io REPLICA`.",
		},
		Dont: []string{
			"Do not delete the records of the missing node in one go: for some volumes they are the only trace of where the data lay.",
			"Do not add a new, empty node under the old name and expect the replicas to be there: its disk is another one.",
		},
		Sources: []string{"Nectar post-mortem, 2023", "longhorn/longhorn#5542, #7475, #9616, #10833"},
	},
	Run: runLHReplicaNodeMissing,
}

func runLHReplicaNodeMissing(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	lost := map[string]*lostNode{}
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if !v.Deleting.IsZero() || v.State == "deleting" {
			continue
		}
		for _, r := range v.replicas {
			if !onMissingNode(r) || !in.countedOn(v, r) {
				continue
			}
			n := lost[r.NodeID]
			if n == nil {
				n = &lostNode{volumes: map[string]bool{}}
				lost[r.NodeID] = n
			}
			n.replicas++
			n.volumes[v.Name] = true
		}
	}
	var r Result
	total := 0
	for name, n := range lost {
		total += n.replicas
		r.Findings = append(r.Findings, in.missingNode(name, n))
	}
	if len(lost) > 1 {
		r.Summary = fmt.Sprintf("%s are on %s that Kubernetes or Longhorn does not have", text.Count(total, "replica"), text.Count(len(lost), "node"))
	}
	return r
}

type lostNode struct {
	replicas int
	volumes  map[string]bool
}

func onMissingNode(r judgedReplica) bool {
	for _, reason := range r.Reasons {
		if reason.Kind == replica.NodeGone || reason.Kind == replica.NodeUnknown {
			return true
		}
	}
	return false
}

// countedOn tells whether Longhorn, or the volume, still counts on a replica:
// one that looks healthy on record always; a failed or blank one until the
// volume has all its replicas, or for as long as an attached volume may take
// to rebuild.
func (in *Input) countedOn(v *volumeHealth, r judgedReplica) bool {
	switch {
	case !r.Deleting.IsZero():
		return false
	case r.FailedAt.IsZero() && !r.HealthyAt.IsZero():
		return true
	}
	return v.usable < v.WantReplicas && !in.rebuilding(v.LHVolume)
}

func (in *Input) missingNode(name string, n *lostNode) verdict.Finding {
	cluster := in.replicaCluster()
	where := "neither in Kubernetes nor in Longhorn"
	if cluster.HasKubeNode(name) {
		where = "in Kubernetes but not in Longhorn"
	} else if cluster.HasLonghornNode(name) {
		where = "in Longhorn but not in Kubernetes"
	}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "node", Name: name},
		Message: fmt.Sprintf("%s of %s %s on node %s, which is %s; none is expected there", text.Count(n.replicas, "replica"), text.Count(len(n.volumes), "volume"),
			text.Plural(n.replicas, "is", "are"), name, where),
		Details: map[string]string{"replicas": idText(int64(n.replicas)), "volumes": idText(int64(len(n.volumes)))},
	}
}
