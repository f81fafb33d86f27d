package facts

import (
	"slices"
	"strings"
	"time"
)

// Kube is what the Kubernetes API holds about storage and what runs on it.
// Every list is sorted by namespace and name.
type Kube struct {
	// Version is the API server's, such as v1.36.3; "" for a dump without it.
	Version        string
	Claims         []Claim
	Volumes        []Volume
	Nodes          []Node
	Pods           []Pod
	StorageClasses []StorageClass
	CronJobs       []CronJob
	Jobs           []Job
	// Snapshots are VolumeSnapshots, of which each claim keeps those that decide:
	// its two newest that are ready, and the newest that is not.
	Snapshots []VolumeSnapshot
	// SnapshotContents are sorted by driver and handle, newest first.
	SnapshotContents []SnapshotContent
	// DisruptionBudgets are what a drain has to respect.
	DisruptionBudgets []DisruptionBudget
	// Pools are the pools of Rook's Ceph clusters.
	Pools []CephPool
	// Backups are what Velero and K8up hold of claims.
	Backups []Series
	Velero  Velero
	K8up    K8up
}

// Claim is a PersistentVolumeClaim.
type Claim struct {
	Namespace, Name, UID string
	Created              time.Time
	// Deleting is when its deletion was asked for; zero if it was not.
	Deleting     time.Time
	Phase        string // Pending, Bound, Lost
	VolumeName   string // the PersistentVolume
	StorageClass string
	AccessModes  []string
	RequestBytes int64
	// User and Server are the annotations hub.jupyter.org/username and
	// servername. HasUser tells an absent annotation from an empty one.
	User, Server string
	HasUser      bool
	// LabelUser is the label hub.jupyter.org/username, escaped by KubeSpawner;
	// LabelServer is the label servername, which only 0.7 put on claims.
	LabelUser, LabelServer string
	// Component is the label component or app.kubernetes.io/component;
	// singleuser-storage marks a user's claim.
	Component string
	// KubeSpawnerVersion is the annotation of that name (7.0 and later).
	KubeSpawnerVersion string
	// Chart is the label helm.sh/chart or chart of the release that made the
	// claim, such as jupyterhub-3.3.8. It does not change with an upgrade.
	Chart string
	// SourceKind and SourceName are what the claim was made a copy of: a
	// PersistentVolumeClaim or a VolumeSnapshot of its namespace.
	SourceKind, SourceName string
}

// Volume is a PersistentVolume.
type Volume struct {
	Name, UID     string
	Created       time.Time
	Deleting      time.Time
	Phase         string // Available, Bound, Released, Failed, Pending
	ReclaimPolicy string
	StorageClass  string
	CapacityBytes int64
	// Driver and Handle are the CSI driver and its name of the volume; for
	// other kinds Driver is the kind, such as nfs, local or hostPath.
	Driver, Handle string
	// ClaimNamespace, ClaimName and ClaimUID are the claimRef.
	ClaimNamespace, ClaimName, ClaimUID string
	// NodeNames are the nodes that its node affinity pins it to, if any.
	NodeNames []string
	// Pool is where its driver says that it lies, such as a Ceph pool, and PoolOf the
	// Ceph cluster (Rook's namespace) or other system; "" where that is not told.
	Pool, PoolOf string
}

// Storage names what the volume lies on: the same for every PersistentVolume
// that is made for it, "" where that cannot be told. A path of a node is none
// without the node.
func (v *Volume) Storage() string {
	if v.Handle == "" || v.Driver == "hostPath" {
		return ""
	}
	return strings.Join(append([]string{v.Driver, v.Handle}, v.NodeNames...), " ")
}

// Node is a Kubernetes node.
type Node struct {
	Name, UID     string
	Created       time.Time
	Deleting      time.Time
	Ready         string // True, False, Unknown
	ReadySince    time.Time
	Unschedulable bool
	Taints        []string // their keys, sorted
	Zone          string
}

// autoscalerTaint is what the cluster autoscaler gives a node that it is about
// to take away.
const autoscalerTaint = "ToBeDeletedByClusterAutoscaler"

// Leaving says in words why a node is about to go or is kept free for that, as
// in "node w1 is cordoned"; "" if it is not.
func (n *Node) Leaving() string {
	switch {
	case !n.Deleting.IsZero():
		return "is being deleted"
	case slices.Contains(n.Taints, autoscalerTaint):
		return "is about to be removed by the cluster autoscaler"
	case n.Unschedulable:
		return "is cordoned"
	}
	return ""
}

