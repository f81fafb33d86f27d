// Package rescue builds a new hub database from what a cluster still knows of
// its users: their claims, what the history remembers and an old backup. It
// writes a new file, or SQL, and touches nothing that exists.
package rescue

import "time"

// Plan is what will be written, with the evidence for every row, and what will
// not, with the reason.
type Plan struct {
	Hub     string
	Users   []User // by id
	LeftOut []LeftOut
}

// User is a row of the table users, with the rows of its servers.
type User struct {
	ID           int64
	Name         string
	Admin        bool
	Created      time.Time // zero: unknown
	LastActivity time.Time
	// Evidence says, one clause each, where the name and the id come from.
	Evidence []string
	Servers  []Server
}

// Server is a row of the table spawners and the claim that its state will name.
type Server struct {
	Name             string // "" for the default server
	Namespace, Claim string // Claim is "" for a server without one
	LastActivity     time.Time
	Evidence         []string
}

// LeftOut is a claim that is in no row.
type LeftOut struct {
	Namespace, Claim string
	// Why says what could not be told; Candidates are the names that are possible.
	Why        string
	Candidates []string
	// Decided: the mapping file asked for it.
	Decided bool
}
