package checks

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// backupGrace is graceParam for what is not about volumes that rebuild.
var backupGrace = Param{Name: "grace", Doc: "how long it may last before it is reported",
	Default: graceParam.Default, Min: graceParam.Min, Max: graceParam.Max, Unit: UnitDuration}

var backupTargetUnavailable = &Check{
	ID:       "backup-target-unavailable",
	Title:    "The places that backups of homes go to can be reached",
	Severity: verdict.Critical,
	Since:    "0.5.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeClaims},
	Uses:     homeSources,
	Params:   []Param{backupGrace},
	Doc: Doc{
		Meaning: "Longhorn says that a BackupTarget is not available, or has not looked at it for three of its poll intervals; or Velero says that a storage " +
			"location is Unavailable, or has not looked at it for long. No backup can be made there now, and none can be restored: should volumes be lost " +
			"today, their backups are out of reach. Meanwhile the times of the last backups that Longhorn shows stay as they were, and look fine.",
		FalseAlarms: "A storage that answers again within grace is not reported. A poll interval of 0 turns Longhorn's looking off, and then only its own word counts. " +
			"Velero can be told not to validate its locations: one that was not looked at is not reported while backups are made there. Targets " +
			"that nothing of a hub uses are left out. It is critical only where homes have no other system that backs them up.",
		Do: []string{
			"Read the reason in full: `kubectl -n longhorn-system describe backuptargets.longhorn.io TARGET`, or `kubectl -n velero describe backupstoragelocations.velero.io LOCATION`.",
			"If it names credentials, look at the Secret that the target names: it must exist in the same namespace, and its login must still be valid and may list, read and write the bucket.",
			"If it names the network, a certificate or a time-out, try the storage from inside the cluster: `kubectl -n longhorn-system run reach --rm -it --restart=Never --image=curlimages/curl -- -v ENDPOINT`.",
			"If Longhorn or Velero has not looked at it for long and names no reason, its own pods do not work: `kubectl -n longhorn-system get pods` (longhorn-manager, instance-manager) or `kubectl -n velero get pods`.",
			"When it is available again, start a backup of the homes that are named and see it Completed.",
		},
		Dont: []string{
			"Do not set another URL to make the message go away: Longhorn forgets all backups of the old one.",
			"Do not delete BackupVolumes, Backups or Velero's BackupRepositories by hand while the storage is away: deleting one deletes its data once the storage is back.",
			"Do not drain or re-create nodes until backups can be made again.",
		},
		Sources: []string{"longhorn/longhorn#6491", "longhorn-manager controller/backup_target_controller.go: the time of the last sync moves only when the store answered",
			"velero pkg/controller/backup_storage_location_controller.go"},
	},
	Run: runBackupTargetUnavailable,
}

func runBackupTargetUnavailable(in *Input) Result {
	var r Result
	out := in.outages()
	for i := range in.Longhorn.BackupTargets {
		if t := &in.Longhorn.BackupTargets[i]; in.targetUsed(t.Name) {
			if _, unsure := in.targetDown(t); unsure != "" {
				r.Unknown = unsure
			} else if why := out.targets[t.Name]; why != "" {
				r.Findings = append(r.Findings, in.targetFinding(t, why, out))
			}
		}
	}
	for i := range in.Kube.Velero.Locations {
		l := &in.Kube.Velero.Locations[i]
		if why := out.locations[claimKey{l.Namespace, l.Name}]; why != "" && in.locationUsed(l) {
			r.Findings = append(r.Findings, in.locationFinding(l, why, out))
		}
	}
	if len(r.Findings) > 1 {
		r.Summary = text.Count(len(r.Findings), "place") + " that backups go to cannot be reached: " + r.Findings[0].Message
	}
	return r
}

// outages are the places that no backup can go to now, and why.
type outages struct {
	targets   map[string]string   // Longhorn's BackupTargets
	locations map[claimKey]string // Velero's storage locations
	// standard is Velero's default location by namespace.
	standard map[string]string
}

