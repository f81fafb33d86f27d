package facts

import "time"

// Past is what earlier runs left in the history.
type Past struct {
	// Baselines holds accepted normal values by hub and series name.
	Baselines map[SeriesKey]Baseline
	// Marks holds accepted normal texts by hub and name, such as the UID of the
	// hub's own claim.
	Marks map[SeriesKey]Mark
	// Changes is, by hub, how its users differ from those of the last good run.
	// A hub without an earlier good run, or whose users are not all known now,
	// has none.
	Changes map[string]*Changes
	// Sources remembers each source by name.
	Sources map[string]PastSource
	// Sizes is how much each home held when it was last found in order. A home that
	// was emptied keeps what it had, until somebody accepts pvc-emptied.
	Sizes map[SizeKey]PastSize
	// Undelivered are messages that earlier runs could not get to their receivers,
	// of those that are configured.
	Undelivered []Undelivered
	// Runs are when earlier runs of this cluster started, the newest first, at most
	// 30; Audits are the other clusters whose audits share the history.
	Runs   []PastRun
	Audits []PastAudit
	// LastRecorded is when the run of this cluster that was recorded last started, by
	// its own clock: not Runs[0].At where the clock was set in between.
	LastRecorded time.Time
}

// Undelivered is what one receiver has not accepted yet.
type Undelivered struct {
	Receiver string
	Messages int
	// Since is when the oldest of them was queued, Tries how often it was tried to
	// send it, Error why the last try failed.
	Since time.Time
	Tries int
	Error string
	// Refused: the receiver understood and refused, so that trying again is of no
	// use until the configuration changes.
	Refused bool
}

// PastRun is one earlier run.
type PastRun struct {
	At time.Time
	// Complete: no verdict was unknown and no source failed.
	Complete bool
}

// PastAudit is the audit of another cluster in the same history.
type PastAudit struct {
	Cluster string
	Runs    []PastRun // as in Past
}

// SizeKey names one measure of one claim.
type SizeKey struct {
	ClaimUID string
	// By is what measured it, SizeByLonghorn or SizeByKubelet: the two do not count
	// the same.
	By string
}

const (
	SizeByLonghorn = "longhorn" // LHVolume.ActualBytes: with snapshots, never less after a deletion
	SizeByKubelet  = "kubelet"  // Usage.UsedBytes
)

// PastSize is how much a home held.
type PastSize struct {
	Bytes int64
	// Inodes is as in Usage; 0 where it was not measured.
	Inodes int64
	At     time.Time // of the run that saw it first; zero if none ever found it in order
	// EmptiedAt is when a run first found the home emptied; zero if none did, or
	// somebody accepted it or its content came back since. EmptiedBytes and
	// EmptiedInodes are what that run measured.
	EmptiedAt                   time.Time
	EmptiedBytes, EmptiedInodes int64
}

// SeriesKey names one number or text that is followed over runs.
type SeriesKey struct{ Hub, Name string }

// SeriesUsers is the number of a hub's users.
const SeriesUsers = "users"

// Marks of the claim that a hub keeps its database on, MarkNone where there is
// nothing to note.
const (
	MarkHubClaim   = "hubClaim"   // the claim's UID
	MarkHubVolume  = "hubVolume"  // its PersistentVolume's UID
	MarkHubStorage = "hubStorage" // Volume.Storage of that
	MarkNone       = "none"
)

// MarkTested begins the name of the mark with the copy of a backup location
// that was tested good last, MarkTested + the location's name: Opened.TestedMark
// of it. Its Until is when it was opened last: no run that takes it as known moves
// that. MarkDrill is the mark that a home was restored as a test, as a run saw or
// somebody said (`audit accept backup-untested`); its Since is when.
const (
	MarkTested = "tested/"
	MarkDrill  = "drill"
)

// Baseline is the median of a series over the last good runs. It is latched:
// runs that failed or could not tell never move it.
type Baseline struct {
	Value float64
	// Runs is how many good runs the median was taken over; 0: no baseline yet.
	Runs int
	// Since is the time of the oldest of them, Until of the newest.
	Since, Until time.Time
	// High is the highest good value of the last 30 days, HighAt its time. Values
	// from before the last acceptance do not count.
	High   float64
	HighAt time.Time
}

// Mark is a text that should stay as it is. It is latched as a Baseline is.
type Mark struct {
	Value string
	// Since is the time of the first good run that saw it, Until of the last.
	Since, Until time.Time
}

// Changes is how a hub's users differ from those of an earlier run: the last
// one that was good. A run in which hub-user-id-changed fails, or whose users
// are doubted by hub-db-corrupt, hub-db-reset or hub-source-disagree, is not
// good: the comparison stays with the run before it until somebody accepts
// hub-user-id-changed or things are as they were. Times may be cut to seconds.
type Changes struct {
	// Run is the earlier run's id, At its time.
	Run string
	At  time.Time
	// Before is how many users it saw, HighestID the highest id among them, 0
	// where ids were not known.
	Before    int
	HighestID int64
	// Vanished were there and are not now, Appeared are there now and were not,
	// both sorted by name and without those who were renamed.
	Vanished, Appeared []Member
	// Renamed have the id and the time of creation of a user who was there under
	// another name, sorted by the name they had.
	Renamed []Renamed
	// Renumbered are there still under another id, sorted by name.
	Renumbered []Renumbered
	// Hashed: the history keeps hashes instead of names, and Vanished has those.
	Hashed bool
}

// Member is a user as the history remembers them.
type Member struct {
	// Name is the user's, or where the history keeps none a keyed hash of it.
	Name string
	// ID is users.id, 0 where it is not known.
	ID      int64
	Created time.Time // zero where it is not known
}

// Renamed is a user with a new name. Where the history keeps hashes, Was has one.
type Renamed struct{ Was, Now Member }

// Renumbered is a user whose id is another one now. Was and Now are both known.
type Renumbered struct {
	Name     string
	Was, Now int64
	// Created and CreatedNow are when the hub made the user, then and now.
	Created, CreatedNow time.Time
}

// PastSource is what the history knows of one source.
type PastSource struct {
	// LastOK is the time of the last run that read it and found something in
	// it, zero if none ever did. A source that is read but empty now keeps it.
	LastOK time.Time
	// LastItems is how many items that run found.
	LastItems int
	// FailedRuns counts the runs in a row, up to and including the last one,
	// that did not read it although it is configured.
	FailedRuns int
}
