package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var backupSkipsDetached = &Check{
	ID:       "backup-skips-detached",
	Title:    "Backup jobs reach the homes of stopped servers",
	Severity: verdict.Critical,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Uses:     homeSources,
	Params: []Param{
		{Name: "maxSkippedPercent", Doc: "how many of a job's homes it may leave out before that is critical; an error up to then",
			Default: 20, Min: 0, Max: 100, Unit: "percent"},
	},
	Doc: Doc{
		Meaning: "A recurring job of Longhorn leaves out every volume that is not attached while it runs, unless the setting " + backups.DetachedSetting +
			" is true, and it is false by default. Servers of a hub are culled when idle, so at night almost all homes are detached: the job runs, ends well, and " +
			"backs up nobody. Nothing shows it but the age of the backups. One team noticed after 88 days.",
		FalseAlarms: "Only homes without a current backup in any system are reported: those that were not used since their newest one, or that Velero, K8up or VolumeSnapshots " +
			"cover, are not. A server that has run since before the job was due is reported by backup-stale instead, since the job should have reached it.",
		Do: []string{
			"Let jobs attach what is detached: `kubectl -n longhorn-system patch settings.longhorn.io " + backups.DetachedSetting + " --type=merge -p '{\"value\":\"true\"}'`.",
			"Do not wait for the night: start a backup of the homes that the finding lists, those with none or the oldest first.",
			"The morning after, run `audit now` again. Attaching many volumes takes a while: raise the job's concurrency if its run does not end before people start their servers.",
		},
		Dont: []string{
			"Do not move the job to working hours instead: whoever is not logged in at that minute is still left out.",
			"Do not drain or re-create nodes before the first complete run.",
		},
		Sources: []string{"longhorn/longhorn-manager app/recurringjob/util.go, filterVolumesForJob", "rwlove/home-ops, pull request 13545: 88 days without a backup", "Longhorn settings reference"},
	},
	Run: runBackupSkipsDetached,
}

func runBackupSkipsDetached(in *Input) Result {
	var r Result
	skipped := map[string][]*homeBackup{}
	var jobs []backups.Plan
	for _, h := range in.uncovered(skipsDetached) {
		p := skippingJob(h.active())
		if skipped[p.Name] == nil {
			jobs = append(jobs, *p)
		}
		skipped[p.Name] = append(skipped[p.Name], h)
	}
	slices.SortFunc(jobs, func(a, b backups.Plan) int { return strings.Compare(a.Name, b.Name) })
	for i := range jobs {
		r.Findings = append(r.Findings, in.skippedHomes(&jobs[i], skipped[jobs[i].Name]))
	}
	return r
}

func (in *Input) skippedHomes(job *backups.Plan, homes []*homeBackup) verdict.Finding {
	f, told := in.homesFinding(homes)
	covered := 0
	all := in.homeBackups()
	for i := range all {
		if slices.ContainsFunc(all[i].plans, func(p backups.Plan) bool { return p.Kind == job.Kind && p.Name == job.Name }) {
			covered++
		}
	}
	if float64(100*len(homes)) <= in.Number("maxSkippedPercent")*float64(covered) && !slices.ContainsFunc(homes, in.farBehind) {
		f.Severity = verdict.Error
	}
	value := cmp.Or(in.Longhorn.Settings[backups.DetachedSetting], "not set")
	f.Subject = verdict.Subject{Kind: "recurringjob", Name: job.Name, Namespace: job.Namespace}
	f.Details["job"], f.Details["schedule"], f.Details["covered"], f.Details[backups.DetachedSetting] = job.Name, job.Cron, idText(int64(covered)), value
	f.Details["command"] = "kubectl -n " + job.Namespace + " patch settings.longhorn.io " + backups.DetachedSetting + ` --type=merge -p '{"value":"true"}'`
	f.Message = fmt.Sprintf("recurring job %s (%s) leaves out volumes that are not attached: %s %s no current backup; %s; setting %s is %s, true is expected%s",
		job.Name, job.Cron, told.outOf(covered), text.Plural(len(homes), "has", "have"), told.backlog(), backups.DetachedSetting, value, told.whose())
	return f
}
