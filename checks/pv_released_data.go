package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvReleasedData = &Check{
	ID:       "pv-released-data",
	Title:    "No volume with somebody's data has lost its claim",
	Severity: verdict.Error,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeVolumes, facts.KubeClaims},
	Doc: Doc{
		Meaning: "The volume was bound to a claim of this hub, and that claim was deleted. The data is still on it, but nothing mounts it: its user has, or at the " +
			"next start gets, a new and empty volume under the same name, and the hub without its old hub-db-dir starts with an empty database. This is what an " +
			"uninstalled release, a removed namespace or a claim deleted by hand leaves behind with reclaim policy Retain. With Delete, " +
			"or after a failed attempt to delete (Failed), the volume is about to vanish.",
		FalseAlarms: "Volumes of users and named servers that the hub no longer has are what deleting them leaves behind with Retain, and are only listed; with Delete " +
			"that is an ordinary deletion under way and not even that. It is a warning where it looks like that, and the name has come back since: the user's row is younger than the " +
			"volume, or it is of a named server that has a claim again. Whose it was is told by what the hub remembers, by the new claim of that name, and " +
			"by the name itself where only one user's can be it. If the users were not read in full, or the database was lost, a volume without a known user makes the check unknown. " +
			"Claims named in otherClaims are left out: a volume that was copied and is kept for a while can be named there.",
		Do: []string{
			"Keep it: `kubectl patch pv VOLUME -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'`.",
			"If the finding names a new claim of the same name, look into both before anything else (bind the old volume to a claim of another name, as below, and mount both read-only in a pod); save what is new in it, set the new volume to Retain too, stop the server or the hub, and delete the new claim.",
			"Free the volume for the claim of its name, and for no other: `kubectl patch pv VOLUME --type json -p '[{\"op\":\"remove\",\"path\":\"/spec/claimRef/uid\"},{\"op\":\"remove\",\"path\":\"/spec/claimRef/resourceVersion\"}]'`; it turns Available.",
			"Make the claim again: the same namespace and name, the volume's storageClassName, size and accessModes, `volumeName: VOLUME`, and the labels and annotations of its neighbours (hub.jupyter.org/username). `kubectl -n NAMESPACE get pvc CLAIM` must say Bound.",
			"Start the server, or the hub, and have the user confirm their files. For the hub's volume, see hub-db-pvc-replaced first.",
			"What is certainly not wanted any more: archive it, delete the PersistentVolume, and then the volume in the storage system.",
		},
		Dont: []string{
			"Do not delete a Released volume because nothing uses it: that is how lost homes look.",
			"Do not remove the whole claimRef: any claim of that size may then bind it, and somebody else gets these files.",
		},
		Sources: []string{
			"jupyterhub/zero-to-jupyterhub-k8s#860 and #3718",
			"kubernetes.io/docs/concepts/storage/persistent-volumes (reserving, reclaiming)",
			"berkeley-dsep-infra/datahub docs/incidents/2018-02-06",
		},
	},
	Run: runPVReleasedData,
}

func runPVReleasedData(in *Input) Result {
	released := in.released()
	if len(released) == 0 {
		return Result{}
	}
	var r Result
	roster, worst := in.roster(), 0
	for _, v := range in.identify(released) {
		severity, why := v.severity(roster)
		switch {
		case severity == "" && why != "":
			r.Unknown = fmt.Sprintf("volume %s of claim %s is %s, and whether its user still exists cannot be told: %s", v.Name, v.ClaimName, v.Phase, why)
		case severity != "":
			if severity == verdict.Error {
				worst++
			}
			r.Findings = append(r.Findings, v.finding(severity))
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s of the hub and its users lost their claims; %s of the hub itself or of users whom it still has",
			text.Count(n, "volume"), text.Number(worst)+text.Plural(worst, " is", " are"))
	}
	return r
}

// severity tells how bad it is that a volume has lost its claim, none for an
// ordinary deletion under way. why says why it cannot be told.
func (v *released) severity(roster *roster) (s verdict.Severity, why string) {
	if v.hub || v.many || len(v.owners) > 1 {
		return verdict.Error, ""
	}
	if len(v.owners) == 0 {
		if why := roster.unsure(); why != "" {
			return "", why
		}
		return v.unwanted(), ""
	}
	switch stands, why := roster.of(v.owners[0]); {
	case stands == standingUnknown:
		return "", why
	case stands == standingGone:
		return v.unwanted(), ""
	case v.back != "":
		return verdict.Warning, ""
	}
	return verdict.Error, ""
}

// unwanted is the severity where nobody is left to need the data.
func (v *released) unwanted() verdict.Severity {
	if v.ReclaimPolicy == "Delete" && v.Phase == "Released" {
		return ""
	}
	return verdict.Info
}

func (v *released) finding(severity verdict.Severity) verdict.Finding {
	details := map[string]string{"claim": v.ClaimName, "claimUID": v.ClaimUID, "phase": v.Phase, "reclaimPolicy": v.ReclaimPolicy,
		"created": text.Time(v.Created), "capacity": bytesText(v.CapacityBytes), "storage": v.Storage()}
	message := fmt.Sprintf("volume %s (%s, made %s) is %s: its claim %s%s was deleted; %s", v.Name, bytesText(v.CapacityBytes), day(v.Created), v.Phase,
		v.ClaimName, v.ofWhom(), v.now())
	if len(v.owners) == 1 {
		ownerDetails(details, v.owners[0])
	}
	if v.successor != nil {
		details["newClaimVolume"], details["newClaimCreated"] = v.successor.VolumeName, text.Time(v.successor.Created)
	}
	if v.back != "" {
		message += "; " + v.back
	}
	switch {
	case v.Phase == "Failed":
		message += fmt.Sprintf("; reclaiming it (%s) was tried and failed", v.ReclaimPolicy)
	case v.ReclaimPolicy != "Retain":
		message += fmt.Sprintf("; with reclaim policy %s it is about to vanish", v.ReclaimPolicy)
	}
	if severity == verdict.Info {
		message += "; the hub has no server that it would be for"
	}
	return verdict.Finding{Subject: verdict.Subject{Kind: "volume", Name: v.Name, ID: v.UID}, Severity: severity, Message: message, Details: details}
}

// now says what there is instead of the deleted claim.
func (v *released) now() string {
	if v.successor == nil {
		return "there is no claim of that name now"
	}
	return fmt.Sprintf("a claim of that name was made %s, with another volume", text.Time(v.successor.Created))
}
