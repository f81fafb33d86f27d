package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// defaultTarget is the BackupTarget of volumes that name none.
const defaultTarget = "default"

var backupTargetUnset = &Check{
	ID:       "backup-target-unset",
	Title:    "Longhorn has somewhere to put the backups of homes",
	Severity: verdict.Critical,
	Since:    "0.5.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeClaims, facts.LonghornVolumes, facts.LonghornBackupTargets},
	Uses:     homeSources,
	Doc: Doc{
		Meaning: "The BackupTarget that these volumes name has no URL, or there is no such BackupTarget, and no other system has a current backup of the homes " +
			"on them. Every backup of them fails or is never begun: all copies of the users' files are inside the cluster and go with it. When a URL is " +
			"taken away Longhorn also forgets, though it does not delete, what lies there.",
		FalseAlarms: "Homes that another system (VolumeSnapshots, Velero, K8up) has a current backup of are not counted, and with none left the check passes. " +
			"A cluster in which no home lies on Longhorn is skipped. Before Longhorn 1.8 there is only one target, the setting backup-target.",
		Do: []string{
			"Look at what is set: `kubectl -n longhorn-system get backuptargets.longhorn.io -o wide`, and before Longhorn 1.8 `kubectl -n longhorn-system get settings.longhorn.io backup-target`.",
			"If a URL was there before, set the same one again: Longhorn finds the backups that lie there by itself, and nothing needs to be uploaded twice.",
			"Otherwise make a bucket or share outside of this cluster and a Secret with its login in Longhorn's namespace, and set both: `kubectl -n longhorn-system patch backuptargets.longhorn.io default --type=merge -p '{\"spec\":{\"backupTargetURL\":\"s3://BUCKET@REGION/\",\"credentialSecret\":\"SECRET\"}}'`.",
			"For volumes that name a target which does not exist, make that target, or give them one that exists: `kubectl -n longhorn-system patch volumes.longhorn.io VOLUME --type=merge -p '{\"spec\":{\"backupTargetName\":\"default\"}}'`.",
			"Wait until the target is available, start a first backup now instead of waiting for the night, and run `audit now` again.",
		},
		Dont: []string{
			"Do not drain, upgrade or re-create nodes before the first backup is complete.",
			"Do not point the target at a server inside this cluster: what destroys the volumes would destroy their backups too.",
		},
		Sources: []string{"longhorn-manager controller/backup_target_controller.go (reconcile)", "2i2c-org/infrastructure#4488: backups that were configured and never made"},
	},
	Run: runBackupTargetUnset,
}

func runBackupTargetUnset(in *Input) Result {
	onLonghorn := 0
	without := map[string]*toldHomes{} // by target
	in.eachHub(func(hub *Input) {
		all := hub.homeBackups()
		for i := range all {
			h := &all[i]
			if h.volume == nil {
				continue
			}
			onLonghorn++
			if !h.lacks() || h.cause != targetUnset {
				continue
			}
			name := targetName(h.volume)
			if without[name] == nil {
				without[name] = in.toldHomes()
			}
			without[name].add(hub.Hub, h)
		}
	})
	if onLonghorn == 0 {
		return Result{Skip: "no home that needs a backup lies on a Longhorn volume"}
	}
	var r Result
	for _, name := range slices.Sorted(maps.Keys(without)) {
		r.Findings = append(r.Findings, in.unsetTarget(name, without[name]))
	}
	if len(r.Findings) > 1 {
		homes := 0
		for _, told := range without {
			homes += told.len()
		}
		r.Summary = fmt.Sprintf("%s cannot be backed up, because %s have no URL or do not exist", text.Count(homes, "home"), text.Count(len(without), "BackupTarget"))
	}
	return r
}

func (in *Input) unsetTarget(name string, told *toldHomes) verdict.Finding {
	why, expected := "there is no BackupTarget "+name, "one that exists"
	if in.lhTarget(name) != nil {
		why, expected = "BackupTarget "+name+" has no URL", "a place outside of the cluster"
	}
	f := verdict.Finding{Subject: targetSubject(in, name), Details: map[string]string{"target": name}}
	told.describe(f.Details)
	f.Message = fmt.Sprintf("%s: Longhorn cannot back up %s; %s; %s is expected%s", why, told, told.backlog(), expected, told.whose())
	return f
}

func targetSubject(in *Input, name string) verdict.Subject {
	return verdict.Subject{Kind: "backuptarget", Name: name, Namespace: in.Longhorn.Namespace}
}

// targetName is the BackupTarget that a volume's backups go to.
func targetName(v *facts.LHVolume) string { return cmp.Or(v.BackupTarget, defaultTarget) }

// lhTarget is Longhorn's BackupTarget of that name, nil if there is none.
func (in *Input) lhTarget(name string) *facts.LHBackupTarget {
	i := slices.IndexFunc(in.Longhorn.BackupTargets, func(t facts.LHBackupTarget) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &in.Longhorn.BackupTargets[i]
}

// targetIsSet tells whether there is a BackupTarget of that name with a URL.
func (in *Input) targetIsSet(name string) bool {
	t := in.lhTarget(name)
	return t != nil && t.URL != ""
}
