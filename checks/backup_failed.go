package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var backupFailed = &Check{
	ID:       "backup-failed",
	Title:    "The last backup of every home and database succeeded",
	Severity: verdict.Error,
	Since:    "0.5.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeClaims},
	Uses:     slices.Concat(homeSources, []string{facts.KubeJobs}),
	Params:   []Param{backupGrace},
	Doc: Doc{
		Meaning: "The newest attempt to back something up failed, and none succeeded since: of homes in Longhorn, Velero or K8up, of a whole Velero schedule, or of " +
			"a CronJob that makes backups. Failures of one cause are one finding, which says whose homes have no current backup because of it. Work that users " +
			"did since the last good backup would be lost with their volumes.",
		FalseAlarms: "One failed run of a home that has a current backup all the same is only noted (info), and a warning if a tenth of all homes failed alike: the " +
			"next run usually makes up for it. A CronJob is judged if a backup of the database names it, or if its own name says backup, dump or snapshot in " +
			"the hub's namespace, unless it also says that it cleans up, restores or checks. A Job that is still being retried has not failed. Longhorn deletes " +
			"failed Backups after failed-backup-ttl (a day): then only the missing backup is left to see, which backup-stale and backup-none tell. Snapshots " +
			"that failed are snapshot-not-ready's.",
		Do: []string{
			"Read the error in the finding; it is the storage system's own.",
			"Longhorn: `kubectl -n longhorn-system describe backups.longhorn.io BACKUP`, and see whether backup-target-unavailable tells as well: then mend that first.",
			"Velero: `velero backup describe BACKUP --details` and `velero backup logs BACKUP`. PartiallyFailed means that some volume or object is missing in it.",
			"A CronJob: `kubectl -n NAMESPACE logs job/JOB --all-containers`, and `kubectl -n NAMESPACE describe job JOB` if there is no pod any more.",
			"When the cause is mended, start a backup at once and wait for its end: `kubectl -n NAMESPACE create job --from=cronjob/CRONJOB CRONJOB-now`, or `velero backup create --from-schedule SCHEDULE`.",
		},
		Dont: []string{
			"Do not delete the failed objects first: their error text is the only trace of the cause.",
			"Do not delete old backups to make room before a new one is complete: they are all that there is.",
		},
		Sources: []string{"longhorn-manager controller/backup_controller.go and the setting failed-backup-ttl", "velero pkg/apis/velero/v1/backup_types.go", "2i2c-org/infrastructure#4398"},
	},
	Run: runBackupFailed,
}

func runBackupFailed(in *Input) Result {
	var r Result
	sets := in.failedSets()
	homes, total := in.failures(sets)
	for _, key := range slices.Sorted(maps.Keys(homes)) {
		r.Findings = append(r.Findings, in.failureFinding(homes[key], total))
	}
	volumes := len(homes) > 0
	for _, b := range sets {
		r.Findings = append(r.Findings, in.failedSet(b))
	}
	for _, m := range in.backupMakers() {
		if m.recurring != nil && volumes {
			continue // the Job failed because volumes did, which is told
		}
		if f, failing := in.failedMaker(m); failing {
			r.Findings = append(r.Findings, f)
		}
	}
	return r
}

// failure is one cause for which backups failed.
type failure struct {
	newest           *facts.Attempt
	current, without *toldHomes // homes with a current backup all the same, and without one
	// databases are hubs' own claims; grave tells that one of them has no fresh copy.
	databases map[string]bool
	grave     bool
}

