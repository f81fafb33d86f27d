package facts

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"
)

// Longhorn is what Longhorn's own records say. Every list is sorted by name.
type Longhorn struct {
	Namespace string
	// Version is the setting current-longhorn-version, "" if unknown.
	Version  string
	Volumes  []LHVolume
	Replicas []LHReplica
	Nodes    []LHNode
	Settings map[string]string
	// InstanceManagers run the volumes' processes, one or more on each node.
	InstanceManagers []LHInstanceManager
	EngineImages     []LHEngineImage
	Orphans          []LHOrphan
	// ShardGroups and Shards are what sharded volumes have instead of replicas
	// (1.12.1 and later).
	ShardGroups []LHShardGroup
	Shards      []LHShard
	// Salvages are the events in which Longhorn took failed replicas into use
	// again. Kubernetes keeps events for an hour unless it is told otherwise.
	Salvages []LHSalvage
	// BackupTargets are where backups go, BackupVolumes what lies there by volume,
	// Backups the backups of each volume, RecurringJobs when they are made. Of
	// BackupVolumes collectors keep those that TellingBackupVolumes returns.
	BackupTargets []LHBackupTarget
	BackupVolumes []LHBackupVolume
	Backups       []Series
	RecurringJobs []LHRecurringJob
}

// TellingBackupVolumes are those of BackupVolumes that say more than Backups: an
// error, or a last backup that is not the newest of any series. Nearly all repeat
// what is there. Backups must be sorted by volume and target.
func (l *Longhorn) TellingBackupVolumes() []LHBackupVolume {
	var kept []LHBackupVolume
	for i := range l.BackupVolumes {
		v := &l.BackupVolumes[i]
		at, found := slices.BinarySearchFunc(l.Backups, v, func(s Series, v *LHBackupVolume) int {
			return cmp.Or(strings.Compare(s.Volume, v.Volume), strings.Compare(s.Newest.Target, v.Target))
		})
		known := v.LastBackup == "" || found && l.Backups[at].Newest.Name == v.LastBackup
		if v.Error != "" || !known {
			kept = append(kept, *v)
		}
	}
	return kept
}

// LHVolume is a volumes.longhorn.io.
type LHVolume struct {
	Name           string
	Created        Moment
	Deleting       Moment
	State          string // creating, attached, detached, attaching, detaching, deleting
	Robustness     string // healthy, degraded, faulted, unknown
	WantReplicas   int    // spec.numberOfReplicas
	DataEngine     string // v1 (also when the field is absent) or v2
	DataLocality   string
	Standby        bool
	FromBackup     string
	Restoring      bool // status.restoreRequired
	CloneState     string
	Sharded        bool // spec.dataLayout.type == sharded: has no Replica objects
	SizeBytes      int64
	ActualBytes    int64 // last known; frozen while detached
	NodeID         string
	LastAttachedBy string
	LastBackupAt   Moment
	LastDegradedAt Moment
	// LastAutoSalvagedAt is when Longhorn last took failed replicas into use again
	// (1.12 and later).
	LastAutoSalvagedAt Moment
	// OfflineRebuilding is enabled, disabled, or ignored for the setting of that
	// name; "" before 1.9.
	OfflineRebuilding string
	Image             string // the engine image that it runs or ran with
	// NodeSelector and DiskSelector are the tags that a node and a disk need to be
	// given a replica.
	NodeSelector, DiskSelector []string
	// Jobs and JobGroups are the recurring jobs and groups of them that its labels
	// enable, sorted. A volume with none of either has the group default.
	Jobs, JobGroups []string
	// BackupTarget is the name of the BackupTarget that its backups go to; "" before
	// 1.8.
	BackupTarget string
	// ClaimNamespace, ClaimName and VolumeName are kubernetesStatus; they are
	// history when LastClaimRefAt is set.
	ClaimNamespace, ClaimName, VolumeName string
	LastClaimRefAt, LastPodRefAt          Moment
}

// LonghornDriver is the CSI driver of Longhorn's volumes: a PersistentVolume of
// it has the Longhorn volume's name as its handle.
const LonghornDriver = "driver.longhorn.io"

// HasHistory tells whether a volume may hold data: anything was ever written
// to it, mounted it or backed it up.
func (v *LHVolume) HasHistory() bool {
	return v.ActualBytes > 0 || v.LastAttachedBy != "" || v.State == "attached" ||
		!v.LastPodRefAt.IsZero() || !v.LastBackupAt.IsZero()
}

// Unsettled says why a volume's data is not lost with it, because it is only on
// its way here or is somebody else's; "" if it is. The words follow the volume.
func (v *LHVolume) Unsettled() string {
	switch {
	case v.Standby:
		return "is a standby copy of another cluster's volume"
	case v.Restoring:
		return "is being restored from a backup"
	case v.CloneState != "" && v.CloneState != "completed" && v.CloneState != "failed":
		return "is being cloned from another volume"
	case !v.Deleting.IsZero() || v.State == "deleting":
		return "is being deleted"
	}
	return ""
}

