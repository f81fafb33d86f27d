package world

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"hubaudit/internal/facts"
)

// longhorn spells Longhorn's objects as one of its versions does.
type longhorn struct {
	*facts.Longhorn
	release // of the version
}

func longhornKinds(records *facts.Longhorn) []kind {
	l := longhorn{Longhorn: records, release: releaseOf(records.Version)}
	settings := slices.Sorted(maps.Keys(l.Settings))
	api := "longhorn.io/v1beta2"
	if l.old() {
		api = "longhorn.io/v1beta1"
	}
	kinds := []kind{
		{"nodes.longhorn.io", api, "Node", each(l.Nodes, l.node)},
		{"settings.longhorn.io", api, "Setting", each(settings, l.setting)},
		{"volumes.longhorn.io", api, "Volume", each(l.Volumes, l.volume)},
		{"replicas.longhorn.io", api, "Replica", each(l.Replicas, l.replica)},
		{"instancemanagers.longhorn.io", api, "InstanceManager", each(l.InstanceManagers, l.instanceManager)},
		{"engineimages.longhorn.io", api, "EngineImage", each(l.EngineImages, l.engineImage)},
		{"events", "v1", "Event", each(l.Salvages, l.salvage)},
	}
	if l.has(facts.LonghornOrphans) {
		kinds = append(kinds, kind{"orphans.longhorn.io", api, "Orphan", each(l.Orphans, l.orphan)})
	}
	if l.has(facts.LonghornShards) {
		kinds = append(kinds, kind{"shardgroups.longhorn.io", api, "ShardGroup", each(l.ShardGroups, l.shardGroup)},
			kind{"shards.longhorn.io", api, "Shard", each(l.Shards, l.shard)})
	}
	return append(kinds, l.backupKinds(api)...)
}

func (l longhorn) conditions(list ...object) any {
	if !l.old() {
		return anys(list...)
	}
	byType := object{}
	for _, c := range list {
		byType[c["type"].(string)] = c
	}
	return byType
}

// condition is a list of one condition, empty without a status.
func condition(kind, status, reason string, since time.Time) []object {
	if status == "" {
		return nil
	}
	return []object{{"type": kind, "status": status, "reason": reason, "message": "", "lastProbeTime": "", "lastTransitionTime": timestamp(since)}}
}

func (l longhorn) setting(name *string) object {
	return object{"metadata": metadata(l.Namespace, *name, noTime, noTime), "value": l.Settings[*name]}
}

func (l longhorn) node(n *facts.LHNode) object {
	disks, disksStatus := object{}, object{}
	for _, d := range n.Disks {
		disks[d.Name] = l.diskSpec(&d)
		if d.UUID != "" || d.Ready != "" {
			disksStatus[d.Name] = l.diskStatus(&d)
		}
	}
	status := object{"conditions": l.conditions(condition("Ready", n.Ready, n.ReadyReason, n.ReadySince)...), "diskStatus": disksStatus, "zone": n.Zone}
	if l.minor >= 5 {
		status["autoEvicting"] = n.AutoEvicting
	}
	return object{"metadata": metadata(l.Namespace, n.Name, n.Created, noTime),
		"spec": object{"name": n.Name, "allowScheduling": n.AllowScheduling, "evictionRequested": n.EvictionRequested,
			"disks": disks, "tags": anys(n.Tags...)}, "status": status}
}

func (l longhorn) diskSpec(d *facts.LHDisk) object {
	spec := object{"path": d.Path, "allowScheduling": d.AllowScheduling, "evictionRequested": d.EvictionRequested,
		"storageReserved": d.ReservedBytes, "tags": anys(d.Tags...)}
	if l.minor >= 5 {
		setText(spec, "diskType", d.Type)
	}
	return spec
}

func (l longhorn) diskStatus(d *facts.LHDisk) object {
	conditions := slices.Concat(condition("Ready", d.Ready, d.ReadyReason, d.ReadySince), condition("Schedulable", d.Schedulable, "", noTime))
	return object{"diskUUID": d.UUID, "conditions": l.conditions(conditions...),
		"storageMaximum": d.MaximumBytes, "storageAvailable": d.AvailableBytes, "storageScheduled": d.ScheduledBytes}
}

