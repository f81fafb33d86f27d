package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/drain"
	"hubaudit/internal/text"
)

// DrainFormats are the formats that WriteDrain knows.
var DrainFormats = []string{"terminal", "markdown", "json"}

// Drain is what a drain of nodes would do.
type Drain struct {
	Cluster string
	At      time.Time // the cluster is as it was then
	*drain.Result
	// All leaves nobody out of a long list for people. JSON has all anyway.
	All bool
}

// WriteDrain writes what a drain would do in one of DrainFormats.
func WriteDrain(w io.Writer, format string, d *Drain, o Options) error {
	var err error
	switch format {
	case "terminal":
		err = writeDrainTerminal(w, d, o)
	case "markdown":
		err = writeDrainMarkdown(w, d, o)
	case "json":
		err = writeDrainJSON(w, d)
	default:
		return fmt.Errorf("unknown format %q of a drain: use one of %s", format, strings.Join(slices.Sorted(slices.Values(DrainFormats)), ", "))
	}
	if err != nil {
		return fmt.Errorf("write the drain as %s: %w", format, err)
	}
	return nil
}

// answer is the one word that a drain's report begins with.
func (d *Drain) answer() string {
	switch {
	case d.Costs():
		return "NOT SAFE"
	case d.Safe:
		return "SAFE"
	}
	return "COULD NOT TELL"
}

// headline says after the answer what it rests on, with its one number.
func (d *Drain) headline() string {
	lost, below := d.count(func(s *drain.Step) []drain.Item { return s.Lost }), d.count(func(s *drain.Step) []drain.Item { return s.BelowKeep })
	switch {
	case lost > 0:
		return fmt.Sprintf("%s would be lost%s", text.Count(lost, "volume"), d.firstBad())
	case below > 0:
		return fmt.Sprintf("%s would keep fewer than %s%s", text.Count(below, "volume"), d.copies(d.Keep), d.firstBad())
	case !d.Safe && len(d.Unclear) > 0:
		return fmt.Sprintf("%s may be lost, as %s storage does not show where it is", text.Count(len(d.Unclear), "volume"), text.Plural(len(d.Unclear), "its", "their"))
	case !d.Safe:
		return fmt.Sprintf("%s could not be seen", text.Count(len(d.Unknown), "thing"))
	case len(d.Steps) == 0:
		return "no node holds any volume's data"
	}
	return fmt.Sprintf("nothing is lost, each of %s keeps %s or more", text.Count(d.Judged, "volume"), d.copies(d.Keep))
}

func (d *Drain) copies(n int) string {
	return text.Number(n) + " usable " + text.Plural(n, "copy", "copies")
}

// firstBad names the first step that costs something.
func (d *Drain) firstBad() string {
	for i := range d.Steps {
		if s := &d.Steps[i]; len(s.Lost)+len(s.BelowKeep) > 0 && len(d.Steps) > 1 {
			return fmt.Sprintf(", the first with step %s of %s", text.Number(i+1), text.Number(len(d.Steps)))
		}
	}
	return ""
}

// count counts volumes over all steps, each once.
func (d *Drain) count(of func(*drain.Step) []drain.Item) int {
	seen := map[string]bool{}
	for i := range d.Steps {
		for _, it := range of(&d.Steps[i]) {
			seen[it.Namespace+"/"+it.Volume] = true
		}
	}
	return len(seen)
}

// stepTitle says in a few words what a step costs.
func (d *Drain) stepTitle(s *drain.Step) string {
	var costs []string
	if n := len(s.Lost); n > 0 {
		costs = append(costs, text.Count(n, "volume")+" lost")
	}
	if n := len(s.BelowKeep); n > 0 {
		costs = append(costs, text.Count(n, "volume")+" below "+d.copies(d.Keep))
	}
	switch {
	case len(costs) > 0:
		return strings.Join(costs, ", ")
	case len(d.Unknown)+len(d.Unclear) == 0:
		return "nothing is lost"
	case d.Judged == 0:
		return "could not be told"
	}
	return "nothing is lost of what could be judged"
}

// foreign is how a format shows foreign text: a name, and prose that may quote some.
type foreign struct{ name, prose func(string) string }

// remarks are what else is to be known of a step, one sentence each.
func (d *Drain) remarks(s *drain.Step, as foreign) []string {
	name := as.name
	var out []string
	if s.Note != "" {
		out = append(out, "The node "+s.Note+".")
	}
	out = append(out, d.stops(s, name)...)
	if l := s.Longhorn; l != nil {
		out = append(out, d.longhorn(s, l, as))
	}
	if n := len(s.Budgets); n > 0 {
		out = append(out, fmt.Sprintf("The drain may wait for %s that %s no eviction now: %s.", text.Count(n, "PodDisruptionBudget"),
			text.Plural(n, "allows", "allow"), firstOf(s.Budgets, 3, name)))
	}
	if n := len(s.Apart); n > 0 {
		out = append(out, fmt.Sprintf("%s %s too, without a loss of data: %s %s.", text.Count(n, "other volume"), text.Plural(n, "goes", "go"), name(s.Apart[0].Volume), as.prose(s.Apart[0].Why)))
	}
	return out
}