// LHReplica is a replicas.longhorn.io.
type LHReplica struct {
	Name              string
	Volume            string
	Created           Moment
	Deleting          Moment
	NodeID            string
	DiskID            string // the UUID of the disk it lies on
	HealthyAt         Moment
	FailedAt          Moment
	LastHealthyAt     Moment
	LastFailedAt      Moment
	Active            bool
	EvictionRequested bool
	State             string // status.currentState
	LinkedCloneSource string // spec.linkedCloneSrcReplicaName
}

// LastGood is when a replica was last known to hold its data, zero if it never
// was.
func (r *LHReplica) LastGood() Moment {
	if r.LastHealthyAt.After(r.HealthyAt) {
		return r.LastHealthyAt
	}
	return r.HealthyAt
}

// LHNode is a nodes.longhorn.io.
type LHNode struct {
	Name        string
	Created     time.Time
	Ready       string // True, False, Unknown, or "" when it has no such condition
	ReadyReason string
	// ReadySince is since when Ready is what it is.
	ReadySince        time.Time
	AllowScheduling   bool
	EvictionRequested bool
	// AutoEvicting: Longhorn itself moves the replicas away, because of its drain
	// policy (1.6 and later).
	AutoEvicting bool
	Zone         string
	Tags         []string // sorted
	Disks        []LHDisk
}

// LHDisk is one disk of a Longhorn node.
type LHDisk struct {
	Name, UUID, Path  string
	Type              string // filesystem or block; "" before 1.5
	Ready             string // as on LHNode
	ReadyReason       string
	ReadySince        time.Time
	Schedulable       string // the condition: whether Longhorn may put replicas there
	AllowScheduling   bool
	EvictionRequested bool
	Tags              []string // sorted
	// MaximumBytes is the disk's size, AvailableBytes what is free on it now,
	// ScheduledBytes what is promised to replicas at their full size, ReservedBytes
	// what is kept for others.
	MaximumBytes, AvailableBytes, ScheduledBytes, ReservedBytes int64
}

// LHInstanceManager is an instancemanagers.longhorn.io: a pod that runs engines
// or replicas of a node.
type LHInstanceManager struct {
	Name, NodeID string
	Type         string // engine, replica, or aio for both
	DataEngine   string // v1 or v2
	State        string // running, error, stopped, starting, unknown
	// Engines is how many engines run in it: volumes that are attached there.
	// Instances is how many processes of either kind do.
	Engines, Instances int
}

// LHEngineImage is an engineimages.longhorn.io.
type LHEngineImage struct {
	Name, Image  string
	State        string // deployed, deploying, incompatible, error
	Incompatible bool
	Refs         int       // how many volumes and processes use it
	Missing      []string  // the nodes on which it is not deployed, sorted
	Since        time.Time // since when its condition ready is what it is
}

// LHOrphan is an orphans.longhorn.io: something on a disk that no record owns.
type LHOrphan struct {
	Name     string
	Created  time.Time
	Deleting time.Time
	Type     string // replica (its data), engine-instance, replica-instance
	NodeID   string
	// DataName is the directory of a replica: its volume's name, a hyphen and
	// eight hexadecimal digits.
	DataName, DiskName, DiskUUID, DiskPath string
}

// Volume is the name of the Longhorn volume whose replica the orphan was the
// data of, "" for other orphans or if it cannot be told.
func (o *LHOrphan) Volume() string {
	const suffix = len("-00000000")
	if o.Type != "replica-data" && o.Type != "replica" || len(o.DataName) <= suffix || o.DataName[len(o.DataName)-suffix] != '-' {
		return ""
	}
	for _, c := range o.DataName[len(o.DataName)-suffix+1:] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	name := o.DataName[:len(o.DataName)-suffix]
	if o.OnBlockDisk() {
		name = strings.TrimSuffix(name, "-r") // there the data has the replica's name
	}
	return name
}

// OnBlockDisk tells whether it lies on a disk of the v2 engine, which has a
// device or a PCI address instead of a directory.
func (o *LHOrphan) OnBlockDisk() bool {
	return !path.IsAbs(o.DiskPath) || strings.HasPrefix(o.DiskPath, "/dev/")
}

// LHShardGroup is a shardgroups.longhorn.io: the shards of the volume that has
// its name. Any DataChunks of them have all data.
type LHShardGroup struct {
	Name                     string
	DataChunks, ParityChunks int
	State                    string // healthy, degraded, offline, rebuilding, growing
	Failed                   int
	DirtyRegion              bool // writes may be on fewer shards than they should
}

// LHShard is a shards.longhorn.io.
type LHShard struct {
	Name, Group       string
	Deleting          time.Time
	Slot              int
	NodeID, DiskID    string
	EvictionRequested bool
	State             string // normal, failed, replacing
}

// LHSalvage is one event of reason AutoSalvaged.
type LHSalvage struct {
	Volume string
	At     time.Time // of the newest occurrence
}
