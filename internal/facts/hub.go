package facts

import (
	"fmt"
	"path"
	"slices"
	"time"
)

// Hub is one JupyterHub: its configuration as the audit knows it, its
// database and its backups.
type Hub struct {
	Name      string
	Namespace string
	// KubeSpawner is how the hub names and remembers claims.
	KubeSpawner KubeSpawner
	// OtherClaims are globs (path.Match) of claims that are nobody's home.
	OtherClaims []string
	// CullUsers: the hub deletes users who were idle for long (z2jh's cull.users).
	CullUsers bool
	Database  Database
	// UsersFrom names the source that Users, Spawners and Servers come from:
	// HubDB, or HubAPI where there is no database to read or it could not be
	// read. Empty stands for HubDB.
	UsersFrom string
	// UsersRead tells how far Users can be trusted to be all users, SpawnersRead
	// how far Spawners and Servers can be.
	UsersRead, SpawnersRead Completeness
	// StatesRead is false where the spawners' State was not to be had, as from a
	// REST API whose token may not see it.
	StatesRead bool
	// Users, Spawners and Servers are the rows of the tables of these names,
	// by ascending id. Of a damaged database they are what could be read. The
	// REST API knows no ids: rows from there are numbered -1, -2 and so on, only
	// to join them, by the order of names.
	Users    []User
	Spawners []Spawner
	Servers  []Server
	// MetricUsers is how many users the hub itself counts in its metrics
	// (jupyterhub_total_users), as Prometheus last saw them; known if MetricUsersAt
	// is set.
	MetricUsers   int
	MetricUsersAt time.Time
	// API is what the hub's REST API told, where it is configured and was read.
	API API
	// Backups has one entry for each configured backup location.
	Backups []Backup
}

// Emptied tells whether the hub certainly has no user: the table is empty, or
// the database or the table is gone, on which the hub starts as a new one. A
// table that exists but could not be read says nothing.
func (h *Hub) Emptied() bool {
	if h.UsersRead == Complete {
		return len(h.Users) == 0
	}
	missing := false
	for _, damage := range h.Database.Damage {
		switch damage.Kind {
		case DamageZeroBytes, DamageNoTables:
			missing = true
		case DamageTableMissing:
			missing = missing || !slices.Contains(h.Database.Tables, "users")
		case DamageTruncated, DamageIntegrity:
			return false // the list of tables itself may be incomplete
		}
	}
	return missing
}

// OtherClaim tells whether a claim is one of those that the configuration says
// are nobody's home.
func (h *Hub) OtherClaim(name string) bool {
	return slices.ContainsFunc(h.OtherClaims, func(glob string) bool {
		ok, _ := path.Match(glob, name) // globs are validated with the configuration
		return ok
	})
}

// KubeSpawner is the part of the hub's configuration that decides which claim
// a server mounts.
type KubeSpawner struct {
	// Version is that of the KubeSpawner that the hub runs, such as 7.0.0, and
	// Chart that of its Zero to JupyterHub; "" where nothing tells. VersionFrom
	// says in a few words what told: "the configuration", "the hub's image".
	Version, Chart, VersionFrom string
	// PVCNameTemplate is never empty. TemplateSet: the configuration named it; else
	// it is the default of Chart or Version, and changes with them.
	PVCNameTemplate string
	TemplateSet     bool
	SlugScheme      string // safe or escape; of no effect before 7.0
	// RememberPVCName: the claim's name in a server's state outweighs the template
	// (7.0 and later). LegacyNames: a server without one is given a claim with the
	// template's escaped name if there is one.
	RememberPVCName, LegacyNames bool
	// DeletePVC: deleting a user or a named server deletes its claim.
	DeletePVC bool
	// UserNamespaces is the template of the namespace that each user has; "" where
	// all claims are in the hub's own.
	UserNamespaces string
	// Homes is the claim that holds everybody's home directory, where there is one.
	Homes Homes
}

