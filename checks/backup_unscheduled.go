package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

var backupUnscheduled = &Check{
	ID:       "backup-unscheduled",
	Title:    "Every home is selected by a schedule that makes backups",
	Severity: verdict.Error,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Uses:     homeSources,
	Doc: Doc{
		Meaning: "Homes have no current backup, and nothing is set up to make one: no RecurringJob of Longhorn with task backup selects the volume (by the job's name " +
			"or a group on the volume's labels; a volume with no such label has the group default), no Schedule of Velero takes in the namespace, and no Schedule of " +
			"K8up lies in it. It is critical where a home has no backup at all. A label on a volume that names a single job takes it out of the group default, " +
			"and so out of the nightly backup: the common way to get here.",
		FalseAlarms: "A home with a current backup, whoever made it, is not reported, nor is one that was not used since its newest backup. Where backups are " +
			"VolumeSnapshots, what makes them is not known: backup-stale tells those that have become too old.",
		Do: []string{
			"See what selects a volume: `kubectl -n longhorn-system get volumes.longhorn.io VOLUME --show-labels` and `kubectl -n longhorn-system get recurringjobs.longhorn.io -o yaml`.",
			"Put it in a group that is backed up: `kubectl -n longhorn-system label volumes.longhorn.io VOLUME recurring-job-group.longhorn.io/default=enabled`. Where the claim has the label recurring-job.longhorn.io/source=enabled, label the claim instead: its labels replace the volume's.",
			"If there is no RecurringJob with task backup, make one for the group default; for new claims put the group into the StorageClass (recurringJobSelector).",
			"Start a first backup now, and run `audit now` again.",
		},
		Dont:    []string{"Do not delete or re-create these claims or their servers before they have a backup."},
		Sources: []string{"longhorn/longhorn-manager app/recurringjob/volume.go", "Longhorn documentation, Recurring Snapshots and Backups", "2i2c-org/infrastructure#4488"},
	},
	Run: runBackupUnscheduled,
}

func runBackupUnscheduled(in *Input) Result {
	homes := in.uncovered(unscheduled)
	if len(homes) == 0 {
		return Result{}
	}
	f, told := in.homesFinding(homes)
	for _, h := range homes {
		if h.state == homeNone {
			f.Severity = verdict.Critical
		}
	}
	f.Message = fmt.Sprintf("no schedule selects %s; %s; a schedule for each is expected%s", told.outOf(len(in.homeBackups())), told.backlog(), told.whose())
	return Result{Findings: []verdict.Finding{f}}
}

// homesFinding begins a finding about the hub that tells several homes at once.
func (in *Input) homesFinding(homes []*homeBackup) (verdict.Finding, *toldHomes) {
	told := in.toldHomes()
	for _, h := range homes {
		told.add(in.Hub, h)
	}
	f := verdict.Finding{Subject: verdict.Subject{Kind: "hub", Name: in.Hub.Name, Namespace: in.Hub.Namespace}, Details: map[string]string{}}
	told.describe(f.Details)
	return f, told
}
