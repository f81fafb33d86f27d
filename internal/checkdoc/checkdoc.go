// Package checkdoc renders the registry's documentation: the page
// docs/checks.md, `audit explain` and `audit checks`. All that it says comes
// from the checks' own values, so that no text is written twice.
package checkdoc

//go:generate go test . -run TestPageIsFresh -update

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// scopes tells how often a check is judged.
var scopes = map[checks.Scope]string{
	checks.PerHub:     "one verdict per hub",
	checks.PerCluster: "one verdict for the cluster",
}

var severities = map[verdict.Severity]string{
	verdict.Critical: "data is being lost or misrouted, or one step away: page now",
	verdict.Error:    "page in hours",
	verdict.Warning:  "fix this week",
	verdict.Info:     "report only",
}

// How a window is written, for checks that expect changes.
const (
	expectExample = "expect: {from: 2026-12-18, to: 2027-01-08, reason: end of term}"
	expectDays    = "whole days in UTC, or times such as 2026-12-18T08:00:00Z"
)

// sourceNames are the sources of a check in words.
func sourceNames(names []string) string {
	words := map[string]string{checks.HubDatabase: "the hub's database", checks.HubAPI: "the hub's REST API",
		checks.HubUsers: "the hub's users (from its database or its REST API)", checks.HubBackups: "the hub's backups", facts.History: "the history"}
	out := make([]string, len(names))
	for i, name := range names {
		if out[i] = words[name]; out[i] == "" {
			out[i] = "`" + name + "`"
		}
	}
	return strings.Join(out, ", ")
}

// onlyUsed are the sources that a check uses and can do without.
func onlyUsed(c *checks.Check) []string {
	return slices.DeleteFunc(slices.Clone(c.Uses), func(name string) bool { return slices.Contains(c.Needs, name) })
}

// value is a number of a parameter: "10 percent", "26h".
func value(p checks.Param, n float64) string {
	if p.Unit == checks.UnitDuration {
		return shortDuration(time.Duration(n))
	}
	return number(n) + " " + p.Unit
}

// bounds is a parameter's range: "0 to 100 percent", "1m to 26h".
func bounds(p checks.Param) string {
	if p.Unit == checks.UnitDuration {
		return value(p, p.Min) + " to " + value(p, p.Max)
	}
	return number(p.Min) + " to " + value(p, p.Max)
}

func number(n float64) string {
	if n == math.Trunc(n) {
		return text.Number(int(n))
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// shortDuration is a duration as people write it in the configuration: 26h.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
