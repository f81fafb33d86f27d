// Package drain foretells what a cluster loses when nodes are drained and
// taken away: which volumes' last copy goes with which node, in a given order,
// and which order is the safest. It looks at nodes, disks and records only, as a
// detached volume says nothing about itself.
//
// A drained node is taken to lose what lies on it: its disks are wiped, or
// never come back. A reboot that keeps the disks loses nothing.
//
// A plan is made in the order of these files: gaps.go finds what cannot be seen;
// planner.go puts every volume into a group (group.go) of those that fare alike,
// a pool (pool.go) or a list; order.go searches the safest order of the nodes, by
// simulate.go; steps.go tells what each step costs, and longhorn*.go what Longhorn
// itself would do about it; remedy.go says what would help.
package drain

import (
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// Options say what is about to be done.
type Options struct {
	// Nodes are drained in this order. With Rolling and none named, all nodes that
	// hold data are, in the safest order that is found.
	Nodes []string
	// Rolling: every node comes back as a new, empty one before the next goes.
	Rolling bool
	// WaitRebuild: between two nodes everything is rebuilt that Longhorn rebuilds by
	// itself.
	WaitRebuild bool
	// Keep is how many usable copies of every volume must remain; 0 means 1.
	Keep int
}

// Result is what a drain would do.
type Result struct {
	Options
	// Chosen: the order of the steps was found, not given.
	Chosen bool
	// Safe: no step loses a copy that must remain, and nothing is unknown.
	Safe  bool
	Steps []Step
	// Unknown says, one sentence each, what could not be read or told.
	Unknown []string
	// Unclear are hubs' and users' volumes of which the cluster does not show whether
	// they outlive the drain.
	Unclear []Item
	// Gone have no copy and no remains even now; nothing is left to lose.
	Gone []Item
	// Order is the safest order; nil for fewer than two nodes.
	Order *Order
	// Remedies are what would make the drain safe, in the order in which to do them.
	Remedies []Remedy
	// Judged is how many volumes with data lie on the cluster's nodes. Outside is how
	// many do not, Blank how many were never written to, and Other how many of
	// nobody's volumes are unclear.
	Judged, Outside, Blank, Other int
	// Longhorn is the version of Longhorn, "" where there is none.
	Longhorn string
}

// Step is the drain of one node.
type Step struct {
	Node string
	// Note says what is special about the node, such as that it is gone already.
	Note string
	// Lost lose their last copy, or their last remains, with this node. BelowKeep
	// have copies left, but fewer than must remain. In both the hub's own volume is
	// first, then come users' homes.
	Lost, BelowKeep []Item
	// Apart are volumes whose last copy goes too, but whose data is not lost with it:
	// they are being restored or cloned, or are copies of another cluster's.
	Apart []Item
	// Interrupted are the pods with volumes that run on the node now.
	Interrupted []Pod
	// Longhorn is what Longhorn itself would do; nil where there is none.
	Longhorn *Longhorn
	// Budgets are PodDisruptionBudgets that allow no eviction now, in namespaces
	// of pods that run on the node: they may stop the drain.
	Budgets []string
}

// Role is what a volume is for.
type Role string

const (
	RoleHub   Role = "hub"   // a hub's own volume, with its database
	RoleHome  Role = "home"  // a user's, or everybody's
	RoleOther Role = "other" // neither, as far as is known
)

// Item is a volume and whose it is.
type Item struct {
	Volume           string // the Longhorn volume's name, or the PersistentVolume's
	Namespace, Claim string
	// Hub, User and Server are whom the claim is for, "" where that is not known.
	Hub, User, Server string
	Role              Role
	// Copies is how many usable ones are left after the step.
	Copies int
	Why    string // completes a sentence that begins with the volume
	// Longhorn: it is one of Longhorn's volumes.
	Longhorn bool
}

// Longhorn is what Longhorn of the installed version itself does about the drain
// of one node.
type Longhorn struct {
	// Holds are the replicas because of which it keeps the drain from ending.
	Holds []Hold
	// Unprotected are the lost volumes that none of them is of: forced, or once the
	// others are dealt with, the drain goes on and loses them.
	Unprotected []string
	// Trouble says what of this cannot be told, or why the drain would hang for
	// another reason.
	Trouble string
}

// Blocks tells whether the drain would not end.
func (l *Longhorn) Blocks() bool { return l != nil && len(l.Holds) > 0 }

// Misuse is an error of whoever asked, such as a node that does not exist.
type Misuse string

func (m Misuse) Error() string { return string(m) }

// Plan foretells a drain. The only errors are Misuse; what could not be read
// or told is in the Result.
func Plan(s *facts.Snapshot, o Options) (*Result, error) {
	if o.Keep == 0 {
		o.Keep = 1
	}
	r := &Result{Options: o, Longhorn: s.Longhorn.Version}
	switch {
	case o.Keep < 0:
		return nil, Misuse(fmt.Sprintf("%d copies cannot be kept: keep 1 or more", o.Keep))
	case len(o.Nodes) == 0 && !o.Rolling:
		return nil, Misuse("name the nodes to drain, or ask for a rolling rebuild of all")
	}
	seen := gaps(s)
	r.Unknown = seen.unknown
	if !seen.nodes {
		return r, nil // without nodes nothing can be told, nor whether a name is right
	}
	if err := checkNames(s, o.Nodes); err != nil {
		return nil, err
	}
	p := newPlanner(s, r, seen.longhorn)
	p.run()
	return r, nil
}

// checkNames finds nodes that are nowhere on record.
func checkNames(s *facts.Snapshot, names []string) error {
	known := nodeNames(s)
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return Misuse(fmt.Sprintf("node %q is named twice: a node can be drained once", name))
		}
		if _, ok := slices.BinarySearch(known, name); ok {
			continue
		}
		hint := "the nodes are " + some(known, 10)
		if near := text.Nearest(name, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return Misuse(fmt.Sprintf("there is no node %q: %s", name, hint))
	}
	return nil
}

// nodeNames has every node that is on record anywhere, sorted: one that is gone
// from Kubernetes may still be Longhorn's.
func nodeNames(s *facts.Snapshot) []string {
	var names []string
	for i := range s.Kube.Nodes {
		names = append(names, s.Kube.Nodes[i].Name)
	}
	for i := range s.Longhorn.Nodes {
		names = append(names, s.Longhorn.Nodes[i].Name)
	}
	for i := range s.Longhorn.Replicas {
		if id := s.Longhorn.Replicas[i].NodeID; id != "" && (len(names) == 0 || names[len(names)-1] != id) {
			names = append(names, id)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// some quotes the first few of many names.
func some(names []string, most int) string {
	quoted := make([]string, 0, most+1)
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	if more := len(names) - most; more > 0 {
		quoted = append(quoted, text.Number(more)+" more")
	}
	return strings.Join(quoted, ", ")
}
