package verdict

import (
	"time"

	"hubaudit/internal/facts"
)

// Diff is how the users of a cluster's hubs differ between two recorded runs.
type Diff struct {
	Cluster string
	// From was recorded before To.
	From, To RunRef
	// Swapped: they were asked for the other way round.
	Swapped bool
	// Hubs are those that either run looked at, sorted by name.
	Hubs []HubDiff
}

// RunRef names a run.
type RunRef struct {
	ID        string
	StartedAt time.Time
}

// HubDiff is how the users of one hub differ.
type HubDiff struct {
	Hub string
	// Unknown says why they cannot be compared, "" if they can. The rest is
	// empty then.
	Unknown string
	// Before and After are how many users there were.
	Before, After int
	// Hashed: the history keeps hashes, and all names below are such.
	Hashed bool
	// Vanished, Appeared, Renamed and Renumbered are as in facts.Changes.
	Vanished, Appeared []facts.Member
	Renamed            []facts.Renamed
	Renumbered         []facts.Renumbered
}

// Complete tells whether all hubs could be compared.
func (d *Diff) Complete() bool {
	for _, h := range d.Hubs {
		if h.Unknown != "" {
			return false
		}
	}
	return true
}
