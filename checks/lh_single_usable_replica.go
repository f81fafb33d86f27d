package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhSingleUsableReplica = &Check{
	ID:       "lh-single-usable-replica",
	Title:    "No replicated Longhorn volume depends on one replica",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Params:   []Param{graceParam},
	Doc: Doc{
		Meaning: "Of the volume's replicas only one can still serve the data: draining or losing that node loses the volume. Longhorn repairs a volume " +
			"only while it is attached. A detached one (a stopped server's home) shows the robustness \"unknown\" whatever is left of it, its " +
			"records keep calling replicas healthy whose node or disk is gone, and Longhorn lets the next drain go ahead. A replica counts " +
			"as usable when its record is good, Kubernetes and Longhorn have its node, and that node has its very disk, by UUID, both ready. " +
			"One on a cordoned or evicting node still counts.",
		FalseAlarms: "An attached volume that lost a replica less than grace ago is rebuilding and is not reported; after that it is an error, not critical. " +
			"A node or disk that is not ready counts only after grace, and then makes it an error as well: its replicas are probably intact and come " +
			"back. Volumes that are new, restoring, cloning, standby or sharded are not judged, nor are those that want one replica or strict-local " +
			"data by policy.",
		Do: []string{
			"Stop every drain, upgrade and scale-down of nodes now, including the cluster autoscaler's; the details name the nodes.",
			"See what is left: `kubectl -n longhorn-system get replicas.longhorn.io -l longhornvolume=VOLUME -o wide`.",
			"If a node of the lost replicas can be brought back with its old disk, do that first.",
			"Where the details say that a replica is on a disk that its node no longer has, and the disk is gone for good, remove that record first: `kubectl -n longhorn-system delete replicas.longhorn.io REPLICA`. With it Longhorn cannot attach the volume.",
			"Let Longhorn rebuild, a few volumes at a time: start the user's server, or attach the volume in Longhorn's UI, until it shows Healthy; from Longhorn 1.9 instead `kubectl -n longhorn-system patch volumes.longhorn.io VOLUME --type=merge -p '{\"spec\":{\"offlineRebuilding\":\"enabled\"}}'`.",
			"Back the volume up while it is attached.",
			"Run `audit now` after each node and go on only when this check passes.",
		},
		Dont: []string{
			"Do not drain, reboot or delete the node that holds the last replica.",
			"Do not believe \"used\" sizes in Longhorn's UI: they are the last known, and stay when every replica is gone.",
			"Do not delete any other replica, nor an orphan, by hand before the volume is Healthy.",
		},
		Sources: []string{"Nectar post-mortem, 2023", "longhorn/longhorn#2237, #5542, #10833"},
	},
	Run: runLHSingleUsableReplica,
}

func runLHSingleUsableReplica(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	var r Result
	var why causes
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if v.Usable != 1 || v.WantReplicas < 2 || v.DataLocality == "strict-local" || !in.settled(v.LHVolume) ||
			in.rebuilding(v.LHVolume) || in.returning(v) {
			continue
		}
		why.add(v)
		r.Findings = append(r.Findings, in.singleReplica(v))
	}
	if n := len(r.Findings); n > 0 {
		r.Summary = fmt.Sprintf("%s %s a single usable replica: %s", text.Count(n, "volume"), text.Plural(n, "has", "have"), why.String())
	}
	return r
}

// returning tells whether another replica is out of reach since less than grace:
// a node that reboots is no loss.
func (in *Input) returning(v *replica.Volume) bool {
	return slices.ContainsFunc(v.Replicas, func(r replica.Judged) bool { return r.Away() && in.within(r.Since, in.Duration("grace")) })
}

func (in *Input) singleReplica(v *replica.Volume) verdict.Finding {
	f, whose := in.volumeFinding(v)
	away, leaving, node := false, "", ""
	for i := range v.Replicas {
		r := &v.Replicas[i]
		away = away || r.Away()
		if r.Usable() {
			node = r.NodeID
			f.Details["lastReplica"], f.Details["lastNode"] = r.Name, r.NodeID
			if r.Leaving {
				leaving = ", which it is leaving"
				f.Details["leaving"] = "true"
			}
		}
	}
	f.Severity = verdict.Critical
	if v.State == "attached" || away {
		// Longhorn is at work on it, or another copy is intact and only out of reach.
		f.Severity = verdict.Error
	}
	f.Message = fmt.Sprintf("%s volume %s %s has 1 usable replica of %d, on node %s%s; at least 2 are expected",
		v.State, v.Name, whose, v.WantReplicas, node, leaving)
	return f
}
