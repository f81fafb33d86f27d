package rescue

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"unicode"

	"go.yaml.in/yaml/v4"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/text"
)

// HyphenRule decides at once on all claims of 2016 and 2017 of which nothing
// else tells the user's name: every hyphen in it was the same character.
type HyphenRule struct {
	Claims string // a glob of path.Match
	Hyphen string // one character

	line int
}

// ruleKeys are the keys of a rule.
var ruleKeys = []string{"claims", "hyphen"}

// isRule tells a rule from a decision on one claim or user.
func isRule(item *yaml.Node) bool {
	for i := 0; i < len(item.Content); i += 2 {
		if k := item.Content[i].Value; k == "claims" || k == "hyphen" {
			return true
		}
	}
	return false
}

func (p *mappingParser) rule(item *yaml.Node) {
	r, before := HyphenRule{line: item.Line}, len(p.errs)
	p.fields(item, ruleKeys, func(key, value *yaml.Node) {
		if key.Value == "claims" {
			r.Claims = p.word(key, value)
		} else {
			r.Hyphen = p.word(key, value)
		}
	})
	if len(p.errs) > before {
		return
	}
	_, broken := path.Match(r.Claims, "")
	switch {
	case r.Claims == "" || r.Hyphen == "":
		p.wrong(item.Line, "a rule on hyphens needs both claims and hyphen, such as {claims: claim-*, hyphen: .}")
	case broken != nil:
		p.wrong(item.Line, "claims: %q is no pattern: * stands for any characters, ? for one, [ab] for one of these", r.Claims)
	case !isHyphen(r.Hyphen):
		p.wrong(item.Line, "hyphen: %q is not one character that became a hyphen in claims' names: such as \".\", \"_\", \"@\" or \"-\"", r.Hyphen)
	}
	p.Rules = append(p.Rules, r)
}

// isHyphen tells whether s is one visible character for which KubeSpawner
// wrote a hyphen, and with which a name can begin and end.
func isHyphen(s string) bool {
	runes := []rune(s)
	return len(runes) == 1 && kubespawner.Lossy(s) == "-" && unicode.IsPrint(runes[0]) && refusedName(s) == ""
}

// write writes a rule as an item of a YAML list.
func (r *HyphenRule) write(w io.Writer, comment string) {
	fmt.Fprintf(w, "%s- claims: %s\n%s  hyphen: %s\n", comment, strconv.Quote(r.Claims), comment, strconv.Quote(r.Hyphen))
}

// byRule is the name by the rule for a claim whose name is open, "" if there is
// none or if an older record has that name under another id.
func (b *builder) byRule(c *facts.Claim, lossy string, id int64, names namesakes) (name, detail string) {
	for i := range b.e.Mapping.Rules {
		r := &b.e.Mapping.Rules[i]
		if ok, _ := path.Match(r.Claims, c.Name); !ok || !hasHyphen(lossy) {
			continue
		}
		name = spelt(lossy, r.Hyphen)
		if p := names[name]; refusedName(name) != "" || p != nil && p.hadOther(id) || b.elsewhere(name) != "" {
			return "", ""
		}
		b.ruled[i]++
		return name, fmt.Sprintf("the mapping file's rule in line %d: every hyphen was %q", r.line, r.Hyphen)
	}
	return "", ""
}

// hadOther tells whether what is stronger than names of claims has another id.
func (p *person) hadOther(id int64) bool {
	for _, e := range p.ids {
		if e.rank < rankClaim && e.id != id {
			return true
		}
	}
	return false
}

// unmatchedRules are rules that are for no claim, and those for a claim that
// another one spells otherwise.
func (b *builder) unmatchedRules() (errs []error) {
	rules := b.e.Mapping.Rules
	matched := make([]bool, len(rules))
	told := map[[2]int]bool{}
	for _, c := range b.claims {
		if lossy, _, ok := kubespawner.ParseLossyClaim(c.Name); !ok || !attribution.Bare(c) || !hasHyphen(lossy) {
			continue
		}
		first := -1
		for i := range rules {
			if ok, _ := path.Match(rules[i].Claims, c.Name); !ok {
				continue
			}
			if matched[i] = true; first < 0 {
				first = i
			} else if k := [2]int{first, i}; rules[i].Hyphen != rules[first].Hyphen && !told[k] {
				told[k] = true
				errs = append(errs, b.e.Mapping.at(rules[i].line, "claim %q has another hyphen by the rule in line %d: narrow one of the two patterns", c.Name, rules[first].line))
			}
		}
	}
	for i, ok := range matched {
		if !ok {
			errs = append(errs, b.e.Mapping.at(rules[i].line, "the rule is for no claim: no claim of 2016 or 2017 (claim-NAME-ID) with a hyphen in NAME matches %q", rules[i].Claims))
		}
	}
	return errs
}

// noteRules says how much each rule decided.
func (b *builder) noteRules() {
	for i, n := range b.ruled {
		r := &b.e.Mapping.Rules[i]
		b.plan.Notes = append(b.plan.Notes, fmt.Sprintf("The rule in line %d of %s, that every hyphen was %q, decided whose %s.", r.line, b.e.Mapping.File, r.Hyphen, text.Count(n, "claim")+" "+text.Plural(n, "is", "are")))
	}
}
