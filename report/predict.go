package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
)

// PredictionFormats are the formats that WritePrediction knows.
var PredictionFormats = []string{"terminal", "markdown", "json", "sql"}

// Prediction is what the next starts of servers will find.
type Prediction struct {
	Cluster string
	At      time.Time // the servers are as they were then
	Hubs    []HubPrediction
	// All lists for people also those who keep their home, and nobody is left out
	// of a long list. JSON has all anyway.
	All bool
}

// HubPrediction is what the next starts of one hub's servers will find.
type HubPrediction struct {
	Hub *facts.Hub
	// Under is the configuration that was predicted for; Changes says in words how
	// it differs from the hub's own, and is empty where it does not.
	Under   facts.KubeSpawner
	Changes []string
	Starts  []prediction.Start
	// Today has the same starts without the changes; nil where there are none or
	// that could not be told.
	Today []prediction.Start
	// Unknown says why nothing could be predicted; the other fields but Hub are
	// empty then.
	Unknown string
}

// WritePrediction writes a prediction in one of PredictionFormats.
func WritePrediction(w io.Writer, format string, p *Prediction, o Options) error {
	var err error
	switch format {
	case "terminal":
		err = writePredictionTerminal(w, p, o)
	case "markdown":
		err = writePredictionMarkdown(w, p, o)
	case "json":
		err = writePredictionJSON(w, p)
	case "sql":
		err = writePredictionSQL(w, p)
	default:
		return fmt.Errorf("unknown format %q of a prediction: use one of %s", format, strings.Join(slices.Sorted(slices.Values(PredictionFormats)), ", "))
	}
	if err != nil {
		return fmt.Errorf("write the prediction as %s: %w", format, err)
	}
	return nil
}

// Lost tells whether a start is one to act on: it finds a home that is not the
// user's, or none at all, or the server does not come up, or files are left
// behind.
func Lost(s *prediction.Start) bool {
	return s.Outcome == prediction.Other || s.Outcome == prediction.Pending || s.Outcome == prediction.Empty && s.Data != ""
}

// predicted is a start and whether it would find its home as the hub is today.
type predicted struct {
	*prediction.Start
	todayToo bool // it would not find its home without the changes either
}

// predictedGroup are starts with one outcome and cause.
type predictedGroup struct {
	outcome prediction.Outcome
	cause   prediction.Cause
	starts  []predicted
	again   bool // an earlier group has the same steps, told in full there
}

// predictedOrder is the order in which people need the groups.
var predictedOrder = []struct {
	outcome prediction.Outcome
	cause   prediction.Cause
}{
	{prediction.Other, prediction.CauseCollision},
	{prediction.Empty, prediction.CauseRunning},
	{prediction.Empty, prediction.CauseForgotten},
	{prediction.Empty, prediction.CauseNoState},
	{prediction.Empty, prediction.CauseUnreachable},
	{prediction.Empty, prediction.CauseMissing},
	{prediction.Pending, prediction.CauseUnusable},
	{prediction.Pending, prediction.CauseMissing},
}

