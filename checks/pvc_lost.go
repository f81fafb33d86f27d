package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcLost = &Check{
	ID:       "pvc-lost",
	Title:    "No claim of a user or of the hub has lost its volume",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Doc: Doc{
		Meaning: "The PersistentVolume that the claim was bound to no longer exists in Kubernetes. The server that mounts it cannot start. The data " +
			"may still be in the storage system: with Longhorn, as a volume without a PersistentVolume.",
		FalseAlarms: "None known. A claim that is being deleted is not counted.",
		Do: []string{
			"Find the lost volume's name: `kubectl -n NAMESPACE get pvc CLAIM -o jsonpath='{.spec.volumeName}'`.",
			"Look whether the storage system still has it: `kubectl -n longhorn-system get volumes.longhorn.io VOLUME`.",
			"If it has, re-create the PersistentVolume under the same name, with the same driver and volumeHandle, a reclaim policy of Retain, and the claim's namespace, name and uid as its claimRef; the claim then binds to it again.",
			"If it has not, restore the newest backup into a new volume and bind that.",
		},
		Dont: []string{
			"Do not delete the claim: its uid and volume name are what leads back to the data.",
			"Do not delete volumes in the storage system that seem to belong to nobody.",
		},
		Sources: []string{"derailed/popeye docs/codes.md, 1004", "kubernetes/kubernetes pkg/controller/volume/persistentvolume"},
	},
	Run: runPVCLost,
}

func runPVCLost(in *Input) Result {
	var r Result
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if c.Phase != "Lost" || !c.Deleting.IsZero() {
			continue
		}
		owner, ok := in.userClaim(c)
		if !ok && !in.isHubClaim(c) {
			continue
		}
		whose := "a user whose name is not known"
		if owner.User != "" {
			whose = owner.String()
		} else if in.isHubClaim(c) {
			whose = "the hub itself"
		}
		details := map[string]string{"volume": c.VolumeName, "created": text.Time(c.Created)}
		ownerDetails(details, owner)
		r.Findings = append(r.Findings, verdict.Finding{Subject: claimSubject(c), Details: details,
			Message: fmt.Sprintf("claim %s of %s is Lost: its volume %s is not in Kubernetes, Bound is expected", c.Name, whose, c.VolumeName)})
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s are Lost: their volumes are not in Kubernetes", text.Count(n, "claim"))
	}
	return r
}
