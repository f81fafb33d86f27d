package checks

import (
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// relation is a check whose violations are nothing but what another one's make of
// the world, so that nobody needs to be called for both.
type relation struct {
	effect, cause *Check
	// because says how the one follows from the other.
	because string
	// covers tells whether a violation of the cause brings about one of the effect.
	covers func(effect, cause *verdict.Finding) bool
}

// relations has what explains what. An effect that is a cause too stands before
// its own effects, and all that explains it explains them as well, so that no
// explanation needs another one. A source that could not be read explains
// nothing: what is unknown because of it is no violation.
var relations = []relation{
	{hubUserCountDrift, hubDBReset, "the users are gone because the database was replaced by a newer one", fewerUsers},
	{hubUserCountDrift, hubDBCorrupt, "the users are gone because the database lost its content", lostUsers},
	{hubOwnerMissing, hubDBReset, "the owners are not among the users because the database was replaced by a newer one", anyFinding},
	{hubOwnerMissing, hubDBCorrupt, "the owners are not among the users because the database lost its content", byLostContent},
	{podUnknownToHub, hubDBReset, "the hub does not know its servers because the database was replaced by a newer one", anyFinding},
	{podUnknownToHub, hubDBCorrupt, "the hub does not know its servers because the database lost its content", byLostContent},

	{lhReplicaNodeMissing, pvNodeGone, "the replicas went with the node", onGoneNode},
	{lhDiskNotReady, pvNodeGone, "the node is not ready because it is gone", onGoneNode},
	{lhDiskNotReady, lhReplicaNodeMissing, "the node is not ready because it is gone", onSamePlace},
	{lhNodeGoneLingering, pvNodeGone, "Longhorn has not noticed yet that the node is gone", onGoneNode},
	{lhNodeGoneLingering, lhReplicaNodeMissing, "Longhorn has not noticed yet that the node is gone", onSamePlace},
	{lhVolumeDegraded, pvNodeGone, "the volumes lack the replicas that went with the node", onGoneNode},
	{lhVolumeDegraded, lhReplicaNodeMissing, "the volumes lack the replicas that went with the node", onSamePlace},
	{lhVolumeDegraded, lhReplicaDiskMissing, "the volumes lack the replicas that went with the disk", onSamePlace},
	{lhVolumeDegraded, lhDiskNotReady, "the volumes lack the replicas on what is not ready", onSamePlace},
	{lhSingleUsableReplica, lhDrainWouldLoseData, "the last replica is on a node that is leaving, and goes with it", lastCopyLeaves},
}

// Explain marks each failing verdict all of whose violations are what another
// failing verdict of the same run makes of the world: ExplainedBy and Because.
// Who explains is never explained itself, not silenced, and for each violation at
// least as bad. Violations that are silenced neither explain nor need to be.
func Explain(verdicts []verdict.Verdict) {
	for _, r := range relations {
		for i := range verdicts {
			effect := &verdicts[i]
			if effect.Check != r.effect.ID || effect.ExplainedBy != "" || !heard(effect) {
				continue
			}
			if cause := r.causeOf(effect, verdicts); cause != nil {
				effect.ExplainedBy, effect.Because = cause.Fingerprint, because(cause, r.because)
			}
		}
	}
}

// heard tells whether people are called for a verdict.
func heard(v *verdict.Verdict) bool { return v.Outcome == verdict.Fail && v.Silence == "" }

func because(cause *verdict.Verdict, why string) string {
	name := cause.Check
	if cause.Hub != "" {
		name += " of hub " + cause.Hub
	}
	return name + " explains it: " + why
}

// causeOf is the verdict that explains all of an effect, nil if there is none.
func (r *relation) causeOf(effect *verdict.Verdict, verdicts []verdict.Verdict) *verdict.Verdict {
	for i := range verdicts {
		cause := &verdicts[i]
		if cause.Check == r.cause.ID && cause.Hub == effect.Hub && cause.ExplainedBy == "" && heard(cause) && r.coversAll(effect, cause) {
			return cause
		}
	}
	return nil
}

func (r *relation) coversAll(effect, cause *verdict.Verdict) bool {
	if !cause.Severity.AtLeast(effect.Severity) {
		return false
	}
	for i := range effect.Findings {
		e := &effect.Findings[i]
		if e.Silence == "" && !slices.ContainsFunc(cause.Findings, func(c verdict.Finding) bool {
			return c.Silence == "" && c.Severity.AtLeast(e.Severity) && r.covers(e, &c)
		}) {
			return false
		}
	}
	return true
}

func anyFinding(_, _ *verdict.Finding) bool { return true }

// lostContent are the damages after which a hub finds no user in its database.
var lostContent = []facts.DamageKind{facts.DamageZeroBytes, facts.DamageNoTables, facts.DamageUsersRemade}

func byLostContent(_, cause *verdict.Finding) bool {
	return slices.Contains(lostContent, facts.DamageKind(cause.Details["damage"]))
}

// fewerUsers leaves to be told that there are more users than usual.
func fewerUsers(effect, _ *verdict.Finding) bool {
	return strings.HasPrefix(effect.Details["change"], "-")
}

func lostUsers(effect, cause *verdict.Finding) bool {
	return fewerUsers(effect, cause) && byLostContent(effect, cause)
}

// onSamePlace: both are about one node, or one disk, or the effect is about a disk
// of the node that the cause is about.
func onSamePlace(effect, cause *verdict.Finding) bool {
	switch {
	case effect.Subject.Kind != "node" && effect.Subject.Kind != "disk":
		return false
	case cause.Subject.Kind == "node":
		return nodeOf(effect) == cause.Subject.Name
	}
	return effect.Subject.Kind == "disk" && effect.Subject == cause.Subject
}

func nodeOf(f *verdict.Finding) string {
	if f.Subject.Kind == "node" {
		return f.Subject.Name
	}
	return f.Details["node"]
}

// onGoneNode: the node is gone, not one that was made again under its name.
func onGoneNode(effect, cause *verdict.Finding) bool {
	return cause.Details["rebuilt"] == "" && onSamePlace(effect, cause)
}

// lastCopyLeaves: the volume's only replica is on a node that is leaving.
func lastCopyLeaves(effect, cause *verdict.Finding) bool {
	return effect.Details["leaving"] != "" && effect.Details["lastNode"] == cause.Subject.Name
}
