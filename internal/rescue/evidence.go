package rescue

import (
	"time"

	"hubaudit/internal/facts"
)

// Evidence is what is known of a hub's users beside the cluster and the hub's
// present database.
type Evidence struct {
	// Backups are old databases of the hub, the most trusted first.
	Backups []Backup
	// Members are who the history saw: all spans of each, the oldest first.
	Members []Member
	// LastGood is the time of the last run in which all was well with the hub's
	// users, zero if there was none.
	LastGood time.Time
	// MembersHashed: Members have keyed hashes instead of names. Hash makes such a
	// hash of a name, nil where the key is not known.
	MembersHashed bool
	Hash          func(name string) string
	// Mapping has the operator's decisions; nil for none.
	Mapping *Mapping
}

// Backup is one old database.
type Backup struct {
	Name string // for messages
	Hub  *facts.Hub
}

// Member is one span in which the history saw a user.
type Member struct {
	Name    string
	ID      int64 // users.id, 0 where it was not known
	Created time.Time
	// Until is when the history first saw that they were gone or another; zero
	// while they are there.
	Until time.Time
	// Good: they were there so at LastGood.
	Good bool
}
