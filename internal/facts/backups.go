package facts

import (
	"strings"
	"time"
)

// Systems that make backups of claims, as Series.System.
const (
	SystemLonghorn   = "longhorn"       // Longhorn's backups, in its backup target
	SystemSnapshot   = "volumesnapshot" // CSI VolumeSnapshots
	SystemVeleroFile = "velero-file"    // Velero's PodVolumeBackups, of mounted volumes only
	SystemVeleroData = "velero-data"    // Velero's DataUploads: CSI snapshots moved to its storage
	SystemVeleroSnap = "velero-snap"    // CSI snapshots that Velero asked for and left in the storage system
	SystemK8up       = "k8up"
)

// Series is what one backup system holds of one claim or volume: of many
// backups those by which it is judged. Series are sorted by namespace, claim,
// volume and system.
type Series struct {
	System string
	// Namespace and Claim are what was backed up. Longhorn knows volumes: of its
	// series only Volume is set, the Longhorn volume's name. Of a SystemVeleroSnap
	// series whose claim is not recorded, Volume is the CSI handle.
	Namespace, Claim, Volume string
	// Newest and Previous are the two newest good backups, zero where there are none.
	Newest, Previous Point
	// Good is how many good ones there are in all, Oldest the time of the oldest.
	Good   int
	Oldest time.Time
	// Failed is the newest that failed, nil if none did or a later one is good.
	// Running is the one that has been in progress the longest, nil if none is.
	Failed, Running *Attempt
}

// Point is one good backup.
type Point struct {
	Name string
	// Time is of the data, not of the end of its upload.
	Time time.Time
	// SizeBytes is the system's own measure; 0 where it tells none. Incremental
	// says that it counts only what was new.
	SizeBytes   int64
	Incremental bool
	// Expires is when the system deletes it; zero if it does not say.
	Expires time.Time
	// Set is the Velero Backup or other run that it is a part of, Target where it
	// lies: a Longhorn BackupTarget, a Velero storage location, a K8up repository.
	Set, Target string
}

// Attempt is a backup that failed or has not ended.
type Attempt struct {
	Name, Set string
	Since     time.Time // when it was asked for
	Phase     string    // the system's word
	Error     string
}

// LHBackupTarget is a backuptargets.longhorn.io. Before 1.8 there is one, named
// default, which Longhorn makes of settings: where only those were read, as in a
// dump made for an older audit, the collector does so too, with Known false.
type LHBackupTarget struct {
	Name string
	// URL is where the backups lie, without credentials; "" for none.
	URL string
	// Credential is the name of the Secret with the login, never its content.
	Credential string
	// PollInterval is how often Longhorn looks there; 0 never.
	PollInterval time.Duration
	// Known is false where only the setting tells: Available says nothing then.
	Known        bool
	Available    bool
	Reason       string // why it is not
	Since        time.Time
	LastSyncedAt time.Time
}

// LHBackupVolume is a backupvolumes.longhorn.io: a volume as the backup target
// has it. Before 1.8 it has the volume's name, and its target is default.
type LHBackupVolume struct {
	Name, Volume, Target       string
	LastBackup                 string
	LastBackupAt, LastSyncedAt time.Time
	StoredBytes                int64
	Error                      string
}

// LHRecurringJob is a recurringjobs.longhorn.io.
type LHRecurringJob struct {
	Name    string
	Created time.Time
	Task    string   // backup, backup-force-create, snapshot, filesystem-trim …
	Cron    string   // in UTC, as Longhorn's CronJobs have no time zone
	Groups  []string // sorted; default is every volume without labels
	Retain  int
	// Executions is how often it ran (1.7 and later).
	Executions int
}

// Backup tells whether the job makes backups.
func (j *LHRecurringJob) Backup() bool { return j.Task == "backup" || j.Task == "backup-force-create" }

// K8up is what K8up was told to do.
type K8up struct {
	Schedules []K8upSchedule
	// Failed are the newest Backup of each namespace, where that failed or has not
	// ended, by namespace.
	Failed, Running map[string]Attempt
	// Succeeded is when the newest Backup of each namespace that succeeded was
	// asked for. A namespace that is in it and of which no Series tells has K8up's
	// list of snapshots switched off: what is backed up there cannot be seen.
	Succeeded map[string]time.Time
}

