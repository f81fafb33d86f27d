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

var backupPartialCoverage = &Check{
	ID:       "backup-partial-coverage",
	Title:    "Velero's backups hold the homes of the namespaces that they take in",
	Severity: verdict.Critical,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Uses:     homeSources,
	Doc: Doc{
		Meaning: "Velero's newest backup takes in the namespace and can be restored, but homes are not in it. File-system backup reaches only volumes that a running pod " +
			"mounts: the homes of stopped servers are left out without an error. Snapshots reach only volumes whose driver has a VolumeSnapshotClass that Velero " +
			"knows. A restore of that backup would make claims without files.",
		FalseAlarms: "A home with a current backup in another system or in an earlier run since its last use is not reported. Where a backup is narrowed by a label selector or a " +
			"resource policy, what it leaves out may be left out on purpose: it is never reported here. Where a storage plugin's own snapshots are in the backup, the API does " +
			"not say of which volumes they are: they are counted against the claims, and if there are fewer it is a warning; so are homes of which only K8up has backups while its list of them is switched off.",
		Do: []string{
			"See what is in it: `velero backup describe NAME --details`, under Pod Volume Backups, Backup Volumes and CSI Snapshots.",
			"Use CSI snapshots with the data mover instead of file-system backup (`velero schedule create … --snapshot-move-data`, without --default-volumes-to-fs-backup): it needs no running pod. It needs a VolumeSnapshotClass with the label velero.io/csi-volumesnapshot-class=true.",
			"Run it once by hand, `velero backup create --from-schedule NAME`, and run `audit now` again.",
		},
		Dont:    []string{"Do not take the word Completed for complete: it says that what Velero tried succeeded."},
		Sources: []string{"vmware-tanzu/velero pkg/podvolume/backupper.go", "Velero documentation, File System Backup, Limitations"},
	},
	Run: runBackupPartialCoverage,
}

func runBackupPartialCoverage(in *Input) Result {
	var r Result
	byRun := map[string][]*homeBackup{}
	runs := map[string]*backups.Run{}
	for _, h := range in.homesThat(func(h *homeBackup) bool { return h.state != homeCurrent && h.cause == notReached }) {
		if run := in.backups().Run(h.claim.Namespace, veleroPlan(h)); run != nil {
			runs[run.Name] = run
			byRun[run.Name] = append(byRun[run.Name], h)
		}
	}
	for name, homes := range byRun {
		r.Findings = append(r.Findings, in.partlyCovered(runs[name], homes))
	}
	slices.SortFunc(r.Findings, func(a, b verdict.Finding) int { return strings.Compare(a.Subject.Name, b.Subject.Name) })
	if homes := in.homesThat(func(h *homeBackup) bool { return h.cause == notListed }); len(homes) > 0 {
		r.Findings = append(r.Findings, in.notListed(homes))
	}
	return r
}

// notListed is about homes that K8up's newest backup may hold.
func (in *Input) notListed(homes []*homeBackup) verdict.Finding {
	f, told := in.homesFinding(homes)
	f.Severity = verdict.Warning
	f.Message = fmt.Sprintf("K8up's newest backup succeeded and keeps no list of what is in it (skipSnapshotsSync): whether it holds %s the API does not tell, and no other current backup of them is known%s",
		told.outOf(len(in.homeBackups())), told.whose())
	return f
}

// veleroPlan is the name of the schedule by which Velero covers a home, "" for
// none.
func veleroPlan(h *homeBackup) string {
	for _, p := range h.active() {
		if p.Kind == backups.VeleroSchedule {
			return p.Name
		}
	}
	return ""
}

func (in *Input) partlyCovered(run *backups.Run, homes []*homeBackup) verdict.Finding {
	f, told := in.homesFinding(homes)
	f.Subject = verdict.Subject{Kind: "backup", Name: run.Name, Namespace: run.Namespace}
	f.Details["backup"], f.Details["phase"], f.Details["taken"] = run.Name, run.Phase, text.Time(backups.Taken(run.VeleroBackup))
	f.Details["schedule"] = cmp.Or(run.Schedule, "made by hand")
	if run.Unnamed() > 0 {
		f.Severity = verdict.Warning
		f.Details["volumes"], f.Details["claimsTakenIn"] = idText(int64(run.Unnamed()+run.Named)), idText(int64(run.Claims))
		f.Message = fmt.Sprintf("Velero's newest backup %s (%s) holds snapshots of %s and takes in %s: which are missing the API does not tell, and of %s no other current backup is known%s",
			run.Name, run.Phase, text.Count(run.Unnamed()+run.Named, "volume"), text.Count(run.Claims, "claim"), told, told.whose())
		return f
	}
	why := "one of every claim is expected"
	if run.Scope.FileSystem {
		why = "its file-system backup reaches only volumes that a running pod mounts"
	}
	f.Message = fmt.Sprintf("Velero's newest backup %s (%s) takes in the namespace but does not hold %s; %s; %s%s", run.Name, run.Phase,
		told.outOf(len(in.homeBackups())), told.backlog(), why, told.whose())
	return f
}
