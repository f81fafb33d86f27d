package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// Columns to which foreign prose is shortened for people.
const (
	summaryColumns = 200
	messageColumns = 700
)

// Phrases that every report for people has.
const (
	notFine  = "What could not be checked is not fine: until this is mended, nobody would see these invariants break."
	newHere  = "new in this run"
	notKnown = "not known"
	notSeen  = "These were violated when they could last be seen. This run could not tell whether they still are."
)

// view is a run in the order in which people need it.
type view struct {
	run    *verdict.Run
	guides map[string]verdict.Guide
	sum    verdict.Summary

	failing  []violation // worst first, then in the run's order
	silenced []hushed    // likewise
	unknown  []group     // by reason
	skipped  []group     // by reason
	holding  []group     // by check

	hidden    []*verdict.Incident // open, but this run could not see whether they still are
	resolved  []*verdict.Incident
	incidents map[string]*verdict.Incident // by fingerprint
	failed    int                          // sources
}

// violation is a failing verdict and whom it affects, in words.
type violation struct {
	*verdict.Verdict
	affected string
}

// group is verdicts that have something in common.
type group struct {
	key      string // the reason, or the check's id
	verdicts []*verdict.Verdict
}

// mostTitled is how many verdicts of one reason are listed with what must hold.
// More are listed by their ids, so that one lost database does not fill a page.
const mostTitled = 4

// byHub groups a group's verdicts by hub, in their order.
func (g group) byHub() []group {
	var hubs []group
	for _, d := range g.verdicts {
		i := slices.IndexFunc(hubs, func(h group) bool { return h.key == d.Hub })
		if i < 0 {
			hubs, i = append(hubs, group{key: d.Hub}), len(hubs)
		}
		hubs[i].verdicts = append(hubs[i].verdicts, d)
	}
	return hubs
}

// checks are the ids of a group's verdicts.
func (g group) checks() []string {
	ids := make([]string, len(g.verdicts))
	for i, d := range g.verdicts {
		ids[i] = d.Check
	}
	return ids
}

func newView(run *verdict.Run, guides map[string]verdict.Guide) *view {
	v := &view{run: run, guides: guides, sum: run.Summary(), incidents: map[string]*verdict.Incident{}}
	for i := range run.Verdicts {
		switch d := &run.Verdicts[i]; d.Outcome {
		case verdict.Fail:
			v.violated(d)
		case verdict.Unknown:
			v.unknown = grouped(v.unknown, reason(d), d)
		case verdict.Skipped:
			v.skipped = grouped(v.skipped, reason(d), d)
		case verdict.Pass:
			v.holding = grouped(v.holding, d.Check, d)
		}
	}
	slices.SortStableFunc(v.failing, func(a, b violation) int { return bySeverity(a.Severity, b.Severity) })
	slices.SortStableFunc(v.silenced, func(a, b hushed) int { return bySeverity(a.Severity, b.Severity) })
	v.sortIncidents()
	for _, s := range run.Sources {
		if s.Status == facts.Failed {
			v.failed++
		}
	}
	return v
}

func (v *view) sortIncidents() {
	for i := range v.run.Incidents {
		inc := &v.run.Incidents[i]
		v.incidents[inc.Fingerprint] = inc
		switch {
		case inc.State == verdict.Resolved:
			v.resolved = append(v.resolved, inc)
		case inc.Outcome != verdict.Fail:
			v.hidden = append(v.hidden, inc)
		}
	}
	worstFirst := func(a, b *verdict.Incident) int {
		return cmp.Or(bySeverity(a.Severity, b.Severity), a.OpenedAt.Compare(b.OpenedAt),
			strings.Compare(a.Check, b.Check), strings.Compare(a.Hub, b.Hub))
	}
	slices.SortStableFunc(v.resolved, worstFirst)
	slices.SortStableFunc(v.hidden, worstFirst)
}

func bySeverity(a, b verdict.Severity) int {
	return cmp.Compare(slices.Index(verdict.Severities, a), slices.Index(verdict.Severities, b))
}

// reason is why a verdict is unknown or skipped.
func reason(d *verdict.Verdict) string {
	if strings.Trim(d.Summary, " ") == "" {
		return "no reason was given"
	}
	return d.Summary
}

// grouped adds a verdict to the group of that key; groups stand in the order
// of their first members.
func grouped(groups []group, key string, d *verdict.Verdict) []group {
	i := slices.IndexFunc(groups, func(g group) bool { return g.key == key })
	if i < 0 {
		return append(groups, group{key, []*verdict.Verdict{d}})
	}
	groups[i].verdicts = append(groups[i].verdicts, d)
	return groups
}

// needsGlance tells whether there is so much to tell that it needs an overview.
func (v *view) needsGlance() bool {
	return len(v.failing)+min(len(v.silenced), 1)+min(v.sum.Unknown, 1)+min(len(v.hidden), 1) > 1
}

