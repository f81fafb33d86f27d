package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhECMargin = &Check{
	ID:       "lh-ec-margin",
	Title:    "Every sharded volume can lose a shard and keep its data",
	Severity: verdict.Critical,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    slices.Concat([]string{facts.LonghornShardGroups, facts.LonghornShards}, longhornSources),
	Params: []Param{{Name: "grace", Doc: "how long a volume may take to rebuild a shard before it is reported",
		Default: graceParam.Default, Min: 0, Max: graceParam.Max, Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "A sharded volume has no replicas: its data lies in data and parity shards on different disks, and any as many of them as there are data shards have all of it. " +
			"Each shard that fails uses up the margin. With no margin left the next disk or node takes the volume with it (an error); with fewer shards than " +
			"are needed the data cannot be read (critical). A shard counts as usable when its record is good and Kubernetes and Longhorn have its node and its very disk, both ready: " +
			"the group's own state does not look at that while a volume is detached.",
		FalseAlarms: "A shard that is being rebuilt since less than grace is not reported while there is margin left. Volumes that are new, restoring, cloning, standby or being " +
			"deleted are not judged. A region marked dirty is normal while a volume is attached and writing; of a detached one it is a warning.",
		Do: []string{
			"Drain nothing, and take no disk out, until the volume is healthy again.",
			"See its shards: `kubectl -n longhorn-system get shards.longhorn.io -o wide | grep VOLUME`, and the group: `kubectl -n longhorn-system get shardgroups.longhorn.io VOLUME -o yaml`.",
			"Bring back nodes and disks that are only down; replace those that are lost, and see that there is a node and disk of the block type for each shard.",
			"Attach the volume, so that Longhorn rebuilds, and wait for the state healthy.",
			"With fewer shards than are needed, keep every disk that held one as it is, and restore the newest backup into a new volume.",
		},
		Dont: []string{
			"Do not delete a failed shard or the shard group.",
			"Do not wipe the disk of a failed shard: another loss may make it the only way back.",
		},
		Sources: []string{"longhorn-manager k8s/pkg/apis/longhorn/v1beta2/shardgroup.go, shard.go (1.12.1)", "longhorn/longhorn#1061"},
	},
	Run: runLHECMargin,
}

func runLHECMargin(in *Input) Result {
	var r Result
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if !v.Sharded || !in.finished(v.LHVolume) {
			continue
		}
		if severity, what := in.shardMargin(v); severity != "" {
			f, whose := in.volumeFinding(v)
			f.Severity = severity
			f.Message = fmt.Sprintf("%s sharded volume %s %s %s", v.State, v.Name, whose, what)
			if v.Group != nil {
				f.Details["groupState"], f.Details["dataShards"], f.Details["parityShards"] =
					v.Group.State, idText(int64(v.Group.DataChunks)), idText(int64(v.Group.ParityChunks))
			}
			r.Findings = append(r.Findings, f)
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = text.Count(n, "sharded volume") + " have lost shards"
	}
	return r
}

// shardMargin judges a sharded volume; no severity means that nothing is wrong.
func (in *Input) shardMargin(v *replica.Volume) (verdict.Severity, string) {
	if v.Group == nil {
		return verdict.Critical, "has no shard group on record: what its shards hold cannot be put together"
	}
	wanted, usable := v.Wanted(), v.Usable
	// Longhorn knows of failures that a shard's own record does not show.
	usable = min(usable, wanted-v.Group.Failed)
	shown := fmt.Sprintf("has %d usable %s of %d and needs %d", max(0, usable), text.Plural(usable, "shard", "shards"), wanted, v.Need)
	switch {
	case usable < v.Need:
		return verdict.Critical, shown
	case v.Group.State == "offline":
		return verdict.Critical, "is offline: its shard group says so, although it " + shown
	case usable == wanted:
		if v.Group.DirtyRegion && v.State == "detached" {
			return verdict.Warning, "is marked dirty although it is detached: the last writes may be on fewer shards than they should"
		}
		return "", ""
	case in.regenerating(v) && usable > v.Need:
		return "", ""
	case usable == v.Need:
		return verdict.Error, shown + ": the next shard lost loses it"
	}
	return verdict.Warning, shown
}

// regenerating tells whether an attached volume lost a shard so recently that
// Longhorn may still be at work on it.
func (in *Input) regenerating(v *replica.Volume) bool {
	return v.State == "attached" && in.within(v.LastDegradedAt.Time(), in.Duration("grace"))
}
