package silence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

const (
	// ranOut is for how long a run tells that a silence has run out.
	ranOut = 24 * time.Hour
	// idleAtFirst is how long a new silence may cover nothing: a planned work may
	// begin late. idleLater is for one that once covered something, which may come
	// and go.
	idleAtFirst = 24 * time.Hour
	idleLater   = 7 * 24 * time.Hour
)

// note says what is odd about a silence that covered nothing in this run; "" if
// nothing is.
func note(s *verdict.Silence, verdicts []verdict.Verdict, now time.Time) string {
	if !Holds(s, now) {
		return expired(s, verdicts, now)
	}
	var idle string
	switch {
	case s.MatchedAt.IsZero() && now.Sub(s.At) > idleAtFirst:
		idle = "since it began " + text.Duration(now.Sub(s.At)) + " ago"
	case !s.MatchedAt.IsZero() && now.Sub(s.MatchedAt) >= idleLater:
		idle = "for " + text.Duration(now.Sub(s.MatchedAt))
	}
	if idle == "" || !judged(s, verdicts) {
		return ""
	}
	return fmt.Sprintf("Silence %d (%s) has covered nothing %s. If its pattern is wrong, make another; if it is not needed any more: audit silence end %d.",
		s.ID, described(s), idle, s.ID)
}

// judged tells whether the run saw everything of a silence's checks and hubs: at
// least one verdict, and none that is unknown.
func judged(s *verdict.Silence, verdicts []verdict.Verdict) bool {
	concerns := func(v verdict.Verdict) bool { return Concerns(s, &v) }
	return slices.ContainsFunc(verdicts, concerns) &&
		!slices.ContainsFunc(verdicts, func(v verdict.Verdict) bool { return v.Outcome == verdict.Unknown && concerns(v) })
}

// expired says that a silence has run out lately while something that it covered
// still fails and no other silence covers it. One that somebody ended is no surprise.
func expired(s *verdict.Silence, verdicts []verdict.Verdict, now time.Time) string {
	if now.Before(s.Until) || now.Sub(s.Until) >= ranOut || !s.EndedAt.IsZero() && s.EndedAt.Before(s.Until) {
		return ""
	}
	n := 0
	var checks []string
	for i := range verdicts {
		v := &verdicts[i]
		if v.Outcome != verdict.Fail || !Concerns(s, v) {
			continue
		}
		covered := 0
		for j := range v.Findings {
			if f := &v.Findings[j]; f.Silence == "" && Covers(s, &f.Subject) {
				covered++
			}
		}
		if covered > 0 && !slices.Contains(checks, v.Check) {
			checks = append(checks, v.Check)
		}
		n += covered
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("Silence %d (%s) ran out at %s, and %s of %s that it covered still %s.", s.ID, described(s), text.Time(s.Until),
		text.Count(n, "finding"), named(checks), text.Plural(n, "fails", "fail"))
}

// named lists checks, as long as they are few.
func named(checks []string) string {
	if len(checks) > 3 {
		return text.Count(len(checks), "check")
	}
	return strings.Join(checks, ", ")
}

func described(s *verdict.Silence) string { return fmt.Sprintf("by %s: %s", s.By, s.Reason) }

// Coverage is how much of one failing verdict a silence covers.
type Coverage struct {
	Check, Hub string
	// Covered of Findings are covered.
	Covered, Findings int
}

// Coverages tells what a silence covers of a run's verdicts, whenever it holds:
// one entry for each failing verdict of which it covers anything.
func Coverages(s *verdict.Silence, verdicts []verdict.Verdict) []Coverage {
	var out []Coverage
	for i := range verdicts {
		v := &verdicts[i]
		if v.Outcome != verdict.Fail || !Concerns(s, v) {
			continue
		}
		c := Coverage{Check: v.Check, Hub: v.Hub, Findings: len(v.Findings)}
		for j := range v.Findings {
			if Covers(s, &v.Findings[j].Subject) {
				c.Covered++
			}
		}
		if c.Covered > 0 || c.Findings == 0 && s.Subject == All {
			out = append(out, c)
		}
	}
	return out
}
