package world

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"hubaudit/internal/facts"
)

// longhorn spells Longhorn's objects as one of its versions does.
type longhorn struct {
	*facts.Longhorn
	minor int // of the version 1.<minor>
}

func longhornKinds(records *facts.Longhorn) []kind {
	l := longhorn{Longhorn: records, minor: minorOf(records.Version)}
	settings := slices.Sorted(maps.Keys(l.Settings))
	api := "longhorn.io/v1beta2"
	if l.old() {
		api = "longhorn.io/v1beta1"
	}
	return []kind{
		{"nodes.longhorn.io", api, "Node", each(l.Nodes, l.node)},
		{"settings.longhorn.io", api, "Setting", each(settings, l.setting)},
		{"volumes.longhorn.io", api, "Volume", each(l.Volumes, l.volume)},
		{"replicas.longhorn.io", api, "Replica", each(l.Replicas, l.replica)},
	}
}

// minorOf reads the 2 of v1.2.4. An unknown version counts as a new one.
func minorOf(version string) int {
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return 12
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return 12
	}
	return minor
}

// old is true for the time of v1beta1, when conditions were a map by type.
func (l longhorn) old() bool { return l.minor < 3 }

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

func condition(kind, status, reason string) object {
	return object{"type": kind, "status": status, "reason": reason, "message": "", "lastProbeTime": "", "lastTransitionTime": ""}
}

// readiness is a node's or disk's condition Ready; none where there is no status.
func (l longhorn) readiness(status, reason string) any {
	if status == "" {
		return l.conditions()
	}
	return l.conditions(condition("Ready", status, reason))
}

func (l longhorn) setting(name *string) object {
	return object{"metadata": metadata(l.Namespace, *name, noTime, noTime), "value": l.Settings[*name]}
}

func (l longhorn) node(n *facts.LHNode) object {
	disks, status := object{}, object{}
	for _, d := range n.Disks {
		disks[d.Name] = object{"path": d.Path, "allowScheduling": d.AllowScheduling, "evictionRequested": d.EvictionRequested,
			"storageReserved": int64(0), "tags": []any{}}
		if d.UUID != "" || d.Ready != "" {
			status[d.Name] = object{"diskUUID": d.UUID, "conditions": l.readiness(d.Ready, d.ReadyReason)}
		}
	}
	return object{"metadata": metadata(l.Namespace, n.Name, n.Created, noTime),
		"spec": object{"name": n.Name, "allowScheduling": n.AllowScheduling, "evictionRequested": n.EvictionRequested,
			"disks": disks, "tags": []any{}},
		"status": object{"conditions": l.readiness(n.Ready, n.ReadyReason), "diskStatus": status}}
}

func (l longhorn) volume(v *facts.LHVolume) object {
	m := metadata(l.Namespace, v.Name, v.Created, v.Deleting)
	m["finalizers"] = anys("longhorn.io")
	spec := object{
		"size": strconv.FormatInt(v.SizeBytes, 10), "numberOfReplicas": int64(v.WantReplicas), "frontend": "blockdev",
		"Standby": v.Standby, "fromBackup": v.FromBackup, "lastAttachedBy": v.LastAttachedBy, "nodeID": v.NodeID,
		"staleReplicaTimeout": int64(2880), "accessMode": "rwo",
	}
	setText(spec, "dataLocality", v.DataLocality)
	if l.minor >= 6 || v.DataEngine != "v1" {
		setText(spec, "dataEngine", v.DataEngine)
	}
	if v.Sharded {
		spec["dataLayout"] = object{"type": "sharded"}
	}
	status := object{
		"state": v.State, "robustness": v.Robustness, "currentNodeID": v.NodeID, "actualSize": v.ActualBytes,
		"restoreRequired": v.Restoring, "isStandby": v.Standby, "cloneStatus": object{"state": v.CloneState},
		"lastBackupAt": timestamp(v.LastBackupAt), "lastDegradedAt": timestamp(v.LastDegradedAt),
		"conditions": l.conditions(condition("scheduled", "True", "")), "kubernetesStatus": kubernetesStatus(v),
	}
	return object{"metadata": m, "spec": spec, "status": status}
}

func kubernetesStatus(v *facts.LHVolume) object {
	ks := object{"namespace": v.ClaimNamespace, "pvcName": v.ClaimName, "pvName": v.VolumeName,
		"lastPVCRefAt": timestamp(v.LastClaimRefAt), "lastPodRefAt": timestamp(v.LastPodRefAt)}
	if v.VolumeName != "" {
		ks["pvStatus"] = "Bound"
	}
	return ks
}

func (l longhorn) replica(r *facts.LHReplica) object {
	m := metadata(l.Namespace, r.Name, r.Created, r.Deleting)
	m["labels"] = object{"longhornvolume": r.Volume}
	m["finalizers"] = anys("longhorn.io")
	spec := object{
		"volumeName": r.Volume, "nodeID": r.NodeID, "diskID": r.DiskID, "active": r.Active,
		"healthyAt": timestamp(r.HealthyAt), "failedAt": timestamp(r.FailedAt), "dataDirectoryName": r.Name,
	}
	setTime(spec, "lastHealthyAt", r.LastHealthyAt)
	setTime(spec, "lastFailedAt", r.LastFailedAt)
	setText(spec, "linkedCloneSrcReplicaName", r.LinkedCloneSource)
	status := object{"currentState": r.State}
	if l.minor < 6 { // the request moved from status to spec in 1.6
		status["evictionRequested"] = r.EvictionRequested
	} else {
		spec["evictionRequested"] = r.EvictionRequested
	}
	return object{"metadata": m, "spec": spec, "status": status}
}
