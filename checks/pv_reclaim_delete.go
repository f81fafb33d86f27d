package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvReclaimDelete = &Check{
	ID:       "pv-reclaim-delete",
	Title:    "The volumes of users and of the hub outlive their claims",
	Severity: verdict.Error,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims, facts.KubeVolumes},
	Uses:     append([]string{HubUsers}, heldSources...),
	Params: []Param{
		{Name: "rpo", Doc: "how old a claim may be before it must have a backup, and how old a backup of a claim in use may be: a day, and two hours for a nightly backup to be made",
			Default: float64(26 * time.Hour), Min: float64(time.Minute), Max: float64(365 * 24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "A volume with reclaim policy Delete is destroyed together with its claim, at once and for good. A wrong `kubectl delete`, a namespace that is " +
			"removed, a GitOps tool that prunes, and for hub-db-dir every `helm uninstall` then destroy homes or the hub's database. " +
			"Delete is what most StorageClasses set unless told otherwise. With Retain, the volume is left behind and can be bound again.",
		FalseAlarms: "It is a policy, so there is one finding for all volumes of a StorageClass, and one for the hub's own. Where every affected claim with data has a " +
			"ready VolumeSnapshot or a Longhorn backup since its last use or within rpo, it is only listed; for the hub's own volume a good copy of the database within " +
			"its maxAge will do as well. Tested backups that the audit cannot see: set `checks: {pv-reclaim-delete: {severity: info}}`. This is about whoever " +
			"deletes a claim; what the hub itself deletes with its users is hub-user-delete-deletes-data's to tell. Where that is reported as an error " +
			"because the hub culls users, one page is enough, and this is a warning. Claims that are being deleted are pvc-terminating's.",
		Do: []string{
			"Change the volumes that exist; it takes effect at once and disturbs nobody: `kubectl get pv -o json | jq -r '.items[] | select(.spec.claimRef.namespace==\"NAMESPACE\" and .spec.persistentVolumeReclaimPolicy==\"Delete\") | .metadata.name' | xargs -I{} kubectl patch pv {} -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'`.",
			"Change what new volumes get: a StorageClass cannot be edited, so make another one with `reclaimPolicy: Retain` and name it in `singleuser.storage.dynamic.storageClass` and `hub.db.pvc.storageClassName`.",
			"Set up backups of the homes and the database (see backup-none and backup-hub-db-missing), and restore one as a test.",
			"With Retain, deleted users leave Released volumes: look at pv-released-data from time to time, and delete what is no longer wanted in Kubernetes and in the storage system.",
		},
		Dont: []string{
			"Do not run `helm uninstall`, nor remove the namespace or the storage driver, before the volumes are set to Retain.",
			"Do not delete and make anew a StorageClass with volumes to change its policy and take that for the cure: the volumes keep the policy they were made with.",
		},
		Sources: []string{
			"jupyterhub/zero-to-jupyterhub-k8s#901, #860 and #332",
			"kubernetes.io/docs/concepts/storage/persistent-volumes (reclaiming)",
		},
	},
	Run: runPVReclaimDelete,
}

// perishable counts the user claims of a StorageClass whose volumes go with
// them.
type perishable struct {
	class   string
	volumes int
	data    int // with data
	bare    int // of these, those without a backup since they were last used
	culled  int // of these, those that the hub itself would delete with their users
	bytes   int64
	users   []string // a few of them
}

func runPVReclaimDelete(in *Input) Result {
	classes, own := in.perishable()
	var r Result
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		r.Findings = append(r.Findings, in.perishes(classes[class]))
	}
	for _, k := range own {
		r.Findings = append(r.Findings, in.hubPerishes(k))
	}
	if n := len(r.Findings); n > 1 {
		counts := map[string]int{}
		for _, p := range classes {
			counts[classText(p.class)] = p.volumes
		}
		if len(own) > 0 {
			counts["the hub itself"] = len(own)
		}
		r.Summary = "volumes go with their claims (reclaim policy Delete), Retain is expected: " + countsText(counts)
	}
	return r
}