// K8upSchedule is a schedules.k8up.io: it backs up the claims of its namespace.
type K8upSchedule struct {
	Namespace, Name string
	// Cron is in the operator's time zone; "" where it has no backup part. Of a
	// random one, such as @daily-random, it is what K8up made of it, once it has.
	Cron string
	// URL is the repository, without credentials, as restic spells it; "" where the
	// operator's own default is used.
	URL string
	// Selected: a label selector narrows it to some of the namespace's claims.
	Selected bool
}

// SnapshotContent is a volumesnapshotcontents.snapshot.storage.k8s.io, of which
// each volume keeps those that decide: its two newest that are ready.
type SnapshotContent struct {
	Name           string
	Driver, Handle string // the volume's
	// Namespace and Snapshot are of the VolumeSnapshot that it belongs to.
	Namespace, Snapshot string
	DeletionPolicy      string // Delete, Retain
	Ready               bool
	Taken               time.Time
	SizeBytes           int64
}

// Opened is what fetching and opening the newest copy in a backup location
// showed.
type Opened struct {
	Copy BackupCopy
	// Level is how far it was tested: open, or restore into a scratch server.
	Level string
	// Form is what was found, in words: "gzip, pg_dump custom 1.15".
	Form string
	// Skipped says why it was not tested, though it should have been: too big, no
	// scratch server, the storage did not answer. Unreadable is true where the
	// cause lies in reading and not in the copy, so that nothing is known.
	Skipped    string
	Unreadable bool
	// Fault is why no complete database could be got out of it, "" if one could;
	// Detail says what was seen, with numbers, without a final period.
	Fault  CopyFault
	Detail string
	// Content is the hub as the copy has it, "" in its names: the rows of its
	// tables and Database. Nil where nothing could be read. With a Fault it is
	// what could be read.
	Content *Hub
	// NoLog: it is an SQLite file in WAL mode without its write-ahead log. Made
	// through SQLite it is complete, made by copying the file it lacks the rows that
	// were only in the log.
	NoLog bool
	// Known: it was tested good by an earlier run, at KnownAt, and has not changed
	// since; nothing was fetched.
	Known   bool
	KnownAt time.Time
}

// TestedMark is the value of the mark MarkTested for a copy that was found good:
// its ID, and the level if it was restored.
func (o *Opened) TestedMark() string {
	if o.Level == VerifyRestore {
		return o.Copy.ID() + restoredMark
	}
	return o.Copy.ID()
}

// restoredMark ends a TestedMark; an ID ends with a time.
const restoredMark = " " + VerifyRestore

// ParseTestedMark takes a TestedMark apart into the copy's ID, its name and the
// level to which it was tested; all are empty for "".
func ParseTestedMark(mark string) (id, name, level string) {
	if mark == "" {
		return "", "", ""
	}
	id, restored := strings.CutSuffix(mark, restoredMark)
	level = VerifyOpen
	if restored {
		level = VerifyRestore
	}
	name = id
	for range 2 { // size and time
		name = name[:max(0, strings.LastIndexByte(name, ' '))]
	}
	return id, name, level
}

// CopyFault classes what is wrong with a copy of a hub's database.
type CopyFault string

const (
	CopyEmpty       CopyFault = "empty"        // no bytes, or none after unpacking, or no tables
	CopyNotDatabase CopyFault = "not-database" // something else under a backup's name
	CopyTruncated   CopyFault = "truncated"    // it ends in the middle
	CopyTorn        CopyFault = "torn"         // copied from a live SQLite file while it was written
	CopyWALMissing  CopyFault = "wal-missing"  // copied without its write-ahead log
	CopyCorrupt     CopyFault = "corrupt"      // checksums, syntax or rows are broken
	CopyRefused     CopyFault = "refused"      // the scratch server would not take it
)

// Verify levels, as configured for a backup.
const (
	VerifyNone    = "none"
	VerifyOpen    = "open"
	VerifyRestore = "restore"
)

// Kinds of backup locations of a hub's database, as Backup.Kind.
const (
	BackupFiles     = "files"           // a glob of files
	BackupObjects   = "objects"         // a glob in object storage
	BackupSnapshots = "volumesnapshots" // of the claim with the database
	BackupLonghorn  = "longhorn"        // of the claim with the database
	BackupVelero    = "velero"          // of the claim with the database
	BackupK8up      = "k8up"            // of the claim with the database
	BackupCloudSQL  = "cloudsql"        // a managed database's own backups
	BackupCronJob   = "cronjob"         // a CronJob of which only the end is known
)
