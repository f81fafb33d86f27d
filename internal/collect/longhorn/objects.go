package longhorn

import (
	"cmp"
	"time"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// The types below name only what becomes facts, in every place where a version
// of Longhorn has kept it.

type volumeObject struct {
	Metadata struct {
		object.Meta
		Labels jobLabels `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Size             object.Number `json:"size"`
		NumberOfReplicas object.Number `json:"numberOfReplicas"`
		DataEngine       object.Text   `json:"dataEngine"`         // since 1.6
		BackendStore     object.Text   `json:"backendStoreDriver"` // the same in 1.5
		DataLocality     object.Text   `json:"dataLocality"`
		Standby          object.Flag   `json:"Standby"`
		FromBackup       object.Text   `json:"fromBackup"`
		NodeID           object.Text   `json:"nodeID"`
		LastAttachedBy   object.Text   `json:"lastAttachedBy"`
		Image            object.Text   `json:"image"`             // since 1.6
		EngineImage      object.Text   `json:"engineImage"`       // the same before
		Offline          object.Text   `json:"offlineRebuilding"` // since 1.9
		BackupTarget     object.Text   `json:"backupTargetName"`  // since 1.8
		NodeSelector     []object.Text `json:"nodeSelector"`
		DiskSelector     []object.Text `json:"diskSelector"`
		DataLayout       struct {
			Type object.Text `json:"type"`
		} `json:"dataLayout"`
	} `json:"spec"`
	Status struct {
		State           object.Text   `json:"state"`
		Robustness      object.Text   `json:"robustness"`
		CurrentNodeID   object.Text   `json:"currentNodeID"`
		CurrentImage    object.Text   `json:"currentImage"`
		RestoreRequired object.Flag   `json:"restoreRequired"`
		ActualSize      object.Number `json:"actualSize"`
		LastBackupAt    object.Time   `json:"lastBackupAt"`
		LastDegradedAt  object.Time   `json:"lastDegradedAt"`
		LastSalvagedAt  object.Time   `json:"lastAutoSalvagedAt"` // since 1.12
		CloneStatus     struct {
			State object.Text `json:"state"`
		} `json:"cloneStatus"`
		Kubernetes struct {
			Namespace      object.Text `json:"namespace"`
			ClaimName      object.Text `json:"pvcName"`
			VolumeName     object.Text `json:"pvName"`
			LastClaimRefAt object.Time `json:"lastPVCRefAt"`
			LastPodRefAt   object.Time `json:"lastPodRefAt"`
		} `json:"kubernetesStatus"`
	} `json:"status"`
}

func volume(o *volumeObject) facts.LHVolume {
	spec, status := &o.Spec, &o.Status
	return facts.LHVolume{
		Name: kube.Intern(o.Metadata.Name), Created: facts.At(o.Metadata.CreationTimestamp.Time), Deleting: facts.At(o.Metadata.DeletionTimestamp.Time),
		State: intern(status.State), Robustness: intern(status.Robustness),
		WantReplicas: int(spec.NumberOfReplicas), DataEngine: intern(cmp.Or(spec.DataEngine, spec.BackendStore, "v1")),
		DataLocality: intern(spec.DataLocality), Standby: bool(spec.Standby), FromBackup: string(spec.FromBackup),
		Restoring: bool(status.RestoreRequired), CloneState: intern(status.CloneStatus.State), Sharded: spec.DataLayout.Type == "sharded",
		SizeBytes: int64(spec.Size), ActualBytes: int64(status.ActualSize),
		NodeID: intern(cmp.Or(spec.NodeID, status.CurrentNodeID)), LastAttachedBy: intern(spec.LastAttachedBy),
		LastBackupAt: facts.At(status.LastBackupAt.Time), LastDegradedAt: facts.At(status.LastDegradedAt.Time), LastAutoSalvagedAt: facts.At(status.LastSalvagedAt.Time),
		OfflineRebuilding: intern(spec.Offline), Image: intern(cmp.Or(status.CurrentImage, spec.Image, spec.EngineImage)),
		NodeSelector: interned(spec.NodeSelector), DiskSelector: interned(spec.DiskSelector),
		Jobs: o.Metadata.Labels.Jobs, JobGroups: o.Metadata.Labels.Groups, BackupTarget: intern(spec.BackupTarget),
		ClaimNamespace: intern(status.Kubernetes.Namespace), ClaimName: intern(status.Kubernetes.ClaimName),
		VolumeName:     intern(status.Kubernetes.VolumeName),
		LastClaimRefAt: facts.At(status.Kubernetes.LastClaimRefAt.Time), LastPodRefAt: facts.At(status.Kubernetes.LastPodRefAt.Time),
	}
}

type replicaObject struct {
	Metadata struct {
		object.Meta
		Labels struct {
			Volume object.Text `json:"longhornvolume"`
		} `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Volume            object.Text `json:"volumeName"`
		NodeID            object.Text `json:"nodeID"`
		DiskID            object.Text `json:"diskID"`
		HealthyAt         object.Time `json:"healthyAt"`
		FailedAt          object.Text `json:"failedAt"`
		LastHealthyAt     object.Time `json:"lastHealthyAt"`
		LastFailedAt      object.Time `json:"lastFailedAt"`
		Active            object.Flag `json:"active"`
		EvictionRequested object.Flag `json:"evictionRequested"` // since 1.6
		LinkedCloneSource object.Text `json:"linkedCloneSrcReplicaName"`
	} `json:"spec"`
	Status struct {
		CurrentState      object.Text `json:"currentState"`
		EvictionRequested object.Flag `json:"evictionRequested"` // until 1.9
	} `json:"status"`
}

func replica(o *replicaObject) facts.LHReplica {
	spec := &o.Spec
	return facts.LHReplica{
		Name: o.Metadata.Name, Volume: intern(cmp.Or(spec.Volume, o.Metadata.Labels.Volume)),
		Created: facts.At(o.Metadata.CreationTimestamp.Time), Deleting: facts.At(o.Metadata.DeletionTimestamp.Time),
		NodeID: intern(spec.NodeID), DiskID: intern(spec.DiskID),
		HealthyAt: facts.At(spec.HealthyAt.Time), FailedAt: facts.At(failedAt(o)), LastHealthyAt: facts.At(spec.LastHealthyAt.Time), LastFailedAt: facts.At(spec.LastFailedAt.Time),
		Active: bool(spec.Active), EvictionRequested: bool(spec.EvictionRequested || o.Status.EvictionRequested),
		State: intern(o.Status.CurrentState), LinkedCloneSource: string(spec.LinkedCloneSource),
	}
}

// failedAt is when a replica failed. To Longhorn any text there is a failure,
// so text that is no time must not read as health: the replica then counts as
// failed at the last time known of it.
func failedAt(o *replicaObject) time.Time {
	text := string(o.Spec.FailedAt)
	t := object.ParseTime(text)
	if text == "" || !t.IsZero() {
		return t
	}
	for _, known := range []time.Time{o.Spec.LastFailedAt.Time, o.Metadata.CreationTimestamp.Time} {
		if !known.IsZero() {
			return known
		}
	}
	return time.Unix(0, 0).UTC()
}

func intern(t object.Text) string { return kube.Intern(string(t)) }

// interned is a list of words that many objects share; nil if there are none.
func interned(list []object.Text) []string {
	if len(list) == 0 {
		return nil
	}
	words := make([]string, len(list))
	for i, t := range list {
		words[i] = intern(t)
	}
	return words
}

type settingObject struct {
	Metadata object.Meta `json:"metadata"`
	Value    object.Text `json:"value"`
}

func toSetting(o *settingObject) setting { return setting{o.Metadata.Name, string(o.Value)} }