// Homes are home directories on one shared claim: z2jh's storage type static,
// or a template without a field of the user together with a sub-path.
type Homes struct {
	// Claim is the shared claim's name; "" where every server has its own.
	Claim string
	// SubPath is the template of a server's directory in it.
	SubPath string
	// Location is where the audit sees the directories, for messages; "" where it
	// does not.
	Location string
	// Names are the directories there, as paths relative to the volume's root and
	// sorted; known if source HomesSource is OK.
	Names []string
}

// API is the hub as its REST API shows it, whatever the database says.
type API struct {
	// Location is the API's URL, without credentials.
	Location string
	// Version is the running JupyterHub's, such as 5.5.1; "" if it was not read.
	Version string
	// Users and Spawners are numbered as in Hub. UsersRead, SpawnersRead and
	// StatesRead mean what they mean there.
	Users                   []User
	Spawners                []Spawner
	UsersRead, SpawnersRead Completeness
	StatesRead              bool
}

// Database is the hub's database as a whole.
type Database struct {
	// Engine is sqlite, postgresql or mysql.
	Engine string
	// Location is the file or host and name; never holds a password.
	Location string
	// InMemory: sqlite without a file. Its source is absent: nobody but the hub
	// can read it, and it is gone whenever the hub stops.
	InMemory bool
	// Tables are the names of the tables found, sorted.
	Tables []string
	// Revisions are the rows of alembic_version, sorted; none before JupyterHub 0.8.
	Revisions []string
	// SizeBytes and Modified are the file's, for sqlite.
	SizeBytes int64
	Modified  time.Time
	// Damage is everything found to be wrong with the database as a store,
	// whatever its rows say.
	Damage []Damage
	// Disk is the file system that the file lies on, where that is the hub's own
	// volume; known if its CapacityBytes is not 0.
	Disk Usage
	// Columns are the columns seen of the tables users, spawners and servers,
	// in lower case and sorted, by table. A MySQL server shows only those that
	// the audit's user may read.
	Columns map[string][]string
	// CookieNotNull and CookieUnique tell which constraints users.cookie_id
	// has, NameUnique whether users.name is unique.
	CookieNotNull, CookieUnique, NameUnique bool
	// Copies are the dated copies that JupyterHub left beside an sqlite file before
	// it changed the schema, newest first; nobody but an operator removes them.
	// They lie on the same volume, so they are no backup.
	Copies []BackupCopy
}

// Completeness tells how much of a table was read.
type Completeness string

const (
	// Complete: every row was read from an undamaged table. An existing, empty
	// table is complete with no rows.
	Complete Completeness = "complete"
	// Partial: the table is damaged; the rows that were read are true, others
	// may be missing.
	Partial Completeness = "partial"
	// None: there is no such table, or nothing of it could be read.
	None Completeness = "none"
)

// DamageKind names an accident that a database shows.
type DamageKind string

const (
	DamageZeroBytes    DamageKind = "zero-bytes"    // the file is empty
	DamageNotSQLite    DamageKind = "not-sqlite"    // gzip, HTML or other content under a database's name
	DamageNoTables     DamageKind = "no-tables"     // a database without a single table
	DamageTableMissing DamageKind = "table-missing" // some tables are there, a core table is not
	DamageTruncated    DamageKind = "truncated"     // the file is shorter than its header says
	DamageIntegrity    DamageKind = "integrity"     // PRAGMA integrity_check found errors
	DamageIndexStale   DamageKind = "index-stale"   // an index disagrees with its table
	DamageForeignKey   DamageKind = "foreign-key"   // rows point at rows that do not exist
	DamageWALMissing   DamageKind = "wal-missing"   // the newest rows were in a write-ahead log that is gone
	DamageUsersRemade  DamageKind = "users-remade"  // the table users was made again, empty, beside what belonged to its rows
)

// Damage is one thing wrong with a database.
type Damage struct {
	Kind DamageKind
	// Message says in one sentence, without a final period, what was seen, with
	// numbers. What follows from it is for a check to say.
	Message string
	// HeldData is true where there are traces of earlier content: a change
	// counter far above a new file's, pages in the freelist.
	HeldData bool
	// Recoverable is true where lost content still lies in the file or beside it,
	// so that a tool may get it out of a copy.
	Recoverable bool
}