// failures gathers the failed attempts by cause, but for those that are told with
// a Velero Backup as a whole. total is how many homes there are.
func (in *Input) failures(told map[claimKey]*facts.VeleroBackup) (byCause map[string]*failure, total int) {
	byCause = map[string]*failure{}
	note := func(a *facts.Attempt) *failure {
		key := errorKind(cmp.Or(a.Error, a.Phase))
		f := byCause[key]
		if f == nil {
			f = &failure{current: in.toldHomes(), without: in.toldHomes(), databases: map[string]bool{}}
			byCause[key] = f
		}
		if f.newest == nil || a.Since.After(f.newest.Since) {
			f.newest = a
		}
		return f
	}
	in.eachHub(func(hub *Input) {
		all := hub.homeBackups()
		total += len(all)
		for i := range all {
			h := &all[i]
			a := hub.held(h).Failed
			switch {
			case a == nil, hub.toldElsewhere(h, failedBackup), h.lacks() && h.plannedByAny(told):
			case h.lacks(): // though it may be of a run that is told, of a schedule that covers the home no more
				note(a).without.add(hub.Hub, h)
			case !inSets(a, told):
				note(a).current.add(hub.Hub, h)
			}
		}
		for _, c := range hub.ownClaims() {
			if a := in.backups().Of(c.Namespace, c.Name).Failed; a != nil && !inSets(a, told) {
				f := note(a)
				f.databases[c.Namespace+"/"+c.Name] = true
				f.grave = f.grave || !in.freshDatabase(hub.Hub)
			}
		}
	})
	return byCause, total
}

func inSets(a *facts.Attempt, sets map[claimKey]*facts.VeleroBackup) bool {
	for _, b := range sets {
		if isPart(a, b) {
			return true
		}
	}
	return false
}

// ownClaims are the claims that the hub keeps its own database on, by the name
// that Zero to JupyterHub gives them.
func (in *Input) ownClaims() []claimKey {
	var own []claimKey
	for i := range in.Kube.Claims {
		if c := &in.Kube.Claims[i]; c.Namespace == in.Hub.Namespace && facts.IsHubClaim(c.Name) && c.Deleting.IsZero() {
			own = append(own, claimKey{c.Namespace, c.Name})
		}
	}
	return own
}

func (in *Input) failureFinding(f *failure, total int) verdict.Finding {
	a := f.newest
	cause := cmp.Or(quotedError(a.Error), "it ended as "+a.Phase)
	out := verdict.Finding{Subject: verdict.Subject{Kind: "backup", Name: cmp.Or(a.Name, a.Set, "backup")}, Severity: verdict.Info,
		Details: map[string]string{"error": cause, "newest": a.Name, "newestTime": timeDetail(a.Since)}}
	told, n := f.without, f.without.len()+f.current.len()
	var whose []string
	switch {
	case f.without.len() > 0:
		out.Severity = verdict.Error
		whose = append(whose, f.without.String())
	case f.current.len() > 0:
		told = f.current
		whose = append(whose, f.current.String())
		if n >= 3 && n*10 >= total {
			out.Severity = verdict.Warning
		}
	}
	told.describe(out.Details)
	if names := sorted(f.databases); len(names) > 0 {
		whose = append(whose, "the hub's own claim "+list(names, homesShown))
		out.Details["databases"] = strings.Join(names, ", ")
		if f.grave {
			out.Severity = verdict.Error
		}
	}
	out.Message = fmt.Sprintf("the newest %s of %s failed, %s: %s", text.Plural(n+len(f.databases), "backup", "backups"), strings.Join(whose, " and of "),
		text.Plural(n+len(f.databases), "at ", "last at ")+text.Time(a.Since), causeOf(cause))
	switch {
	case f.without.len() > 0 && f.current.len() > 0:
		out.Message += fmt.Sprintf("; so did that of %s with a current backup; %s", text.Count(f.current.len(), "other home"), told.backlog())
	case f.without.len() > 0:
		out.Message += "; " + told.backlog()
	case f.current.len() > 0:
		out.Message += text.Plural(n, "; it has a current backup all the same", "; all of them have a current backup all the same")
	}
	out.Message += told.whose()
	return out
}

