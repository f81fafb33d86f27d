// Package checks is the registry of invariants. A check is one value of type
// Check with a pure function; it sees a snapshot and nothing else: no context,
// no client, no clock, no environment. Registry lists them all.
package checks

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// Scope tells whether a check is judged once per hub or once per cluster.
type Scope string

const (
	PerHub     Scope = "hub"
	PerCluster Scope = "cluster"
)

// Sources of a hub, for Needs and Uses; they stand for that hub's own.
const (
	HubDatabase = "hubdb/*"
	HubAPI      = "hubapi/*" // the hub's REST API
	// HubUsers is where the hub's users were read from: its database, or its
	// REST API if there is no database to read or it could not be read.
	HubUsers   = "users/*"
	HubBackups = "backup/*" // every backup location of the hub
	HubHomes   = "homes/*"  // the listing of its home directories on a shared claim
)

// Check is one invariant.
type Check struct {
	// ID is for ever: it names the check in configuration, reports and keys.
	ID       string
	Title    string // one line: the invariant that must hold
	Severity verdict.Severity
	Since    string // the version that introduced it
	Scope    Scope
	// Needs are the sources without which it cannot be judged: one failed makes
	// it unknown, one absent makes it skipped.
	Needs []string
	// Uses are sources that widen its view: one failed makes it unknown, one
	// absent is fine.
	Uses []string
	// Weighs are sources whose state the function itself looks at, because one that
	// failed need not make it unknown: another may have told enough.
	Weighs []string
	Params []Param
	// Baseline is true when it compares with what was normal, so that
	// `audit accept` can move that.
	Baseline bool
	// Expects is true when the configuration may name times in which a change
	// is expected (Window).
	Expects bool
	Doc     Doc
	Run     func(in *Input) Result
}

// Doc is what people read: in the terminal, in docs/checks.md and in reports.
type Doc struct {
	// Meaning says what a violation means for the users' data and why.
	Meaning string
	// FalseAlarms says which legitimate causes there are and how they are told apart.
	FalseAlarms string
	// Do is what to do now, in order; Dont is what would make it worse.
	Do, Dont []string
	// Sources says where the invariant comes from: post-mortems, issues, code.
	Sources []string
}

// Param is a number or duration that the configuration may set.
type Param struct {
	Name string
	Doc  string
	// Default, Min and Max are the unit's own number, or nanoseconds for a duration.
	Default, Min, Max float64
	Unit              string // percent, users, runs …; "duration" for 10m, 26h
}

// UnitDuration marks a Param as a duration.
const UnitDuration = "duration"

// Input is all that a check sees.
type Input struct {
	*facts.Snapshot
	// Hub is the hub that is judged, nil for a check of the cluster.
	Hub *facts.Hub
	// Expected is the configured window that Now lies in, nil outside of any.
	Expected *Window
	values   map[string]float64
	shared   *shared
}

// Window is a time in which a change is expected, such as the clean-up at the
// end of a term.
type Window struct {
	From, To time.Time // both inclusive
	Reason   string
}

// Number returns the value of a parameter of the running check.
func (in *Input) Number(name string) float64 {
	v, ok := in.values[name]
	if !ok {
		panic(fmt.Sprintf("parameter %q is not declared", name))
	}
	return v
}

// Duration returns the value of a parameter whose unit is duration.
func (in *Input) Duration(name string) time.Duration { return time.Duration(in.Number(name)) }

// Result is what a check's function returns. No finding, no Skip and no
// Unknown is a pass.
type Result struct {
	Findings []verdict.Finding
	// Summary is one line over all findings; by default the first one's message.
	Summary string
	// Skip says why the check does not apply here.
	Skip string
	// Unknown says why, although its sources were read, it could not be told.
	// With findings it is added to the summary: what was found stays true.
	Unknown string
	// Series are the numbers that this check measured for its baseline, Marks
	// the texts.
	Series map[string]float64
	Marks  map[string]string
	// Sizes are how much homes hold now, as far as they were measured.
	Sizes []verdict.Size
	// Rebase names the series or marks whose present value becomes normal at
	// once, and why: because a configured window expected the change.
	Rebase map[string]string
	// Normal says that what was measured may move the baseline although the
	// check fails: growth is told, and yet is what is normal from now on.
	Normal bool
}

// Guides is the registry's documentation in the form that reports use.
func Guides() map[string]verdict.Guide {
	guides := make(map[string]verdict.Guide, len(Registry))
	for _, c := range Registry {
		guides[c.ID] = verdict.Guide{ID: c.ID, Title: c.Title, Severity: c.Severity,
			Meaning: c.Doc.Meaning, Do: c.Doc.Do, Dont: c.Doc.Dont}
	}
	return guides
}

// Find returns the check of that id.
func Find(id string) (*Check, bool) {
	i := slices.IndexFunc(Registry, func(c *Check) bool { return c.ID == id })
	if i < 0 {
		return nil, false
	}
	return Registry[i], true
}