func (in *Input) outages() *outages {
	out := &outages{map[string]string{}, map[claimKey]string{}, map[string]string{}}
	for i := range in.Longhorn.BackupTargets {
		t := &in.Longhorn.BackupTargets[i]
		if why, _ := in.targetDown(t); why != "" {
			out.targets[t.Name] = why
		}
	}
	for i := range in.Kube.Velero.Locations {
		l := &in.Kube.Velero.Locations[i]
		if l.Default {
			out.standard[l.Namespace] = l.Name
		}
		if why := in.locationDown(l); why != "" {
			out.locations[claimKey{l.Namespace, l.Name}] = why
		}
	}
	return out
}

// placeOf names where a plan's backups go: a Longhorn BackupTarget, or a storage
// location in Velero's namespace.
func (o *outages) placeOf(p *backups.Plan) claimKey {
	switch p.Kind {
	case backups.RecurringJob:
		return claimKey{Name: cmp.Or(p.Target, defaultTarget)}
	case backups.VeleroSchedule:
		return claimKey{p.Namespace, cmp.Or(p.Target, o.standard[p.Namespace])}
	}
	return claimKey{}
}

// hit tells whether a plan's backups cannot go where they should.
func (o *outages) hit(p *backups.Plan) bool {
	at := o.placeOf(p)
	if p.Kind == backups.RecurringJob {
		return o.targets[at.Name] != ""
	}
	return o.locations[at] != ""
}

// relying gathers the homes that nothing backs up but plans whose backups go to a
// place.
func (o *outages) relying(in *Input, at claimKey) *toldHomes {
	return in.homesRelyingOn(func(_ *homeBackup, p *backups.Plan) bool { return o.placeOf(p) == at && !idle(*p) },
		func(_ *homeBackup, p *backups.Plan) bool { return !idle(*p) && !o.hit(p) })
}

// syncPatience is how long Longhorn may take to look through a backup target: a
// large one takes it hours, and nothing is lost meanwhile.
const syncPatience = 2 * time.Hour

// targetDown says why no backup can go to a BackupTarget that has a URL, "" if
// nothing is wrong, and unsure why that cannot be told.
func (in *Input) targetDown(t *facts.LHBackupTarget) (why, unsure string) {
	grace := in.settingOf("backup-target-unavailable", backupGrace)
	stale := max(3*t.PollInterval, syncPatience, grace)
	switch {
	case t.URL == "":
		return "", ""
	case !t.Known:
		if in.backedUpWithin(t.Name, in.settingOf("backup-none", rpoParam)) {
			return "", ""
		}
		return "", "this Longhorn does not tell whether backup target " + t.Name + " can be reached, and no backup has been made there within a day"
	case !t.Available && t.Since.IsZero() && t.LastSyncedAt.IsZero():
		return "", "Longhorn has not looked at backup target " + t.Name + " yet"
	case !t.Available && in.within(later(t.Since, t.LastSyncedAt), grace):
		return "", ""
	case !t.Available:
		why = "is not available"
		if !t.Since.IsZero() {
			why += " since " + text.Time(t.Since)
		}
		return why + ": " + cmp.Or(quotedError(t.Reason), "Longhorn gives no reason"), ""
	case t.PollInterval > 0 && !in.within(later(t.LastSyncedAt, t.Since), stale):
		if t.LastSyncedAt.IsZero() {
			return "was never looked into by Longhorn, though its poll interval is " + text.Duration(t.PollInterval), ""
		}
		return fmt.Sprintf("was last looked into by Longhorn at %s, %s ago, though its poll interval is %s", text.Time(t.LastSyncedAt),
			text.Duration(in.Now.Sub(t.LastSyncedAt)), text.Duration(t.PollInterval)), ""
	}
	return "", ""
}

// backedUpWithin tells whether some volume was backed up to a target lately, by
// its own record.
func (in *Input) backedUpWithin(target string, age time.Duration) bool {
	return slices.ContainsFunc(in.Longhorn.Volumes, func(v facts.LHVolume) bool {
		return targetName(&v) == target && in.within(v.LastBackupAt.Time(), age)
	})
}

// targetUsed tells whether volumes with a hub's data are backed up there.
func (in *Input) targetUsed(name string) bool {
	return slices.ContainsFunc(in.Longhorn.Volumes, func(v facts.LHVolume) bool {
		k, bound := in.claimOf(&v)
		return bound && targetName(&v) == name && in.ofHub(k)
	})
}

