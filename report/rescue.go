package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/rescue"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// Rescue is what a rescue read, wrote and left out.
type Rescue struct {
	Cluster string
	At      time.Time
	// Namespace is the hub's.
	Namespace string
	Plan      *rescue.Plan
	// Evidence says what was read beside the cluster, a clause each.
	Evidence []string
	// Engine is sqlite, postgresql or mysql; Into is the empty database that was
	// read, without a password.
	Engine, Into string
	// Out is the new file, "-" for standard output, "" where nothing was written.
	Out     string
	Written rescue.Written
	// Differences are between the plan and the file as it was read back.
	Differences []string
	// Verdicts are the checks' on the new database; of SQL, which nobody has run
	// yet, on the rows in it.
	Verdicts []verdict.Verdict
	// Proposal is the mapping file that was written, "" for none.
	Proposal string
}

// RescueFormats are the formats that WriteRescue knows.
var RescueFormats = []string{"terminal", "markdown", "json"}

// WriteRescue writes a rescue in one of RescueFormats. The guides are as for Write.
func WriteRescue(w io.Writer, format string, r *Rescue, guides map[string]verdict.Guide, o Options) error {
	var err error
	switch v := newRescueView(r, guides); format {
	case "terminal":
		err = writeRescueTerminal(w, v, o)
	case "markdown":
		err = writeRescueMarkdown(w, v, o)
	case "json":
		err = writeRescueJSON(w, r)
	default:
		return fmt.Errorf("unknown format %q of a rescue: use one of %s", format, strings.Join(slices.Sorted(slices.Values(RescueFormats)), ", "))
	}
	if err != nil {
		return fmt.Errorf("write the report of the rescue as %s: %w", format, err)
	}
	return nil
}

// rescueView is a rescue in the order in which people need it.
type rescueView struct {
	*Rescue
	guides  map[string]verdict.Guide
	names   []sourceCount
	ids     []sourceCount
	servers []sourceCount
	left    []leftGroup
	// failing are verdicts that fail or cannot tell, worst first.
	failing []*verdict.Verdict
	held    int // verdicts that pass
	skipped int
}

// sourceCount is how many rows have one kind of evidence.
type sourceCount struct {
	source rescue.Source
	n      int
}

// leftGroup is what is left out for one kind of reason. same is the reason
// itself, where all have it.
type leftGroup struct {
	reason rescue.Reason
	same   string
	items  []*rescue.LeftOut
}

// title is the reason, and the only one there is if all have it.
func (g *leftGroup) title() string {
	title := cmp.Or(reasonWords[g.reason], string(g.reason))
	if g.same != "" && g.reason != rescue.ReasonDecided {
		return title + ": " + g.same
	}
	return title
}

func newRescueView(r *Rescue, guides map[string]verdict.Guide) *rescueView {
	v := &rescueView{Rescue: r, guides: guides}
	names, ids, servers := map[rescue.Source]int{}, map[rescue.Source]int{}, map[rescue.Source]int{}
	for i := range r.Plan.Users {
		u := &r.Plan.Users[i]
		names[u.NameFrom]++
		ids[u.IDFrom]++
		for n := range u.Servers {
			servers[u.Servers[n].From]++
		}
	}
	v.names, v.ids, v.servers = counted(names), counted(ids), counted(servers)
	v.group()
	for i := range r.Verdicts {
		switch d := &r.Verdicts[i]; d.Outcome {
		case verdict.Fail, verdict.Unknown:
			v.failing = append(v.failing, d)
		case verdict.Pass:
			v.held++
		default:
			v.skipped++
		}
	}
	slices.SortStableFunc(v.failing, func(a, b *verdict.Verdict) int {
		return cmp.Or(cmp.Compare(rank(a.Outcome == verdict.Unknown), rank(b.Outcome == verdict.Unknown)), bySeverity(a.Severity, b.Severity))
	})
	return v
}

func counted(counts map[rescue.Source]int) []sourceCount {
	var list []sourceCount
	for _, s := range slices.SortedFunc(maps.Keys(counts), func(a, b rescue.Source) int {
		return cmp.Compare(slices.Index(rescue.Sources, a), slices.Index(rescue.Sources, b))
	}) {
		list = append(list, sourceCount{s, counts[s]})
	}
	return list
}

// group puts together what is left out for the same kind of reason, what is
// undecided and most frequent first.
func (v *rescueView) group() {
	at := map[rescue.Reason]int{}
	for i := range v.Plan.LeftOut {
		l := &v.Plan.LeftOut[i]
		n, seen := at[l.Reason]
		if !seen {
			n = len(v.left)
			at[l.Reason] = n
			v.left = append(v.left, leftGroup{reason: l.Reason, same: l.Why})
		}
		g := &v.left[n]
		if g.items = append(g.items, l); g.same != l.Why {
			g.same = ""
		}
	}
	slices.SortStableFunc(v.left, func(a, b leftGroup) int {
		return cmp.Or(cmp.Compare(rank(a.items[0].Decided), rank(b.items[0].Decided)), cmp.Compare(len(b.items), len(a.items)))
	})
}

