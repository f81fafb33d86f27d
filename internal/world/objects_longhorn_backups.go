package world

import (
	"fmt"
	"iter"
	"strconv"
	"time"

	"hubaudit/internal/facts"
)

func (l longhorn) backupKinds(api string) []kind {
	var targets []facts.LHBackupTarget
	for _, t := range l.BackupTargets {
		if t.Known {
			targets = append(targets, t)
		}
	}
	return []kind{
		{"backuptargets.longhorn.io", api, "BackupTarget", each(targets, l.backupTarget)},
		{"backupvolumes.longhorn.io", api, "BackupVolume", each(l.BackupVolumes, l.backupVolume)},
		{"backups.longhorn.io", api, "Backup", l.backups()},
		{"recurringjobs.longhorn.io", api, "RecurringJob", each(l.RecurringJobs, l.recurringJob)},
	}
}

func (l longhorn) backupTarget(t *facts.LHBackupTarget) object {
	unavailable := object{"type": "Unavailable", "status": "True", "reason": "Unavailable", "message": t.Reason, "lastProbeTime": "", "lastTransitionTime": timestamp(t.Since)}
	if t.Available {
		unavailable["status"], unavailable["reason"] = "False", ""
	}
	status := object{"available": t.Available, "ownerID": "worker-1", "conditions": l.conditions(unavailable)}
	setTime(status, "lastSyncedAt", t.LastSyncedAt)
	return object{"metadata": metadata(l.Namespace, t.Name, noTime, noTime), "status": status,
		"spec": object{"backupTargetURL": t.URL, "credentialSecret": t.Credential, "pollInterval": t.PollInterval.String()}}
}

func (l longhorn) backupVolume(v *facts.LHBackupVolume) object {
	spec := object{}
	if l.manyTargets() {
		spec["volumeName"], spec["backupTargetName"] = v.Volume, v.Target
	}
	status := object{"lastBackupName": v.LastBackup, "lastBackupAt": timestamp(v.LastBackupAt), "dataStored": strconv.FormatInt(v.StoredBytes, 10), "ownerID": "worker-1"}
	setTime(status, "lastSyncedAt", v.LastSyncedAt)
	if v.Error != "" {
		status["messages"] = object{"error": v.Error}
	}
	return object{"metadata": metadata(l.Namespace, v.Name, noTime, noTime), "spec": spec, "status": status}
}

// backups are the Backups that all series stand for.
func (l longhorn) backups() iter.Seq[object] {
	return func(yield func(object) bool) {
		for i := range l.Backups {
			for o := range l.series(&l.Backups[i]) {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// series are the backups of one: those between the two newest and the oldest
// are made up, evenly spread.
func (l longhorn) series(s *facts.Series) iter.Seq[object] {
	return func(yield func(object) bool) {
		for n := range s.Good {
			p := s.Newest
			switch between := n - 1; {
			case n == 1:
				p = s.Previous
			case n > 1:
				p = s.Previous
				p.Name += fmt.Sprintf("-%d", n)
				p.Time = p.Time.Add(-s.Previous.Time.Sub(s.Oldest) / time.Duration(s.Good-2) * time.Duration(between)).Truncate(time.Second)
			}
			if n > 0 && n == s.Good-1 {
				p.Time = s.Oldest
			}
			if !yield(l.goodBackup(s.Volume, &p)) {
				return
			}
		}
		for _, a := range []*facts.Attempt{s.Failed, s.Running} {
			if a != nil && !yield(l.attempt(s, a)) {
				return
			}
		}
	}
}

// backup is one that this cluster asked for.
func (l longhorn) backup(volume, target, name, snapshot string, asked time.Time, status object) object {
	m := metadata(l.Namespace, name, asked, noTime)
	labels := object{"backup-volume": volume}
	m["labels"], m["finalizers"] = labels, anys("longhorn.io")
	if l.manyTargets() {
		labels["backup-target"], status["backupTargetName"] = target, target
	}
	status["ownerID"], status["snapshotName"], status["volumeName"] = "worker-1", snapshot, volume
	return object{"metadata": m, "status": status, "spec": object{"snapshotName": snapshot, "labels": object{"KubernetesStatus": "{}", "RecurringJob": "nightly"}}}
}

// uploading is how long a backup takes.
const uploading = 40 * time.Second

func (l longhorn) goodBackup(volume string, p *facts.Point) object {
	asked, done := p.Time.Add(5*time.Second), p.Time.Add(uploading)
	return l.backup(volume, p.Target, p.Name, "nightly-"+p.Name, asked, object{
		"state": "Completed", "progress": int64(100), "size": strconv.FormatInt(p.SizeBytes, 10), "snapshotCreatedAt": timestamp(p.Time),
		"backupCreatedAt": timestamp(done), "lastSyncedAt": timestamp(done), "url": fmt.Sprintf("s3://hub-backups@eu-central-1/?backup=%s&volume=%s", p.Name, volume)})
}

func (l longhorn) attempt(s *facts.Series, a *facts.Attempt) object {
	state := a.Phase
	if state == "New" {
		state = ""
	}
	status := object{"state": state}
	setText(status, "error", a.Error)
	target := s.Newest.Target
	if target == "" {
		target = BackupTarget
	}
	return l.backup(s.Volume, target, a.Name, "nightly-"+a.Name, a.Since, status)
}

func (l longhorn) recurringJob(j *facts.LHRecurringJob) object {
	o := object{"metadata": metadata(l.Namespace, j.Name, j.Created, noTime), "status": object{"ownerID": "worker-1"},
		"spec": object{"name": j.Name, "groups": anys(j.Groups...), "task": j.Task, "cron": j.Cron, "retain": int64(j.Retain), "concurrency": int64(2), "labels": object{}}}
	if l.minor >= 7 {
		o["status"].(object)["executionCount"] = int64(j.Executions)
	}
	return o
}

// jobLabels are the labels by which a volume takes part in recurring jobs.
func jobLabels(v *facts.LHVolume) object {
	labels := object{}
	for _, job := range v.Jobs {
		labels["recurring-job.longhorn.io/"+job] = "enabled"
	}
	for _, group := range v.JobGroups {
		labels["recurring-job-group.longhorn.io/"+group] = "enabled"
	}
	return labels
}
