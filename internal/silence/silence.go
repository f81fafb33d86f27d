// Package silence applies people's decisions to hear nothing of some findings
// for a while. It is pure: the history remembers silences, a run applies them.
//
// A silence hides nothing. What it covers still fails, is still in the report
// and keeps its incident open; only nobody is told.
package silence

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// All is the glob over subjects that covers every finding, whatever its
// subject's name holds.
const All = "*"

// Longest is for how long a silence may hold. What is to be quiet for ever is a
// setting of the check, which stands in the configuration for all to see.
const Longest = 90 * 24 * time.Hour

// Validate tells whether somebody may make such a silence; its errors say what
// to write instead.
func Validate(s verdict.Silence) error {
	var errs []error
	globs := []struct{ flag, glob string }{{"the check", s.Check}, {"--hub", s.Hub}, {"--subject", s.Subject}}
	for _, g := range globs {
		if _, err := path.Match(g.glob, ""); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not a glob: put a \\ before a [ that is meant as it stands", g.flag, g.glob))
		}
	}
	if s.Check == "" || s.Subject == "" {
		errs = append(errs, errors.New("an empty glob covers nothing: write * for everything"))
	}
	if strings.TrimSpace(s.Reason) == "" {
		errs = append(errs, errors.New("say why: --reason \"…\""))
	}
	switch {
	case s.Until.IsZero():
		errs = append(errs, errors.New("say until when: --for 48h or --until 2026-12-01T18:00:00Z"))
	case !s.Until.After(s.At):
		errs = append(errs, fmt.Errorf("it would end (%s) before it begins (%s)", text.Time(s.Until), text.Time(s.At)))
	case s.Until.Sub(s.At) > Longest:
		errs = append(errs, errors.New("a silence holds for 90 days at most: what is to be quiet for longer is a setting of its check in the configuration"))
	}
	return errors.Join(errs...)
}

// Holds tells whether a silence holds at a time: it has begun, and has neither
// run out nor been ended.
func Holds(s *verdict.Silence, now time.Time) bool {
	return !now.Before(s.At) && now.Before(s.Until) && (s.EndedAt.IsZero() || now.Before(s.EndedAt))
}

// Concerns tells whether a verdict is of a check and hub that a silence is for.
func Concerns(s *verdict.Silence, v *verdict.Verdict) bool {
	return matches(s.Check, v.Check) && matches(s.Hub, v.Hub)
}

// Covers tells whether a silence is for a finding's subject, by its name or by
// namespace/name. Further subjects that a finding names in its details, such as
// the users of a lost node, do not count.
func Covers(s *verdict.Silence, subject *verdict.Subject) bool {
	return s.Subject == All || matches(s.Subject, subject.Name) ||
		subject.Namespace != "" && matches(s.Subject, subject.Namespace+"/"+subject.Name)
}

// matches is false for a glob that is none, which Validate refuses.
func matches(glob, name string) bool {
	ok, err := path.Match(glob, name)
	return err == nil && ok
}

// Words say what a silence is, to stand beside what it covers.
func Words(s *verdict.Silence) string {
	return fmt.Sprintf("silence %d by %s until %s: %s", s.ID, s.By, text.Time(s.Until), s.Reason)
}

// Apply marks what silences that hold at now cover among failing verdicts:
// Finding.Silence, and Verdict.Silenced, how many findings are covered. Where
// all of them are, Verdict.Silence is set, and severity and count stay those of
// all; otherwise they become those of the findings that are not covered. An
// unknown verdict is never silenced: nobody knows what it hides.
//
// matched are the IDs of the silences that covered a finding. notes are, in
// words for the report, silences that ran out while what they covered still
// fails, and those that have covered nothing for long.
func Apply(silences []verdict.Silence, verdicts []verdict.Verdict, now time.Time) (matched []int64, notes []string) {
	var holding []*verdict.Silence
	for i := range silences {
		if Holds(&silences[i], now) {
			holding = append(holding, &silences[i])
		}
	}
	hits := map[int64]bool{}
	for i := range verdicts {
		if v := &verdicts[i]; v.Outcome == verdict.Fail {
			apply(holding, v, hits)
		}
	}
	for i := range silences {
		s := &silences[i]
		if hits[s.ID] {
			matched = append(matched, s.ID)
		} else if note := note(s, verdicts, now); note != "" {
			notes = append(notes, note)
		}
	}
	return matched, notes
}

// apply marks one failing verdict, and in hits the silences that cover any of it.
func apply(holding []*verdict.Silence, v *verdict.Verdict, hits map[int64]bool) {
	concerning := slices.DeleteFunc(slices.Clone(holding), func(s *verdict.Silence) bool { return !Concerns(s, v) })
	if len(concerning) == 0 {
		return
	}
	words := make([]string, len(concerning))
	for i, s := range concerning {
		words[i] = Words(s)
	}
	first := ""
	for i := range v.Findings {
		f := &v.Findings[i]
		for j, s := range concerning {
			if f.Silence != "" && hits[s.ID] || !Covers(s, &f.Subject) {
				continue
			}
			hits[s.ID] = true
			if f.Silence == "" {
				f.Silence = words[j]
				v.Silenced++
			}
		}
		if first == "" {
			first = f.Silence
		}
	}
	if len(v.Findings) == 0 {
		first = whole(concerning, words, hits)
	}
	switch {
	case v.Silenced == len(v.Findings):
		v.Silence = first
	case v.Silenced > 0:
		v.Severity, v.Count = uncovered(v)
	}
}

// whole is for a failing verdict without findings: only a silence of everything
// covers it.
func whole(concerning []*verdict.Silence, words []string, hits map[int64]bool) string {
	for i, s := range concerning {
		if s.Subject == All {
			hits[s.ID] = true
			return words[i]
		}
	}
	return ""
}

// uncovered is the worst severity of the findings that no silence covers, and
// how many they are.
func uncovered(v *verdict.Verdict) (worst verdict.Severity, count int) {
	for i := range v.Findings {
		f := &v.Findings[i]
		if f.Silence != "" {
			continue
		}
		count++
		severity := f.Severity
		if severity == "" { // the check gave it none of its own
			severity = v.Severity
		}
		if worst == "" || severity.AtLeast(worst) {
			worst = severity
		}
	}
	return worst, count
}
