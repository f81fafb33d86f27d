package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// patienceParam is how long a backup may take.
var patienceParam = Param{Name: "patience", Doc: "how long a backup, or the Job of a CronJob that makes backups, may take",
	Default: float64(24 * time.Hour), Min: float64(10 * time.Minute), Max: float64(30 * 24 * time.Hour), Unit: UnitDuration}

// firstPatience is how many times as long a first backup may take until it is more
// than a warning: it uploads everything.
const firstPatience = 3

var backupStuck = &Check{
	ID:       "backup-stuck",
	Title:    "No backup of homes or databases hangs",
	Severity: verdict.Error,
	Since:    "0.5.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeClaims},
	Uses:     slices.Concat(homeSources, []string{facts.KubeJobs}),
	Params:   []Param{patienceParam},
	Doc: Doc{
		Meaning: "A backup was begun so long ago that it will not end by itself. It does not only lack its own data: Longhorn's recurring jobs forbid a second run beside " +
			"the first, and Velero starts no backup of a schedule while one of it is new or in progress, so that one that hangs ends all later backups " +
			"without any error. Such a job has hung for 15 days before somebody looked.",
		FalseAlarms: "A first backup uploads everything: until it takes three times as long it is only a warning; give very large volumes more time with `patience`. A Job of a CronJob " +
			"that runs several times a day is reported after two of its periods, but not before an hour. It is a warning if all homes that it is about have a current backup.",
		Do: []string{
			"See what it waits for. Longhorn: `kubectl -n longhorn-system describe backups.longhorn.io BACKUP` and `kubectl -n longhorn-system logs job/JOB`; Velero: `velero backup describe BACKUP --details` and the logs of its node agents.",
			"See whether the storage answers at all (backup-target-unavailable): then mend that first, and wait an hour.",
			"Delete the backups that hang, and only those that the finding names: `kubectl -n longhorn-system delete backups.longhorn.io BACKUP`. They hold nothing that could be restored.",
			"Then delete the Job that waits for them, so that its CronJob can run again: `kubectl -n longhorn-system delete job JOB`.",
			"Velero: restart its server, which marks what was in progress as Failed: `kubectl -n velero rollout restart deployment velero`.",
			"Start a backup and see it end; if it hangs again at the same volume, look at that volume's engine and at longhorn/longhorn#9417.",
		},
		Dont: []string{
			"Do not delete Backups that are Completed, nor the BackupVolume: either deletes its data from the backup target.",
			"Do not delete the CronJob or the RecurringJob: that is the schedule itself.",
			"Do not detach or delete a volume to make its backup end.",
		},
		Sources: []string{"longhorn/longhorn#7814 (15 days), #9417, #9168, #9185", "longhorn-manager controller/recurring_job_controller.go (ForbidConcurrent)",
			"velero pkg/controller/schedule_controller.go (checkIfBackupInNewOrProgress)"},
	},
	Run: runBackupStuck,
}

func runBackupStuck(in *Input) Result {
	var r Result
	sets, jobs := in.stuckSets(), in.stuckJobs()
	byPhase := in.hanging(sets, jobs)
	for _, phase := range slices.Sorted(maps.Keys(byPhase)) {
		r.Findings = append(r.Findings, in.hangingFinding(byPhase[phase]))
	}
	for _, b := range sets {
		r.Findings = append(r.Findings, in.stuckSet(b))
	}
	for _, s := range jobs {
		r.Findings = append(r.Findings, in.stuckJobFinding(s))
	}
	return r
}

// hanging are backups that hang in the same phase.
type hanging struct {
	oldest           *facts.Attempt
	names            []string
	current, without *toldHomes
	databases        map[string]bool
	// grave: one of them is not just a large first backup.
	grave bool
}

// hangs tells whether a backup that was begun at since should have ended.
func (in *Input) hangs(since time.Time) bool {
	return !since.IsZero() && in.Now.Sub(since) > in.settingOf("backup-stuck", patienceParam)
}

// hanging gathers the backups of homes and of hubs' own claims that hang, but for
// those in a Velero Backup that is told as a whole and those that a Job waits for,
// which are added to the Job.
func (in *Input) hanging(sets map[claimKey]*facts.VeleroBackup, jobs []*stuckJob) map[string]*hanging {
	byPhase := map[string]*hanging{}
	note := func(a *facts.Attempt, first bool) *hanging {
		phase := cmp.Or(a.Phase, "New")
		s := byPhase[phase]
		if s == nil {
			s = &hanging{current: in.toldHomes(), without: in.toldHomes(), databases: map[string]bool{}}
			byPhase[phase] = s
		}
		if s.oldest == nil || a.Since.Before(s.oldest.Since) {
			s.oldest = a
		}
		s.names = append(s.names, a.Name)
		s.grave = s.grave || !first || in.Now.Sub(a.Since) > firstPatience*in.Duration("patience")
		return s
	}
	hangs := func(a *facts.Attempt) bool { return a != nil && in.hangs(a.Since) }
	in.eachHub(func(hub *Input) {
		all := hub.homeBackups()
		for i := range all {
			h := &all[i]
			a := hub.held(h).Running
			switch job := jobOf(jobs, h.plans); {
			case job != nil:
				job.add(hub.Hub, h, a, hangs(a) && !inSets(a, sets))
			case !hangs(a), hub.toldElsewhere(h, stuck):
			case inSets(a, sets) && (!h.lacks() || h.plannedByAny(sets)): // told with the set
			case h.lacks():
				note(a, h.newest.IsZero()).without.add(hub.Hub, h)
			default:
				note(a, false).current.add(hub.Hub, h)
			}
		}
		for _, c := range hub.ownClaims() {
			held := in.backups().Of(c.Namespace, c.Name)
			if !hangs(held.Running) || inSets(held.Running, sets) {
				continue
			}
			if job := jobOf(jobs, in.backups().Plans(c.Namespace, c.Name)); job != nil {
				job.waits = append(job.waits, held.Running.Name)
			} else {
				note(held.Running, held.Newest.Time.IsZero()).databases[c.Namespace+"/"+c.Name] = true
			}
		}
	})
	return byPhase
}

func (in *Input) hangingFinding(s *hanging) verdict.Finding {
	slices.Sort(s.names)
	n := len(s.names)
	f := verdict.Finding{Subject: verdict.Subject{Kind: "backup", Name: cmp.Or(s.oldest.Name, "backup")}, Severity: verdict.Error,
		Details: map[string]string{"phase": cmp.Or(s.oldest.Phase, "New"), "since": text.Time(s.oldest.Since), "backups": strings.Join(s.names, ", ")}}
	told := s.without
	switch {
	case told.len() == 0 && len(s.databases) == 0:
		told, f.Severity = s.current, verdict.Warning
	case !s.grave:
		f.Severity = verdict.Warning
	}
	told.describe(f.Details)
	var whose []string
	if told.len() > 0 {
		whose = append(whose, told.String())
	}
	if names := sorted(s.databases); len(names) > 0 {
		whose = append(whose, "the hub's own claim "+list(names, homesShown))
		f.Details["databases"] = strings.Join(names, ", ")
	}
	f.Message = fmt.Sprintf("%s %s not ended for %s, %s is %s since %s; meanwhile there is no newer one of %s",
		text.Count(n, "backup"), text.Plural(n, "has", "have"), text.Duration(in.Now.Sub(s.oldest.Since)), s.oldest.Name, f.Details["phase"],
		text.Time(s.oldest.Since), strings.Join(whose, " and of "))
	if !s.grave && told == s.without {
		f.Message += "; it may be a large first backup"
	}
	f.Message += told.whose()
	return f
}
