// Package verdict holds what a run concluded: verdicts, their findings, and
// the incidents that verdicts open and resolve over runs. It is the language
// between checks on one side and history, report and notify on the other.
package verdict

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// Severity is one of PagerDuty's four.
type Severity string

const (
	Critical Severity = "critical" // data is being lost or misrouted, or one step away: page now
	Error    Severity = "error"    // page in hours
	Warning  Severity = "warning"  // fix this week: message
	Info     Severity = "info"     // report only
)

// Severities are all severities, worst first.
var Severities = []Severity{Critical, Error, Warning, Info}

// AtLeast tells whether s is as bad as t or worse.
func (s Severity) AtLeast(t Severity) bool {
	return slices.Index(Severities, s) <= slices.Index(Severities, t)
}

// ParseSeverity reads a severity's name.
func ParseSeverity(name string) (Severity, error) {
	if s := Severity(name); slices.Contains(Severities, s) {
		return s, nil
	}
	return "", fmt.Errorf("unknown severity %q: use critical, error, warning or info", name)
}

// Outcome is what a check said.
type Outcome string

const (
	Pass    Outcome = "pass"
	Fail    Outcome = "fail"
	Unknown Outcome = "unknown" // a needed source could not be read; never a pass
	Skipped Outcome = "skipped" // absent by design
)

// Subject is the thing that violates an invariant.
type Subject struct {
	Kind      string `json:"kind"` // user, claim, volume, storageclass, node, pod, database, hub, backup, source
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	ID        string `json:"id"`
}

// Finding is one violation by one subject.
type Finding struct {
	Subject  Subject  `json:"subject"`
	Severity Severity `json:"severity"`
	// Message is one sentence: what was seen and what was expected.
	Message string `json:"message"`
	// Details are further facts for a person or a program, by camelCase key.
	Details map[string]string `json:"details,omitempty"`
	// Silence is the silence that covers it, in words; empty if none does.
	Silence string `json:"silence,omitempty"`
}

// Verdict is one check's answer for one hub in one run. Hub is empty for
// checks of the cluster.
type Verdict struct {
	Check    string   `json:"check"`
	Hub      string   `json:"hub"`
	Outcome  Outcome  `json:"verdict"`
	Severity Severity `json:"severity"`
	// Summary is one line: what is wrong, or why unknown or skipped.
	Summary string `json:"summary"`
	Count   int    `json:"count"`
	// Fingerprint is stable over runs and free of counts and names.
	Fingerprint string `json:"fingerprint"`
	// Since is when the open incident of this verdict was opened.
	Since *time.Time `json:"since,omitempty"`
	// Silenced is how many of the findings silences cover. Severity and Count are
	// those of the others. Where all are covered, Silence is one that does, in words,
	// and Severity and Count are those of all.
	Silenced int    `json:"silenced,omitempty"`
	Silence  string `json:"silence,omitempty"`
	// ExplainedBy is the fingerprint of the failing verdict that is the cause of this
	// one, whose messages name it; Because says so in words.
	ExplainedBy string    `json:"explainedBy,omitempty"`
	Because     string    `json:"because,omitempty"`
	Findings    []Finding `json:"findings"`
	// Series are the numbers measured for drift, by series name.
	Series map[string]float64 `json:"series,omitempty"`
	// Marks are the texts noted for drift, by name.
	Marks map[string]string `json:"marks,omitempty"`
	// Rebase says, by the name of a series or mark, why what was seen is to be
	// the new normal at once, without anybody's acceptance.
	Rebase map[string]string `json:"rebase,omitempty"`
	// Normal says that the numbers and texts may move what is normal although
	// the verdict is a failure, as growth does.
	Normal bool `json:"normal,omitempty"`
	// Sizes are how much homes held, of those that were measured.
	Sizes []Size `json:"-"`
	// Disabled is true when the configuration switched the check off.
	Disabled bool `json:"disabled,omitempty"`
}

// Size is how much a home held in this run.
type Size struct {
	facts.SizeKey
	Bytes  int64
	Inodes int64 // 0 where they were not measured
	// Emptied: the home lost its content, so that what it held before is not to be
	// forgotten.
	Emptied bool
}

// Fingerprint names the incident of a check for a hub in a cluster. It is the
// same in every run and shows none of its parts.
func Fingerprint(cluster, hub, check string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"hubaudit", cluster, hub, check}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// Run is one audit.
type Run struct {
	// ID is unique in a history and sorts by time: 20261122T124500Z-1.
	ID        string
	Cluster   string
	StartedAt time.Time
	Duration  time.Duration
	Version   string
	Sources   []facts.Source
	// Verdicts are in the order of the registry, then of the hubs.
	Verdicts []Verdict
	// Coverage tells, hub by hub, what of it has backups.
	Coverage []Coverage
	// Incidents are those that this run opened, found ongoing or resolved,
	// and those whose verdict is unknown now. Set once the history knows.
	Incidents []Incident
	// Notes are things about the run itself that a reader must know, such as
	// a history that could not be written.
	Notes []string
	// LastSuccess is when the last run before this one started that was complete;
	// zero if the history knows of none.
	LastSuccess time.Time
}

// Complete tells whether everything could be told: no verdict is unknown and no
// source failed.
func (r *Run) Complete() bool {
	for i := range r.Verdicts {
		if r.Verdicts[i].Outcome == Unknown {
			return false
		}
	}
	return !slices.ContainsFunc(r.Sources, func(s facts.Source) bool { return s.Status == facts.Failed })
}

