package rescue

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"hubaudit/internal/kubespawner"
	"hubaudit/internal/text"
)

// spellings is what stands in the names that are certain where a claim of 2016
// or 2017 would have hyphens.
type spellings struct {
	forms  map[int]map[string]int // by the number of such characters, and these
	single map[string]int         // names that have a character at least once
	names  int
}

// newSpellings counts in names that something spells: a backup, the history,
// annotations, accounts, decisions on one claim.
func (b *builder) newSpellings() *spellings {
	s := &spellings{forms: map[int]map[string]int{}, single: map[string]int{}}
	for name, p := range b.people {
		if p.present || strongerSource(p.nameFrom, FromRule) {
			s.add(name)
		}
	}
	return s
}

func (s *spellings) add(name string) {
	var form []rune
	for _, r := range name {
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r):
		case kubespawner.Lossy(string(r)) == "-":
			form = append(form, r)
		}
	}
	if len(form) == 0 || kubespawner.Lossy(name) != kubespawner.Lossy(spelt(kubespawner.Lossy(name), string(form))) || strings.Count(kubespawner.Lossy(name), "-") != len(form) {
		return // letters became hyphens, too
	}
	s.names++
	if s.forms[len(form)] == nil {
		s.forms[len(form)] = map[string]int{}
	}
	s.forms[len(form)][string(form)]++
	slices.Sort(form)
	for _, r := range slices.Compact(form) {
		s.single[string(r)]++
	}
}

// likeliest is the name that a lossy one probably stands for, and why; "" where
// nothing tells. Names with as many such characters count, or else all.
func (s *spellings) likeliest(lossy string) (name, why string) {
	hyphens := strings.Count(lossy, "-")
	if form, n, of := most(s.forms[hyphens]); form != "" {
		return spelt(lossy, form), fmt.Sprintf("of %s with as many such characters, %s %s", certain(of), text.Number(n), text.Plural(n, "has ", "have ")+shownForm(form))
	}
	if c := s.common(); c != "" {
		return spelt(lossy, c), fmt.Sprintf("of %s with such characters, %s %s", certain(s.names), text.Number(s.single[c]), text.Plural(s.single[c], "has ", "have ")+shownForm(c))
	}
	return "", ""
}

func certain(n int) string {
	return text.Number(n) + " " + text.Plural(n, "name that is certain", "names that are certain")
}

// common is the character that more than half of the names have, and no other
// one as many of them; "" if there is none.
func (s *spellings) common() string {
	if c := mostOften(s.single); 2*s.single[c] > s.names {
		return c
	}
	return ""
}

// mostOften is what was counted most often, "" if nothing was or several were.
func mostOften(counts map[string]int) string {
	best, tied := "", false
	for c, n := range counts {
		if n >= counts[best] {
			best, tied = c, n == counts[best]
		}
	}
	if tied {
		return ""
	}
	return best
}

// likeliestHyphen is the plan's Hyphen.
func (b *builder) likeliestHyphen() string {
	counts := map[string]int{}
	for i := range b.plan.LeftOut {
		if l := &b.plan.LeftOut[i]; l.Reason == ReasonLossy && l.Hint != "" {
			for _, r := range l.Candidates[0] {
				if c := string(r); isHyphen(c) {
					counts[c]++
				}
			}
		}
	}
	return mostOften(counts)
}

// most is the form that more than half of the names have.
func most(forms map[string]int) (form string, n, of int) {
	for f, count := range forms {
		of += count
		if count > n {
			form, n = f, count
		}
	}
	if 2*n <= of {
		return "", 0, of
	}
	return form, n, of
}

// spelt puts characters in the place of the hyphens, one after the other; the
// last one counts for all that follow.
func spelt(lossy, characters string) string {
	left := []rune(characters)
	var b strings.Builder
	for _, r := range lossy {
		if r == '-' && len(left) > 0 {
			r = left[0]
			left = left[min(1, len(left)-1):]
		}
		b.WriteRune(r)
	}
	return b.String()
}

func shownForm(form string) string {
	var shown []string
	for _, r := range form {
		shown = append(shown, fmt.Sprintf("%q", string(r)))
	}
	return joined(shown)
}

func hasHyphen(lossy string) bool { return strings.Contains(lossy, "-") }

// open is the refusal of a claim whose user's name has several spellings, the
// likeliest first.
func (b *builder) open(lossy string, names namesakes) refusal {
	all := names.names()
	for _, name := range all {
		if p := names[name]; len(p.ids) > 0 {
			return refusal{reason: ReasonLossy, why: "those who are known to be written so had other ids", candidates: all}
		}
	}
	r := refusal{reason: ReasonLossy, why: "every hyphen of the name may have been another character: . _ @ and so on"}
	if !hasHyphen(lossy) {
		r.why = "the name is written so of several spellings, in capitals or not"
	}
	likely, hint := b.spelt.likeliest(lossy)
	switch {
	case len(all) > 0:
		r.hint = fmt.Sprintf("%s is a name that is certain, and would be written so", quoted(all[:1]))
		if len(all) > 1 {
			r.hint = quoted(all) + " are names that are certain, and would be written so"
		}
	case likely != "":
		r.hint = hint
	}
	r.candidates = slices.Clone(all)
	for _, name := range append([]string{likely}, variants(lossy)...) {
		if name != "" && !slices.Contains(r.candidates, name) {
			r.candidates = append(r.candidates, name)
		}
	}
	return r
}