// stops says which pods with volumes a step stops.
func (d *Drain) stops(s *drain.Step, name func(string) string) []string {
	var out, moved []string
	var users []string
	for _, p := range s.Interrupted {
		if p.Moves {
			moved = append(moved, p.Namespace+"/"+p.Name)
			continue
		}
		users = append(users, p.User)
	}
	if n := len(users); n > 0 {
		out = append(out, fmt.Sprintf("%s %s running %s: %s.", text.Number(n), text.Plural(n, "user's", "users'"), text.Plural(n, "server stops", "servers stop"), firstOf(users, 5, name)))
	}
	if n := len(moved); n > 0 {
		out = append(out, fmt.Sprintf("%s %s and %s again elsewhere: %s.", text.Count(n, "other pod"), text.Plural(n, "stops", "stop"), text.Plural(n, "starts", "start"), firstOf(moved, 5, name)))
	}
	return out
}

// firstOf lists the first few of many names.
func firstOf(names []string, most int, name func(string) string) string {
	var shown []string
	for _, n := range names[:min(len(names), most)] {
		shown = append(shown, name(n))
	}
	if more := len(names) - most; more > 0 {
		shown = append(shown, text.Number(more)+" more")
	}
	return strings.Join(shown, ", ")
}

// longhorn says what Longhorn itself would do.
func (d *Drain) longhorn(s *drain.Step, l *drain.Longhorn, as foreign) string {
	who := "Longhorn"
	if d.Longhorn != "" {
		who += " " + as.name(d.Longhorn)
	}
	var line string
	switch n := len(l.Holds); {
	case n > 0:
		line = fmt.Sprintf("%s itself would block this drain, because of %s, %s %s.", who, text.Count(n, "replica"), text.Plural(n, "which", "the first of which"), as.prose(l.Holds[0].Why))
	case l.Trouble == "":
		line = who + " itself would not block this drain."
	}
	if n := len(l.Unprotected); n > 0 {
		line += fmt.Sprintf(" It protects %s of the %s lost here.", text.Number(len(s.Lost)-n), text.Count(len(s.Lost), "volume"))
	}
	if l.Trouble != "" {
		line = strings.TrimSpace(line + " " + as.prose(l.Trouble) + ".")
	}
	return line
}

// whose names an item by whom it matters to.
func whose(it *drain.Item, name func(string) string) string {
	claim := ""
	if it.Claim != "" {
		claim = " (claim " + name(it.Namespace+"/"+it.Claim) + ")"
	}
	volume := name(it.Volume) + claim
	switch {
	case it.Role == drain.RoleHub:
		return "the volume of hub " + name(it.Hub) + " itself, " + volume + ","
	case it.User != "" && it.Server != "":
		return "user " + name(it.User) + "'s server " + name(it.Server) + ": " + volume
	case it.User != "":
		return "user " + name(it.User) + ": " + volume
	}
	return volume
}

// assumed are the assumptions that the answer rests on.
func (d *Drain) assumed() []string {
	out := []string{"A drained node takes its disks with it: they are wiped, or never come back. A reboot that keeps them loses nothing that is on them."}
	switch {
	case d.WaitRebuild:
		out = append(out, "Between two nodes Longhorn has time to rebuild every volume that it rebuilds by itself: those attached, and detached ones where offline rebuilding is on. Where it puts a new copy is taken to be the worst place; whether all copies have room is compared over all nodes together.",
			"Users' servers on other nodes keep running meanwhile; those on the drained node stop, and their volumes are detached then.")
	case len(d.Steps) > 1:
		out = append(out, "Nothing is rebuilt between the nodes; --wait-rebuild tells what waiting is worth.")
	}
	if d.Rolling {
		out = append(out, "Each node comes back as a new, empty one, with the same tags and as much room, before the next is drained.")
	}
	if n := d.Outside; n > 0 {
		out = append(out, fmt.Sprintf("%s not on this cluster's nodes, and no drain touches %s.", text.Count(n, "volume")+" "+text.Plural(n, "lies", "lie"), text.Plural(n, "it", "them")))
	}
	if n := d.Blank; n > 0 {
		out = append(out, fmt.Sprintf("%s never written to, so there is nothing to lose on %s.", text.Count(n, "volume")+" "+text.Plural(n, "was", "were"), text.Plural(n, "it", "them")))
	}
	if n := d.Other; n > 0 {
		out = append(out, fmt.Sprintf("%s of neither a hub nor a user may be lost or not: their storage does not show it.", text.Count(n, "volume")))
	}
	return out
}

// orderWords says how good the order of the steps is, "" for a single node.
func (d *Drain) orderWords(name func(string) string) string {
	o := d.Order
	if o == nil {
		return ""
	}
	found := "Of the orders that were looked at, "
	if o.Exact {
		found = "Of all orders, "
	}
	safe := fmt.Sprintf("the first %s of %s", text.Count(o.SafeSteps, "step"), text.Number(len(o.Nodes)))
	switch {
	case o.SafeSteps == 0:
		safe = "not even the first step"
	case o.SafeSteps == len(o.Nodes):
		safe = "all steps"
	}
	switch {
	case o.Better:
		return found + fmt.Sprintf("the safest is %s: %s safe there, of this one %s.", firstOf(o.Nodes, len(o.Nodes), name),
			safe+" "+text.Plural(o.SafeSteps, "is", "are"), text.Number(o.GivenSafe))
	case o.SafeSteps == len(o.Nodes):
		return found + "none is safer than this one."
	}
	return found + fmt.Sprintf("none is safer than this one, of which %s %s safe.", safe, text.Plural(o.SafeSteps, "is", "are"))
}
