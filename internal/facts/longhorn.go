package facts

import "time"

// Longhorn is what Longhorn's own records say. Every list is sorted by name.
type Longhorn struct {
	Namespace string
	// Version is the setting current-longhorn-version, "" if unknown.
	Version  string
	Volumes  []LHVolume
	Replicas []LHReplica
	Nodes    []LHNode
	Settings map[string]string
}

// LHVolume is a volumes.longhorn.io.
type LHVolume struct {
	Name           string
	Created        time.Time
	Deleting       time.Time
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
	LastBackupAt   time.Time
	LastDegradedAt time.Time
	// ClaimNamespace, ClaimName and VolumeName are kubernetesStatus; they are
	// history when LastClaimRefAt is set.
	ClaimNamespace, ClaimName, VolumeName string
	LastClaimRefAt, LastPodRefAt          time.Time
}

// LHReplica is a replicas.longhorn.io.
type LHReplica struct {
	Name              string
	Volume            string
	Created           time.Time
	Deleting          time.Time
	NodeID            string
	DiskID            string // the UUID of the disk it lies on
	HealthyAt         time.Time
	FailedAt          time.Time
	LastHealthyAt     time.Time
	LastFailedAt      time.Time
	Active            bool
	EvictionRequested bool
	State             string // status.currentState
	LinkedCloneSource string // spec.linkedCloneSrcReplicaName
}

// LHNode is a nodes.longhorn.io.
type LHNode struct {
	Name              string
	Created           time.Time
	Ready             string // True, False, Unknown, or "" when it has no such condition
	ReadyReason       string
	AllowScheduling   bool
	EvictionRequested bool
	Disks             []LHDisk
}

// LHDisk is one disk of a Longhorn node.
type LHDisk struct {
	Name, UUID, Path  string
	Ready             string // as on LHNode
	ReadyReason       string
	AllowScheduling   bool
	EvictionRequested bool
}
