package checks

import (
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var auditInputMissing = &Check{
	ID:       "audit-input-missing",
	Title:    "The audit still sees everything that it used to see",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerCluster,
	Needs:    []string{facts.History},
	Baseline: true,
	Params: []Param{
		{Name: "runs", Doc: "after how many failed runs in a row an outage that may pass is reported", Default: 3, Min: 1, Max: 1000, Unit: "runs"},
	},
	Doc: Doc{
		Meaning: "Something that the audit reads is gone, forbidden, empty or unreachable although it was there before. Until that is mended the checks " +
			"that need it say nothing, and a loss would go unseen; and it may be the loss itself, such as a database file or all records of a storage system that vanished.",
		FalseAlarms: "A part that was removed on purpose: take it out of the configuration. Lists that are empty now and then (pods, jobs, cron jobs, " +
			"snapshots, backups and their schedules, disruption budgets, Longhorn's orphans, events and shards) may become empty: an empty hub is hub-user-count-drift's business, and backups that are gone are backup-none's. A source that merely did not answer is " +
			"reported only after several runs in a row.",
		Do: []string{
			"Read the reason in the finding; the table of sources in the report has each one's state.",
			"Forbidden: see what the audit may read with `kubectl auth can-i --list --as=system:serviceaccount:NAMESPACE:ACCOUNT`, and compare with the chart's ClusterRole.",
			"Missing: look whether the file, database, resource or whole API is really gone (`kubectl api-resources | grep longhorn`), before anything is restarted.",
			"Empty: look with your own account; if it is empty for you too, it is a loss: stop the hub and look for backups.",
			"Unreachable: mend the network, the credentials or the server, and run `audit now`.",
		},
		Dont: []string{
			"Do not re-create what is missing as an empty object or file so that the alarm goes away.",
			"Do not drain nodes or upgrade anything while the audit cannot see.",
		},
		Sources: []string{"Nectar post-mortem, 2023: nobody looked where nothing was shown"},
	},
	Run: runAuditInputMissing,
}

func runAuditInputMissing(in *Input) Result {
	var r Result
	for i := range in.Sources {
		src := &in.Sources[i]
		if src.Name == facts.History {
			continue
		}
		past := in.Past.Sources[src.Name]
		why := in.sourceLost(src, past)
		if why == "" {
			continue
		}
		details := map[string]string{"status": string(src.Status), "failedRuns": idText(int64(past.FailedRuns))}
		if src.Status == facts.Failed {
			details["cause"], details["detail"] = string(src.Cause), src.Detail
			details["failedRuns"] = idText(int64(past.FailedRuns + 1))
		}
		if !past.LastOK.IsZero() {
			details["lastOK"], details["lastItems"] = text.Time(past.LastOK), idText(int64(past.LastItems))
		}
		r.Findings = append(r.Findings, verdict.Finding{
			Subject: verdict.Subject{Kind: "source", Name: src.Name}, Message: "source " + src.Name + " " + why, Details: details})
	}
	if n := len(r.Findings); n > 1 {
		names := make([]string, n)
		for i := range r.Findings {
			names[i] = r.Findings[i].Subject.Name
		}
		r.Summary = fmt.Sprintf("%s that worked before or should work cannot be seen: %s", text.Count(n, "source"), list(names, 5))
	}
	return r
}

// sourceLost says what is wrong with a source that was or should be read; ""
// if nothing is, or if it is too early to tell.
func (in *Input) sourceLost(src *facts.Source, past facts.PastSource) string {
	worked := !past.LastOK.IsZero()
	before := ""
	if worked {
		before = fmt.Sprintf("; it gave %s on %s", text.Count(past.LastItems, "item"), text.Time(past.LastOK))
	}
	switch src.Status {
	case facts.Absent:
		if worked {
			return "is absent now (" + src.Detail + ")" + before
		}
	case facts.OK:
		if worked && past.LastItems > 0 && src.Total() == 0 && !mayBeEmpty(src.Name) {
			return "answers, but is empty" + before
		}
	case facts.Failed:
		runs := past.FailedRuns + 1
		lasting := src.Cause == facts.CauseForbidden || src.Cause == facts.CauseMissing
		if worked && lasting || runs >= int(in.Number("runs")) {
			return fmt.Sprintf("could not be read in %s (%s: %s)%s", runsText(runs), src.Cause, src.Detail, before)
		}
	}
	return ""
}

func runsText(n int) string {
	if n == 1 {
		return "this run"
	}
	return text.Count(n, "run") + " in a row"
}

// mayBeEmpty names the sources that become empty without anything being lost.
// A hub's users are counted by hub-user-count-drift, and what has no backup left is
// told by the checks of backups.
func mayBeEmpty(name string) bool {
	switch name {
	case facts.KubePods, facts.KubeCronJobs, facts.KubeJobs, facts.KubeSnapshots, facts.Prometheus, facts.KubeDisruptionBudgets,
		facts.LonghornOrphans, facts.LonghornEvents, facts.LonghornShardGroups, facts.LonghornShards,
		facts.LonghornBackups, facts.LonghornBackupVolumes, facts.LonghornRecurringJobs, facts.KubeSnapshotContents:
		return true
	}
	for _, prefix := range []string{facts.HubDB(""), facts.HubAPI(""), "velero/", "k8up/"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