func (in *Input) targetFinding(t *facts.LHBackupTarget, why string, out *outages) verdict.Finding {
	f := verdict.Finding{Subject: targetSubject(in, t.Name), Severity: verdict.Error,
		Details: map[string]string{"url": t.URL, "credentialSecret": t.Credential, "lastSyncedAt": timeDetail(t.LastSyncedAt), "pollInterval": t.PollInterval.String()}}
	told := out.relying(in, claimKey{Name: t.Name})
	f.Message = fmt.Sprintf("BackupTarget %s (%s) %s", t.Name, t.URL, why)
	in.relying(&f, told)
	return f
}

// relying adds to a finding which homes rely on what is told: with any it is
// critical.
func (in *Input) relying(f *verdict.Finding, told *toldHomes) {
	if told.len() == 0 {
		f.Message += "; no home relies on it alone"
		return
	}
	f.Severity = verdict.Critical
	told.describe(f.Details)
	f.Message += fmt.Sprintf("; nothing else backs up %s; %s%s", told, told.backlog(), told.whose())
}

// locationDown says why no backup can go to a storage location of Velero's, ""
// if nothing is wrong. Velero notes no time since which it is so: while a location
// is available its backups are listed every minute, which it does note.
func (in *Input) locationDown(l *facts.VeleroLocation) string {
	grace := in.settingOf("backup-target-unavailable", backupGrace)
	switch {
	case l.Phase == "Unavailable" && in.within(l.LastSyncedAt, grace):
		return ""
	case l.Phase == "Unavailable":
		why := "is Unavailable"
		if !l.LastSyncedAt.IsZero() {
			why += ", and was last read at " + text.Time(l.LastSyncedAt)
		}
		return why + ": " + cmp.Or(quotedError(l.Error), "Velero gives no reason")
	case l.LastValidated.IsZero() || in.within(l.LastValidated, max(grace, time.Hour)):
		return ""
	}
	// That is so where Velero does not run, and where it was told not to validate.
	if seen := in.locationSeen(l); seen.After(l.LastValidated.Add(grace)) && in.within(seen, 2*in.settingOf("backup-none", rpoParam)) {
		return ""
	}
	return fmt.Sprintf("was last looked at by Velero at %s, %s ago, and nothing was done there since, which is expected every minute",
		text.Time(l.LastValidated), text.Duration(in.Now.Sub(l.LastValidated)))
}

// locationSeen is when Velero last got something done in a location.
func (in *Input) locationSeen(l *facts.VeleroLocation) time.Time {
	at := l.LastSyncedAt
	for i := range in.Kube.Velero.Backups {
		if b := &in.Kube.Velero.Backups[i]; b.Namespace == l.Namespace && b.Location == l.Name && b.Phase == "Completed" {
			at = later(at, b.Completed)
		}
	}
	return at
}

// locationUsed tells whether a schedule that covers a hub's claims writes there.
func (in *Input) locationUsed(l *facts.VeleroLocation) bool {
	return slices.ContainsFunc(in.Kube.Velero.Schedules, func(s facts.VeleroSchedule) bool {
		return s.Namespace == l.Namespace && (s.Location == l.Name || s.Location == "" && l.Default) && in.coversHub(&s.Scope)
	})
}

func (in *Input) locationFinding(l *facts.VeleroLocation, why string, out *outages) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "backupstoragelocation", Name: l.Name, Namespace: l.Namespace}, Severity: verdict.Error,
		Details: map[string]string{"url": l.URL, "provider": l.Provider, "lastValidated": timeDetail(l.LastValidated), "lastSyncedAt": timeDetail(l.LastSyncedAt)}}
	told := out.relying(in, claimKey{l.Namespace, l.Name})
	f.Message = fmt.Sprintf("Velero's storage location %s (%s) %s", l.Name, cmp.Or(l.URL, l.Provider), why)
	in.relying(&f, told)
	return f
}

// timeDetail is a time for a finding's details, never for one that is not known.
func timeDetail(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return text.Time(t)
}
