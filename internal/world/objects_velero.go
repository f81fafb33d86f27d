package world

import (
	"net/url"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// hasVelero tells whether the cluster of a world has Velero.
func hasVelero(k *facts.Kube) bool {
	return len(k.Velero.Backups)+len(k.Velero.Schedules)+len(k.Velero.Locations) > 0
}

func veleroKinds(k *facts.Kube) []kind {
	const api = "velero.io/v1"
	v := &k.Velero
	return []kind{
		{"backups.velero.io", api, "Backup", each(v.Backups, veleroBackupObject)},
		{"schedules.velero.io", api, "Schedule", each(v.Schedules, veleroScheduleObject)},
		{"backupstoragelocations.velero.io", api, "BackupStorageLocation", each(v.Locations, veleroLocationObject)},
		{"restores.velero.io", api, "Restore", each(v.Restores, veleroRestoreObject)},
		{"podvolumebackups.velero.io", api, "PodVolumeBackup", copiesOf(k, facts.SystemVeleroFile, podVolumeBackupObject)},
		{"datauploads.velero.io", "velero.io/v2alpha1", "DataUpload", copiesOf(k, facts.SystemVeleroData, dataUploadObject)},
	}
}

func veleroBackupObject(b *facts.VeleroBackup) object {
	m := metadata(b.Namespace, b.Name, b.Created, noTime)
	if b.Schedule != "" {
		m["labels"] = object{"velero.io/schedule-name": b.Schedule}
	}
	spec := scopeObject(&b.Scope)
	setText(spec, "storageLocation", b.Location)
	status := object{"phase": b.Phase}
	setTime(status, "startTimestamp", b.Started)
	setTime(status, "completionTimestamp", b.Completed)
	setTime(status, "expiration", b.Expires)
	setText(status, "failureReason", b.FailureReason)
	for key, n := range map[string]int{"errors": b.Errors, "warnings": b.Warnings, "volumeSnapshotsCompleted": b.VolumeSnapshots,
		"volumeSnapshotsAttempted": b.VolumeSnapshots, "csiVolumeSnapshotsCompleted": b.CSISnapshots, "csiVolumeSnapshotsAttempted": b.CSISnapshots} {
		if n > 0 {
			status[key] = int64(n)
		}
	}
	return object{"metadata": m, "spec": spec, "status": status}
}

func scopeObject(s *facts.VeleroScope) object {
	spec := object{}
	setTexts(spec, "includedNamespaces", s.Namespaces)
	setTexts(spec, "excludedNamespaces", s.Excluded)
	if s.Selected {
		spec["labelSelector"] = object{"matchLabels": object{"backup": "yes"}}
	}
	if !s.Claims {
		spec["excludedResources"] = anys("persistentvolumeclaims", "pods")
	}
	if s.FileSystem {
		spec["defaultVolumesToFsBackup"] = true
	}
	if s.MoveData {
		spec["snapshotMoveData"] = true
	}
	return spec
}

func setTexts(m object, key string, values []string) {
	if len(values) > 0 {
		m[key] = anys(values...)
	}
}

func veleroScheduleObject(s *facts.VeleroSchedule) object {
	template := scopeObject(&s.Scope)
	setText(template, "storageLocation", s.Location)
	if s.TTL > 0 {
		template["ttl"] = s.TTL.String()
	}
	status := object{"phase": s.Phase}
	setTime(status, "lastBackup", s.LastBackup)
	setTime(status, "lastSkipped", s.LastSkipped)
	if s.Error != "" {
		status["validationErrors"] = anys(s.Error)
	}
	return object{"metadata": metadata(s.Namespace, s.Name, s.Created, noTime),
		"spec": object{"schedule": s.Cron, "paused": s.Paused, "template": template}, "status": status}
}

func veleroLocationObject(l *facts.VeleroLocation) object {
	u, err := url.Parse(l.URL)
	if err != nil {
		panic("world: the location " + l.Name + " has the URL " + l.URL)
	}
	storage := object{"bucket": u.Host}
	setText(storage, "prefix", strings.Trim(u.Path, "/"))
	spec := object{"provider": l.Provider, "objectStorage": storage}
	if endpoint := u.Query().Get("endpoint"); endpoint != "" {
		spec["config"] = object{"s3Url": endpoint}
	}
	if l.Default {
		spec["default"] = true
	}
	if l.ReadOnly {
		spec["accessMode"] = "ReadOnly"
	}
	status := object{}
	setText(status, "phase", l.Phase)
	setText(status, "message", l.Error)
	setTime(status, "lastSyncedTime", l.LastSyncedAt)
	setTime(status, "lastValidationTime", l.LastValidated)
	return object{"metadata": metadata(l.Namespace, l.Name, noTime, noTime), "spec": spec, "status": status}
}

func veleroRestoreObject(r *facts.VeleroRestore) object {
	spec := object{}
	setText(spec, "backupName", r.Backup)
	setText(spec, "scheduleName", r.Schedule)
	setTexts(spec, "includedNamespaces", r.Namespaces)
	status := object{"phase": r.Phase}
	setTime(status, "completionTimestamp", r.Completed)
	if r.Errors > 0 {
		status["errors"] = int64(r.Errors)
	}
	return object{"metadata": metadata(r.Namespace, r.Name, noTime, noTime), "spec": spec, "status": status}
}

// uploadMeta is what PodVolumeBackups and DataUploads have in common. Their
// owner is left out: its UID is not known, and a real cluster would delete what
// is owned by nothing.
func uploadMeta(c *backupCopy) (m, status object) {
	m = metadata(VeleroNamespace, c.name(), c.Time, noTime)
	m["labels"] = object{"velero.io/backup-name": c.Set}
	status = object{"phase": "Completed", "startTimestamp": timestamp(c.Time)}
	if c.attempt != nil {
		status["phase"] = c.attempt.Phase
		setText(status, "message", c.attempt.Error)
		return m, status
	}
	status["snapshotID"] = madeUpUID("snapshot", c.Namespace, c.Claim, c.Set)
	status["completionTimestamp"] = timestamp(c.Time.Add(time.Minute))
	if c.SizeBytes > 0 {
		status["progress"] = object{"totalBytes": c.SizeBytes, "bytesDone": c.SizeBytes}
	}
	return m, status
}

func podVolumeBackupObject(c *backupCopy) object {
	m, status := uploadMeta(c)
	m["annotations"] = object{"velero.io/pvc-name": c.Claim}
	return object{"metadata": m, "status": status, "spec": object{
		"node": "worker-1", "pod": object{"kind": "Pod", "namespace": c.Namespace, "name": "jupyter"}, "volume": "home", "backupStorageLocation": c.Target,
		"repoIdentifier": "", "uploaderType": "kopia", "tags": object{"backup": c.Set, "ns": c.Namespace}}}
}

func dataUploadObject(c *backupCopy) object {
	m, status := uploadMeta(c)
	return object{"metadata": m, "status": status, "spec": object{
		"snapshotType": "CSI", "csiSnapshot": object{"volumeSnapshot": "velero-" + c.Claim, "storageClass": Class}, "sourcePVC": c.Claim,
		"sourceNamespace": c.Namespace, "backupStorageLocation": c.Target, "operationTimeout": "10m0s"}}
}

// veleroSnapshotObject is a VolumeSnapshot that Velero left in the storage system.
func veleroSnapshotObject(c *backupCopy) object {
	v := facts.VolumeSnapshot{Namespace: c.Namespace, Name: c.name(), Created: c.Time, Claim: c.Claim}
	if c.attempt == nil {
		v.Ready, v.Taken, v.RestoreBytes = true, c.Time, c.SizeBytes
	} else {
		v.Error = c.attempt.Error
	}
	o := snapshotObject(&v)
	o["metadata"].(object)["labels"] = object{"velero.io/backup-name": c.Set}
	return o
}