func (l longhorn) volume(v *facts.LHVolume) object {
	m := metadata(l.Namespace, v.Name, v.Created.Time(), v.Deleting.Time())
	m["finalizers"] = anys("longhorn.io")
	if labels := jobLabels(v); len(labels) > 0 {
		m["labels"] = labels
	}
	spec := object{
		"size": strconv.FormatInt(v.SizeBytes, 10), "numberOfReplicas": int64(v.WantReplicas), "frontend": "blockdev",
		"Standby": v.Standby, "fromBackup": v.FromBackup, "lastAttachedBy": v.LastAttachedBy, "nodeID": v.NodeID,
		"staleReplicaTimeout": int64(2880), "accessMode": "rwo",
	}
	setText(spec, "dataLocality", v.DataLocality)
	setList(spec, "nodeSelector", v.NodeSelector)
	setList(spec, "diskSelector", v.DiskSelector)
	image := "engineImage"
	if l.minor >= 6 {
		image = "image"
	}
	setText(spec, image, v.Image)
	if l.manyTargets() {
		setText(spec, "backupTargetName", v.BackupTarget)
	}
	if l.minor >= 9 {
		setText(spec, "offlineRebuilding", v.OfflineRebuilding)
	}
	if l.minor >= 6 || v.DataEngine != "v1" {
		setText(spec, "dataEngine", v.DataEngine)
	}
	if v.Sharded {
		spec["dataLayout"] = object{"type": "sharded"}
	}
	status := object{
		"state": v.State, "robustness": v.Robustness, "currentNodeID": v.NodeID, "actualSize": v.ActualBytes,
		"restoreRequired": v.Restoring, "isStandby": v.Standby, "cloneStatus": object{"state": v.CloneState},
		"lastBackupAt": timestamp(v.LastBackupAt.Time()), "lastDegradedAt": timestamp(v.LastDegradedAt.Time()),
		"conditions": l.conditions(condition("scheduled", "True", "", noTime)...), "kubernetesStatus": kubernetesStatus(v),
	}
	if l.minor >= 12 {
		setTime(status, "lastAutoSalvagedAt", v.LastAutoSalvagedAt.Time())
	}
	return object{"metadata": m, "spec": spec, "status": status}
}

func setList(m object, key string, list []string) {
	if len(list) > 0 {
		m[key] = anys(list...)
	}
}

func kubernetesStatus(v *facts.LHVolume) object {
	ks := object{"namespace": v.ClaimNamespace, "pvcName": v.ClaimName, "pvName": v.VolumeName,
		"lastPVCRefAt": timestamp(v.LastClaimRefAt.Time()), "lastPodRefAt": timestamp(v.LastPodRefAt.Time())}
	if v.VolumeName != "" {
		ks["pvStatus"] = "Bound"
	}
	return ks
}

func (l longhorn) replica(r *facts.LHReplica) object {
	m := metadata(l.Namespace, r.Name, r.Created.Time(), r.Deleting.Time())
	m["labels"] = object{"longhornvolume": r.Volume}
	m["finalizers"] = anys("longhorn.io")
	spec := object{
		"volumeName": r.Volume, "nodeID": r.NodeID, "diskID": r.DiskID, "active": r.Active,
		"healthyAt": timestamp(r.HealthyAt.Time()), "failedAt": timestamp(r.FailedAt.Time()), "dataDirectoryName": r.Name,
	}
	setTime(spec, "lastHealthyAt", r.LastHealthyAt.Time())
	setTime(spec, "lastFailedAt", r.LastFailedAt.Time())
	setText(spec, "linkedCloneSrcReplicaName", r.LinkedCloneSource)
	status := object{"currentState": r.State}
	if l.minor < 6 { // the request moved from status to spec in 1.6
		status["evictionRequested"] = r.EvictionRequested
	} else {
		spec["evictionRequested"] = r.EvictionRequested
	}
	return object{"metadata": m, "spec": spec, "status": status}
}
