package checks

import (
	"cmp"
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
)

// lastUses tells when servers were last used, by user id and server name and,
// where the hub remembers that, by claim: several servers may share one.
type lastUses struct {
	servers map[serverKey]time.Time
	claims  map[claimKey]time.Time
	// started is since when the servers run that do.
	started map[serverKey]time.Time
}

type serverKey struct {
	user   int64
	server string
}

// lastUses reads the hub's spawners, once for all checks. A server that runs is
// used now.
func (in *Input) lastUses() lastUses {
	of := in.hubShared()
	if of.uses.servers == nil {
		of.uses = in.readLastUses()
	}
	return of.uses
}

func (in *Input) readLastUses() lastUses {
	uses := lastUses{make(map[serverKey]time.Time, len(in.Hub.Spawners)), make(map[claimKey]time.Time, len(in.Hub.Spawners)), map[serverKey]time.Time{}}
	for i := range in.Hub.Spawners {
		sp := &in.Hub.Spawners[i]
		at := later(sp.LastActivity, sp.Started)
		if sp.ServerID != 0 {
			at = in.Now
		}
		server := serverKey{sp.UserID, sp.Name}
		if sp.ServerID != 0 && !sp.Started.IsZero() {
			uses.started[server] = sp.Started
		}
		uses.servers[server] = later(uses.servers[server], at)
		if sp.State.PVCName != "" {
			claim := claimKey{cmp.Or(sp.State.Namespace, in.Hub.Namespace), sp.State.PVCName}
			uses.claims[claim] = later(uses.claims[claim], at)
		}
	}
	return uses
}

// lastUse is when a claim was last used, zero where nothing tells.
func (in *Input) lastUse(c *facts.Claim, uses lastUses) time.Time {
	owner, _ := in.userClaim(c)
	return in.usedLast(c, in.lhVolume(c), owner, uses)
}

// usedLast is the same of a claim whose volume and owner are at hand.
func (in *Input) usedLast(c *facts.Claim, v *facts.LHVolume, owner attribution.Owner, uses lastUses) time.Time {
	at := uses.claims[claimKey{c.Namespace, c.Name}]
	if owner.UserID != 0 {
		at = later(at, uses.servers[serverKey{owner.UserID, owner.Server}])
	}
	if v != nil {
		at = later(at, v.LastPodRefAt.Time())
		if v.State == "attached" && v.LastPodRefAt.IsZero() { // with one, Longhorn itself has it attached: no pod is there
			at = in.Now
		}
	}
	return at
}

// lastBackup is when a claim was last backed up by any system, zero for never.
func (in *Input) lastBackup(c *facts.Claim) time.Time {
	return in.backups().Newest(c.Namespace, c.Name)
}

// backedUpSince tells whether a backup is younger than the last use, or young
// enough by itself. Without a known use only the latter counts.
func (in *Input) backedUpSince(use, backup time.Time) bool {
	switch {
	case backup.IsZero():
		return false
	case in.Now.Sub(backup) <= in.Duration("rpo"):
		return true
	}
	return !use.IsZero() && !backup.Before(use)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
