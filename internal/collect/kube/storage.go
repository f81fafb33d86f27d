package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hubaudit/internal/facts"
)

// Names that KubeSpawner gives, in labels and annotations.
const (
	keyUser        = "hub.jupyter.org/username"
	keyServer      = "hub.jupyter.org/servername"
	keyKubeSpawner = "hub.jupyter.org/kubespawner-version"
	keyChart       = "helm.sh/chart"
	keyOldChart    = "chart"
	keyRelease     = "release"
	keyInstance    = "app.kubernetes.io/instance"
)

// mayastor is the CSI driver of OpenEBS's replicated storage.
const mayastor = "io.openebs.csi-mayastor"

func claim(c *corev1.PersistentVolumeClaim) facts.Claim {
	user, hasUser := c.Annotations[keyUser]
	f := facts.Claim{
		Namespace: Intern(c.Namespace), Name: Intern(c.Name), UID: Intern(string(c.UID)),
		Created: at(&c.CreationTimestamp), Deleting: at(c.DeletionTimestamp),
		Phase: Intern(string(c.Status.Phase)), VolumeName: Intern(c.Spec.VolumeName),
		StorageClass: className(&c.ObjectMeta, deref(c.Spec.StorageClassName)),
		RequestBytes: size(c.Spec.Resources.Requests),
		User:         Intern(user), HasUser: hasUser, Server: Intern(c.Annotations[keyServer]),
		LabelUser: Intern(c.Labels[keyUser]), LabelServer: Intern(c.Labels[keyServer]), Component: component(c.Labels),
		KubeSpawnerVersion: Intern(c.Annotations[keyKubeSpawner]), Chart: Intern(cmp.Or(c.Labels[keyChart], c.Labels[keyOldChart])),
	}
	switch {
	case c.Spec.DataSource != nil:
		f.SourceKind, f.SourceName = Intern(c.Spec.DataSource.Kind), c.Spec.DataSource.Name
	case c.Spec.DataSourceRef != nil:
		f.SourceKind, f.SourceName = Intern(c.Spec.DataSourceRef.Kind), c.Spec.DataSourceRef.Name
	}
	for _, mode := range c.Spec.AccessModes {
		f.AccessModes = append(f.AccessModes, Intern(string(mode)))
	}
	return f
}

func volume(v *corev1.PersistentVolume) facts.Volume {
	f := facts.Volume{
		Name: Intern(v.Name), UID: string(v.UID), Created: at(&v.CreationTimestamp), Deleting: at(v.DeletionTimestamp),
		Phase: Intern(string(v.Status.Phase)), ReclaimPolicy: Intern(string(v.Spec.PersistentVolumeReclaimPolicy)),
		StorageClass: className(&v.ObjectMeta, v.Spec.StorageClassName), CapacityBytes: size(v.Spec.Capacity),
		NodeNames: pinnedTo(v.Spec.NodeAffinity),
	}
	driver, handle := backing(&v.Spec.PersistentVolumeSource)
	f.Driver, f.Handle = Intern(driver), Intern(handle)
	if csi := v.Spec.CSI; csi != nil {
		f.Pool, f.PoolOf = cephPool(csi.Driver, csi.VolumeAttributes)
	}
	if ref := v.Spec.ClaimRef; ref != nil {
		f.ClaimNamespace, f.ClaimName, f.ClaimUID = Intern(ref.Namespace), Intern(ref.Name), Intern(string(ref.UID))
	}
	return f
}

