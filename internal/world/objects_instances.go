package world

import (
	"fmt"

	"hubaudit/internal/facts"
)

func (l longhorn) instanceManager(m *facts.LHInstanceManager) object {
	spec := object{"image": "longhornio/longhorn-instance-manager:" + l.Version, "nodeID": m.NodeID, "type": m.Type}
	if l.minor >= 6 {
		setText(spec, "dataEngine", m.DataEngine)
	}
	engines, replicas := instances(m, "engine", m.Engines), instances(m, "replica", m.Instances-m.Engines)
	status := object{"currentState": m.State}
	if l.minor >= 5 {
		status["instanceEngines"], status["instanceReplicas"] = engines, replicas
	} else {
		for name, i := range replicas {
			engines[name] = i
		}
		status["instances"] = engines
	}
	return object{"metadata": metadata(l.Namespace, m.Name, noTime, noTime), "spec": spec, "status": status}
}

func instances(m *facts.LHInstanceManager, kind string, n int) object {
	all := object{}
	for i := range n {
		name := fmt.Sprintf("%s-%s-%d", m.Name, kind[:1], i)
		all[name] = object{"spec": object{"name": name}, "status": object{"type": kind, "state": "running"}}
	}
	return all
}

func (l longhorn) engineImage(e *facts.LHEngineImage) object {
	deployed := object{}
	for i := range l.Nodes {
		deployed[l.Nodes[i].Name] = true
	}
	for _, node := range e.Missing {
		deployed[node] = false
	}
	ready := "True"
	if e.State != "deployed" {
		ready = "False"
	}
	status := object{"state": e.State, "refCount": int64(e.Refs), "nodeDeploymentMap": deployed,
		"conditions": l.conditions(condition("ready", ready, "", e.Since)...)}
	if l.minor >= 6 {
		status["incompatible"] = e.Incompatible
	}
	return object{"metadata": metadata(l.Namespace, e.Name, noTime, noTime), "spec": object{"image": e.Image}, "status": status}
}

func (l longhorn) orphan(o *facts.LHOrphan) object {
	return object{"metadata": metadata(l.Namespace, o.Name, o.Created, o.Deleting), "spec": object{"nodeID": o.NodeID, "orphanType": o.Type,
		"parameters": object{"DataName": o.DataName, "DiskName": o.DiskName, "DiskUUID": o.DiskUUID, "DiskPath": o.DiskPath}}}
}

func (l longhorn) shardGroup(g *facts.LHShardGroup) object {
	dirty := int64(0)
	if g.DirtyRegion {
		dirty = 1
	}
	return object{"metadata": metadata(l.Namespace, g.Name, noTime, noTime),
		"spec":   object{"volumeName": g.Name, "dataChunks": int64(g.DataChunks), "parityChunks": int64(g.ParityChunks)},
		"status": object{"state": g.State, "failedCount": int64(g.Failed), "wibDirtyRegion": dirty}}
}

func (l longhorn) shard(s *facts.LHShard) object {
	return object{"metadata": metadata(l.Namespace, s.Name, noTime, s.Deleting),
		"spec": object{"shardGroupName": s.Group, "slotIndex": int64(s.Slot), "nodeID": s.NodeID, "diskUUID": s.DiskID,
			"evictionRequested": s.EvictionRequested},
		"status": object{"state": s.State}}
}

// salvage is the event of a volume of which a replica was taken into use again.
func (l longhorn) salvage(s *facts.LHSalvage) object {
	name := fmt.Sprintf("%s.%x", s.Volume, s.At.Unix())
	return object{"metadata": metadata(l.Namespace, name, noTime, noTime), "type": "Warning", "reason": "AutoSalvaged",
		"involvedObject": object{"kind": "Volume", "namespace": l.Namespace, "name": s.Volume},
		"message":        "A replica of volume " + s.Volume + " will be automatically salvaged", "count": int64(1),
		"source": object{"component": "longhorn-volume-controller"}, "firstTimestamp": timestamp(s.At), "lastTimestamp": timestamp(s.At)}
}
