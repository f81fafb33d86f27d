package checks

import (
	"fmt"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcOwnerMismatch = &Check{
	ID:       "pvc-owner-mismatch",
	Title:    "The name and the annotation of a claim tell of the same user",
	Severity: verdict.Error,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Uses:     []string{facts.KubePods},
	Doc: Doc{
		Meaning: "A claim has the name that only one user's home is given, and its annotation, which KubeSpawner wrote when it made the claim, names another user. " +
			"The hub goes by the name: the user whose name it is gets files that may be the other one's. It happens when ids are given out anew under a template " +
			"with {userid}, when a claim is made or restored by hand, and when an account is deleted and its name given to somebody else.",
		FalseAlarms: "Annotations are written once: after a rename, or where the hub's database remembers the claim for a server, the annotation is merely old and " +
			"nothing is reported; where the annotated user is gone and the other has a like name it is only noted. While the hub has the annotated user, this is a warning: pvc-duplicate-server or pvc-legacy-unreachable takes the claim for that user's, and pages. `storage_extra_annotations` in the hub's " +
			"configuration can overwrite the annotation of every claim: then all are wrong in the same way, and the check should be disabled here. A name that fits " +
			"several users, or the annotated one too, is no evidence. A claim that a server mounts now is pvc-misrouted's to tell.",
		Do: []string{
			"Look into the claim from a pod that mounts it read-only, and tell by the files whose home it is.",
			"See who made it and when: `kubectl -n NAMESPACE get pvc CLAIM -o yaml`, and compare `creationTimestamp` with when both accounts were made.",
			"If the files are the annotated user's, keep the other from starting a server, stop the hub, and make the claim the annotated user's: under KubeSpawner 7 by `pvc_name` in the state of their server's row.",
			"If they are those of the user whose name it is, correct the annotation: `kubectl -n NAMESPACE annotate --overwrite pvc CLAIM hub.jupyter.org/username=USER`.",
			"If it is nobody's home, list it under otherClaims in the hub's configuration here.",
		},
		Dont: []string{
			"Do not relink or annotate before you have seen the files.",
			"Do not delete the claim: one of the two loses a home.",
		},
		Sources: []string{"kubespawner/spawner.py (get_pvc_manifest, storage_extra_annotations): annotations are set when a claim is made and never again"},
	},
	Run: runPVCOwnerMismatch,
}

func runPVCOwnerMismatch(in *Input) Result {
	if why := in.ownersUnread(); why != "" {
		return in.unlessLost(Result{Unknown: why})
	}
	names := in.claimNames()
	var r Result
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if !c.HasUser || !c.Deleting.IsZero() || in.nobodys(c) {
			continue
		}
		// What a database remembers, for whomever, is newer than the annotation.
		if o, ok := in.Owners().Owner(c.Namespace, c.Name); ok && o.By == attribution.ByState || in.Owners().SharedByUsers(c.Namespace, c.Name) {
			continue
		}
		if named, ok := names.contradicts(c); ok {
			r.Findings = append(r.Findings, in.ownerMismatch(c, named))
		}
	}
	r.Findings = in.withoutMisrouted(r.Findings)
	if len(r.Findings) == 0 {
		return Result{}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s have the name of one user's home and the annotation of another user", text.Count(n, "claim"))
	}
	return in.unlessLost(r)
}

func (in *Input) ownerMismatch(c *facts.Claim, named attribution.Rendered) verdict.Finding {
	annotated := attribution.Owner{User: c.User, Server: c.Server}
	f := verdict.Finding{Subject: claimSubject(c),
		Message: fmt.Sprintf("claim %s has the name of %s and is annotated for %s, one user is expected", in.claimText(c), named.Owner, annotated),
		Details: map[string]string{"annotatedUser": c.User, "annotatedServer": c.Server, "namedUser": named.Owner.User, "namedServer": named.Owner.Server,
			"template": named.Scheme.Template, "created": text.Time(c.Created)}}
	o, _ := in.Owners().Owner(c.Namespace, c.Name)
	switch {
	case o.UserID == 0 && foldName(c.User) == foldName(named.Owner.User):
		f.Severity = verdict.Info
		f.Message += "; they may be one person who was renamed"
	case o.UserID != 0:
		// pvc-duplicate-server or pvc-legacy-unreachable takes it for theirs, and pages.
		f.Severity = verdict.Warning
		f.Message += "; what other checks say of the annotated one's claims rests on that annotation"
	}
	return f
}

// withoutMisrouted leaves out the claims that pvc-misrouted reports.
func (in *Input) withoutMisrouted(findings []verdict.Finding) []verdict.Finding {
	if len(findings) == 0 || in.Source(facts.KubePods).Status != facts.OK {
		return findings
	}
	return without(findings, runPVCMisrouted(in.as(pvcMisrouted)).Findings)
}