// failedSets are, by schedule, the newest Velero Backups of those schedules that
// cover a hub, where they ended badly.
func (in *Input) failedSets() map[claimKey]*facts.VeleroBackup {
	newest := map[claimKey]*facts.VeleroBackup{}
	for i := range in.Kube.Velero.Backups {
		b := &in.Kube.Velero.Backups[i]
		k := claimKey{b.Namespace, b.Schedule}
		if b.Schedule == "" || b.Running() || b.Phase == "Deleting" {
			continue
		}
		if have := newest[k]; have == nil || backups.Later(b, have) {
			newest[k] = b
		}
	}
	failed := map[claimKey]*facts.VeleroBackup{}
	for i := range in.Kube.Velero.Schedules {
		s := &in.Kube.Velero.Schedules[i]
		k := claimKey{s.Namespace, s.Name}
		if b := newest[k]; b != nil && !b.Good() && in.coversHub(&s.Scope) {
			failed[k] = b
		}
	}
	return failed
}

func (in *Input) failedSet(b *facts.VeleroBackup) verdict.Finding {
	told, left := in.homesOfRun(b, failedBackup)
	at := backups.Taken(b)
	f := verdict.Finding{Subject: verdict.Subject{Kind: "schedule", Name: b.Schedule, Namespace: b.Namespace}, Severity: verdict.Warning,
		Details: map[string]string{"backup": b.Name, "phase": b.Phase, "errors": idText(int64(b.Errors)), "started": timeDetail(at)}}
	f.Message = fmt.Sprintf("Velero's newest backup of schedule %s, %s of %s, ended as %s, Completed is expected", b.Schedule, b.Name, text.Time(at), b.Phase)
	if b.Errors > 0 {
		f.Message += " (" + text.Count(b.Errors, "error") + ")"
	}
	if b.FailureReason != "" {
		f.Message += ": " + quotedError(b.FailureReason)
	}
	switch {
	case told.len() > 0:
	case left > 0:
		f.Message += "; the homes without a current backup are reported with their own cause"
		return f
	default:
		f.Message += "; every home has a current backup all the same"
		return f
	}
	f.Severity = verdict.Error
	told.describe(f.Details)
	f.Message += fmt.Sprintf("; no current backup of %s; %s%s", told, told.backlog(), told.whose())
	return f
}

func (h *homeBackup) plannedByAny(sets map[claimKey]*facts.VeleroBackup) bool {
	for schedule := range sets {
		if h.plannedBy(schedule.Namespace, schedule.Name) {
			return true
		}
	}
	return false
}

// plannedBy tells whether a Velero schedule should back a home up.
func (h *homeBackup) plannedBy(namespace, schedule string) bool {
	for i := range h.plans {
		if p := &h.plans[i]; strings.HasPrefix(p.System, velero) && p.Namespace == namespace && p.Name == schedule {
			return true
		}
	}
	return false
}

// failedMaker tells of a CronJob whose last run failed.
func (in *Input) failedMaker(m *maker) (verdict.Finding, bool) {
	f := verdict.Finding{Subject: m.subject(), Severity: verdict.Error, Details: m.details()}
	var at time.Time
	how := ""
	if j := m.lastFailed(); j != nil {
		at, how = j.FailedAt, fmt.Sprintf("Job %s, after %s", j.Name, text.Count(j.Failed, "failed pod"))
		f.Details["job"] = j.Name
	} else if at = m.goneAfter(in.Now, in.Duration("grace")); !at.IsZero() {
		how = "its Job is gone"
	} else {
		return f, false
	}
	f.Details["failedAt"], f.Details["lastSuccess"] = text.Time(at), timeDetail(m.lastGood())
	f.Message = fmt.Sprintf("the last run of CronJob %s/%s, %s, failed at %s (%s)", m.Namespace, m.Name, m.what(), text.Time(at), how)
	if good := m.lastGood(); good.IsZero() {
		f.Message += "; no success is on record"
	} else {
		f.Message += "; it last succeeded at " + text.Time(good)
	}
	if m.hub != nil && m.location == "" && in.freshDatabase(m.hub) {
		f.Severity = verdict.Warning
		f.Message += "; the hub's database has a fresh copy all the same"
	}
	return f, true
}
