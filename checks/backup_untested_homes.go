package checks

import (
	"cmp"
	"fmt"
	"net/url"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// homesTest is what is known of restores of a hub's homes: a finding where there
// was none for too long, or else the restore that was seen and is newer than what
// is remembered.
type homesTest struct {
	finding *verdict.Finding
	seen    string
}

func (in *Input) homesUntested(drill facts.Mark) homesTest {
	seen := in.restored(func(k claimKey) bool { return in.isHome(k) })
	span, last := in.days("homeDays"), drill.Since
	if seen.at.After(last) {
		last = seen.at
	}
	switch {
	case !last.IsZero() && in.Now.Sub(last) <= span:
		if seen.at.After(drill.Since) {
			return homesTest{seen: seen.what}
		}
		return homesTest{}
	case in.Now.Sub(in.oldestHome()) < span || !in.anyHomeHeld():
		return homesTest{}
	}
	f := verdict.Finding{Subject: verdict.Subject{Kind: "hub", Name: in.Hub.Name, Namespace: in.Hub.Namespace}, Severity: verdict.Warning, Details: map[string]string{}}
	when := "no home of this hub was ever restored from a backup as far as the audit can tell"
	if !last.IsZero() {
		when = fmt.Sprintf("the last time that a home of this hub was restored from a backup was %s ago", text.Duration(in.Now.Sub(last)))
		f.Details["lastTest"] = text.Time(last)
	}
	f.Message = fmt.Sprintf("%s, a test once within %s is expected; restore one, and note it with `audit accept backup-untested --hub %s --reason …`",
		when, text.Duration(span), in.Hub.Name)
	return homesTest{finding: &f}
}

// isHome tells whether a claim is one of the hub's homes.
func (in *Input) isHome(k claimKey) bool {
	c := in.claimsByKey()[k]
	if c == nil {
		return false
	}
	_, ok := in.userClaim(c)
	return ok
}

// anyHomeHeld tells whether any home has a backup that could be restored.
func (in *Input) anyHomeHeld() bool {
	all := in.homeBackups()
	for i := range all {
		if !all[i].newest.IsZero() {
			return true
		}
	}
	return false
}

// oldestHome is when the first user or home of the hub was made; now where there
// is none.
func (in *Input) oldestHome() time.Time {
	oldest := in.oldestUser()
	for i := range in.Kube.Claims {
		if c := &in.Kube.Claims[i]; c.Created.Before(oldest) {
			if _, ok := in.userClaim(c); ok {
				oldest = c.Created
			}
		}
	}
	return oldest
}

// restore is one that the audit can see.
type restore struct {
	at   time.Time
	what string
}

// restored is the newest restore of one of some claims: by Velero of their
// namespace, into a Longhorn volume, or into a claim made from a snapshot.
func (in *Input) restored(of func(claimKey) bool) restore {
	newest := in.restoredByVelero()
	note := func(at time.Time, what string) {
		if at.After(newest.at) {
			newest = restore{at, what}
		}
	}
	for i := range in.Longhorn.Volumes {
		v := &in.Longhorn.Volumes[i]
		if v.FromBackup == "" || v.Unsettled() != "" || !v.Created.Time().After(newest.at) {
			continue
		}
		for _, volume := range []string{backedUpVolume(v.FromBackup), v.Name} { // beside the original, or in its place
			if namespace, name, ok := in.joined().Of(volume); ok && of(claimKey{namespace, name}) {
				note(v.Created.Time(), "Longhorn volume "+v.Name+" from a backup of "+name)
			}
		}
	}
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if c.SourceKind != "VolumeSnapshot" || c.Phase != "Bound" || !c.Created.After(newest.at) {
			continue
		}
		from := cmp.Or(in.snapshotOf(c.Namespace, c.SourceName), c.Name) // a snapshot that is gone: in its place
		if of(claimKey{c.Namespace, from}) {
			note(c.Created, "claim "+c.Name+" from a snapshot of "+from)
		}
	}
	return newest
}

// restoredByVelero is the newest Restore of the hub's namespace that completed.
func (in *Input) restoredByVelero() restore {
	var newest restore
	for i := range in.Kube.Velero.Restores {
		r := &in.Kube.Velero.Restores[i]
		scope := facts.VeleroScope{Namespaces: r.Namespaces}
		if r.Phase == "Completed" && r.Completed.After(newest.at) && scope.Includes(in.Hub.Namespace) && in.backedUpHere(r.Backup) {
			newest = restore{r.Completed, "Velero restore " + r.Name}
		}
	}
	return newest
}

// backedUpHere tells whether a Velero Backup is of the hub's namespace; one that
// is gone may have been.
func (in *Input) backedUpHere(backup string) bool {
	for i := range in.Kube.Velero.Backups {
		if b := &in.Kube.Velero.Backups[i]; b.Name == backup {
			return b.Scope.Claims && b.Scope.Includes(in.Hub.Namespace)
		}
	}
	return true
}

// backedUpVolume is the volume that a Longhorn backup's URL is of, "" if it does
// not tell.
func backedUpVolume(fromBackup string) string {
	u, err := url.Parse(fromBackup)
	if err != nil {
		return ""
	}
	return u.Query().Get("volume")
}

// snapshotOf is the claim that a VolumeSnapshot is of, "" if it is gone.
func (in *Input) snapshotOf(namespace, name string) string {
	for i := range in.Kube.Snapshots {
		if s := &in.Kube.Snapshots[i]; s.Namespace == namespace && s.Name == name {
			return s.Claim
		}
	}
	return ""
}
