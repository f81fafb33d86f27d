package checks

import (
	"fmt"
	"regexp"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubSharedPVCDeletable = &Check{
	ID:       "hub-shared-pvc-deletable",
	Title:    "Deleting one user cannot delete a claim that all users share",
	Severity: verdict.Critical,
	Since:    "0.2.0",
	Scope:    PerHub,
	Uses:     []string{facts.KubeClaims},
	Doc: Doc{
		Meaning: "KubeSpawner deletes the claim that it renders for a user when that user is deleted. Its pvc_name_template has no field of the user here, " +
			"so that claim is the one that holds everybody's home: the first user who is deleted, by hand, by the culler or by a script, takes all homes along.",
		FalseAlarms: "A template in the audit's configuration (`hubs[].kubespawner.pvcNameTemplate`) that is not the hub's, or `delete_pvc = False` in the " +
			"hub that the audit was not told about (`hubs[].kubespawner.deletePVC: false`). The check is silent where no claim of that name is in the " +
			"hub's namespace, as with one namespace per user. A field that KubeSpawner itself does not know comes from the hub's own code: the check is then unknown.",
		Do: []string{
			"Delete no user until this is mended, and switch the culling of users off (`cull.users: false`).",
			"Set `c.KubeSpawner.delete_pvc = False` in the hub's configuration (Zero to JupyterHub: `hub.config.KubeSpawner.delete_pvc: false`), restart the hub, and set `deletePVC: false` for it here.",
			"Better, let the hub not manage the claim at all: `singleuser.storage.type: static` with `singleuser.storage.static.pvcName`.",
			"Set the volume's reclaim policy to Retain: `kubectl patch pv VOLUME -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'`.",
		},
		Dont: []string{
			"Do not delete a user to see what happens.",
			"Do not change the template for existing users without moving their files: each of them would get a new, empty volume.",
		},
		Sources: []string{
			"jupyterhub/kubespawner#880 and PR 883",
			"jupyterhub/kubespawner kubespawner/spawner.py: delete_forever; docs/source/templates.md",
		},
	},
	Run: runHubSharedPVCDeletable,
}

func runHubSharedPVCDeletable(in *Input) Result {
	k := &in.Hub.KubeSpawner
	if !k.DeletePVC || kubespawner.HasUser(k.PVCNameTemplate) {
		return Result{}
	}
	fields, err := kubespawner.Fields(k.PVCNameTemplate)
	if err != nil {
		return Result{Unknown: err.Error()}
	}
	var strange []string
	for _, field := range fields {
		if !kubespawner.KnownField(field) {
			strange = append(strange, "{"+field+"}")
		}
	}
	shared := in.claimsNamedBy(k.PVCNameTemplate)
	if len(strange) > 0 && len(shared) > 0 {
		return Result{Unknown: fmt.Sprintf("whether claims are shared depends on %s in pvcNameTemplate %q, which KubeSpawner itself does not know",
			list(strange, 3), k.PVCNameTemplate)}
	}
	var r Result
	for _, c := range shared {
		r.Findings = append(r.Findings, in.sharedClaim(c))
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s are shared by users and go when any of these is deleted: pvcNameTemplate %q has no field of the user", text.Count(n, "claim"), k.PVCNameTemplate)
	}
	return r
}

// templateField is a replacement field of a template, with whatever follows its name.
var templateField = regexp.MustCompile(`\{[^{}]*\}`)

// claimsNamedBy are the claims of the hub's namespace that a template may
// render, whatever its fields are. KubeSpawner strips hyphens from the end.
func (in *Input) claimsNamedBy(template string) []*facts.Claim {
	fixed := templateField.Split(template, -1)
	var claims []*facts.Claim
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if c.Namespace == in.Hub.Namespace && c.Deleting.IsZero() && !in.isHubClaim(c) && (inOrder(c.Name, fixed) || inOrder(c.Name+"-", fixed)) {
			claims = append(claims, c)
		}
	}
	return claims
}

// inOrder tells whether a name is made of these parts, in order and with
// anything between them.
func inOrder(name string, parts []string) bool {
	rest, ok := strings.CutPrefix(name, parts[0])
	if len(parts) == 1 {
		return ok && rest == ""
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		if ok {
			_, rest, ok = strings.Cut(rest, part)
		}
	}
	return ok && strings.HasSuffix(rest, parts[last])
}

func (in *Input) sharedClaim(c *facts.Claim) verdict.Finding {
	k := &in.Hub.KubeSpawner
	return verdict.Finding{Subject: claimSubject(c),
		Message: fmt.Sprintf("claim %s is every user's, for pvcNameTemplate %q has no field of the user, and deleting any user deletes it; deletePVC false or a claim for each user is expected",
			c.Name, k.PVCNameTemplate),
		Details: map[string]string{"volume": c.VolumeName, "created": text.Time(c.Created), "bytes": idText(c.RequestBytes), "pvcNameTemplate": k.PVCNameTemplate,
			"cullUsers": fmt.Sprint(in.Hub.CullUsers)}}
}
