package drain

// Hold is one replica that makes Longhorn keep the instance manager of its node
// from being evicted, so that the drain of that node does not end.
type Hold struct {
	Replica, Volume string
	Why             string // in Longhorn's terms, without a subject
}

// state is the cluster between two steps of a drain, as far as it matters to
// Longhorn's own rule. The node that is about to be drained is not gone yet.
type state struct {
	// gone has the nodes that were drained and deleted in the steps before.
	gone map[string]bool
	// back: each of them came back as a new, empty node of the same name, with new
	// disks. Longhorn's records still name the old disks.
	back bool
	// rebuilt has, by name, the Longhorn volumes that Longhorn has rebuilt since the
	// snapshot: they have more than one copy on nodes that are there, whichever
	// these are, and their records are current.
	rebuilt map[string]bool
	// detached has the volumes that were attached in the snapshot and are not any
	// more, because the pod that mounted them was stopped by the drain, also by that
	// of the node that Longhorn is asked about.
	detached map[string]bool
}