// planned counts the servers of the plan.
func (v *rescueView) planned() int {
	n := 0
	for _, s := range v.servers {
		n += s.n
	}
	return n
}

// headline is the rescue in one line.
func (v *rescueView) headline() string {
	line := text.Count(len(v.Plan.Users), "user") + " with " + text.Count(v.planned(), "server")
	switch v.Out {
	case "":
		line = "Nothing was written"
	case "-":
		line = "SQL for " + line + " was written to standard output"
	default:
		line += " " + text.Plural(len(v.Plan.Users), "was", "were") + " written to " + text.Name(v.Out)
	}
	if n := v.Plan.Undecided(); n > 0 {
		line += "; " + v.leftCount(n) + " left out and undecided"
	} else {
		line += "; nothing is undecided"
	}
	if len(v.Differences) > 0 {
		line += "; WHAT WAS WRITTEN IS NOT WHAT WAS PLANNED"
	}
	return line
}

func (v *rescueView) leftCount(n int) string {
	claims := 0
	for i := range v.Plan.LeftOut {
		if l := &v.Plan.LeftOut[i]; !l.Decided && l.Claim != "" {
			claims++
		}
	}
	if claims == n {
		return text.Count(n, "claim") + " " + text.Plural(n, "is", "are")
	}
	return text.Number(n) + " claims and users are"
}

// calm is true where there is nothing to decide and nothing wrong.
func (v *rescueView) calm() bool {
	return v.Out != "" && v.Plan.Undecided() == 0 && len(v.failing)+len(v.Differences) == 0
}

// evidenceLine is how many rows have which evidence: "875 the claim's name".
func evidenceLine(counts []sourceCount, none string) string {
	parts := make([]string, len(counts))
	for i, c := range counts {
		words := sourceWords[c.source]
		if c.source == rescue.FromNothing {
			words = none
		}
		parts[i] = text.Number(c.n) + " from " + words
		if c.source == rescue.FromNothing {
			parts[i] = text.Number(c.n) + " " + none
		}
	}
	return strings.Join(parts, ", ")
}

// rows are what was written with which evidence, a label and a sentence each.
func (v *rescueView) rows() [][2]string {
	if len(v.Plan.Users) == 0 {
		return nil
	}
	rows := [][2]string{{"names", evidenceLine(v.names, "unknown")}, {"ids", evidenceLine(v.ids, "new")}}
	if len(v.servers) > 0 {
		rows = append(rows, [2]string{"servers", evidenceLine(v.servers, "without a claim")})
	}
	if n := len(v.Written.Dropped); n > 0 {
		rows = append(rows, [2]string{"dropped", text.Count(n, "user") + " of the empty database whom nothing else knows; the hub makes those again whom its configuration names"})
	}
	return rows
}

// item is a claim or user that is left out, with the possible names, or with
// the reason where that is its own.
func (g *leftGroup) item(l *rescue.LeftOut) string {
	s := "user " + text.Name(l.User)
	if l.Claim != "" {
		s = text.Name(l.Claim)
		if !l.Created.IsZero() {
			s += ", created " + l.Created.UTC().Format(time.DateOnly)
		}
	}
	switch {
	case g.same == "":
		return s + ": " + text.Sentence(l.Why, messageColumns)
	case len(l.Candidates) == 0:
		return s
	}
	shown := make([]string, 0, maxCandidates)
	for _, c := range l.Candidates[:min(len(l.Candidates), maxCandidates)] {
		shown = append(shown, text.Name(c))
	}
	if more := len(l.Candidates) - len(shown); more > 0 {
		shown = append(shown, text.Number(more)+" more")
	}
	return s + ": " + strings.Join(shown, ", or ")
}

// maxCandidates is how many possible names of one claim are shown.
const maxCandidates = 5

// verified is what the checks say, in one line.
func (v *rescueView) verified() string {
	if v.Out == "" {
		return "nothing was written, so nothing was checked"
	}
	on := "on the new file, as it was read back"
	if v.Engine != "sqlite" {
		on = "on the rows of the SQL, which no server has run yet"
	}
	line := text.Count(v.held, "invariant") + " " + text.Plural(v.held, "holds", "hold") + " " + on
	if v.skipped > 0 {
		line += ", " + text.Number(v.skipped) + " skipped"
	}
	return line
}
