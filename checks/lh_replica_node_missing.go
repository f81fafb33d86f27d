package checks

import (
	"fmt"
	"slices"

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
			"replicas again. It is critical only where no other check says that a volume has no copy left.",
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
		if v := &volumes[i]; v.Deleting.IsZero() && v.State != "deleting" {
			in.findLostNodes(v, lost)
		}
	}
	var r Result
	total := 0
	for name, n := range lost {
		total += n.replicas + n.shards
		r.Findings = append(r.Findings, in.missingNode(name, n))
	}
	if len(lost) > 1 {
		r.Summary = fmt.Sprintf("%s are on %s that Kubernetes or Longhorn does not have", text.Count(total, "replica"), text.Count(len(lost), "node"))
	}
	return r
}

// lostNode is a node that is gone, and what is on record there.
type lostNode struct {
	replicas, shards int
	volumes          []*replica.Volume
}

// findLostNodes notes the nodes that are gone of those that a volume's replicas
// and shards are on.
func (in *Input) findLostNodes(v *replica.Volume, lost map[string]*lostNode) {
	note := func(node string) *lostNode {
		n := lost[node]
		if n == nil {
			n = &lostNode{}
			lost[node] = n
		}
		if last := len(n.volumes); last == 0 || n.volumes[last-1] != v {
			n.volumes = append(n.volumes, v)
		}
		return n
	}
	for i := range v.Replicas {
		if r := &v.Replicas[i]; onMissingNode(r) && in.countedOn(v, r) {
			note(r.NodeID).replicas++
		}
	}
	for i := range v.Shards {
		if s := &v.Shards[i]; lostWithNode(&s.Judgement) && s.Deleting.IsZero() && s.State == "normal" { // others are lh-ec-margin's
			note(s.NodeID).shards++
		}
	}
}

func onMissingNode(r *replica.Judged) bool { return lostWithNode(&r.Judgement) }

// lostWithNode tells whether something cannot be used because its node is gone.
func lostWithNode(j *replica.Judgement) bool {
	return slices.ContainsFunc(j.Reasons, func(r replica.Reason) bool { return r.Kind == replica.NodeGone || r.Kind == replica.NodeUnknown })
}

// countedOn tells whether Longhorn, or the volume, still counts on a replica:
// one that looks healthy on record always; a failed or blank one until the
// volume has all its replicas, or for as long as an attached volume may take
// to rebuild.
func (in *Input) countedOn(v *replica.Volume, r *replica.Judged) bool {
	switch {
	case !r.Deleting.IsZero():
		return false
	case r.FailedAt.IsZero() && !r.HealthyAt.IsZero():
		return true
	}
	return v.Usable < v.WantReplicas && !in.rebuilding(v.LHVolume)
}

func (in *Input) missingNode(name string, n *lostNode) verdict.Finding {
	cluster := in.replicaCluster()
	where := "neither in Kubernetes nor in Longhorn"
	if cluster.KubeNode(name) != nil {
		where = "in Kubernetes but not in Longhorn"
	} else if cluster.LonghornNode(name) != nil {
		where = "in Longhorn but not in Kubernetes"
	}
	f := verdict.Finding{Subject: verdict.Subject{Kind: "node", Name: name}, Severity: verdict.Error,
		Details: map[string]string{"replicas": idText(int64(n.replicas + n.shards))}}
	f.Message = fmt.Sprintf("Longhorn still counts on %s on node %s, which is %s, where none is expected; %s of %s",
		piecesText(n.replicas, n.shards), name, where, text.Plural(n.replicas+n.shards, "it is", "they are"), in.homesOf(n.volumes, f.Details))
	last := 0
	for _, v := range n.volumes {
		if !in.lost(v) {
			continue
		}
		last++
		if !in.lossTold(v) {
			f.Severity = verdict.Critical
		}
	}
	f.Details["lastCopies"] = idText(int64(last))
	if last > 0 {
		f.Message += fmt.Sprintf("; %s no other copy", text.Count(last, "volume")+text.Plural(last, " has", " have"))
	}
	return f
}
