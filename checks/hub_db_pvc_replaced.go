package checks

import (
	"cmp"
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubDBPVCReplaced = &Check{
	ID:       "hub-db-pvc-replaced",
	Title:    "The hub's database is on the same volume as ever",
	Severity: verdict.Critical,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims, facts.KubeVolumes, facts.KubePods, facts.History},
	Baseline: true,
	Doc: Doc{
		Meaning: "The claim that the hub keeps its SQLite database on is gone, is another one, or has another volume than in earlier runs. A new volume is " +
			"empty: the hub starts on it as a new hub without users and says nothing, and whoever logs in gets a new account and perhaps a new home. " +
			"`helm uninstall` does this: it removes hub-db-dir and leaves the users' claims.",
		FalseAlarms: "A planned move to another volume: `audit accept hub-db-pvc-replaced --hub HUB --reason \"…\"` makes the present one normal. A claim or " +
			"PersistentVolume that was made anew for the same storage (same driver and volume handle) is not reported, nor is a hub whose " +
			"database is on a server. The first run notes what is there; a run that fails never moves that.",
		Do: []string{
			"Stop the hub before anyone logs in: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`.",
			"Look for the old volume: `kubectl get pv -o wide | grep hub-db-dir`; Released means that its data is still there.",
			"Keep it: `kubectl patch pv OLD -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'`.",
			"Copy what the hub has written to the new volume since, if it has started there.",
			"Bind the old volume again: delete the new claim, clear the old volume's claimRef (`kubectl patch pv OLD --type json -p '[{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}]'`), and make the claim again under the same name with spec.volumeName OLD.",
			"If the old volume is gone, restore the newest good backup onto the new one. Then start the hub and look at hub-db-reset and hub-user-count-drift.",
		},
		Dont: []string{
			"Do not delete a Released volume, nor anything in the storage system that seems to belong to nobody.",
			"Do not accept the new volume before you know where the old database is.",
		},
		Sources: []string{
			"berkeley-dsep-infra/datahub docs/incidents/2018-02-06",
			"jupyterhub/zero-to-jupyterhub-k8s#3718 and #860; jupyterhub/templates/hub/pvc.yaml",
		},
	},
	Run: runHubDBPVCReplaced,
}

// hubMarks are what was normal of the hub's claim; "" for what is not known.
type hubMarks struct {
	claim, volume, storage string
	since, until           time.Time // of the claim's
}

func (in *Input) hubMarks() hubMarks {
	known := func(name string) facts.Mark {
		m := in.Past.Marks[facts.SeriesKey{Hub: in.Hub.Name, Name: name}]
		if m.Value == facts.MarkNone {
			m.Value = ""
		}
		return m
	}
	claim := known(facts.MarkHubClaim)
	return hubMarks{claim: claim.Value, volume: known(facts.MarkHubVolume).Value, storage: known(facts.MarkHubStorage).Value,
		since: claim.Since, until: claim.Until}
}

func runHubDBPVCReplaced(in *Input) Result {
	if !onFile(&in.Hub.Database) {
		return Result{}
	}
	was := in.hubMarks()
	c, unsure := in.databaseClaim(was)
	switch {
	case unsure != "":
		return Result{Unknown: unsure}
	case c == nil && was.claim == "":
		return Result{Skip: fmt.Sprintf("namespace %s has no claim that the hub's database could be on", in.Hub.Namespace)}
	case c == nil:
		return Result{Findings: []verdict.Finding{in.claimGone(was)}, Marks: map[string]string{facts.MarkHubClaim: facts.MarkNone}}
	}
	v := in.volumeOfClaim(c)
	r := Result{Marks: marksOf(c, v, was)}
	switch {
	case was.claim == "":
		r.Skip = fmt.Sprintf("the hub's claim is not known from earlier runs: this run notes %s", c.Name)
	case was.replacedBy(c, v):
		r.Findings = []verdict.Finding{in.claimReplaced(was, c, v)}
	}
	return r
}

// replacedBy tells whether a claim and its volume, nil for none, are not what
// they were. The data is where the storage is: what is made anew for the same
// storage is the same.
func (was *hubMarks) replacedBy(c *facts.Claim, v *facts.Volume) bool {
	if v == nil || was.volume == "" {
		return c.UID != was.claim
	}
	return v.UID != was.volume && (v.Storage() == "" || v.Storage() != was.storage)
}

