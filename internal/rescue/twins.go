package rescue

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// refuseTwins leaves out those whose names may be another spelling of somebody
// else's: names that differ only in case, Unicode form or what stands between
// the letters. Names that stand in an old database, in the history or in an
// annotation are nobody's misspelling, and stay.
func (b *builder) refuseTwins() {
	families, folding := map[string][]*person{}, folding{cases.Fold()}
	for _, p := range b.people {
		if k := folding.fold(p.name); p.out == nil && k != "" {
			families[k] = append(families[k], p)
		}
	}
	for _, family := range families {
		if len(family) < 2 {
			continue
		}
		var names []string
		for _, p := range family {
			names = append(names, p.name)
		}
		slices.Sort(names)
		for _, p := range family {
			if !p.vouched() {
				p.out = &refusal{reason: ReasonTwins, why: fmt.Sprintf("%s may be spellings of one name", quoted(names)), candidates: names}
			}
		}
	}
}

// vouched tells whether the name is certain to be spelt so.
func (p *person) vouched() bool {
	return p.decided || strongerSource(p.nameFrom, FromName)
}

// folding tells what all spellings of a name have in common.
type folding struct{ caser cases.Caser }

// fold is "" for a name without a letter or a digit, which is like nobody's.
func (f folding) fold(name string) string {
	spoken := false
	folded := strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.L, unicode.N):
			spoken = true
			return r
		case unicode.Is(unicode.M, r):
			return r
		}
		return '-'
	}, norm.NFKC.String(f.caser.String(name)))
	if !spoken {
		return ""
	}
	return folded
}
