package longhorn

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// The types below name only what becomes facts, in every place where a version
// of Longhorn has kept it.

type volumeObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		Size             object.Number `json:"size"`
		NumberOfReplicas object.Number `json:"numberOfReplicas"`
		DataEngine       object.Text   `json:"dataEngine"`         // since 1.6
		BackendStore     object.Text   `json:"backendStoreDriver"` // the same in 1.5
		DataLocality     object.Text   `json:"dataLocality"`
		Standby          object.Flag   `json:"Standby"`
		FromBackup       object.Text   `json:"fromBackup"`
		NodeID           object.Text   `json:"nodeID"`
		LastAttachedBy   object.Text   `json:"lastAttachedBy"`
		DataLayout       struct {
			Type object.Text `json:"type"`
		} `json:"dataLayout"`
	} `json:"spec"`
	Status struct {
		State           object.Text   `json:"state"`
		Robustness      object.Text   `json:"robustness"`
		CurrentNodeID   object.Text   `json:"currentNodeID"`
		RestoreRequired object.Flag   `json:"restoreRequired"`
		ActualSize      object.Number `json:"actualSize"`
		LastBackupAt    object.Time   `json:"lastBackupAt"`
		LastDegradedAt  object.Time   `json:"lastDegradedAt"`
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
		Name: o.Metadata.Name, Created: o.Metadata.CreationTimestamp.Time, Deleting: o.Metadata.DeletionTimestamp.Time,
		State: intern(status.State), Robustness: intern(status.Robustness),
		WantReplicas: int(spec.NumberOfReplicas), DataEngine: intern(cmp.Or(spec.DataEngine, spec.BackendStore, "v1")),
		DataLocality: intern(spec.DataLocality), Standby: bool(spec.Standby), FromBackup: string(spec.FromBackup),
		Restoring: bool(status.RestoreRequired), CloneState: intern(status.CloneStatus.State), Sharded: spec.DataLayout.Type == "sharded",
		SizeBytes: int64(spec.Size), ActualBytes: int64(status.ActualSize),
		NodeID: intern(cmp.Or(spec.NodeID, status.CurrentNodeID)), LastAttachedBy: intern(spec.LastAttachedBy),
		LastBackupAt: status.LastBackupAt.Time, LastDegradedAt: status.LastDegradedAt.Time,
		ClaimNamespace: intern(status.Kubernetes.Namespace), ClaimName: string(status.Kubernetes.ClaimName),
		VolumeName:     string(status.Kubernetes.VolumeName),
		LastClaimRefAt: status.Kubernetes.LastClaimRefAt.Time, LastPodRefAt: status.Kubernetes.LastPodRefAt.Time,
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
		Created: o.Metadata.CreationTimestamp.Time, Deleting: o.Metadata.DeletionTimestamp.Time,
		NodeID: intern(spec.NodeID), DiskID: intern(spec.DiskID),
		HealthyAt: spec.HealthyAt.Time, FailedAt: failedAt(o), LastHealthyAt: spec.LastHealthyAt.Time, LastFailedAt: spec.LastFailedAt.Time,
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

type nodeObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		AllowScheduling   object.Flag         `json:"allowScheduling"`
		EvictionRequested object.Flag         `json:"evictionRequested"`
		Disks             map[string]diskSpec `json:"disks"`
	} `json:"spec"`
	Status struct {
		Conditions readiness             `json:"conditions"`
		Disks      map[string]diskStatus `json:"diskStatus"`
	} `json:"status"`
}

type diskSpec struct {
	Path              object.Text `json:"path"`
	AllowScheduling   object.Flag `json:"allowScheduling"`
	EvictionRequested object.Flag `json:"evictionRequested"`
}

type diskStatus struct {
	UUID       object.Text `json:"diskUUID"`
	Path       object.Text `json:"diskPath"`
	Conditions readiness   `json:"conditions"`
}

func node(o *nodeObject) facts.LHNode {
	n := facts.LHNode{
		Name: intern(object.Text(o.Metadata.Name)), Created: o.Metadata.CreationTimestamp.Time,
		Ready: o.Status.Conditions.status, ReadyReason: o.Status.Conditions.reason,
		AllowScheduling: bool(o.Spec.AllowScheduling), EvictionRequested: bool(o.Spec.EvictionRequested),
	}
	// A disk may be configured and not yet seen, or removed and still in use.
	names := slices.AppendSeq(slices.Collect(maps.Keys(o.Spec.Disks)), maps.Keys(o.Status.Disks))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		spec, status := o.Spec.Disks[name], o.Status.Disks[name]
		n.Disks = append(n.Disks, facts.LHDisk{
			Name: name, UUID: intern(status.UUID), Path: string(cmp.Or(spec.Path, status.Path)),
			Ready: status.Conditions.status, ReadyReason: status.Conditions.reason,
			AllowScheduling: bool(spec.AllowScheduling), EvictionRequested: bool(spec.EvictionRequested),
		})
	}
	return n
}

type settingObject struct {
	Metadata object.Meta `json:"metadata"`
	Value    object.Text `json:"value"`
}

func toSetting(o *settingObject) setting { return setting{o.Metadata.Name, string(o.Value)} }

// readiness is the condition of type Ready among conditions, which v1beta2
// has as a list and v1beta1 as a map by type. Without one it is empty.
type readiness struct{ status, reason string }

type condition struct {
	Type   object.Text `json:"type"`
	Status object.Text `json:"status"`
	Reason object.Text `json:"reason"`
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (r *readiness) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*r = readiness{}
	if dec.PeekKind() == '{' {
		var byType map[string]condition
		if err := json.UnmarshalDecode(dec, &byType); err != nil {
			return err
		}
		r.take(byType["Ready"])
		return nil
	}
	var list []condition
	if err := json.UnmarshalDecode(dec, &list); err != nil {
		return err
	}
	for _, c := range list {
		if c.Type == "Ready" {
			r.take(c)
		}
	}
	return nil
}

func (r *readiness) take(c condition) { r.status, r.reason = intern(c.Status), intern(c.Reason) }

func intern(t object.Text) string { return kube.Intern(string(t)) }
