package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var backupNone = &Check{
	ID:       "backup-none",
	Title:    "Every user claim with data has a backup",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Uses:     []string{facts.KubeVolumes, facts.KubeSnapshots, facts.LonghornVolumes},
	Params: []Param{
		{Name: "rpo", Doc: "how old a claim may be before it must have a backup: a day, and two hours for a nightly backup to be made",
			Default: float64(26 * time.Hour), Min: float64(time.Minute), Max: float64(365 * 24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "If the volume is lost or deleted, the user's files are gone. The audit looks for a ready VolumeSnapshot of the claim and for a " +
			"Longhorn backup of its volume, of any age; a claim counts once it is older than rpo and holds data, or if its size is not known.",
		FalseAlarms: "Homes that are backed up by other means (an NFS server's own snapshots, a cloud's disk snapshots, Velero, K8up) cannot be seen " +
			"yet; in a cluster that has neither Longhorn nor VolumeSnapshots this is therefore only a warning. If they are, and that was " +
			"tested, disable the check: `checks: {backup-none: {enabled: false}}`. Claims that are pending or being deleted are not counted.",
		Do: []string{
			"Longhorn: make sure that there is a backup target (`kubectl -n longhorn-system get backuptargets.longhorn.io`) and a RecurringJob with task backup for these volumes.",
			"Most homes are detached at night: the setting allow-recurring-job-while-volume-detached must be true, or the job skips them without an error.",
			"Other storage: create VolumeSnapshots on a schedule, and copy them off the storage system.",
			"Start a first backup now instead of waiting for the night, and run `audit now` again.",
		},
		Dont: []string{
			"Do not drain, upgrade or re-create nodes before the first backup is complete.",
			"Do not count snapshots in the same storage pool as a backup against losing that pool.",
		},
		Sources: []string{"2i2c-org/infrastructure#1238 and #641", "longhorn/longhorn-manager app/recurringjob/util.go", "Nectar post-mortem, 2023"},
	},
	Run: runBackupNone,
}

func runBackupNone(in *Input) Result {
	snapshots := readySnapshots(in.Kube.Snapshots)
	total, covered := 0, 0
	var bare []*facts.Claim
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if !in.needsBackup(c) {
			continue
		}
		total++
		v := in.lhVolume(c)
		_, snapshot := snapshots[claimKey{c.Namespace, c.Name}]
		if snapshot || v != nil && !v.LastBackupAt.IsZero() {
			covered++
		} else {
			bare = append(bare, c)
		}
	}
	switch {
	case len(bare) == 0:
		return Result{}
	case covered == 0:
		return Result{Findings: []verdict.Finding{in.nothingBackedUp(total)}}
	}
	r := Result{Summary: fmt.Sprintf("%s of %s with data %s no backup", text.Number(len(bare)), text.Count(total, "user claim"), text.Plural(len(bare), "has", "have"))}
	for _, c := range bare {
		r.Findings = append(r.Findings, in.notBackedUp(c))
	}
	return r
}

// needsBackup tells whether a claim is a user's, old enough, and may hold data.
func (in *Input) needsBackup(c *facts.Claim) bool {
	if !c.Deleting.IsZero() || c.Phase == "Pending" || in.Now.Sub(c.Created) <= in.Duration("rpo") {
		return false
	}
	if _, ok := in.userClaim(c); !ok {
		return false
	}
	v := in.lhVolume(c)
	return v == nil || v.ActualBytes > 0
}

// readySnapshots tells by claim when its newest usable snapshot was taken.
func readySnapshots(all []facts.VolumeSnapshot) map[claimKey]time.Time {
	ready := map[claimKey]time.Time{}
	for i := range all {
		if s := &all[i]; s.Ready && s.Error == "" && s.Claim != "" {
			taken := s.Taken
			if taken.IsZero() {
				taken = s.Created
			}
			k := claimKey{s.Namespace, s.Claim}
			ready[k] = later(ready[k], taken)
		}
	}
	return ready
}

// nothingBackedUp is one finding about the hub: a list of all claims would say
// no more.
func (in *Input) nothingBackedUp(total int) verdict.Finding {
	where, severity := "in Longhorn or as a VolumeSnapshot", verdict.Critical
	longhorn := in.Source(facts.LonghornVolumes).Status == facts.OK
	snapshots := in.Source(facts.KubeSnapshots).Status == facts.OK
	switch {
	case !longhorn && !snapshots:
		// Backups may well exist where the audit has no eyes: that is worth a
		// message, not a page.
		severity = verdict.Warning
		where = "that the audit can see: the cluster has neither Longhorn nor VolumeSnapshots"
	case !longhorn:
		where = "as a VolumeSnapshot"
	case !snapshots:
		where = "in Longhorn"
	}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "hub", Name: in.Hub.Name, Namespace: in.Hub.Namespace}, Severity: severity,
		Message: fmt.Sprintf("not one of %s with data has a backup %s; if they are backed up elsewhere, disable this check", text.Count(total, "user claim"), where),
		Details: map[string]string{"claims": idText(int64(total)), "rpo": in.Duration("rpo").String()},
	}
}

func (in *Input) notBackedUp(c *facts.Claim) verdict.Finding {
	owner, _ := in.userClaim(c)
	size := "of unknown size"
	details := map[string]string{"created": text.Time(c.Created), "volume": c.VolumeName}
	if v := in.lhVolume(c); v != nil {
		size = "with " + bytesText(v.ActualBytes)
		details["bytes"], details["longhornVolume"] = idText(v.ActualBytes), v.Name
	}
	ownerDetails(details, owner)
	whose := ""
	if owner.User != "" {
		whose = " of " + owner.String()
	}
	return verdict.Finding{Subject: claimSubject(c), Details: details,
		Message: fmt.Sprintf("claim %s%s, %s, is %s old and has no backup, one within %s is expected", c.Name, whose, size,
			text.Duration(in.Now.Sub(c.Created)), text.Duration(in.Duration("rpo")))}
}