// Coverage is what of one hub has backups.
type Coverage struct {
	Hub string
	// Unknown says why the homes' backups could not be told; "" if they could.
	Unknown string
	// Homes is how many claims need a backup: Current of them have one that is newer
	// than their last use or than the schedule or rpo demands, Old only an older
	// one, None none at all.
	Homes, Current, Old, None int
	// Untold are the others: a fresh backup may or may not have them, as its system
	// does not tell.
	Untold int
	// Oldest is the claim whose newest backup is the oldest, OldestAt that
	// backup's time; empty where nothing is backed up.
	Oldest   string
	OldestAt time.Time
	// Database are the locations of copies of the hub's database.
	Database []DatabaseBackup
}

// DatabaseBackup is one location of copies of a hub's database.
type DatabaseBackup struct {
	Name, Location string
	// Good is the newest copy that looks good, GoodAt its time; empty if none does.
	Good   string
	GoodAt time.Time
	// Tested is the newest copy that was opened or restored and found whole, by
	// this run or an earlier one, TestedAt when; empty if none was.
	Tested   string
	TestedAt time.Time
	Level    string // open or restore
	// Trouble is why the newest copy is not good or was not tested; "" if neither.
	Trouble string
	// Unread: the location could not be read, so that its copies are not known.
	Unread bool
}

// Remembered tells whether the history holds this run: it numbers runs from 1.
func (r *Run) Remembered() bool { return !strings.HasSuffix(r.ID, "-0") }

// Summary counts verdicts by outcome, and failing ones by severity.
type Summary struct {
	Pass     int `json:"pass"`
	Fail     int `json:"fail"`
	Unknown  int `json:"unknown"`
	Skipped  int `json:"skipped"`
	Critical int `json:"critical"`
	Error    int `json:"error"`
	Warning  int `json:"warning"`
	Info     int `json:"info"`
	// Silenced is how many of the failing ones silences cover whole.
	Silenced int `json:"silenced,omitzero"`
}

// Summary counts the run's verdicts.
func (r *Run) Summary() Summary {
	var s Summary
	outcomes := map[Outcome]*int{Pass: &s.Pass, Fail: &s.Fail, Unknown: &s.Unknown, Skipped: &s.Skipped}
	severities := map[Severity]*int{Critical: &s.Critical, Error: &s.Error, Warning: &s.Warning, Info: &s.Info}
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if n := outcomes[v.Outcome]; n != nil {
			*n++
		}
		if n := severities[v.Severity]; n != nil && v.Outcome == Fail {
			*n++
		}
		if v.Outcome == Fail && v.Silence != "" {
			s.Silenced++
		}
	}
	return s
}

// IncidentState is where an incident stands after a run.
type IncidentState string

const (
	// Pending is not an incident yet: it has not failed for as long as its check is
	// given (Patience). Nobody is told.
	Pending  IncidentState = "pending"
	Opened   IncidentState = "opened"   // by this run, for the first time or again
	Ongoing  IncidentState = "ongoing"  // open since an earlier run
	Resolved IncidentState = "resolved" // by this run
)

// Incident is the open span of a failing verdict over runs.
type Incident struct {
	// ID is the history's; 0 where there is no history to remember it.
	ID          int64
	Fingerprint string
	Cluster     string
	Hub         string
	Check       string
	State       IncidentState
	// Outcome is the verdict of this run: an ongoing incident may be Unknown
	// or Skipped now, neither of which resolves it.
	Outcome Outcome
	// Severity, Summary and Count are of the last failing verdict.
	Severity   Severity
	Summary    string
	Count      int
	OpenedAt   time.Time
	ResolvedAt time.Time
	// Reason says why it was resolved: the invariant holds again, or the
	// check was disabled.
	Reason string
	// FailingSince is the time of the first run of the failures that opened it,
	// FailingRuns how many runs in a row it has failed, CleanRuns how many it has
	// held since.
	FailingSince time.Time
	FailingRuns  int
	CleanRuns    int
	// Reopened is how often it was opened again after it had been resolved.
	Reopened int
	// Silence is the silence that covers all of its findings, in words; empty if
	// none does. Nobody is told then, and it stays open.
	Silence string
	// ExplainedBy and Because are as in Verdict.
	ExplainedBy string
	Because     string
}

// Told tells whether people are to hear of the incident for its own sake.
func (i *Incident) Told() bool { return i.State != Pending && i.Silence == "" && i.ExplainedBy == "" }

// Patience is for how long a check must fail until an incident opens: in so many
// runs in a row, and for so long. The zero value opens it at once.
type Patience struct {
	Runs int
	For  time.Duration
}

// Silence is somebody's decision to hear nothing of some findings for a while.
type Silence struct {
	ID      int64
	Cluster string
	// Check and Hub are globs (path.Match) over check ids and hub names; a check of
	// the cluster has the hub "". Subject is one over the names of subjects; "*" is
	// every finding of the check.
	Check, Hub, Subject string
	Reason, By          string
	At, Until           time.Time
	// EndedAt is when somebody ended it early; zero if nobody did.
	EndedAt time.Time
	// MatchedAt is the time of the last run in which it covered a finding, zero if
	// there was none.
	MatchedAt time.Time
}

// Guide is what a person needs to know of a check to act on its verdict. It
// comes from the registry's documentation.
type Guide struct {
	ID       string
	Title    string
	Severity Severity
	Meaning  string
	Do       []string // what to do now, in order
	Dont     []string // what would make it worse
}
