package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// former is a live user's row as the copy has it, under another name; nil if it
// has none.
func (c *compare) former(u *facts.User) *facts.User {
	was := c.byID[u.ID]
	if was == nil || was.Name == u.Name || !was.Created.IsZero() && !u.Created.IsZero() && !sameSecond(was.Created, u.Created) {
		return nil
	}
	return was
}

// otherNames are live users whose rows in the copy have names that they never
// had, as far as can be told. Who was renamed since the copy was made is normal:
// the history rules that out where its last run was before that, and a name that
// no hub gives does. What is left is a name of which one letter is another: that
// may be either.
func (c *compare) otherNames() []verdict.Finding {
	var sure, likely []string
	for i := range c.live.Users {
		u := &c.live.Users[i]
		was := c.former(u)
		if was == nil || c.users[u.Name] != nil {
			continue
		}
		both := fmt.Sprintf("%q is %q", u.Name, was.Name)
		switch {
		case garbled(was.Name) || c.hadThisName(u):
			sure = append(sure, both)
		case oneLetter(was.Name, u.Name):
			likely = append(likely, both)
		}
	}
	var findings []verdict.Finding
	tell := func(names []string, severity verdict.Severity, what string) {
		if len(names) == 0 {
			return
		}
		slices.Sort(names)
		f := c.finding(severity, fmt.Sprintf(what, text.Count(len(names), "user"), list(names, namesShown)))
		f.Details["users"] = list(names, len(names))
		findings = append(findings, f)
	}
	tell(sure, verdict.Critical, "has %s under names that they did not have when it was made (%s): it is damaged, and restored it locks them out of their accounts and homes")
	tell(likely, verdict.Warning, "has %s under a name that differs in one letter (%s): if nobody renamed them since it was made, it is damaged")
	return findings
}

// hadThisName tells whether a user certainly had their present name when the
// copy was made: an earlier run saw it before the newest row of the copy.
func (c *compare) hadThisName(u *facts.User) bool {
	changes := c.Past.Changes[c.Hub.Name]
	if changes == nil || changes.At.After(c.newest) {
		return false
	}
	return !slices.ContainsFunc(changes.Renamed, func(r facts.Renamed) bool { return r.Now.ID == u.ID }) &&
		!slices.ContainsFunc(changes.Appeared, func(m facts.Member) bool { return m.ID == u.ID })
}

// garbled tells whether no hub gives such a name to anybody.
func garbled(name string) bool {
	return name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError) || strings.IndexFunc(name, unicode.IsControl) >= 0
}

// oneLetter tells whether two names differ in one letter, and not in its case,
// as names do that were normalised.
func oneLetter(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) != len(y) || strings.EqualFold(a, b) {
		return false
	}
	differ := 0
	for i := range x {
		if x[i] != y[i] {
			differ++
		}
	}
	return differ == 1
}

// missingUsers are live users who were there when the copy was made, and are not
// in it.
func (c *compare) missingUsers() (verdict.Finding, bool) {
	var missing []string
	for i := range c.live.Users {
		if u := &c.live.Users[i]; c.users[u.Name] == nil && c.userWasThere(u) && c.former(u) == nil {
			missing = append(missing, strconv.Quote(u.Name))
		}
	}
	if len(missing) == 0 {
		return verdict.Finding{}, false
	}
	slices.Sort(missing)
	f := c.finding(verdict.Critical, fmt.Sprintf("lacks %s who %s there when it was made (%s), all of them are expected in it",
		text.Count(len(missing), "user"), text.Plural(len(missing), "was", "were"), list(missing, namesShown)))
	f.Message += c.withoutLog()
	f.Details["users"] = list(missing, len(missing))
	return c.counted(f), true
}

// noUsers tells whether the copy has the tables of a hub and nobody in them.
func (c *compare) noUsers() (verdict.Finding, bool) {
	there := 0
	for i := range c.live.Users {
		if c.userWasThere(&c.live.Users[i]) {
			there++
		}
	}
	if len(c.copy.Users) > 0 || there == 0 {
		return verdict.Finding{}, false
	}
	return c.counted(c.finding(verdict.Critical, fmt.Sprintf("has the tables of a hub and no user in them, the live database has %s: the job dumps the schema only, or another database",
		text.Count(len(c.live.Users), "user")))), true
}