// marksOf are the marks of a claim and its volume. A claim that has lost its
// volume keeps the marks of that.
func marksOf(c *facts.Claim, v *facts.Volume, was hubMarks) map[string]string {
	marks := map[string]string{facts.MarkHubClaim: c.UID}
	switch {
	case v != nil:
		marks[facts.MarkHubVolume], marks[facts.MarkHubStorage] = v.UID, cmp.Or(v.Storage(), facts.MarkNone)
	case c.UID != was.claim:
		marks[facts.MarkHubVolume], marks[facts.MarkHubStorage] = facts.MarkNone, facts.MarkNone
	}
	return marks
}

// databaseClaim returns the claim that the hub keeps its database on: the one
// that its pod mounts; or while it has no pod, or one that tells nothing, the
// one that it was, or the one with the name that z2jh gives it. nil: there is
// none.
func (in *Input) databaseClaim(was hubMarks) (c *facts.Claim, unsure string) {
	pod, unsure := in.hubPod()
	if unsure != "" {
		return nil, unsure
	}
	var mounts []*facts.Mount
	if pod != nil {
		mounts = in.databaseMounts(pod)
		if len(mounts) == 1 && mounts[0].Kind == facts.MountClaim {
			return in.claimByName(mounts[0].Claim), ""
		}
	}
	if old := in.hubNamespaceClaim(func(c *facts.Claim) bool { return c.UID == was.claim }); old != nil && was.claim != "" {
		return old, ""
	}
	switch {
	case pod == nil:
		return in.hubNamespaceClaim(func(c *facts.Claim) bool { return facts.IsHubClaim(c.Name) }), ""
	case len(mounts) > 1:
		return nil, fmt.Sprintf("the hub's pod %s mounts %s, and which one the database lies on cannot be told", pod.Name, text.Count(len(mounts), "volume"))
	}
	return nil, ""
}

func (in *Input) claimGone(was hubMarks) verdict.Finding {
	details := was.details()
	return verdict.Finding{Subject: in.databaseSubject(), Details: details,
		Message: fmt.Sprintf("the claim that the hub's database was on until %s is gone from namespace %s, the same claim is expected; %s",
			text.Time(was.until), in.Hub.Namespace, in.whatIsLeft(was, nil, details))}
}

func (in *Input) claimReplaced(was hubMarks, c *facts.Claim, v *facts.Volume) verdict.Finding {
	details := was.details()
	details["claimUID"], details["claimCreated"] = c.UID, text.Time(c.Created)
	now := fmt.Sprintf("claim %s (made %s)", c.Name, text.Time(c.Created))
	if v == nil {
		now += ", which has no volume yet"
	} else {
		now += fmt.Sprintf(" with volume %s (made %s)", v.Name, text.Time(v.Created))
		details["volume"], details["volumeUID"], details["volumeCreated"], details["storage"] = v.Name, v.UID, text.Time(v.Created), v.Storage()
	}
	return verdict.Finding{Subject: claimSubject(c), Details: details,
		Message: fmt.Sprintf("the hub's database is on %s, not on what was normal until %s; %s", now, text.Time(was.until), in.whatIsLeft(was, v, details))}
}

func (was *hubMarks) details() map[string]string {
	return map[string]string{"formerClaimUID": was.claim, "formerVolumeUID": was.volume, "formerStorage": was.storage,
		"normalSince": text.Time(was.since), "normalUntil": text.Time(was.until)}
}

// whatIsLeft says what is left in Kubernetes of the volume that was normal, and
// adds it to the details. now is the present one, nil for none.
func (in *Input) whatIsLeft(was hubMarks, now *facts.Volume, details map[string]string) string {
	for i := range in.Kube.Volumes {
		v := &in.Kube.Volumes[i]
		if v != now && (v.UID == was.volume && was.volume != "" || v.ClaimUID == was.claim) {
			details["formerVolume"], details["formerVolumeCreated"], details["formerVolumePhase"] = v.Name, text.Time(v.Created), v.Phase
			return fmt.Sprintf("the former volume %s (made %s) is still there, %s", v.Name, text.Time(v.Created), v.Phase)
		}
	}
	if was.storage != "" {
		return fmt.Sprintf("the former volume is not in Kubernetes any more, its storage was %s", was.storage)
	}
	return "the former volume is not in Kubernetes any more"
}