// backing tells what a volume lies on: the driver or kind, and its own name
// for the volume where it has one.
func backing(s *corev1.PersistentVolumeSource) (driver, handle string) {
	switch {
	case s.CSI != nil:
		return s.CSI.Driver, s.CSI.VolumeHandle
	case s.NFS != nil:
		return "nfs", s.NFS.Server + ":" + s.NFS.Path
	case s.Local != nil:
		return "local", s.Local.Path
	case s.HostPath != nil:
		return "hostPath", s.HostPath.Path
	case s.GCEPersistentDisk != nil:
		return "gcePersistentDisk", s.GCEPersistentDisk.PDName
	case s.AWSElasticBlockStore != nil:
		return "awsElasticBlockStore", s.AWSElasticBlockStore.VolumeID
	case s.AzureDisk != nil:
		return "azureDisk", cmp.Or(s.AzureDisk.DataDiskURI, s.AzureDisk.DiskName)
	case s.AzureFile != nil:
		return "azureFile", s.AzureFile.ShareName
	case s.RBD != nil:
		return "rbd", s.RBD.RBDPool + "/" + s.RBD.RBDImage
	case s.CephFS != nil:
		return "cephfs", s.CephFS.Path
	case s.ISCSI != nil:
		return "iscsi", fmt.Sprintf("%s/%s/%d", s.ISCSI.TargetPortal, s.ISCSI.IQN, s.ISCSI.Lun)
	case s.FC != nil:
		return "fc", strings.Join(slices.Concat(s.FC.WWIDs, s.FC.TargetWWNs), ",")
	case s.Cinder != nil:
		return "cinder", s.Cinder.VolumeID
	case s.VsphereVolume != nil:
		return "vsphereVolume", s.VsphereVolume.VolumePath
	case s.Glusterfs != nil:
		return "glusterfs", s.Glusterfs.Path
	case s.FlexVolume != nil:
		return s.FlexVolume.Driver, ""
	case s.PortworxVolume != nil:
		return "portworxVolume", s.PortworxVolume.VolumeID
	case s.StorageOS != nil:
		return "storageos", s.StorageOS.VolumeName
	case s.ScaleIO != nil:
		return "scaleIO", s.ScaleIO.VolumeName
	case s.Quobyte != nil:
		return "quobyte", s.Quobyte.Volume
	case s.Flocker != nil:
		return "flocker", cmp.Or(s.Flocker.DatasetUUID, s.Flocker.DatasetName)
	case s.PhotonPersistentDisk != nil:
		return "photonPersistentDisk", s.PhotonPersistentDisk.PdID
	}
	return "", ""
}

// nodeKeys are the labels by which volumes are pinned to a node of that name:
// Kubernetes' own, and those of the drivers whose volumes are a part of a node.
var nodeKeys = []string{
	corev1.LabelHostname, metav1.ObjectNameField,
	"openebs.io/nodename", "openebs.io/nodeid", // LocalPV on LVM and ZFS
	"topology.topolvm.io/node", "topology.topolvm.cybozu.com/node",
	"topology.lvm.csi/node",
	"topology.hostpath.csi/node",
	"linbit.com/hostname", // LINSTOR: each node that has a replica
	"directpv.min.io/node",
	"org.democratic-csi.topology/node",
}

// pinnedTo is the nodes that an affinity names, sorted.
func pinnedTo(a *corev1.VolumeNodeAffinity) []string {
	if a == nil || a.Required == nil {
		return nil
	}
	var names []string
	for _, term := range a.Required.NodeSelectorTerms {
		for _, e := range slices.Concat(term.MatchExpressions, term.MatchFields) {
			if slices.Contains(nodeKeys, e.Key) && e.Operator == corev1.NodeSelectorOpIn {
				for _, name := range e.Values {
					names = append(names, Intern(name))
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func storageClass(c *storagev1.StorageClass) facts.StorageClass {
	parameter := "numberOfReplicas"
	if c.Provisioner == mayastor {
		parameter = "repl"
	}
	replicas, err := strconv.Atoi(c.Parameters[parameter])
	if err != nil {
		replicas = 0 // absent, or not Longhorn's parameter of that name
	}
	pool, poolOf := cephPool(c.Provisioner, c.Parameters)
	f := facts.StorageClass{Name: c.Name, Provisioner: c.Provisioner, Replicas: replicas,
		DataLocality: c.Parameters["dataLocality"], Pool: pool, PoolOf: poolOf,
		// The API server's own defaults, for a manifest that it never completed.
		ReclaimPolicy: string(corev1.PersistentVolumeReclaimDelete), BindingMode: string(storagev1.VolumeBindingImmediate)}
	if c.ReclaimPolicy != nil {
		f.ReclaimPolicy = string(*c.ReclaimPolicy)
	}
	if c.VolumeBindingMode != nil {
		f.BindingMode = string(*c.VolumeBindingMode)
	}
	for _, key := range []string{"storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"} {
		f.Default = f.Default || c.Annotations[key] == "true"
	}
	return f
}

// component is KubeSpawner's and z2jh's own label; the newer one of
// Kubernetes says singleuser-server even on a claim.
func component(labels map[string]string) string {
	return Intern(cmp.Or(labels["component"], labels["app.kubernetes.io/component"]))
}

// className prefers the annotation of before 1.6, as Kubernetes does.
func className(m *metav1.ObjectMeta, spec string) string {
	return Intern(cmp.Or(m.Annotations[corev1.BetaStorageClassAnnotation], spec))
}

func size(l corev1.ResourceList) int64 {
	q := l[corev1.ResourceStorage]
	return q.Value()
}

func at(t *metav1.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
