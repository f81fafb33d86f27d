package checks

import (
	"fmt"

	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhNoUsableReplica = &Check{
	ID:       "lh-no-usable-replica",
	Title:    "Every Longhorn volume with data has a usable replica",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Doc: Doc{
		Meaning: "The volume has held data, and not one of its replicas can serve it now. If it is attached in this state Longhorn may give it blank " +
			"replicas, and the mount then formats them: what was a volume to recover becomes an empty one that looks well. The data may " +
			"still lie on disks of nodes that are down or were taken away.",
		FalseAlarms: "A volume that was never written to, mounted or backed up is not reported, nor one that is new, restoring, cloning or standby. " +
			"If all nodes are down at once the volumes are reported too: the data is then intact, but nothing can serve it until they return. A volume " +
			"with blank replicas only is left to lh-blank-attach-risk, a sharded one to lh-ec-margin.",
		Do: []string{
			"Keep the volume detached: stop the servers that could mount it (`kubectl -n NAMESPACE scale deployment/hub --replicas=0` stops new ones), and note the time of the loss.",
			"Bring back the nodes and disks named in the details if they still exist, under their old names and with the old disks; do not reuse or wipe disks that were taken out.",
			"Look for what is left: `kubectl -n longhorn-system get orphans.longhorn.io` (Longhorn 1.3 and later) and `ls DISK/replicas/VOLUME-*` on every node, old ones too. Copy such folders away.",
			"Restore the newest backup into a new volume under a new name, compare it with what was found, and give the user's claim that volume.",
			"Run `audit now` before anyone may log in again.",
		},
		Dont: []string{
			"Do not attach the volume, and do not start the user's server to see whether it works.",
			"Do not salvage, delete replicas or delete orphans before their folders are copied.",
			"Do not believe the used size in Longhorn's UI: it is the last known.",
		},
		Sources: []string{"Nectar post-mortem, 2023", "longhorn/longhorn#10747", "longhorn-manager controller/volume_controller.go (replenishReplicas)"},
	},
	Run: runLHNoUsableReplica,
}

func runLHNoUsableReplica(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	var r Result
	var why causes
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if !in.lost(v) || in.lossToldApart(v) {
			continue
		}
		if unread := in.shardsUnread(v); unread != "" {
			r.Unknown = unread
			continue
		}
		why.add(v)
		r.Findings = append(r.Findings, in.lostVolume(v))
	}
	if n := len(r.Findings); n > 0 {
		r.Summary = fmt.Sprintf("%s %s no usable replica: %s", text.Count(n, "volume"), text.Plural(n, "has", "have"), why.String())
	}
	return r
}

func (in *Input) lostVolume(v *replica.Volume) verdict.Finding {
	f, whose := in.volumeFinding(v)
	f.Details["bytes"] = idText(v.ActualBytes)
	backup := "it was never backed up"
	if !v.LastBackupAt.IsZero() {
		backup = "its last backup is of " + text.Time(v.LastBackupAt.Time())
		f.Details["lastBackup"] = text.Time(v.LastBackupAt.Time())
	}
	left := fmt.Sprintf("no usable replica, %d are expected", v.WantReplicas)
	if v.Sharded {
		left = fmt.Sprintf("%s of %d and needs %d", text.Count(v.Usable, "usable shard"), v.Wanted(), v.Need)
	}
	f.Message = fmt.Sprintf("%s volume %s %s has %s; it last held %s, and %s", v.State, v.Name, whose, left, bytesText(v.ActualBytes), backup)
	return f
}