// Pod is a pod, with what it mounts.
type Pod struct {
	Namespace, Name string
	Created         time.Time
	Deleting        time.Time
	Phase           string
	Node            string
	Component       string // label component or app.kubernetes.io/component
	User, Server    string // annotations as on Claim
	HasUser         bool
	// KubeSpawnerVersion is as on Claim.
	KubeSpawnerVersion string
	Claims             []string // claim names in its namespace, sorted
	// Image is what a hub's pod runs, such as quay.io/jupyterhub/k8s-hub:4.4.0, and
	// Release its label release or app.kubernetes.io/instance; "" for other pods.
	Image, Release string
	// Mounts are the volumes that the hub's own process can write to, by path. Only
	// a pod whose Component is HubComponent has any.
	Mounts []Mount
}

// Values of Component.
const (
	HubComponent  = "hub"                // a hub's pod, and what else is its own
	HomeComponent = "singleuser-storage" // a user's claim, since KubeSpawner 0.9
)

// HubClaim is the claim that Zero to JupyterHub keeps a hub's sqlite database on.
const HubClaim = "hub-db-dir"

// IsHubClaim tells whether Zero to JupyterHub gives a claim of that name to a
// hub: with fullnameOverride it begins with the release's name.
func IsHubClaim(name string) bool {
	return name == HubClaim || strings.HasSuffix(name, "-"+HubClaim)
}

// Mount is a volume of a pod and where its container sees it.
type Mount struct {
	Path string // absolute and clean
	// Kind is Kubernetes' own name for the kind of volume: one of the constants
	// below, nfs, csi and so on.
	Kind  string
	Claim string // the claim's name, for MountClaim and MountEphemeral
}

// MountOf is the mount that a file lies on, or that is mounted there itself; nil
// if it lies on none.
func (p *Pod) MountOf(file string) (deepest *Mount) {
	for i := range p.Mounts {
		if m := &p.Mounts[i]; file == m.Path || strings.HasPrefix(file, strings.TrimSuffix(m.Path, "/")+"/") {
			deepest = m
		}
	}
	return deepest
}

// Kinds of volumes that a pod mounts.
const (
	MountClaim     = "persistentVolumeClaim"
	MountEphemeral = "ephemeral" // a claim that is made for the pod and goes with it
	MountEmptyDir  = "emptyDir"  // goes with the pod
	MountHostPath  = "hostPath"  // a folder of the node that the pod runs on
	MountCSI       = "csi"       // made by a driver for the pod, without a claim
)

// StorageClass is a StorageClass.
type StorageClass struct {
	Name, Provisioner string
	ReclaimPolicy     string
	BindingMode       string
	Default           bool
	// Replicas is how many copies its parameters ask for: Longhorn's
	// numberOfReplicas, Mayastor's repl; 0 if absent.
	Replicas int
	// DataLocality is Longhorn's parameter of that name.
	DataLocality string
	// Pool and PoolOf are as on Volume.
	Pool, PoolOf string
}

// DisruptionBudget is a PodDisruptionBudget.
type DisruptionBudget struct {
	Namespace, Name string
	Allowed         int // how many pods may be evicted now
}

// CephPool is a pool that Rook keeps: a CephBlockPool, or a data pool of a
// CephFilesystem.
type CephPool struct {
	// Namespace is the Ceph cluster's. Name is the pool's in Ceph, which for a
	// filesystem's is FILESYSTEM-POOL.
	Namespace, Name string
	Kind            string // CephBlockPool or CephFilesystem
	// Size is the number of copies; 0 for an erasure-coded pool, which has
	// DataChunks and CodingChunks.
	Size, DataChunks, CodingChunks int
	FailureDomain                  string // host unless it says otherwise: osd, rack, zone
	Phase                          string // Ready, Progressing, Failure
}

// CronJob is a CronJob, of interest as a maker of backups.
type CronJob struct {
	Namespace, Name, Schedule, TimeZone string
	Suspended                           bool
	LastSchedule, LastSuccess           time.Time
}

// Job is a Job; Owner is its CronJob's name, if it has one.
type Job struct {
	Namespace, Name, Owner string
	Created, Completed     time.Time
	// FailedAt is when Kubernetes gave it up; zero while it may be tried again.
	FailedAt time.Time
	// Succeeded and Failed are how many of its pods did.
	Succeeded, Failed int
}

// Active tells whether a job has not ended yet.
func (j *Job) Active() bool { return j.Completed.IsZero() && j.FailedAt.IsZero() && j.Succeeded == 0 }

// VolumeSnapshot is a CSI VolumeSnapshot.
type VolumeSnapshot struct {
	Namespace, Name string
	Created         time.Time // of the object
	Claim           string
	Ready           bool
	Taken           time.Time // status.creationTime
	RestoreBytes    int64
	Error           string
	// Class is its VolumeSnapshotClass, Content the VolumeSnapshotContent that it
	// is bound to; "" until the driver has made one.
	Class, Content string
}
