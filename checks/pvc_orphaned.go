package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcOrphaned = &Check{
	ID:       "pvc-orphaned",
	Title:    "Every user claim is for a server that the hub has",
	Severity: verdict.Info,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Uses:     append([]string{facts.KubeVolumes}, heldSources...),
	Params: []Param{
		{Name: "recent", Doc: "how long ago a claim may have been used last to count as somebody's newest work", Default: float64(30 * 24 * time.Hour),
			Min: float64(time.Hour), Max: float64(10 * 365 * 24 * time.Hour), Unit: UnitDuration},
		{Name: "rpo", Doc: "how old the newest backup of a claim in use may be: a day, and two hours for a nightly backup to be made",
			Default: float64(26 * time.Hour), Min: float64(time.Minute), Max: float64(365 * 24 * time.Hour), Unit: UnitDuration},
		{Name: "minData", Doc: "how much a Longhorn volume must hold to be more than an empty file system", Default: 40, Min: 0, Max: 1e6, Unit: "MiB"},
	},
	Doc: Doc{
		Meaning: "A claim belongs to a user whom the hub does not have, or to a named server that was deleted. Nothing mounts it at any start, so nobody " +
			"notices when it goes: it is what people clean up. Mostly that is right. One that was in use lately and whose newest files are in no backup " +
			"is an error: should the deletion of the user or the server have been a mistake, it is the only copy.",
		FalseAlarms: "Claims are kept on purpose for a while after users leave, and KubeSpawner leaves claims of named servers behind in some versions: these are " +
			"only listed. The claim of a default server is never listed while its user exists, even if the hub has no row for it, as the next start " +
			"mounts it by name. Backups that are neither VolumeSnapshots nor Longhorn's cannot be seen: raise `rpo`, or set the severity to info. " +
			"Where nothing at all is backed up, backup-none tells; where many owners vanished, hub-owner-missing; where the database was replaced, hub-db-reset.",
		Do: []string{
			"For each error ask who deleted the user or the server, and whether the files are still wanted.",
			"If they are, do not wait for the night: make a backup or a VolumeSnapshot of the claim now.",
			"A deleted user who is added again under the same name finds the claim, if KubeSpawner still makes that name: `audit predict` tells. A server that is added again likewise.",
			"Otherwise archive the files: mount the claim read-only in a pod and copy them off the cluster.",
			"When your retention time is over, delete the claim: `kubectl -n NAMESPACE delete pvc CLAIM`. What happens to the volume depends on its reclaim policy.",
		},
		Dont: []string{
			"Do not delete all that is listed in one go: a user may be missing from the database by accident, and then this is how their home looks.",
			"Do not delete a claim whose last backup is older than its last use.",
		},
		Sources: []string{"jupyterhub/kubespawner#924 and #446", "kubespawner/spawner.py (delete_forever): which versions delete claims of named servers"},
	},
	Run: runPVCOrphaned,
}

func runPVCOrphaned(in *Input) Result {
	if why := usersUnread(in.Hub); why != "" {
		return in.unlessLost(Result{Unknown: why})
	}
	gone := in.claimsOfGone()
	servers := in.claimsOfGoneServers()
	var r Result
	switch neighbour := in.unreadNeighbour(); {
	case len(gone) > 0 && neighbour != "":
		return Result{Unknown: fmt.Sprintf("claims in namespace %s may belong to hub %s, whose users could not be read in full", in.Hub.Namespace, neighbour)}
	case len(servers) > 0 && in.Hub.SpawnersRead != facts.Complete:
		servers, r.Unknown = nil, rowsUnread(in.Hub)
	}
	if len(gone)+len(servers) == 0 {
		return r
	}
	w := in.orphanWitness()
	for _, o := range append(gone, servers...) {
		r.Findings = append(r.Findings, w.finding(o))
	}
	r.Summary = orphansSummary(r.Findings, len(gone), len(servers))
	return in.unlessLost(r)
}

// orphan is a claim without a server that could mount it.
type orphan struct {
	*facts.Claim
	owner attribution.Owner
	// userGone: the hub does not have the user, else only not the server.
	userGone bool
}

// claimsOfGone are the claims of users whom the hub does not have, but for
// those that another user's next start mounts by their name.
func (in *Input) claimsOfGone() []orphan {
	var orphans []orphan
	names := in.claimNames()
	for name, claims := range in.claimOwners().missing {
		for _, c := range claims {
			if _, taken := names.contradicts(c.Claim); !taken && !in.nobodys(c.Claim) {
				orphans = append(orphans, orphan{c.Claim, attribution.Owner{User: name, Server: c.server}, true})
			}
		}
	}
	return orphans
}

