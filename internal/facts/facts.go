// Package facts holds what one audit run knows: the snapshot that collectors
// fill and checks read. It imports nothing but the standard library, does no
// I/O, and its values are never changed once a run has gathered them.
//
// Times are UTC. A zero time means that the fact is absent, never "the year 1".
// Sizes are bytes.
package facts

import "time"

// Snapshot is everything gathered in one run.
type Snapshot struct {
	// Now is the run's time: the only clock a check may use.
	Now time.Time
	// Cluster is the configured cluster name, "" where there is only one.
	ClusterName string
	// Sources has the status of every source, sorted by name.
	Sources []Source
	// Hubs are the configured hubs in the order of the configuration.
	Hubs []*Hub
	// Kube is what the Kubernetes API said about volumes and nodes.
	Kube Kube
	// Longhorn is what Longhorn's own records say.
	Longhorn Longhorn
	// Usage is how full volumes are that are mounted somewhere, as the kubelets
	// measured it, sorted by namespace and claim. Known if source Prometheus is OK.
	Usage []Usage
	// Past is what the history remembers of earlier runs.
	Past Past
}

// Source returns the status of the named source. A source that nobody
// configured or read is absent.
func (s *Snapshot) Source(name string) Source {
	for _, src := range s.Sources {
		if src.Name == name {
			return src
		}
	}
	return Source{Name: name, Status: Absent, Detail: "not configured"}
}

// Status tells how reading a source went.
type Status string

const (
	// OK: read completely.
	OK Status = "ok"
	// Failed: it should be there but could not be read; its checks are unknown.
	Failed Status = "failed"
	// Absent: by design not there, such as Longhorn in a cluster without it;
	// its checks are skipped.
	Absent Status = "absent"
)

// Cause classes a failed source by what an operator has to mend.
type Cause string

const (
	CauseForbidden   Cause = "forbidden"   // 401, 403, file permissions
	CauseMissing     Cause = "missing"     // 404, no such file, no such database
	CauseUnreachable Cause = "unreachable" // refused, reset, DNS, TLS
	CauseTimeout     Cause = "timeout"     // the source's deadline passed
	CauseUnreadable  Cause = "unreadable"  // it answered, but not in a form that can be read
	// CausePartial: it changed, expired or broke off while it was read, each time that
	// was begun again, so that a part may be missing.
	CausePartial Cause = "partial"
)

// Names of the sources that are not a hub's own. A hub's sources are named by
// HubDB and Backup.
const (
	KubeClaims         = "kube/claims"
	KubeVolumes        = "kube/volumes"
	KubeNodes          = "kube/nodes"
	KubePods           = "kube/pods"
	KubeStorageClasses = "kube/storageclasses"
	KubeCronJobs       = "kube/cronjobs"
	KubeJobs           = "kube/jobs"
	KubeSnapshots      = "kube/volumesnapshots"
	LonghornVolumes    = "longhorn/volumes"
	LonghornReplicas   = "longhorn/replicas"
	LonghornNodes      = "longhorn/nodes"
	LonghornSettings   = "longhorn/settings"
	History            = "history"

	KubeDisruptionBudgets = "kube/poddisruptionbudgets"

	LonghornInstanceManagers = "longhorn/instancemanagers"
	LonghornEngineImages     = "longhorn/engineimages"
	LonghornOrphans          = "longhorn/orphans"
	LonghornShardGroups      = "longhorn/shardgroups"
	LonghornShards           = "longhorn/shards"
	LonghornEvents           = "longhorn/events" // those of reason AutoSalvaged

	LonghornBackupTargets = "longhorn/backuptargets"
	LonghornBackupVolumes = "longhorn/backupvolumes"
	LonghornBackups       = "longhorn/backups"
	LonghornRecurringJobs = "longhorn/recurringjobs"

	KubeSnapshotContents = "kube/volumesnapshotcontents"

	VeleroBackups       = "velero/backups"
	VeleroSchedules     = "velero/schedules"
	VeleroLocations     = "velero/backupstoragelocations"
	VeleroVolumeBackups = "velero/podvolumebackups"
	VeleroDataUploads   = "velero/datauploads"
	VeleroRestores      = "velero/restores"

	K8upSchedules = "k8up/schedules"
	K8upSnapshots = "k8up/snapshots"
	K8upBackups   = "k8up/backups"

	CephBlockPools  = "ceph/blockpools"
	CephFilesystems = "ceph/filesystems"

	Prometheus = "prometheus"
)

// HubDB names the source that is a hub's database.
func HubDB(hub string) string { return "hubdb/" + hub }

// HubAPI names the source that is a hub's REST API.
func HubAPI(hub string) string { return "hubapi/" + hub }

// HomesSource names the source that is the listing of a hub's home directories
// on a shared volume.
func HomesSource(hub string) string { return "homes/" + hub }

// BackupSource names the source that is one backup location of a hub.
func BackupSource(hub, backup string) string { return "backup/" + hub + "/" + backup }

// Source is one thing that is read, and how that went.
type Source struct {
	Name   string
	Status Status
	// Cause classes a failure; empty unless Status is Failed.
	Cause Cause
	// Detail is one line for people: what failed and what to do, or why absent.
	Detail string
	// Items counts what was read, by kind ("users": 1053).
	Items    map[string]int
	Duration time.Duration
}

// Total is the number of items of all kinds that were read.
func (s Source) Total() int {
	n := 0
	for _, c := range s.Items {
		n += c
	}
	return n
}
