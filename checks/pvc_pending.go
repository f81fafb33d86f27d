package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcPending = &Check{
	ID:       "pvc-pending",
	Title:    "Every claim that is waited for gets its volume",
	Severity: verdict.Warning,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims, facts.KubePods},
	Uses:     []string{facts.KubeStorageClasses, facts.KubeVolumes},
	Params: []Param{
		{Name: "minAge", Doc: "how long making and binding a volume may take",
			Default: float64(10 * time.Minute), Min: 0, Max: float64(30 * 24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "The claim has no volume, and so the pod that mounts it waits: the user's server runs into its time limit at every start, and with " +
			"hub-db-dir the hub itself cannot start. No data is lost, but the new volume that is waited for is an empty one: a claim that " +
			"should have an old volume (it names one, or a backup was to be restored) is not waiting for its data.",
		FalseAlarms: "With volumeBindingMode WaitForFirstConsumer a claim waits for its first pod by design: it is reported only while a pod has been waiting for " +
			"it for longer than minAge. A claim of somebody whom the hub no longer has, which no pod mounts, is left out, and so are claims that " +
			"are being deleted and those named in otherClaims. A provisioner that makes full copies (a restore, a clone) may take longer than minAge: raise it.",
		Do: []string{
			"Ask Kubernetes why: `kubectl -n NAMESPACE describe pvc CLAIM`; the events at its end name the quota, the class or the provisioner's error.",
			"No such StorageClass, or no default one: `kubectl get storageclass`; make the class, or correct `singleuser.storage.dynamic.storageClass`. A Pending claim has no data: it may be deleted so that the next start makes it anew.",
			"It names a volume: `kubectl get pv VOLUME -o yaml`. It must exist, be of the same class, and its claimRef must be this claim or empty; clear a uid left there by an earlier claim (see pv-released-data).",
			"The provisioner is silent: look at its pods and their log, at the storage system's free space, and at the quota of the cloud or namespace (`kubectl -n NAMESPACE describe resourcequota`).",
			"It waits for a pod that has no node: `kubectl -n NAMESPACE describe pod POD`.",
		},
		Dont: []string{
			"Do not delete the claim and let the hub make a new one while the user has an old volume somewhere: find that first.",
			"Do not bind the first free volume that fits: it may be somebody else's.",
		},
		Sources: []string{"berkeley-dsep-infra/datahub docs/incidents/2017-03-20", "kubernetes.io/docs/concepts/storage/storage-classes (volume binding mode)"},
	},
	Run: runPVCPending,
}

func runPVCPending(in *Input) Result {
	var waiting []kept
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if c.Phase != "Pending" || !c.Deleting.IsZero() || in.Now.Sub(c.Created) <= in.Duration("minAge") {
			continue
		}
		if k, ok := in.kept(c); ok {
			waiting = append(waiting, k)
		}
	}
	if len(waiting) == 0 {
		return Result{}
	}
	var r Result
	b, roster := in.binding(), in.roster()
	byClass := map[string]int{}
	for _, k := range waiting {
		pods := b.waitingPods(k.Claim)
		if stands, _ := roster.of(k.owner); stands == standingGone && len(pods) == 0 {
			continue
		}
		since, unsure := b.waitingSince(k.Claim, pods)
		if unsure != "" {
			r.Unknown = unsure
			continue
		}
		if since.IsZero() || in.Now.Sub(since) <= in.Duration("minAge") {
			continue
		}
		byClass[classText(k.StorageClass)]++
		r.Findings = append(r.Findings, in.pending(k, since, b.why(k.Claim, pods)))
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s wait for a volume for longer than %s: %s", text.Count(n, "claim"), text.Duration(in.Duration("minAge")), countsText(byClass))
	}
	return r
}

func (in *Input) pending(k kept, since time.Time, why string) verdict.Finding {
	age := text.Duration(in.Now.Sub(since))
	details := map[string]string{"created": text.Time(k.Created), "waitingSince": text.Time(since), "storageClass": k.StorageClass, "reason": why}
	if k.VolumeName != "" {
		details["volume"] = k.VolumeName
	}
	ownerDetails(details, k.owner)
	return verdict.Finding{Subject: claimSubject(k.Claim), Details: details,
		Message: fmt.Sprintf("claim %s of %s has been waiting for a volume for %s, at most %s is expected: %s; %s",
			k.Name, k.whose(), age, text.Duration(in.Duration("minAge")), why, k.cannotStart())}
}
