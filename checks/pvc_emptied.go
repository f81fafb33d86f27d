package checks

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcEmptied = &Check{
	ID:       "pvc-emptied",
	Title:    "No home has lost what it held",
	Severity: verdict.Critical,
	Since:    "0.4.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims, facts.History},
	Uses:     []string{facts.KubeVolumes, facts.LonghornVolumes, facts.LonghornReplicas, facts.Prometheus},
	Baseline: true,
	Params: []Param{
		{Name: "emptyInodes", Doc: "how many files and folders a file system has at most that nobody has worked in; a first login leaves a few dozen", Default: 50, Min: 3, Max: 10000, Unit: "inodes"},
		{Name: "several", Doc: "how many homes emptied within a day are an accident, whatever each looks like", Default: 3, Min: 2, Max: 1e6, Unit: "homes"},
	},
	Doc: Doc{
		Meaning: "A user's volume held files in an earlier run and has almost none now, as after it was formatted: a Longhorn volume whose replicas were all lost gets blank " +
			"ones, the next mount formats them, and the user finds an empty home. Everything looks healthy then. It shows in the files and bytes that the " +
			"kubelets count (Prometheus), in Longhorn's actualSize, and, even without an earlier run, in replicas that were all made at the same moment, long after the " +
			"volume and its last backup or use. Longhorn also attaches a volume by itself, to back it up or to move a replica: blank replicas then count as " +
			"healthy, the volume takes no space at all, and its next mount formats it.\n\n" +
			"What each home held is kept from the last run that found it in order. A home that was emptied keeps it, and its finding, until its content is back or somebody accepts.",
		FalseAlarms: "A user may delete everything. One home alone is a warning where only Longhorn's size fell (a filesystem-trim job after a clean-up does that), an " +
			"error where only the files are gone, and critical where Longhorn's data went with them. Three or more within a day are critical. Once you know, " +
			"`audit accept pvc-emptied --hub HUB --reason \"…\"` accepts what is left in all homes of this hub that were found emptied. A home that lost bytes " +
			"but keeps more files than emptyInodes is not reported, nor are claims younger than a day, those in otherClaims, and volumes that " +
			"are restored, cloned or standby. Longhorn's size of a detached volume is its last, and with snapshots it does not shrink when files are deleted: it shows a loss only after the next mount. " +
			"An engine upgrade makes new records of replicas too, but keeps when they became healthy.",
		Do: []string{
			"Stop the user's server and keep it stopped, so that nothing more is written to the disks: the old data may still be on them.",
			"Keep every orphan and every replica directory of the volume: `kubectl -n longhorn-system get orphans.longhorn.io | grep VOLUME`, and see that orphan-resource-auto-deletion is off (lh-orphan-autodelete).",
			"Compare with the newest backup from before the finding's time: `kubectl -n longhorn-system get backups.longhorn.io -l backup-volume=VOLUME`. Keep it from being pruned by newer, empty ones.",
			"Restore that backup into a new volume, mount both, and let the user take over what was written since.",
			"If several homes are affected, stop all logins first (scale the hub to 0) and look at lh-blank-attach-risk and lh-no-usable-replica: other volumes may be next.",
			"Accept it when the content is restored or known to be unwanted.",
		},
		Dont: []string{
			"Do not run a backup of the emptied volume in place of the old ones: retention would delete those.",
			"Do not delete replicas, orphans or nodes before every affected home is restored.",
			"Do not accept before you know why.",
		},
		Sources: []string{
			"Nectar post-mortem, 2023: all volumes mounted after the last worker was replaced came up formatted",
			"longhorn/longhorn#8766, #10416; longhorn-manager controller/volume_controller.go (replenishReplicas, duplicateReplica, reconcileVolumeSize)",
		},
	},
	Run: runPVCEmptied,
}

// minHomeAge is how long a new home is not judged: it is being set up.
const minHomeAge = 24 * time.Hour

// atOnce is how near to each other homes are emptied in one accident.
const atOnce = 24 * time.Hour

func runPVCEmptied(in *Input) Result {
	if in.Source(facts.LonghornVolumes).Status != facts.OK && in.Source(facts.Prometheus).Status != facts.OK {
		return Result{Skip: "nothing tells how much homes hold: there is neither Longhorn nor Prometheus"}
	}
	var r Result
	var found []*emptied
	homes := in.measuredHomes()
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if _, ok := in.userClaim(c); !ok || !c.Deleting.IsZero() || c.Phase != "Bound" {
			continue
		}
		h := homes.of(c)
		e := h.judge()
		if e != nil {
			found = append(found, e)
		}
		r.Sizes = h.appendSizes(r.Sizes, e != nil)
	}
	manyAtOnce(found, int(in.Number("several")))
	blank := 0
	for _, e := range found {
		if e.blank {
			blank++
		}
		r.Findings = append(r.Findings, in.emptiedFinding(e))
	}
	if n := len(found); n > 1 {
		r.Summary = text.Count(n, "home") + " lost what they held"
		if blank > 0 {
			r.Summary += fmt.Sprintf("; %s on blank replicas that were made in place of lost ones", text.Number(blank)+text.Plural(blank, " is", " are"))
		}
	}
	return r
}

// manyAtOnce makes those critical that were emptied together with so many.
func manyAtOnce(found []*emptied, several int) {
	times := make([]time.Time, len(found))
	for i, e := range found {
		times[i] = e.at
	}
	slices.SortFunc(times, time.Time.Compare)
	for _, e := range found {
		from, _ := slices.BinarySearchFunc(times, e.at.Add(-atOnce), time.Time.Compare)
		to, _ := slices.BinarySearchFunc(times, e.at.Add(atOnce+1), time.Time.Compare)
		if to-from >= several {
			e.severity = verdict.Critical
		}
	}
}

func (in *Input) emptiedFinding(e *emptied) verdict.Finding {
	c := e.claim
	owner, _ := in.userClaim(c)
	details := map[string]string{"created": text.Time(c.Created), "volume": c.VolumeName, "foundAt": text.Time(e.at)}
	ownerDetails(details, owner)
	whose := ""
	if owner.User != "" {
		whose = " of " + owner.String()
	}
	if e.lh != nil {
		details["longhornVolume"] = e.lh.Name
		if !e.lh.LastBackupAt.IsZero() {
			details["lastBackup"] = text.Time(e.lh.LastBackupAt.Time())
		}
	}
	for key, value := range e.details {
		details[key] = value
	}
	return verdict.Finding{Subject: claimSubject(c), Severity: e.severity, Details: details,
		Message: fmt.Sprintf("claim %s%s was emptied: %s", c.Name, whose, joined(e.signs, "; ", len(e.signs)))}
}
