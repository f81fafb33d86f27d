package world

import (
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// hasK8up tells whether the cluster of a world has K8up.
func hasK8up(k *facts.Kube) bool { return len(k.K8up.Schedules) > 0 }

func k8upKinds(k *facts.Kube) []kind {
	const api = "k8up.io/v1"
	return []kind{
		{"schedules.k8up.io", api, "Schedule", each(k.K8up.Schedules, k8upScheduleObject)},
		{"snapshots.k8up.io", api, "Snapshot", copiesOf(k, facts.SystemK8up, k8upSnapshotObject)},
		{"backups.k8up.io", api, "Backup", slices.Values(k8upBackupObjects(&k.K8up))},
	}
}

func k8upScheduleObject(s *facts.K8upSchedule) object {
	spec := object{}
	if bucket, ok := strings.CutPrefix(s.URL, "s3:"); ok {
		i := strings.LastIndexByte(bucket, '/')
		spec["backend"] = object{"s3": object{"endpoint": bucket[:i], "bucket": bucket[i+1:]}}
	} else if s.URL != "" {
		spec["backend"] = object{"local": object{"mountPath": s.URL}}
	}
	if s.Cron != "" {
		backup := object{"schedule": s.Cron}
		if s.Selected {
			backup["labelSelectors"] = anys(object{"matchLabels": object{"backup": "yes"}})
		}
		spec["backup"] = backup
	}
	return object{"metadata": metadata(s.Namespace, s.Name, noTime, noTime), "spec": spec}
}

func k8upSnapshotObject(c *backupCopy) object {
	return object{"metadata": metadata(c.Namespace, c.Point.Name, c.Time, noTime), "spec": object{
		"id": c.Point.Name + strings.Repeat("0", 56), "date": timestamp(c.Time), "paths": anys("/data/" + c.Claim), "repository": c.Target}}
}

// k8upBackupObjects are the Backups of each namespace that decide.
func k8upBackupObjects(k *facts.K8up) []object {
	var all []object
	add := func(namespace string, a facts.Attempt, condition object) {
		all = append(all, object{"metadata": metadata(namespace, a.Name, a.Since, noTime), "status": object{"conditions": anys(condition)}})
	}
	condition := func(kind, reason, message string) object {
		return object{"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": timestamp(Now)}
	}
	for _, namespace := range slices.Sorted(maps.Keys(k.Failed)) {
		a := k.Failed[namespace]
		add(namespace, a, condition("Completed", a.Phase, a.Error))
	}
	for _, namespace := range slices.Sorted(maps.Keys(k.Running)) {
		a := k.Running[namespace]
		add(namespace, a, condition(a.Phase, "Started", a.Error))
	}
	for _, namespace := range slices.Sorted(maps.Keys(k.Succeeded)) {
		since := k.Succeeded[namespace]
		add(namespace, facts.Attempt{Name: "backup-" + since.Format("20060102150405"), Since: since}, condition("Completed", "Succeeded", ""))
	}
	return all
}
