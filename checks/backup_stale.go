package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// farBehind is how many times its allowed age a backup may have before its
// age is critical.
const farBehind = 3

var backupStale = &Check{
	ID:       "backup-stale",
	Title:    "Homes that were used since have a backup as new as their schedule promises",
	Severity: verdict.Error,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Uses:     homeSources,
	Params:   []Param{slackParam},
	Doc: Doc{
		Meaning: "The newest good backup of a home, in any system, is older than its last use and older than the last run of the schedule that covers " +
			"it (where no schedule is known: older than backup-none's rpo). What the user did since is in no backup. It is critical once the backup is three times " +
			"as old as it may be. Homes whose cause is known (no backup target, a paused schedule, a job that skips detached volumes, a stuck or failed backup …) " +
			"are reported by the check of that cause. Longhorn deletes failed backups after a day (setting failed-backup-ttl): then nothing shows the failure " +
			"any more but this.",
		FalseAlarms: "A home that was not used since its newest backup is current however old that is. A run that is going on, a schedule that was " +
			"made after its last due time, and one run of a daily schedule that was moved to another hour are not held against anyone; a schedule that a change of " +
			"clocks skips on that day neither. A server that runs counts as used now, whatever its user does: Longhorn up to 1.4 makes no backup of a volume " +
			"that was not written to, so that a notebook server left running for days can be reported there; stop it.",
		Do: []string{
			"Look at the schedule that the message names: `kubectl -n longhorn-system get cronjobs,jobs,pods` and the log of the newest job's pod; for Velero `velero backup get` and `velero backup describe NAME --details`.",
			"Start a backup of the oldest home by hand (Longhorn's page: the volume, Create Backup; Velero: `velero backup create --from-schedule NAME`) and watch whether it ends.",
			"Once one ends well, start one of all homes, and run `audit now` again.",
		},
		Dont: []string{
			"Do not delete the old backups to make room: they are what these homes have.",
			"Do not drain, upgrade or re-create nodes before the homes are backed up.",
		},
		Sources: []string{"longhorn/longhorn#7814: a stuck job blocked all later ones for 15 days", "longhorn/longhorn-manager app/recurringjob", "vmware-tanzu/velero pkg/apis/velero/v1"},
	},
	Run: runBackupStale,
}

func runBackupStale(in *Input) Result {
	stale := in.unexplained(homeOld)
	if len(stale) == 0 {
		return Result{}
	}
	r := Result{}
	oldest := stale[0]
	for _, h := range stale {
		r.Findings = append(r.Findings, in.staleBackup(h))
		if h.newest.Before(oldest.newest) {
			oldest = h
		}
	}
	if len(stale) > 1 {
		r.Summary = fmt.Sprintf("%s of %s with data were used since their newest backup, the oldest of which is %s old (claim %s)", text.Number(len(stale)),
			text.Count(len(in.homeBackups()), "user claim"), text.Duration(in.Now.Sub(oldest.newest)), oldest.claim.Name)
	}
	return r
}

func (in *Input) staleBackup(h *homeBackup) verdict.Finding {
	f, whose := in.homeFinding(h)
	held := in.held(h)
	if in.farBehind(h) {
		f.Severity = verdict.Critical
	}
	f.Details["newestBackup"], f.Details["newestBackupName"], f.Details["system"] = text.Time(h.newest), held.Newest.Name, held.System
	used := "it is not known when it was used"
	if !h.used.IsZero() {
		used = "it was used on " + text.Time(h.used)
		f.Details["lastUse"] = text.Time(h.used)
	}
	f.Message = fmt.Sprintf("the newest backup of claim %s%s, in %s, is of %s, %s old, and %s; %s", h.claim.Name, whose, systemNames[held.System],
		text.Time(h.newest), text.Duration(in.Now.Sub(h.newest)), used, in.promise(h))
	return f
}

// farBehind tells whether a home's newest backup is so old that more than one run
// must have been missed.
func (in *Input) farBehind(h *homeBackup) bool {
	return h.newest.IsZero() || in.Now.Sub(h.newest) > farBehind*h.allowed
}

// promise says what should have made a backup of a home, and when.
func (in *Input) promise(h *homeBackup) string {
	if p := latestPlan(h.plans, in.Now); p != nil {
		return fmt.Sprintf("one by %s %s (%s) is expected, due on %s", p.Kind, p.Name, p.Cron, text.Time(p.Schedule.Last(in.Now)))
	}
	return "one within " + text.Duration(in.settingOf("backup-none", rpoParam)) + " is expected, by whatever makes them: no schedule of it is known"
}

// latestPlan is the plan that was due last, nil where none was.
func latestPlan(plans []backups.Plan, now time.Time) *backups.Plan {
	var latest *backups.Plan
	var at time.Time
	for i := range plans {
		if due := plans[i].Due(now, 0); due.After(at) {
			latest, at = &plans[i], due
		}
	}
	return latest
}
