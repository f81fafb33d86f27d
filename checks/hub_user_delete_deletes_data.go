package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubUserDeleteDeletesData = &Check{
	ID:       "hub-user-delete-deletes-data",
	Title:    "Deleting a user does not destroy the only copy of the user's files",
	Severity: verdict.Error,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims, facts.KubeVolumes},
	Uses:     append([]string{HubUsers}, heldSources...),
	Params: []Param{
		{Name: "rpo", Doc: "how old a claim may be before it must have a backup, and how old a backup of a claim in use may be: a day, and two hours for a nightly backup to be made",
			Default: float64(26 * time.Hour), Min: float64(time.Minute), Max: float64(365 * 24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "When a user is deleted the hub deletes the user's claim (KubeSpawner's delete_pvc, on by default), and a volume with reclaim policy Delete " +
			"goes with its claim, at once and for good. For the claims counted here there is no backup that is younger than their last use, so that " +
			"one click on the admin page destroys a home. With cullUsers the hub does it by itself, to people who merely stayed away for long.",
		FalseAlarms: "A hub whose homes are meant to go with their users: disable the check for it. It needs all of it: deletePVC, reclaim policy Delete, data " +
			"in the claim, and no ready VolumeSnapshot or Longhorn backup within rpo or since the claim was last used. Backups by other means " +
			"cannot be seen yet. Claims of people whom the hub does not know are not counted: it cannot delete these. Set `deletePVC` and `cullUsers` " +
			"in hubs[] to what the hub has: the audit reads no Secret and cannot see them.",
		Do: []string{
			"If the hub culls users, switch that off first: `cull.users: false`, and upgrade the release.",
			"Keep claims of deleted users: `c.KubeSpawner.delete_pvc = False` (Zero to JupyterHub: `hub.config.KubeSpawner.delete_pvc: false`), and `deletePVC: false` here.",
			"Keep the volumes: `kubectl patch pv VOLUME -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'` for each, and a StorageClass with reclaimPolicy Retain for new ones.",
			"Set up backups of the homes (see backup-none).",
			"If a user was just deleted by mistake: look for the volume in the storage system before anything else is changed, with Longhorn also among its backups.",
		},
		Dont: []string{
			"Do not delete users to tidy up before one of these holds.",
			"Do not count a snapshot in the same storage pool as a backup: many drivers delete it with its volume.",
		},
		Sources: []string{
			"jupyterhub/zero-to-jupyterhub-k8s#2848",
			"jupyterhub/kubespawner kubespawner/spawner.py: delete_forever; jupyterhub/jupyterhub jupyterhub/user.py",
		},
	},
	Run: runHubUserDeleteDeletesData,
}

func runHubUserDeleteDeletesData(in *Input) Result {
	if !in.Hub.KubeSpawner.DeletePVC {
		return Result{} // also a culler then leaves the claims
	}
	d := in.deletableClaims()
	if d.bare == 0 {
		return Result{}
	}
	return Result{Findings: []verdict.Finding{in.deletedWithUsers(d)}}
}

// deletable counts the user claims with data.
type deletable struct {
	total int
	lost  int // with a volume that goes with its claim
	bare  int // of these, those without a backup since they were last used
	bytes int64
}

func (in *Input) deletableClaims() deletable {
	volumes := make(map[string]*facts.Volume, len(in.Kube.Volumes))
	for i := range in.Kube.Volumes {
		volumes[in.Kube.Volumes[i].Name] = &in.Kube.Volumes[i]
	}
	used := in.lastUses()
	var d deletable
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if !in.needsBackup(c) || in.deletedBefore(c) {
			continue
		}
		d.total++
		if v := volumes[c.VolumeName]; v == nil || v.ReclaimPolicy != "Delete" {
			continue
		}
		d.lost++
		if !in.backedUpSince(in.lastUse(c, used), in.lastBackup(c)) {
			d.bare++
			d.bytes += in.dataBytes(c)
		}
	}
	return d
}

// deletedBefore tells whether the hub has no such user any more: it cannot
// delete the claim.
func (in *Input) deletedBefore(c *facts.Claim) bool {
	owner, _ := in.userClaim(c)
	return owner.Hub == in.Hub.Name && owner.User != "" && owner.UserID == 0 && usersUnread(in.Hub) == ""
}

func (in *Input) deletedWithUsers(d deletable) verdict.Finding {
	severity, who := verdict.Warning, "deleting a user deletes"
	if in.Hub.CullUsers {
		severity, who = verdict.Error, "the hub deletes users who were idle for long (cullUsers), and with a user goes"
	}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "hub", Name: in.Hub.Name, Namespace: in.Hub.Namespace}, Severity: severity,
		Message: fmt.Sprintf("%s the user's claim, and the volumes of %s of %s with data have reclaim policy Delete and no backup since they were last used; "+
			"deletePVC false, reclaim policy Retain or a backup within %s is expected",
			who, text.Number(d.bare), text.Count(d.total, "user claim"), text.Duration(in.Duration("rpo"))),
		Details: map[string]string{"claims": idText(int64(d.total)), "reclaimDelete": idText(int64(d.lost)), "withoutBackup": idText(int64(d.bare)),
			"bytes": idText(d.bytes), "cullUsers": fmt.Sprint(in.Hub.CullUsers), "rpo": in.Duration("rpo").String()},
	}
}

// dataBytes is how much a claim holds, or its size where that is not known.
func (in *Input) dataBytes(c *facts.Claim) int64 {
	if v := in.lhVolume(c); v != nil {
		return v.ActualBytes
	}
	return c.RequestBytes
}