// hiddenSince is when the oldest incident out of sight was opened.
func (v *view) hiddenSince() string {
	oldest := slices.MinFunc(v.hidden, func(a, b *verdict.Incident) int { return a.OpenedAt.Compare(b.OpenedAt) }).OpenedAt
	return v.ago(oldest)
}

// ago is a moment and how long before the run it was.
func (v *view) ago(t time.Time) string {
	return text.Time(t) + " (" + text.Duration(v.run.StartedAt.Sub(t)) + ")"
}

// unseen is what this run says of an incident that it cannot see.
func unseen(inc *verdict.Incident) string {
	if inc.Outcome == "" {
		return "not judged"
	}
	return string(inc.Outcome)
}

// calm is true where a reader may go back to bed.
func (v *view) calm() bool {
	return v.sum.Fail+v.sum.Unknown+len(v.hidden)+v.failed+len(v.run.Notes) == 0 && v.sum.Pass > 0
}

// title is the invariant's own line, or the check's id where there is no guide.
func (v *view) title(check string) string {
	if t := v.guides[check].Title; t != "" {
		return t
	}
	return check
}

// since tells since when a verdict fails.
func (v *view) since(d violation) string {
	inc := v.incidents[d.Fingerprint]
	switch {
	case inc != nil && inc.ID != 0 && inc.State == verdict.Opened:
		return newHere
	case d.Since != nil:
		return v.ago(*d.Since)
	case inc != nil && inc.ID != 0:
		return v.ago(inc.OpenedAt)
	default:
		return notKnown
	}
}

// sinceClause is since within a sentence.
func (v *view) sinceClause(d violation) string {
	switch s := v.since(d); s {
	case newHere:
		return s
	case notKnown:
		return "since when is not known"
	default:
		return "since " + s
	}
}

// affected counts the subjects of a verdict by kind: "1,003 users",
// "3 volumes and 1 node".
func affected(d *verdict.Verdict) string {
	kinds := map[string]int{}
	seen := make(map[verdict.Subject]bool, len(d.Findings))
	for i := range d.Findings {
		if s := d.Findings[i].Subject; !seen[s] {
			seen[s] = true
			kinds[s.Kind]++
		}
	}
	if len(kinds) == 0 || d.Count > len(d.Findings) {
		return text.Count(d.Count, "finding")
	}
	names := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(kinds[b], kinds[a]), strings.Compare(a, b))
	})
	for i, kind := range names {
		names[i] = text.Count(kinds[kind], text.Kind(kind))
	}
	all := names[0]
	if n := len(names); n > 1 {
		all = strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	switch users := len(owners(d)); {
	case users > 0 && len(kinds) == 1 && kinds["hub"] == 1: // which hub it is stands beside it
		all = "the homes of " + text.Count(users, "user")
	case users == 0:
	case slices.ContainsFunc(d.Findings, func(f verdict.Finding) bool { return f.Details["users"] != "" }): // a node is nobody's
		all += " with the homes of " + text.Count(users, "user")
	default:
		all += " of " + text.Count(users, "user")
	}
	return all
}

// owners are the users whose things the subjects are, in the order of the
// findings; checks name one in the detail "user", several, each quoted, in "users".
func owners(d *verdict.Verdict) []string {
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Subject.Kind == "user" {
			continue
		}
		add(f.Details["user"])
		for rest := f.Details["users"]; rest != ""; {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				break // not a list of names
			}
			name, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
			add(name)
			rest = strings.TrimPrefix(rest[len(quoted):], ", ")
		}
	}
	return names
}

// named is how many subjects the line "for whom" names.
const named = 6

// first names the first few subjects, or the users whose things they are where
// that is known, and tells whether there are more.
func (d violation) first() (names []string, more bool) {
	names = owners(d.Verdict)
	if len(names) == 0 {
		for i := range d.Findings {
			if name := d.Findings[i].Subject.Name; !slices.Contains(names, name) {
				names = append(names, name)
			}
			if len(names) > named {
				break
			}
		}
	}
	return names[:min(len(names), named)], len(names) > named
}

// shown returns the findings to list and how many there are beyond them.
func shown(d violation, most int) (findings []verdict.Finding, more int) {
	findings = d.Findings[:min(len(d.Findings), most)]
	return findings, max(d.Count, len(d.Findings)) - len(findings)
}

// mixed tells whether findings differ in severity.
func mixed(findings []verdict.Finding) bool {
	return slices.ContainsFunc(findings, func(f verdict.Finding) bool { return f.Severity != findings[0].Severity })
}

// remainder says where the findings that are not listed can be found.
func remainder(d violation, more int) string {
	s := text.Number(more) + " more"
	if len(d.Findings) < d.Count {
		return s + "; they are not kept"
	}
	return s + "; the JSON report holds all"
}

// items lists what was read from a source: "servers 3, users 1,053".
func items(s facts.Source) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(s.Items)) {
		parts = append(parts, kind+" "+text.Number(s.Items[kind]))
	}
	return strings.Join(parts, ", ")
}

func sentenceCase(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
