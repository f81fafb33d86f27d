package checks

import (
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/attribution"
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
	Uses:     homeSources,
	Params:   []Param{rpoParam},
	Doc: Doc{
		Meaning: "If the volume is lost or deleted, the user's files are gone. The audit looks for a good backup of any age in every system that it " +
			"can read: Longhorn's backups, VolumeSnapshots, Velero's runs (by file, by its data mover, as CSI snapshots) and K8up. A claim counts once " +
			"it is older than rpo, a run of the schedule that covers it was due, and it holds data or its size is not known. Homes whose cause is known " +
			"(no backup target, a paused schedule, a job that skips detached volumes …) are reported by the check of that cause, not here.",
		FalseAlarms: "Homes that are backed up by other means (an NFS server's own snapshots, a cloud's disk snapshots) cannot be seen; in a cluster " +
			"that has neither Longhorn, VolumeSnapshots, Velero nor K8up this is therefore only a warning. If they are, and that was " +
			"tested, disable the check: `checks: {backup-none: {enabled: false}}`. Claims that are pending or being deleted, standby volumes of " +
			"another cluster and homes that a weekly schedule has not come to yet are not counted.",
		Do: []string{
			"Longhorn: make sure that there is a backup target (`kubectl -n longhorn-system get backuptargets.longhorn.io`) and a RecurringJob with task backup for these volumes.",
			"Most homes are detached at night: the setting allow-recurring-job-while-volume-detached must be true, or the job skips them without an error.",
			"Other storage: create VolumeSnapshots on a schedule and copy them off the storage system, or let Velero or K8up back the claims up.",
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
	homes := in.homeBackups()
	bare := in.unexplained(homeNone)
	switch {
	case len(bare) == 0:
		return Result{}
	case len(bare) == len(homes):
		return Result{Findings: []verdict.Finding{in.nothingBackedUp(len(homes))}}
	}
	r := Result{Summary: fmt.Sprintf("%s of %s with data %s no backup", text.Number(len(bare)), text.Count(len(homes), "user claim"), text.Plural(len(bare), "has", "have"))}
	for _, h := range bare {
		r.Findings = append(r.Findings, in.notBackedUp(h))
	}
	return r
}

// needsBackup tells whether a claim is a user's, old enough, and may hold data.
func (in *Input) needsBackup(c *facts.Claim) bool {
	_, _, ok := in.homeData(c, in.Duration("rpo"))
	return ok
}

// homeData is the same, with the Longhorn volume behind the claim, nil for none,
// and its owner.
func (in *Input) homeData(c *facts.Claim, rpo time.Duration) (v *facts.LHVolume, owner attribution.Owner, ok bool) {
	if !c.Deleting.IsZero() || c.Phase == "Pending" || in.Now.Sub(c.Created) <= rpo {
		return nil, owner, false
	}
	if owner, ok = in.userClaim(c); !ok {
		return nil, owner, false
	}
	v = in.lhVolume(c)
	return v, owner, v == nil || v.ActualBytes > 0
}

// nothingBackedUp is one finding about the hub: a list of all claims would say
// no more.
func (in *Input) nothingBackedUp(total int) verdict.Finding {
	severity, where := verdict.Critical, in.backupSystems()
	if where == "" {
		// Backups may well exist where the audit has no eyes: that is worth a
		// message, not a page.
		severity = verdict.Warning
		where = "that the audit can see: the cluster has neither Longhorn nor VolumeSnapshots, Velero or K8up"
	}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "hub", Name: in.Hub.Name, Namespace: in.Hub.Namespace}, Severity: severity,
		Message: fmt.Sprintf("not one of %s with data has a backup %s; if they are backed up elsewhere, disable this check", text.Count(total, "user claim"), where),
		Details: map[string]string{"claims": idText(int64(total)), "rpo": in.Duration("rpo").String()},
	}
}

// backupSystems says where the audit can see backups of claims: "in Longhorn or as
// a VolumeSnapshot"; "" for nowhere.
func (in *Input) backupSystems() string {
	var places []string
	for _, place := range []struct{ source, words string }{
		{facts.LonghornVolumes, "in Longhorn"}, {facts.KubeSnapshots, "as a VolumeSnapshot"}, {facts.VeleroBackups, "in Velero"}, {facts.K8upSnapshots, "in K8up"},
	} {
		if in.Source(place.source).Status == facts.OK {
			places = append(places, place.words)
		}
	}
	if n := len(places); n > 1 {
		return strings.Join(places[:n-1], ", ") + " or " + places[n-1]
	}
	return strings.Join(places, "")
}

func (in *Input) notBackedUp(h *homeBackup) verdict.Finding {
	size := "of unknown size"
	f, whose := in.homeFinding(h)
	if v := h.volume; v != nil {
		size = "with " + bytesText(v.ActualBytes)
	}
	f.Message = fmt.Sprintf("claim %s%s, %s, is %s old and has no backup, one within %s is expected", h.claim.Name, whose, size,
		text.Duration(in.Now.Sub(h.claim.Created)), text.Duration(in.Duration("rpo")))
	return f
}

// homeFinding begins a finding about one home. whose is for its message.
func (in *Input) homeFinding(h *homeBackup) (f verdict.Finding, whose string) {
	owner, _ := in.userClaim(h.claim)
	details := map[string]string{"created": text.Time(h.claim.Created), "volume": h.claim.VolumeName}
	if v := h.volume; v != nil {
		details["bytes"], details["longhornVolume"] = idText(v.ActualBytes), v.Name
	}
	ownerDetails(details, owner)
	if owner.User != "" {
		whose = " of " + owner.String()
	}
	return verdict.Finding{Subject: claimSubject(h.claim), Details: details}, whose
}