// claimsOfGoneServers are the claims of named servers that users do not have
// now. A default server needs no row: its user can start it at any time.
// JupyterHub 0.7 knew no named ones.
func (in *Input) claimsOfGoneServers() []orphan {
	if len(in.Hub.Spawners) > 0 && in.Hub.Spawners[0].ID == 0 {
		return nil
	}
	has := make(map[serverKey]bool, len(in.Hub.Spawners))
	for i := range in.Hub.Spawners {
		has[serverKey{in.Hub.Spawners[i].UserID, in.Hub.Spawners[i].Name}] = true
	}
	var orphans []orphan
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		o, ok := in.Owners().Owner(c.Namespace, c.Name)
		if ok && o.Hub == in.Hub.Name && o.UserID != 0 && o.Server != "" && !has[serverKey{o.UserID, o.Server}] && c.Deleting.IsZero() && !in.nobodys(c) {
			orphans = append(orphans, orphan{Claim: c, owner: o})
		}
	}
	return orphans
}

// nobodys tells whether the configuration says that a claim is not one user's
// home.
func (in *Input) nobodys(c *facts.Claim) bool {
	return in.Hub.OtherClaim(c.Name) || c.Namespace == in.Hub.Namespace && c.Name == in.Hub.KubeSpawner.Homes.Claim
}

// orphanWitness knows when claims were used and backed up.
type orphanWitness struct {
	in   *Input
	uses lastUses
	// backups: some claim of the cluster has one.
	backups bool
	// vanished: hub-owner-missing reports missing users as lost.
	vanished bool
}

func (in *Input) orphanWitness() *orphanWitness {
	w := &orphanWitness{in: in, uses: in.lastUses(), backups: in.backups().Any()}
	for _, f := range runHubOwnerMissing(in.as(hubOwnerMissing)).Findings {
		w.vanished = w.vanished || f.Severity != verdict.Info
	}
	return w
}

func (w *orphanWitness) finding(o orphan) verdict.Finding {
	// KubeSpawner makes a claim when the server starts that uses it.
	used, backup := later(w.in.lastUse(o.Claim, w.uses), o.Created), w.in.lastBackup(o.Claim)
	whose := fmt.Sprintf("is user %q's, whom the hub does not have", o.owner.User)
	if !o.userGone {
		whose = fmt.Sprintf("is for %s, which the hub does not have", o.owner)
	}
	backed := "never backed up"
	if !backup.IsZero() {
		backed = "backed up last on " + text.Time(backup)
	}
	f := verdict.Finding{Subject: claimSubject(o.Claim), Severity: verdict.Info,
		Message: fmt.Sprintf("claim %s %s; %s", w.in.claimText(o.Claim), whose, backed),
		Details: map[string]string{"user": o.owner.User, "server": o.owner.Server, "created": text.Time(o.Created), "volume": o.VolumeName,
			"requested": bytesText(o.RequestBytes), "lastUse": text.Time(used)}}
	if !backup.IsZero() {
		f.Details["lastBackup"] = text.Time(backup)
	}
	if v := w.in.lhVolume(o.Claim); v != nil {
		f.Details["bytes"] = idText(v.ActualBytes)
	}
	if w.onlyCopy(o, used, backup) {
		f.Severity = verdict.Error
		f.Message += ", and in use on " + day(used) + ": a backup since then is expected"
	}
	return f
}

// onlyCopy tells whether a claim holds somebody's newest work, and no backup
// does. What is another check's to tell is not: that nothing is backed up, or
// that many users were lost.
func (w *orphanWitness) onlyCopy(o orphan, used, backup time.Time) bool {
	in := w.in
	if !w.backups || o.userGone && w.vanished || in.Now.Sub(used) > in.Duration("recent") || in.Now.Sub(o.Created) <= in.Duration("rpo") {
		return false
	}
	v := in.lhVolume(o.Claim)
	holdsData := o.Phase != "Pending" && (v == nil || float64(v.ActualBytes) > in.Number("minData")*(1<<20))
	return holdsData && !in.backedUpSince(used, backup)
}

func orphansSummary(findings []verdict.Finding, users, servers int) string {
	if len(findings) == 1 {
		return ""
	}
	whose := "users"
	switch {
	case users == 0:
		whose = "named servers"
	case servers > 0:
		whose = fmt.Sprintf("users (%s) and named servers (%s)", text.Number(users), text.Number(servers))
	}
	urgent := 0
	for _, f := range findings {
		if f.Severity == verdict.Error {
			urgent++
		}
	}
	follows := "that is normal after deletions"
	if urgent > 0 {
		follows = text.Count(urgent, "claim") + text.Plural(urgent, " is", " are") + " the only copy of recent work"
	}
	return fmt.Sprintf("%s of %s that the hub does not have; %s", text.Count(len(findings), "claim"), whose, follows)
}