// User is a row of the table users. Its cookie_id never leaves the database:
// only how it compares with the others does.
type User struct {
	ID           int64
	Name         string
	Admin        bool
	Created      time.Time // absent before JupyterHub 0.9
	LastActivity time.Time
	// BrokenTimes names the columns, comma-separated, whose value is no time that
	// a hub can read; it stops at it: text in SQLite, infinity in PostgreSQL, a zero
	// date in MySQL.
	BrokenTimes string
	Cookie      CookieState
	// CookieHandMade: the cookie_id is not the 32 hexadecimal digits that every
	// JupyterHub writes.
	CookieHandMade bool
	// CookieSharedWith is the lowest user id with the same cookie_id, 0 unless
	// Cookie is CookieShared. It is the user everyone who shares it is logged in as.
	CookieSharedWith int64
}

// CookieState is what is known of users.cookie_id without reading it.
type CookieState string

const (
	CookieUnique CookieState = "unique" // not empty and nobody else's
	CookieShared CookieState = "shared" // not empty and also another user's
	CookieEmpty  CookieState = "empty"  // ''
	CookieNull   CookieState = "null"
)

// Spawner is a row of the table spawners: a server that a user has or had.
// For JupyterHub 0.7, whose spawner state is kept with the user, each user has
// one spawner with ID 0.
type Spawner struct {
	ID     int64
	UserID int64 // 0 for NULL
	Name   string
	// ServerID is the running server's row, 0 when the server is stopped.
	ServerID     int64
	Started      time.Time
	LastActivity time.Time
	// BrokenTimes is as of User.
	BrokenTimes string
	State       SpawnerState
}

// SpawnerState is what KubeSpawner remembers of a server, from the JSON in
// spawners.state; only the keys below are kept.
type SpawnerState struct {
	// Form is "", "empty" ({}), "broken" (not a JSON object) or "object".
	// "" stands for NULL.
	Form               string
	PodName            string
	Namespace          string
	PVCName            string
	KubeSpawnerVersion string
}

// Server is a row of the table servers.
type Server struct {
	ID   int64
	IP   string
	Port int
}

// Backup is one configured backup location of a hub, and what lies in it.
type Backup struct {
	Name string
	// Kind is one of BackupFiles and the others.
	Kind string
	// Location is the configured glob, URL, namespace/claim or instance, for
	// messages; without credentials.
	Location string
	// Schedule is when it should be made, cron syntax, in TimeZone (an IANA name, ""
	// for UTC); "" where neither the configuration nor its CronJob tells.
	Schedule, TimeZone string
	// MaxAge is how old the newest good copy may be, 0 where the schedule tells.
	MaxAge time.Duration
	// CronJob is the name of the CronJob, in the hub's namespace, that makes it; ""
	// if that was not told.
	CronJob string
	// Verify is VerifyNone, VerifyOpen or VerifyRestore.
	Verify string
	// OnDatabaseVolume: the files lie on the file system of the database itself,
	// which the audit can tell where it has the hub's own volume mounted.
	OnDatabaseVolume bool
	// Copies are what was found, newest first.
	Copies []BackupCopy
	// Opened is what opening the newest good copy showed; nil where there is none,
	// Verify is VerifyNone, or copies of this Kind cannot be opened.
	Opened *Opened
}

// BackupCopy is one backup of a hub's database or of a claim.
type BackupCopy struct {
	Name string
	// Time is when it was made: a file's modification time or a date in its
	// name, a snapshot's creation time.
	Time      time.Time
	SizeBytes int64
	// Ready is false for a snapshot that cannot be used yet or failed.
	Ready bool
	Error string
}

// ID tells a copy from every other of its location, also from a later one of
// the same name.
func (c *BackupCopy) ID() string {
	return fmt.Sprintf("%s %d %s", c.Name, c.SizeBytes, c.Time.UTC().Format(time.RFC3339))
}
