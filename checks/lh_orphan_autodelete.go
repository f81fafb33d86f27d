package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/replica"
	"hubaudit/internal/verdict"
)

var lhOrphanAutodelete = &Check{
	ID:       "lh-orphan-autodelete",
	Title:    "Longhorn does not delete replica data by itself that no record owns",
	Severity: verdict.Warning,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    slices.Concat([]string{facts.LonghornSettings, facts.LonghornOrphans}, longhornSources),
	Doc: Doc{
		Meaning: "A directory on a disk that no replica record owns is an orphan to Longhorn. When a volume breaks, or records are removed by hand, such a " +
			"directory can be the last copy of somebody's home. With orphan-resource-auto-deletion set to replica-data (orphan-auto-deletion before 1.9) Longhorn deletes " +
			"it minutes after it turns up, before anybody has looked. While orphans of volumes without two good copies exist, or a volume has no copy left, this is an error.",
		FalseAlarms: "Deleting orphans by itself keeps disks from filling up, and is a choice: set this check's severity to info, or disable it, if you made it. " +
			"The value instance deletes only leftover processes and is not reported.",
		Do: []string{
			"Switch it off, at least until every volume is Healthy: `kubectl -n longhorn-system patch settings.longhorn.io orphan-resource-auto-deletion --type=merge -p '{\"value\":\"\"}'` (before 1.9: setting orphan-auto-deletion, value false).",
			"List what is there: `kubectl -n longhorn-system get orphans.longhorn.io -o wide`.",
			"Delete orphans by hand only for volumes that are Healthy with all their replicas.",
		},
		Dont: []string{
			"Do not switch it on to free space during an incident.",
			"Do not delete an orphan whose volume is not Healthy: see lh-orphan-last-copy.",
		},
		Sources: []string{"longhorn/longhorn#7482, #9972", "longhorn-manager types/setting.go (orphan-resource-auto-deletion)"},
	},
	Run: runLHOrphanAutodelete,
}

func runLHOrphanAutodelete(in *Input) Result {
	name, why := in.deletesOrphans()
	if name == "" {
		return Result{Unknown: why}
	}
	value := in.Longhorn.Settings[name]
	f := verdict.Finding{Subject: verdict.Subject{Kind: "setting", Name: name, Namespace: in.Longhorn.Namespace},
		Message: fmt.Sprintf("Longhorn's setting %s is %s: replica data that no record owns is deleted without anybody having looked", name, strings.TrimSpace(value)),
		Details: map[string]string{"setting": name, "value": value}}
	if gaps := in.longhornGaps(); gaps != "" {
		return Result{Findings: []verdict.Finding{f}, Unknown: gaps}
	}
	if lost, orphans := in.atStake(); len(lost) > 0 {
		f.Severity = verdict.Error
		f.Message += fmt.Sprintf("; it may be all that is left of %s", in.homesOf(lost, f.Details))
		f.Details["orphans"] = idText(int64(orphans))
	}
	return Result{Findings: []verdict.Finding{f}}
}

// deletesOrphans names the setting by which Longhorn deletes orphaned replica
// data, "" if none does. why says why that cannot be told.
func (in *Input) deletesOrphans() (name, why string) {
	if list, ok := in.Longhorn.Settings[lhsetting.OrphanDeletion]; ok {
		for item := range strings.SplitSeq(list, ";") {
			if strings.TrimSpace(item) == "replica-data" {
				return lhsetting.OrphanDeletion, ""
			}
		}
		return "", ""
	}
	value := in.Longhorn.Settings[lhsetting.LegacyOrphanDeletion]
	on, err := strconv.ParseBool(strings.TrimSpace(value))
	switch {
	case value == "":
		return "", ""
	case err != nil:
		return "", unknownSetting(lhsetting.LegacyOrphanDeletion, value)
	case on:
		return lhsetting.LegacyOrphanDeletion, ""
	}
	return "", ""
}

// atStake returns the volumes that may need an orphan: those without any copy
// that have held data, and those with orphans and fewer than two copies. orphans
// counts the latter's.
func (in *Input) atStake() (lost []*replica.Volume, orphans int) {
	of := map[string]int{}
	for i := range in.Longhorn.Orphans {
		if o := &in.Longhorn.Orphans[i]; o.Deleting.IsZero() {
			of[o.Volume()]++
		}
	}
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		n := of[v.Name]
		if !in.finished(v.LHVolume) || !v.HasHistory() || v.Copies() > 1 || v.Copies() == 1 && n == 0 {
			continue
		}
		lost = append(lost, v)
		orphans += n
	}
	return lost, orphans
}