// perishable finds the claims whose volumes go with them: the users' by
// StorageClass, and the hub's own.
func (in *Input) perishable() (classes map[string]*perishable, own []kept) {
	classes = map[string]*perishable{}
	volumes, used := volumesByName(in.Kube.Volumes), in.lastUses()
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		v := volumes[c.VolumeName]
		if v == nil || v.ReclaimPolicy != "Delete" || !c.Deleting.IsZero() {
			continue
		}
		k, ok := in.kept(c)
		switch {
		case !ok, k.hub && !onFile(&in.Hub.Database):
			continue
		case k.hub:
			own = append(own, k)
			continue
		}
		p := classes[v.StorageClass]
		if p == nil {
			p = &perishable{class: v.StorageClass}
			classes[v.StorageClass] = p
		}
		in.count(p, k, in.backedUpSince(in.lastUse(c, used), in.lastBackup(c)))
	}
	return classes, own
}

func (in *Input) count(p *perishable, k kept, backedUp bool) {
	p.volumes++
	if in.needsBackup(k.Claim) {
		p.data++
		p.bytes += in.dataBytes(k.Claim)
		if !backedUp {
			p.bare++
			if !in.deletedBefore(k.Claim) {
				p.culled++
			}
		}
	}
	const few = 3
	if name := fmt.Sprintf("%q", k.owner.User); k.owner.User != "" && len(p.users) < few && !slices.Contains(p.users, name) {
		p.users = append(p.users, name)
	}
}

// perishes is the finding about a StorageClass: its policy is one thing,
// however many volumes have it.
func (in *Input) perishes(p *perishable) verdict.Finding {
	severity, backups := verdict.Error, fmt.Sprintf("%s with data %s no backup since the last use", text.Count(p.bare, "claim"), text.Plural(p.bare, "has", "have"))
	switch {
	case p.bare == 0:
		severity, backups = verdict.Info, "every claim with data has a backup since its last use"
	case p.culled > 0 && in.Hub.CullUsers && in.Hub.KubeSpawner.DeletePVC:
		severity = verdict.Warning // hub-user-delete-deletes-data pages for these
	}
	whose := text.Count(p.volumes, "volume") + " of user claims"
	if len(p.users) > 0 {
		whose += " (such as those of " + list(p.users, 3) + ")"
	}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "storageclass", Name: cmp.Or(p.class, "no class")}, Severity: severity,
		Message: fmt.Sprintf("%s in %s %s with their claims (reclaim policy Delete), Retain is expected; %s%s",
			whose, classText(p.class), text.Plural(p.volumes, "goes", "go"), backups, in.classPolicy(p.class)),
		Details: map[string]string{"volumes": idText(int64(p.volumes)), "withData": idText(int64(p.data)), "withoutBackup": idText(int64(p.bare)),
			"bytes": idText(p.bytes), "rpo": in.Duration("rpo").String()},
	}
}

// classPolicy says what volumes that are made from now on will have, "" where
// that is not known.
func (in *Input) classPolicy(name string) string {
	i := slices.IndexFunc(in.Kube.StorageClasses, func(c facts.StorageClass) bool { return c.Name == name })
	switch {
	case i < 0:
		return ""
	case in.Kube.StorageClasses[i].ReclaimPolicy == "Delete":
		return "; new volumes get the same policy"
	}
	return "; new volumes get " + in.Kube.StorageClasses[i].ReclaimPolicy
}

func (in *Input) hubPerishes(k kept) verdict.Finding {
	severity, backups := verdict.Error, "no fresh copy of the database is known"
	if in.databaseBackedUp(k.Claim) {
		severity, backups = verdict.Info, "a fresh copy of the database exists"
	}
	return verdict.Finding{
		Subject: claimSubject(k.Claim), Severity: severity,
		Message: fmt.Sprintf("volume %s of the hub's own claim %s goes with its claim (reclaim policy Delete), Retain is expected; %s", k.VolumeName, k.Name, backups),
		Details: map[string]string{"volume": k.VolumeName, "storageClass": k.StorageClass, "rpo": in.Duration("rpo").String()},
	}
}

// databaseBackedUp tells whether a fresh copy of the hub's database, or of the
// volume that it lies on, would survive the volume.
func (in *Input) databaseBackedUp(c *facts.Claim) bool {
	for i := range in.Hub.Backups {
		b := &in.Hub.Backups[i]
		if newest, _ := newestGood(b, in.Now); newest != nil && in.isFresh(b, newest) {
			return true
		}
	}
	return in.backedUpSince(in.Now, in.lastBackup(c))
}