// groups are the starts that do not find their home, by outcome and cause; in
// each, those come first that would find it today. Same is last, if it is asked
// for.
func (h *HubPrediction) groups(all bool) []predictedGroup {
	var groups []predictedGroup
	for _, o := range predictedOrder {
		groups = append(groups, predictedGroup{outcome: o.outcome, cause: o.cause})
	}
	groups = append(groups, predictedGroup{outcome: prediction.Same})
	for i := range h.Starts {
		s := &h.Starts[i]
		at := slices.IndexFunc(groups, func(g predictedGroup) bool { return g.outcome == s.Outcome && g.cause == s.Cause })
		if at < 0 { // a cause that is new here
			at = len(groups)
			groups = append(groups, predictedGroup{outcome: s.Outcome, cause: s.Cause})
		}
		if s.Outcome != prediction.Same || all {
			groups[at].starts = append(groups[at].starts, predicted{s, h.todayToo(i)})
		}
	}
	groups = slices.DeleteFunc(groups, func(g predictedGroup) bool { return len(g.starts) == 0 })
	told := false
	for i := range groups {
		g := &groups[i]
		g.again, told = told, told || h.relinks(*g)
		slices.SortStableFunc(g.starts, func(a, b predicted) int { return rank(a.todayToo) - rank(b.todayToo) })
	}
	return groups
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

func (h *HubPrediction) todayToo(i int) bool {
	return len(h.Today) == len(h.Starts) && h.Today[i].Outcome != prediction.Same && h.Starts[i].Outcome != prediction.Same
}

// count is how many starts have an outcome.
func (h *HubPrediction) count(outcome prediction.Outcome) int {
	n := 0
	for i := range h.Starts {
		if h.Starts[i].Outcome == outcome {
			n++
		}
	}
	return n
}

// when is the time of the starts: "at their next start", or after what changes.
func (h *HubPrediction) when() string {
	if len(h.Changes) == 0 {
		return "at their next start"
	}
	return strings.Join(h.Changes, ", ")
}

// headline is a hub's prediction in one line.
func (h *HubPrediction) headline() string {
	if h.Unknown != "" {
		return "Nothing can be predicted"
	}
	all := len(h.Starts)
	lost := all - h.count(prediction.Same)
	switch {
	case all == 0:
		return "The hub has no users: there is no server to predict"
	case lost == 0:
		return text.Plural(all, "The only server finds", "All "+text.Count(all, "server")+" find") + " " + text.Plural(all, "its", "their") + " home " + h.when()
	}
	line := text.Number(lost) + " of " + text.Count(all, "server") + " would not find " + text.Plural(lost, "its", "their") + " home " + h.when()
	too := 0
	for i := range h.Starts {
		if h.todayToo(i) {
			too++
		}
	}
	switch {
	case len(h.Today) != all:
	case too == lost:
		line += "; the same today"
	case too > 0:
		line += "; " + text.Number(too) + " of them would not today either"
	default:
		line += "; today all would"
	}
	return line
}

// title says what becomes of a group's servers.
func (g *predictedGroup) title() string {
	n := len(g.starts)
	servers := text.Count(n, "server")
	switch {
	case g.outcome == prediction.Other:
		return servers + " would mount somebody else's home"
	case g.outcome == prediction.Pending:
		return servers + " would not start"
	case g.outcome == prediction.Same:
		return servers + " " + text.Plural(n, "finds its", "find their") + " home"
	case g.cause == prediction.CauseRunning:
		servers = text.Count(n, "running server")
	}
	if slices.ContainsFunc(g.starts, func(s predicted) bool { return !s.New && s.Directory == "" }) {
		return servers + " would come up without " + text.Plural(n, "its", "their") + " files"
	}
	return servers + " would come up with an empty home"
}

// target names what a start mounts.
func (h *HubPrediction) target(s predicted) string {
	if s.Directory != "" {
		return s.Claim + ":" + s.Directory
	}
	return h.in(s.Namespace) + s.Claim
}

// in is the namespace before a claim where that is not the hub's own.
func (h *HubPrediction) in(namespace string) string {
	if namespace == h.Hub.Namespace || namespace == "" {
		return ""
	}
	return namespace + "/"
}

// data names what holds the files of a start.
func (h *HubPrediction) data(s predicted) string {
	if s.Directory != "" {
		return s.Claim + ":" + s.Data
	}
	return h.in(s.DataNamespace) + s.Data
}

// hints are what tells of the files there: "150 MiB, last used 2026-11-20".
func hints(c prediction.Content) string {
	var parts []string
	if c.Bytes > 0 {
		parts = append(parts, bytesText(c.Bytes))
	}
	switch {
	case c.InUse():
		parts = append(parts, "in use")
	case !c.LastUsed.IsZero():
		parts = append(parts, "last used "+c.LastUsed.UTC().Format(time.DateOnly))
	}
	return strings.Join(parts, ", ")
}
