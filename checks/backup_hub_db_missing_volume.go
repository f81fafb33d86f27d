package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// volumeBackupSources tell whether the volume of a database is backed up itself.
var volumeBackupSources = slices.Concat([]string{facts.KubeClaims, facts.KubeVolumes, facts.KubePods}, heldSources)

// noneConfigured judges a hub for which no place of copies is configured: the
// volume of its database may be backed up all the same.
func (in *Input) noneConfigured() Result {
	f := verdict.Finding{
		Subject: in.databaseSubject(),
		Message: "no backup of the hub's database is configured for this audit, at least one location under hubs[].backups is expected",
	}
	if !onFile(&in.Hub.Database) {
		return Result{Findings: []verdict.Finding{f}}
	}
	held, current := in.volumeBackup(&f)
	if current {
		return Result{Findings: []verdict.Finding{f}}
	}
	for _, name := range volumeBackupSources {
		if source := in.Source(name); source.Status == facts.Failed {
			return Result{Unknown: "no backup of the hub's database is configured, and whether its volume is backed up cannot be told: " + unreadText(source)}
		}
	}
	if held != "" {
		f.Message += "; " + held
	}
	return Result{Findings: []verdict.Finding{f}}
}

// hasNeighbour tells whether another hub has the same namespace, so that a claim
// with the name that z2jh gives it may be either's.
func (in *Input) hasNeighbour() bool {
	return slices.ContainsFunc(in.Hubs, func(h *facts.Hub) bool { return h != in.Hub && h.Namespace == in.Hub.Namespace })
}

// volumeBackup says what backups there are of the volume that the database lies
// on, "" if none. Where they are current it makes the finding a warning about
// what such a backup is not.
func (in *Input) volumeBackup(f *verdict.Finding) (held string, current bool) {
	c, _ := in.databaseClaim(in.hubMarks())
	if c == nil || in.hasNeighbour() {
		return "", false
	}
	of := in.backups().Of(c.Namespace, c.Name)
	if of.Newest.Time.IsZero() {
		return "", false
	}
	since := in.Now.Add(-defaultMaxAge)
	for _, p := range in.backups().Plans(c.Namespace, c.Name) {
		if due := p.Schedule.Due(in.Now, in.Duration(slackParam.Name)); p.Paused == "" && !due.IsZero() && due.Before(since) {
			since = due
		}
	}
	f.Details = map[string]string{"claim": c.Name, "system": of.System, "newest": of.Newest.Name, "newestTime": text.Time(of.Newest.Time)}
	what := fmt.Sprintf("%s has a backup of its volume %s of %s", systemNames[of.System], c.Name, text.Time(of.Newest.Time))
	if of.Newest.Time.Before(since) {
		return what + ", which is too old", false
	}
	f.Severity = verdict.Warning
	f.Message = fmt.Sprintf("%s, but no dump of the database is known: what that holds is the database as a power cut would leave it, and nobody has opened it; "+
		"a copy made by SQLite itself is expected under hubs[].backups", what)
	return what, true
}
