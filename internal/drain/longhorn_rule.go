package drain

import (
	"fmt"
	"strconv"

	"hubaudit/internal/lhsetting"
)

// rule is how a range of Longhorn's versions decides whether a drained node's
// instance managers lose their PodDisruptionBudgets. It was read in the source
// of every range and is held against recordings of the code itself, see
// testdata/longhorn.
type rule struct {
	reads reading
	// hasSwitch and hasPolicy: the settings that exist.
	hasSwitch, hasPolicy bool
	// oneManager: engines and replicas share an instance manager of type aio (1.5).
	oneManager bool
	// needsManager: a stopped replica on a node without the instance manager that
	// would run it is an error (1.8).
	needsManager bool
}

// reading is how the other replicas of a volume are looked at.
type reading int

const (
	// records (1.1, 1.2): any other node's healthy record will do, whether or not the
	// node exists.
	records reading = iota
	// inTurn (1.3 to 1.5.3): the other replica's node must be schedulable and its
	// instance manager run and have a budget. They are looked at in no fixed order,
	// and the first good one ends the search before an error can.
	inTurn
	// listed (since 1.5.4): the same, but all are looked at, and one error fails the
	// whole check.
	listed
)

// ruleOf finds the rule of a version, or says why it is not known.
func ruleOf(version string) (rule, string) {
	v, ok := lhsetting.ParseVersion(version)
	if !ok {
		return rule{}, fmt.Sprintf("which drains Longhorn blocks differs by version, and %q is not a release of it", version)
	}
	at := func(minor, patch int) bool { return v.Minor > minor || v.Minor == minor && v.Patch >= patch }
	if v.Major != 1 || !at(1, 0) || at(14, 0) {
		return rule{}, fmt.Sprintf("it is not known which drains Longhorn %s blocks, only of 1.1 to 1.13", version)
	}
	r := rule{hasSwitch: !at(5, 0), hasPolicy: at(4, 2) || v.Minor == 3 && v.Patch >= 3, oneManager: at(5, 0), needsManager: at(8, 0)}
	switch {
	case at(5, 4):
		r.reads = listed
	case at(3, 0):
		r.reads = inTurn
	}
	return r, ""
}

// policy is what the operator chose.
type policy int

const (
	blockLast policy = iota // also block-for-eviction-if-contains-last-replica
	allowIfStopped
	alwaysAllow
	blockForEviction
)

var policies = map[string]policy{
	"block-if-contains-last-replica":              blockLast,
	"block-for-eviction-if-contains-last-replica": blockLast,
	"allow-if-replica-is-stopped":                 allowIfStopped,
	"always-allow":                                alwaysAllow,
	"block-for-eviction":                          blockForEviction,
}

// autoscalerSetting makes Longhorn keep as few budgets as it can.
const autoscalerSetting = "kubernetes-cluster-autoscaler-enabled"

// policyOf reads the settings that the rule's versions have, or says why they
// cannot be understood.
func (r rule) policyOf(settings map[string]string) (policy, string) {
	if value, ok := settings[lhsetting.LegacyDrainPolicy]; ok && r.hasSwitch {
		switch allow, err := strconv.ParseBool(value); {
		case err != nil:
			return 0, fmt.Sprintf("Longhorn's setting %s is %q, neither true nor false", lhsetting.LegacyDrainPolicy, value)
		case allow:
			return alwaysAllow, ""
		}
	}
	value, ok := settings[lhsetting.NodeDrainPolicy]
	if !ok || !r.hasPolicy {
		return blockLast, ""
	}
	p, known := policies[value]
	if !known || p == blockForEviction && r.reads != listed {
		return 0, fmt.Sprintf("Longhorn's setting %s is %q, which is not known of this version", lhsetting.NodeDrainPolicy, value)
	}
	return p, ""
}

// decision gathers what the other replicas of a volume are worth to one on the
// drained node.
type decision struct {
	blank      bool    // it has no data to protect
	any, every outcome // what some of the others, and what each of them may be
	broken     bool    // looking up one of them surely fails
}

func (d *decision) hear(o outcome) {
	d.any |= o
	d.every &= o
	d.broken = d.broken || o == fails
}

func (d *decision) end(reads reading) outcome {
	if d.broken && reads == listed {
		return fails
	}
	o := d.any & fails
	if d.blank || d.any.may(lets) {
		o |= lets
	}
	if !d.blank && d.every.may(holds) {
		o |= holds
	}
	return o
}

// reason is why Longhorn holds a replica, in its own terms.
func (g *guard) reason() string {
	switch {
	case g.policy == blockForEviction:
		return "has to be evicted from the node first (node-drain-policy block-for-eviction)"
	case g.rule.reads == records:
		return "is the last one that is healthy on record"
	}
	return "has no healthy replica on another schedulable node whose instance manager runs and has a PodDisruptionBudget"
}
