package world

import (
	"cmp"
	"iter"
	"strconv"
	"strings"

	"hubaudit/internal/facts"
)

func storageClassObject(c *facts.StorageClass) object {
	m := object{"name": c.Name}
	if c.Default {
		m["annotations"] = object{"storageclass.kubernetes.io/is-default-class": "true"}
	}
	o := object{"metadata": m, "provisioner": c.Provisioner}
	setText(o, "reclaimPolicy", c.ReclaimPolicy)
	setText(o, "volumeBindingMode", c.BindingMode)
	parameters := cephAttributes(c.Provisioner, c.Pool, c.PoolOf)
	setText(parameters, "dataLocality", c.DataLocality)
	if c.Replicas > 0 {
		name := "numberOfReplicas"
		if c.Provisioner == "io.openebs.csi-mayastor" {
			name = "repl"
		}
		parameters[name] = strconv.Itoa(c.Replicas)
	}
	setObject(o, "parameters", parameters)
	return o
}

func volumeObject(v *facts.Volume) object {
	m := metadata("", v.Name, v.Created, v.Deleting)
	setText(m, "uid", v.UID)
	m["finalizers"] = anys("kubernetes.io/pv-protection")
	if strings.Contains(v.Driver, ".") {
		m["annotations"] = object{"pv.kubernetes.io/provisioned-by": v.Driver}
	}
	spec := object{
		"accessModes":                   anys("ReadWriteOnce"),
		"capacity":                      object{"storage": quantity(v.CapacityBytes)},
		"persistentVolumeReclaimPolicy": v.ReclaimPolicy,
		"volumeMode":                    "Filesystem",
	}
	setText(spec, "storageClassName", v.StorageClass)
	key, source := volumeSource(v)
	spec[key] = source
	if v.ClaimName != "" {
		ref := object{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": v.ClaimNamespace, "name": v.ClaimName}
		setText(ref, "uid", v.ClaimUID)
		spec["claimRef"] = ref
	}
	if len(v.NodeNames) > 0 {
		key := cmp.Or(nodeKeys[v.Driver], "kubernetes.io/hostname")
		onNodes := object{"key": key, "operator": "In", "values": anys(v.NodeNames...)}
		spec["nodeAffinity"] = object{"required": object{"nodeSelectorTerms": anys(object{"matchExpressions": anys(onNodes)})}}
	}
	return object{"metadata": m, "spec": spec, "status": object{"phase": v.Phase}}
}

// nodeKeys are the labels by which local drivers pin their volumes.
var nodeKeys = map[string]string{"local.csi.openebs.io": "openebs.io/nodename", "zfs.csi.openebs.io": "openebs.io/nodeid",
	"topolvm.io": "topology.topolvm.io/node"}

// volumeSource is the member of a PersistentVolume's spec that says where the
// data lies. CSI drivers are named like hosts; anything else is the member's
// own name.
func volumeSource(v *facts.Volume) (key string, source object) {
	if strings.Contains(v.Driver, ".") {
		csi := object{"driver": v.Driver, "volumeHandle": v.Handle, "fsType": "ext4"}
		setObject(csi, "volumeAttributes", cephAttributes(v.Driver, v.Pool, v.PoolOf))
		return "csi", csi
	}
	switch v.Driver {
	case "nfs":
		server, path, _ := strings.Cut(v.Handle, ":")
		return v.Driver, object{"server": server, "path": path}
	case "local", "hostPath":
		return v.Driver, object{"path": v.Handle}
	case "gcePersistentDisk":
		return v.Driver, object{"pdName": v.Handle, "fsType": "ext4"}
	default:
		panic("world: the volume " + v.Name + " is of the unknown kind " + v.Driver)
	}
}

func claimObject(c *facts.Claim) object {
	m := metadata(c.Namespace, c.Name, c.Created, c.Deleting)
	setText(m, "uid", c.UID)
	m["finalizers"] = anys("kubernetes.io/pvc-protection")
	annotations := userAnnotations(c.HasUser, c.User, c.Server)
	if c.KubeSpawnerVersion != "" {
		annotations["hub.jupyter.org/kubespawner-version"] = c.KubeSpawnerVersion
	}
	labels := object{}
	setText(labels, "component", c.Component)
	setText(labels, "hub.jupyter.org/username", c.LabelUser)
	setText(labels, "hub.jupyter.org/servername", c.LabelServer)
	setText(labels, "chart", c.Chart)
	if c.KubeSpawnerVersion != "" {
		// KubeSpawner 7 gives claims this label of its pods beside the older one.
		labels["app.kubernetes.io/component"] = "singleuser-server"
	}
	setObject(m, "annotations", annotations)
	setObject(m, "labels", labels)
	spec := object{
		"accessModes": anys(c.AccessModes...),
		"resources":   object{"requests": object{"storage": quantity(c.RequestBytes)}},
		"volumeMode":  "Filesystem",
	}
	setText(spec, "storageClassName", c.StorageClass)
	setText(spec, "volumeName", c.VolumeName)
	if c.SourceKind != "" {
		source := object{"kind": c.SourceKind, "name": c.SourceName}
		if c.SourceKind == "VolumeSnapshot" {
			source["apiGroup"] = "snapshot.storage.k8s.io"
		}
		spec["dataSource"] = source
	}
	status := object{"phase": c.Phase}
	if c.Phase == "Bound" {
		status["accessModes"] = anys(c.AccessModes...)
		status["capacity"] = object{"storage": quantity(c.RequestBytes)}
	}
	return object{"metadata": m, "spec": spec, "status": status}
}

// userAnnotations are what KubeSpawner writes on claims and pods; the default
// server has no servername.
func userAnnotations(has bool, user, server string) object {
	a := object{}
	if has {
		a["hub.jupyter.org/username"] = user
		setText(a, "hub.jupyter.org/servername", server)
	}
	return a
}

func setObject(m object, key string, value object) {
	if len(value) > 0 {
		m[key] = value
	}
}

func snapshotObject(v *facts.VolumeSnapshot) object {
	source := object{"persistentVolumeClaimName": v.Claim}
	if v.Claim == "" {
		source = object{"volumeSnapshotContentName": "snapcontent-" + v.Name}
	}
	status := object{"readyToUse": v.Ready}
	setTime(status, "creationTime", v.Taken)
	if v.RestoreBytes > 0 {
		status["restoreSize"] = quantity(v.RestoreBytes)
	}
	if v.Error != "" {
		status["error"] = object{"message": v.Error}
	}
	setText(status, "boundVolumeSnapshotContentName", v.Content)
	spec := object{"source": source}
	setText(spec, "volumeSnapshotClassName", v.Class)
	return object{"metadata": metadata(v.Namespace, v.Name, v.Created, noTime), "spec": spec, "status": status}
}

// snapshotObjects are the VolumeSnapshots, and those that Velero left.
func snapshotObjects(k *facts.Kube) iter.Seq[object] {
	return func(yield func(object) bool) {
		for _, some := range []iter.Seq[object]{each(k.Snapshots, snapshotObject), copiesOf(k, facts.SystemVeleroSnap, veleroSnapshotObject)} {
			for o := range some {
				if !yield(o) {
					return
				}
			}
		}
	}
}

func snapshotContentObject(c *facts.SnapshotContent) object {
	status := object{"readyToUse": c.Ready, "creationTime": c.Taken.UnixNano(), "snapshotHandle": "snap://" + c.Name}
	if c.SizeBytes > 0 {
		status["restoreSize"] = c.SizeBytes
	}
	return object{"metadata": metadata("", c.Name, c.Taken, noTime), "status": status, "spec": object{"driver": c.Driver, "deletionPolicy": c.DeletionPolicy,
		"source": object{"volumeHandle": c.Handle}, "volumeSnapshotRef": object{"namespace": c.Namespace, "name": c.Snapshot}}}
}
