package kube

import (
	"cmp"
	"time"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// uploadStatus is the part that PodVolumeBackups and DataUploads have in common.
type uploadStatus struct {
	Phase    object.Text `json:"phase"`
	Message  object.Text `json:"message"`
	Started  object.Time `json:"startTimestamp"`
	Progress struct {
		Bytes object.Number `json:"totalBytes"`
	} `json:"progress"`
}

type podVolumeBackupObject struct {
	Metadata veleroMeta `json:"metadata"`
	Spec     struct {
		Pod struct {
			Namespace object.Text `json:"namespace"`
		} `json:"pod"`
		Location object.Text `json:"backupStorageLocation"`
		Tags     struct {
			Backup object.Text `json:"backup"`
		} `json:"tags"`
	} `json:"spec"`
	Status uploadStatus `json:"status"`
}

// ObjectName implements Named.
func (o *podVolumeBackupObject) ObjectName() string { return o.Metadata.Name }

// volumeBackups takes in Velero's backups of single volumes: PodVolumeBackups of
// which the data is of when they began, and DataUploads of which it is of when
// they were asked for, as the snapshot was there before.
type volumeBackups struct{ seriesFold }

func (f *volumeBackups) addPodVolume(o *podVolumeBackupObject) {
	key := heldKey{namespace: string(o.Spec.Pod.Namespace), name: string(o.Metadata.Annotations.Claim)}
	if key.name == "" {
		key = heldKey{uid: string(o.Metadata.Labels.ClaimUID)}
	}
	if key == (heldKey{}) {
		return // of a pod's volume that is no claim
	}
	set := cmp.Or(string(o.Spec.Tags.Backup), o.Metadata.backup())
	at := o.Status.Started.Time
	if at.IsZero() {
		at = o.Metadata.CreationTimestamp.Time
	}
	f.add(key, &o.Metadata, &o.Status, at, set, string(o.Spec.Location))
}

type dataUploadObject struct {
	Metadata veleroMeta `json:"metadata"`
	Spec     struct {
		Claim     object.Text `json:"sourcePVC"`
		Namespace object.Text `json:"sourceNamespace"`
		Location  object.Text `json:"backupStorageLocation"`
	} `json:"spec"`
	Status uploadStatus `json:"status"`
}

// ObjectName implements Named.
func (o *dataUploadObject) ObjectName() string { return o.Metadata.Name }

func (f *volumeBackups) addDataUpload(o *dataUploadObject) {
	key := heldKey{namespace: string(o.Spec.Namespace), name: string(o.Spec.Claim)}
	if key.name == "" {
		return
	}
	at := earlier(o.Metadata.CreationTimestamp.Time, o.Status.Started.Time)
	f.add(key, &o.Metadata, &o.Status, at, o.Metadata.backup(), string(o.Spec.Location))
}

func (f *volumeBackups) add(key heldKey, m *veleroMeta, status *uploadStatus, at time.Time, set, target string) {
	if status.Phase == "Completed" {
		f.good(key, "", at, int64(status.Progress.Bytes), backupRun{set, target})
		return
	}
	a := facts.Attempt{Name: m.Name, Set: Intern(set), Since: earlier(m.CreationTimestamp.Time, status.Started.Time),
		Phase: Intern(cmp.Or(string(status.Phase), "New")), Error: string(status.Message)}
	if status.Phase == "Failed" || status.Phase == "Canceled" {
		f.failed(key, a)
	} else {
		f.running(key, a)
	}
}

// earlier is the earlier of two times that are known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
