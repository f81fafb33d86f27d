// Package attribution tells which user's server a claim is for. It never
// guesses, and never takes a name apart: where two owners are possible a claim
// has none.
//
// The evidence, strongest first:
//
//  1. what the hub's database remembers of a server (spawners.state);
//  2. the annotations that KubeSpawner put on the claim;
//  3. a running server that mounts it as its only home;
//  4. its name, where of all servers only one has it under any naming scheme
//     there ever was, and nothing on the claim speaks against it;
//  5. its label, which tells a user and no server;
//  6. claim-<lossy>-<id> of 2016 and 2017: the user with that name and id, or
//     the only one of that name.
//
// A copy of another claim, or of a snapshot, bears what the original bore: it
// is a server's only if the database or a running server says so, or if it has
// the very name that the server's claim is given.
package attribution

import (
	"fmt"

	"hubaudit/internal/facts"
)

// By names the evidence for an owner.
type By string

const (
	ByState      By = "state"      // the database remembers this claim for the server
	ByAnnotation By = "annotation" // the claim's own annotations
	ByPod        By = "pod"        // a running pod of that server mounts it as its only home
	ByName       By = "name"       // the only server that any naming scheme gives this name
	ByID         By = "id"         // claim-<lossy>-<id>, and the user with that id has that name
	ByEarlierID  By = "earlier-id" // claim-<lossy>-<id> of the only user with that name, whose id was another
	ByLabel      By = "label"      // the claim's label: a user, but no server
)

// Owner is whom a claim is for.
type Owner struct {
	// Hub is the hub's name; "" where several hubs of the namespace could be meant.
	Hub    string
	User   string
	UserID int64 // 0: the hub's database has no such user
	// Server is "" for the default server, also where other servers of the
	// user share its claim.
	Server string
	By     By
}

// Certain tells whether the evidence names the owner outright.
func (o Owner) Certain() bool { return o.By == ByState || o.By == ByAnnotation || o.By == ByID }

// String names the owner in a sentence: user "ann"'s server "lab".
func (o Owner) String() string {
	if o.Server == "" {
		return fmt.Sprintf("user %q's default server", o.User)
	}
	return fmt.Sprintf("user %q's server %q", o.User, o.Server)
}

// sameUser tells whether two owners are one hub's one user.
func (o Owner) sameUser(p Owner) bool {
	return o.Hub == p.Hub && o.UserID == p.UserID && o.User == p.User
}

// Bare tells whether a claim carries none of the metadata that KubeSpawner has
// written since 0.6: only such a claim can be one of the old naming.
func Bare(c *facts.Claim) bool { return !c.HasUser && c.LabelUser == "" && c.Component == "" }

// isCopy tells whether a claim was made from another one or from a snapshot.
func isCopy(c *facts.Claim) bool { return c.SourceKind != "" }

// Owner returns whom a claim is for; false where that cannot be told, where it
// is several users', or where only the user can be told (LabelUser).
func (x *Index) Owner(namespace, claim string) (Owner, bool) {
	return x.findIf(key{namespace, claim}, userAndServer)
}

// LabelUser returns whose a claim is where the user can be told and the server
// cannot: by its label, by a name that several servers of one user have, or by
// the annotations of a copy. The Owner's Server says nothing.
func (x *Index) LabelUser(namespace, claim string) (Owner, bool) {
	return x.findIf(key{namespace, claim}, userOnly)
}

// SharedByUsers tells whether servers of several users remember the claim, or
// the configuration says that everybody's homes are on it.
func (x *Index) SharedByUsers(namespace, claim string) bool {
	k := key{namespace, claim}
	for _, h := range x.spaces[namespace] {
		if x.hubs[h-1].isHomes(k) {
			return true
		}
	}
	n, ok := x.numbers[k]
	if !ok {
		return false
	}
	_, known := x.fromState(n, k)
	return known == severalUsers
}
