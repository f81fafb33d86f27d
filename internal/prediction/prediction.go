// Package prediction tells which claim, or which directory of a shared one,
// the next start of every server will mount, and whether its user then finds
// their files. It is pure.
package prediction

import (
	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
)

// Outcome is what a user finds after the next start of a server.
type Outcome string

const (
	// Same: the home that they have now; of a server that never had one, its first.
	Same Outcome = "same"
	// Empty: a new and empty volume, or one that is not the one with their files.
	Empty Outcome = "empty"
	// Other: somebody else's home.
	Other Outcome = "other"
	// Pending: the server cannot start, as the claim that it asks for is gone,
	// lost or being deleted.
	Pending Outcome = "pending"
)

// Cause says why a start does not find the claim that holds the data.
type Cause string

const (
	// CauseForgotten: the server ran through the upgrade to KubeSpawner 7, which
	// wrote its state anew without the claim's name when it was stopped
	// (jupyterhub/kubespawner#937).
	CauseForgotten Cause = "forgotten"
	// CauseRunning: the same will happen once the running server is stopped.
	CauseRunning Cause = "running"
	// CauseUnreachable: the claim has a name that this version does not try.
	CauseUnreachable Cause = "unreachable"
	// CauseNoState: the hub remembers nothing of the server, so that no older name is tried.
	CauseNoState Cause = "no-state"
	// CauseMissing: the claim that the hub remembers does not exist.
	CauseMissing Cause = "missing"
	// CauseCollision: servers of several users ask for one name.
	CauseCollision Cause = "collision"
	// CauseUnusable: the claim exists and cannot be mounted: lost, or being deleted.
	CauseUnusable Cause = "unusable"
)

// Start is the next start of one server.
type Start struct {
	Hub    string
	User   string
	UserID int64
	Server string // "" for the default server
	// Namespace and Claim are what it mounts; Directory is the path in the claim
	// where homes share one.
	Namespace, Claim, Directory string
	// New: there is no such claim, or directory, yet.
	New bool
	// Because says how KubeSpawner comes to that claim, as a clause.
	Because string
	Outcome Outcome
	Cause   Cause // "" for Same
	// Data is what holds the user's files now: a claim, or a directory of Claim
	// where homes share one; "" if there is nothing to lose. Claims has all of
	// the server's claims, the likeliest first.
	Data   string
	Claims []*facts.Claim
	// DataNamespace is where the claim Data is; Content hints at what is on it.
	// Both are zero where Data is "" or a directory.
	DataNamespace string
	Content       Content
	// SpawnerID is the server's row in the table spawners: 0 if it has none,
	// negative where the REST API told of it.
	SpawnerID int64
	// Owner is whose the claim is that Other mounts.
	Owner attribution.Owner
}
