package checks

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	casefold "golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// nameRule is a way in which two spellings of one name differ.
type nameRule string

const (
	ruleDomain  nameRule = "the domain"
	ruleSymbols nameRule = "symbols"
	ruleCase    nameRule = "case"
	ruleForm    nameRule = "Unicode form"
)

// nameRules are all rules, in the order in which one of several names a pair.
var nameRules = []nameRule{ruleDomain, ruleSymbols, ruleCase, ruleForm}

// foldName is what remains of a name when everything is taken from it that a
// change of how logins become user names may change, but for the domain: the
// Unicode form, case, and which symbol stands between letters. It is "" for a
// name that has no letter or digit, or is not UTF-8: those are like nobody's.
func foldName(name string) string {
	if !utf8.ValidString(name) {
		return ""
	}
	spoken := false
	folded := strings.Map(func(r rune) rune {
		spoken = spoken || unicode.In(r, unicode.L, unicode.N)
		return foldSymbol(r)
	}, foldLetters(name))
	if !spoken {
		return ""
	}
	return folded
}

// foldSymbol makes one symbol of all: in 2017 '.' became '-', and KubeSpawner's
// old claim names turn everything but letters and digits into '-'.
func foldSymbol(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}
	if unicode.In(r, unicode.L, unicode.N, unicode.M) {
		return r
	}
	return '-'
}

var foldCase = casefold.Fold()

// foldLetters folds case and Unicode form, and drops blanks around the name and
// characters without a shape. It leaves symbols alone.
func foldLetters(s string) string {
	if isASCII(s) {
		return strings.ToLower(strings.TrimSpace(s))
	}
	// Folding case can undo the form and the form can bring new capitals; three
	// rounds settle every name.
	for range 3 {
		next := norm.NFKC.String(foldCase.String(dropInvisible(s)))
		if next == s {
			break
		}
		s = next
	}
	return s
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func dropInvisible(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return r
	}, s))
}

// cutDomain takes the domain off a name that is an address; "" if it is none.
func cutDomain(name string) (local, domain string) {
	i := strings.LastIndexByte(name, '@')
	if i <= 0 || foldName(name[i+1:]) == "" {
		return name, ""
	}
	return name[:i], name[i+1:]
}

// difference says in what two names differ that fold to the same, the first
// rule that applies and all of them in words. a is the older name.
func difference(a, b string) (nameRule, string) {
	var rules []nameRule
	var words []string
	add := func(rule nameRule, text string) { rules, words = append(rules, rule), append(words, text) }
	if foldName(a) != foldName(b) {
		local, domain := cutDomain(a)
		if foldName(local) == foldName(b) {
			a = local
		} else {
			b, domain = cutDomain(b)
		}
		add(ruleDomain, fmt.Sprintf("the domain %q", domain))
	}
	if x, y := strings.TrimSpace(a), strings.TrimSpace(b); len(a)-len(x) != len(b)-len(y) {
		a, b = x, y
		add(ruleSymbols, "blanks around it")
	}
	if symbols := differingSymbols(foldLetters(a), foldLetters(b)); len(symbols) > 0 {
		add(ruleSymbols, joined(symbols, " and ", 4))
	}
	a, b = strings.Map(foldSymbol, a), strings.Map(foldSymbol, b)
	if norm.NFKC.String(a) != norm.NFKC.String(b) {
		add(ruleCase, "case")
	}
	if foldCase.String(a) != foldCase.String(b) || len(words) == 0 {
		add(ruleForm, "Unicode form")
	}
	return rules[0], strings.Join(words, " and ")
}

// differingSymbols are the symbols that stand in the same places of two names
// that are otherwise alike.
func differingSymbols(a, b string) []string {
	x, y := []rune(a), []rune(b)
	var symbols []string
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		for _, r := range []rune{x[i], y[i]} {
			if text := fmt.Sprintf("%q", r); !slices.Contains(symbols, text) {
				symbols = append(symbols, text)
			}
		}
	}
	slices.Sort(symbols)
	return symbols
}
