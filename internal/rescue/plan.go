// Package rescue builds a new hub database from what a cluster still knows of
// its users: their claims, what the history remembers and an old backup. It
// writes a new file, or SQL, and touches nothing that exists.
package rescue

import "time"

// Plan is what will be written, with the evidence for every row, and what will
// not, with the reason.
type Plan struct {
	Hub       string
	Namespace string // the hub's
	Users     []User // by id
	LeftOut   []LeftOut
	// Hyphen is the character that the likeliest spellings of the names that are
	// open have most often, "" where nothing tells.
	Hyphen string
	// Notes are what a reader must know of the plan as a whole, such as evidence
	// that could not be read.
	Notes []string
}

// Source names a kind of evidence.
type Source string

// The kinds of evidence, strongest first.
const (
	FromMapping    Source = "mapping"    // the operator's decision
	FromBackup     Source = "backup"     // a row of an old database
	FromHistory    Source = "history"    // what the audit's history remembers
	FromAnnotation Source = "annotation" // the claim's annotations
	FromLabel      Source = "label"      // the claim's label, which its name bears out
	FromRule       Source = "rule"       // the operator's rule on hyphens, and the claim's name
	FromName       Source = "name"       // the claim's name
	FromPod        Source = "pod"        // a running pod that mounts the claim
	FromDatabase   Source = "database"   // the hub's present database
	FromNothing    Source = "none"       // nothing tells: for an id, a new one
)

// Sources are all kinds of evidence, strongest first.
var Sources = []Source{FromMapping, FromBackup, FromHistory, FromAnnotation, FromLabel, FromRule, FromName, FromPod, FromDatabase, FromNothing}

// User is a row of the table users, with the rows of its servers.
type User struct {
	ID           int64
	Name         string
	Admin        bool
	Created      time.Time // zero: unknown
	LastActivity time.Time
	// NameFrom and IDFrom are the strongest evidence for the name and the id.
	NameFrom, IDFrom Source
	// Evidence says, one clause each, where the name and the id come from.
	Evidence []string
	Servers  []Server
}

// Server is a row of the table spawners and the claim that its state will name.
type Server struct {
	Name             string // "" for the default server
	Namespace, Claim string // Claim is "" for a server without one
	LastActivity     time.Time
	// From is the evidence for whose server it is.
	From     Source
	Evidence []string
}

// Reason names a kind of reason for leaving something out.
type Reason string

// The kinds of reasons.
const (
	ReasonDecided   Reason = "decided"          // the mapping file says so
	ReasonLossy     Reason = "lossy-name"       // characters of the name are lost
	ReasonID        Reason = "id-conflict"      // several ids for one user, or several users for one id
	ReasonTwins     Reason = "twins"            // several names that may be one
	ReasonShared    Reason = "shared"           // several users for one claim
	ReasonDuplicate Reason = "duplicate"        // several claims for one server, and nothing decides
	ReasonSecond    Reason = "second"           // the server has another claim
	ReasonCopy      Reason = "copy"             // made from another claim or a snapshot
	ReasonUnusable  Reason = "unusable"         // lost, or being deleted
	ReasonRemoved   Reason = "removed"          // the user was removed before the loss
	ReasonName      Reason = "refused-name"     // no hub accepts the name
	ReasonNeighbour Reason = "neighbouring-hub" // it may be another hub's
	ReasonUnknown   Reason = "unknown"          // nothing tells whose it is
)

// LeftOut is a claim that is in no row, or a user without a claim who is in none.
type LeftOut struct {
	// Claim is "" for a user without one; Created is the claim's time.
	Namespace, Claim string
	Created          time.Time
	// User and Server are whose it is, "" where that could not be told. The user
	// may be in the plan all the same, without this claim.
	User, Server string
	// Reason is a kind of Why, which says what could not be told; Candidates are the names that are possible.
	Reason     Reason
	Why        string
	Candidates []string
	// Hint says why the first candidate is the likeliest, "" where nothing tells.
	Hint string
	// Decided: the mapping file asked for it.
	Decided bool
	// Proposal is a decision that would settle it, nil where there is none to offer.
	Proposal *Decision
}

// Lossy counts the claims of 2016 and 2017 that are left out because their
// names do not tell the user's.
func (p *Plan) Lossy() int {
	n := 0
	for i := range p.LeftOut {
		if p.LeftOut[i].Reason == ReasonLossy {
			n++
		}
	}
	return n
}

// Undecided counts what is left out although nobody asked for it.
func (p *Plan) Undecided() int {
	n := 0
	for i := range p.LeftOut {
		if !p.LeftOut[i].Decided {
			n++
		}
	}
	return n
}
