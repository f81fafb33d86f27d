package notify

import (
	"path"
	"slices"
	"time"

	"hubaudit/internal/verdict"
)

// Owners stands in Route.To for the receivers of the owners of the incident's hub.
const Owners = "owners"

// Policy is what Decide goes by, besides incidents and what was told of them.
type Policy struct {
	Routes []Route
	// Owners are receivers by the name of the hub whose owners they reach.
	Owners map[string][]string
	// Receivers are those that are configured, and how much each keeps. Nothing is
	// decided for others, nor are messages touched that wait for them: they may be
	// those of another configuration that shares the history.
	Receivers map[string]Keeps
	// Repeat is after how long people are reminded of an open incident; 0 is never.
	Repeat time.Duration
	// Quiet are the hours in which warnings wait; nil for none.
	Quiet *Quiet
	// About names, by an incident's fingerprint, the receivers that it says are out
	// of order. They are not told of it, unless there is nobody else to tell.
	About map[string][]string
}

// routed lists the receivers that an incident goes to, each once, in the order of
// the routes.
func (p *Policy) routed(i *verdict.Incident) []string {
	var names []string
	for _, r := range p.Routes {
		if !r.takes(i) {
			continue
		}
		for _, name := range r.To {
			if name == Owners {
				names = append(names, p.Owners[i.Hub]...)
			} else {
				names = append(names, name)
			}
		}
	}
	seen := map[string]bool{}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, configured := p.Receivers[name]
		again := seen[name]
		seen[name] = true
		return again || !configured
	})
	about := p.About[i.Fingerprint]
	others := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(about, name) })
	if len(others) == 0 {
		return names
	}
	return others
}

// takes tells whether the route is for incidents of this severity, hub and check.
func (r *Route) takes(i *verdict.Incident) bool {
	return i.Severity.AtLeast(r.Severity) && matches(r.Hubs, i.Hub) && matches(r.Checks, i.Check)
}

// matches tells whether any of the globs is for a name; no globs are for every one.
// The configuration refuses a glob that is none.
func matches(globs []string, name string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(glob string) bool {
		ok, err := path.Match(glob, name)
		return ok && err == nil
	})
}
