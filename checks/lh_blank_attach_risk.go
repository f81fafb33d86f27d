package checks

import (
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhBlankAttachRisk = &Check{
	ID:       "lh-blank-attach-risk",
	Title:    "No Longhorn volume with data has only blank replicas",
	Severity: verdict.Critical,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Doc: Doc{
		Meaning: "The volume has held data, and none of the replicas on record was ever healthy, or there is none on record. To Longhorn such a volume is " +
			"a new one: it makes blank replicas for it, and the next server that mounts it finds an empty disk and formats it. The user then sees an " +
			"empty home, and everything looks well. As long as nobody mounts it, what is left on disks, as orphans and in backups can be put in its place.",
		FalseAlarms: "New volumes, and those that are restoring, cloning, standby, sharded or being deleted are not judged. A volume of which Longhorn never " +
			"counted a byte and which was never backed up, but that a pod has asked for, is a warning: its first start may have failed before anything " +
			"was written. While such a volume is attached it is not reported.",
		Do: []string{
			"Keep everybody from mounting it: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`, or block the users named in the details in the hub's configuration; delete a pod that already waits for the claim.",
			"Keep Longhorn from attaching it by itself: `kubectl -n longhorn-system patch settings.longhorn.io allow-recurring-job-while-volume-detached --type=merge -p '{\"value\":\"false\"}'`, and take back evictions of nodes and disks that have its blank replicas.",
			"Look for what is left of its replicas: `kubectl -n longhorn-system get orphans.longhorn.io` (Longhorn 1.3 and later), and `ls DISK/replicas/VOLUME-*` on every node, on old nodes and on disks that were taken out. Copy such folders away.",
			"Restore its newest backup into a new volume under a new name, and compare it with what was found.",
			"Give the user's claim the restored volume, then start one server and look at the files.",
			"Run `audit now` before anyone else may log in again.",
		},
		Dont: []string{
			"Do not attach the volume, not even to look at it, and do not start the user's server.",
			"Do not evict, back up or upgrade it: Longhorn attaches it for that, calls the blank replicas healthy from then on, and this check passes although nothing is mended.",
			"Do not rely on `kubectl cordon`: it stops new pods on a node, not the mount on another.",
			"Do not delete orphans, old disks or nodes: they may have the only copy.",
			"Do not remove more replicas from Longhorn's records: a volume without any gets blank ones at once.",
		},
		Sources: []string{"Nectar post-mortem, 2023", "longhorn/longhorn#8766", "longhorn-manager controller/volume_controller.go (replenishReplicas, isFirstAttachment)"},
	},
	Run: runLHBlankAttachRisk,
}

func runLHBlankAttachRisk(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	var r Result
	norecord := 0
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if !onlyBlank(v) || !in.settled(v.LHVolume) || !v.HasHistory() {
			continue
		}
		severity := verdict.Critical
		if !wrote(v.LHVolume) {
			if v.State != "detached" {
				continue // its first start, which is under way
			}
			severity = verdict.Warning
		}
		if len(v.Replicas) == 0 {
			norecord++
		}
		f := in.blankVolume(v)
		f.Severity = severity
		r.Findings = append(r.Findings, f)
	}
	if n := len(r.Findings); n > 0 {
		r.Summary = fmt.Sprintf("the next mount formats %s: no replica on record was ever healthy", text.Count(n, "volume"))
		if norecord > 0 {
			r.Summary += fmt.Sprintf("; %s no replica on record at all", text.Number(norecord)+text.Plural(norecord, " has", " have"))
		}
	}
	return r
}

// onlyBlank tells whether the next attachment of a volume would be its first to
// Longhorn: no replica that stays was ever healthy, and not all have failed,
// which Longhorn would salvage instead.
func onlyBlank(v *replica.Volume) bool {
	if v.Sharded {
		return false
	}
	staying, failed := 0, 0
	for i := range v.Replicas {
		r := &v.Replicas[i]
		switch {
		case !r.Deleting.IsZero():
			continue
		case !r.HealthyAt.IsZero():
			return false
		case !r.FailedAt.IsZero():
			failed++
		}
		staying++
	}
	return staying == 0 || failed < staying
}

// wrote tells whether something was certainly written to a volume. That a pod or
// a node has asked for it is not enough: its first start may have failed.
func wrote(v *facts.LHVolume) bool { return v.ActualBytes > 0 || !v.LastBackupAt.IsZero() }

func (in *Input) blankVolume(v *replica.Volume) verdict.Finding {
	f, whose := in.volumeFinding(v)
	f.Details["bytes"] = idText(v.ActualBytes)
	f.Details["blank"] = idText(int64(len(v.Replicas)))
	evidence := []string{"it last held " + bytesText(v.ActualBytes)}
	if !v.LastPodRefAt.IsZero() {
		f.Details["lastUsed"] = text.Time(v.LastPodRefAt.Time())
		evidence = append(evidence, "was last mounted at "+text.Time(v.LastPodRefAt.Time()))
	}
	if v.LastBackupAt.IsZero() {
		evidence = append(evidence, "was never backed up")
	} else {
		f.Details["lastBackup"] = text.Time(v.LastBackupAt.Time())
		evidence = append(evidence, "has its last backup of "+text.Time(v.LastBackupAt.Time()))
	}
	records := "no replica on record"
	if n := len(v.Replicas); n > 0 {
		records = fmt.Sprintf("%s on record, of which none was ever healthy", text.Count(n, "replica"))
	}
	last := len(evidence) - 1
	f.Message = fmt.Sprintf("%s volume %s %s has %s, so that the next mount formats it; %s and %s",
		v.State, v.Name, whose, records, strings.Join(evidence[:last], ", "), evidence[last])
	return f
}
