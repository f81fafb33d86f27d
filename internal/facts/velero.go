package facts

import (
	"path"
	"slices"
	"time"
)

// Velero is what Velero was told to do and did. It is read in all namespaces.
type Velero struct {
	Backups   []VeleroBackup
	Schedules []VeleroSchedule
	Locations []VeleroLocation
	Restores  []VeleroRestore
}

// VeleroBackup is a backups.velero.io.
type VeleroBackup struct {
	Namespace, Name               string
	Schedule                      string // "" for one made by hand
	Phase                         string // New, InProgress, Completed, PartiallyFailed, Failed, FailedValidation, Deleting …
	Created, Started, Completed   time.Time
	Expires                       time.Time
	Location                      string
	Scope                         VeleroScope
	Errors, Warnings              int
	FailureReason                 string
	VolumeSnapshots, CSISnapshots int // how many of either were completed
	// NativeSnapshots is how many of VolumeSnapshots a plugin of the storage's own
	// made: which claims they are of is not in the API. Nor is it of CSISnapshots
	// that were not moved, once the Backup has ended: Velero then deletes their
	// objects and leaves the snapshots in the storage system. See Unnamed.
	NativeSnapshots int
}

// Good tells whether everything that the Backup is of can be restored from it.
func (b *VeleroBackup) Good() bool { return b.Phase == "Completed" }

// Unnamed is how many snapshots the Backup has of which the API does not say of
// which claims they are: those of NativeSnapshots, and CSISnapshots that were not
// moved.
func (b *VeleroBackup) Unnamed() int {
	if b.Scope.MoveData {
		return b.NativeSnapshots
	}
	return b.NativeSnapshots + b.CSISnapshots
}

// Running tells whether the Backup has not ended, with whatever result.
func (b *VeleroBackup) Running() bool {
	switch b.Phase {
	case "Completed", "PartiallyFailed", "Failed", "FailedValidation", "Deleting":
		return false
	}
	return true
}

// VeleroScope is what a Backup or Schedule covers.
type VeleroScope struct {
	// Namespaces are those included, "*" or none for all; Excluded those left out.
	Namespaces, Excluded []string
	// Selected: a label selector narrows it, so that which claims it covers cannot
	// be told from the namespaces.
	Selected bool
	// Claims is false where it leaves PersistentVolumeClaims out, or volumes
	// altogether (snapshotVolumes: false without file-system backup).
	Claims bool
	// FileSystem: all mounted volumes are backed up by file (defaultVolumesToFsBackup).
	FileSystem bool
	// MoveData: CSI snapshots are moved to the backup storage.
	MoveData bool
}

// Includes tells whether the scope takes in a namespace. Its lists may have
// patterns, as Velero's have since 1.18.
func (s *VeleroScope) Includes(namespace string) bool {
	matches := func(pattern string) bool {
		ok, err := path.Match(pattern, namespace)
		return ok && err == nil
	}
	return !slices.ContainsFunc(s.Excluded, matches) && (len(s.Namespaces) == 0 || slices.ContainsFunc(s.Namespaces, matches))
}

// VeleroSchedule is a schedules.velero.io.
type VeleroSchedule struct {
	Namespace, Name         string
	Created                 time.Time
	Cron                    string
	Paused                  bool
	Phase                   string // New, Enabled, FailedValidation
	Error                   string
	LastBackup, LastSkipped time.Time
	TTL                     time.Duration // 0: Velero's default, 30 days
	Location                string
	Scope                   VeleroScope
}

// VeleroLocation is a backupstoragelocations.velero.io.
type VeleroLocation struct {
	Namespace, Name string
	Provider        string
	// URL is the bucket with its prefix and, where one is set, the endpoint.
	URL           string
	Default       bool
	ReadOnly      bool
	Phase         string // Available, Unavailable; "" before it was looked at
	Error         string
	LastSyncedAt  time.Time
	LastValidated time.Time
}

// VeleroRestore is a restores.velero.io.
type VeleroRestore struct {
	Namespace, Name, Backup, Schedule string
	Phase                             string
	Completed                         time.Time
	Namespaces                        []string // included; none for all
	Errors                            int
}
