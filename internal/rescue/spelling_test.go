package rescue_test

import (
	"errors"
	"strings"
	"testing"

	"hubaudit/internal/rescue"
)

// TestLikeliest: the spelling that names which are certain have comes first,
// with the reason; it is only offered.
func TestLikeliest(t *testing.T) {
	for _, c := range []struct {
		certain     []string
		first, hint string
	}{
		{nil, "sam-lau", ""},
		{[]string{"ann", "bob"}, "sam-lau", ""},
		{[]string{"a.b", "c.d", "e_f"}, "sam.lau", `of 3 names that are certain with as many such characters, 2 have "."`},
		{[]string{"a.b", "e_f"}, "sam-lau", ""},
		{[]string{"a@b.c"}, "sam-lau", ""}, // as many have @ as have a dot
		{[]string{"a.b.c"}, "sam.lau", `of 1 name that is certain with such characters, 1 has "."`},
		{[]string{"sam_lau"}, "sam_lau", `"sam_lau" is a name that is certain`},
		{[]string{"josé.g", "a_b"}, "sam_lau", `1 has "_"`}, // é became a hyphen, too
	} {
		s := lostHub()
		for _, name := range c.certain {
			annotated(s, "home-of-"+name, name, "")
		}
		bare(s, "claim-sam-lau-99")
		p := plan(t, s, rescue.Evidence{})
		found := false
		for _, l := range p.LeftOut {
			if l.Claim != "claim-sam-lau-99" {
				continue
			}
			found = true
			if l.Candidates[0] != c.first || !strings.Contains(l.Hint, c.hint) || c.hint == "" && l.Hint != "" || l.Proposal != nil {
				t.Errorf("%q: %q, %q, %+v", c.certain, l.Candidates, l.Hint, l.Proposal)
			}
		}
		if !found {
			t.Errorf("%q decide", c.certain)
		}
	}
	s := lostHub()
	annotated(s, "home", "ann@x.org", "")
	bare(s, "claim-bob-y-com-3", "claim-c-d-4")
	var b strings.Builder
	if err := plan(t, s, rescue.Evidence{}).WriteProposal(&b, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`# "bob@y.com" is the likeliest: of 1 name that is certain with as many such characters, 1 has "@" and "."`, `#   user: "bob@y.com"`,
		"# - claims: \"claim-*\"\n#   hyphen: \".\"\n", "where you KNOW"} {
		if !strings.Contains(strings.ToLower(b.String()), strings.ToLower(want)) {
			t.Errorf("%s is not in\n%s", want, b.String())
		}
	}
}

// TestDatahubByARule: an operator who knows that every hyphen was a dot says so
// once, and everybody is back under the old id.
func TestDatahubByARule(t *testing.T) {
	s, before := stage(t, "database-emptied")
	p := plan(t, s, rescue.Evidence{Mapping: mapping(t, "- {claims: claim-*, hyphen: .}")})
	got := users(p)
	for _, u := range before.Users {
		if got[u.Name] != u.ID {
			t.Errorf("%q has the id %d, had %d", u.Name, got[u.Name], u.ID)
		}
	}
	if len(got) != 1000 || len(p.LeftOut) != 0 || !strings.Contains(strings.Join(p.Notes, "\n"), `line 1 of mapping.yaml, that every hyphen was ".", decided whose 125 claims are`) {
		t.Errorf("%d users, %d left out, notes %q", len(got), len(p.LeftOut), p.Notes)
	}
}

// TestRuleMatchesNothing: a rule that is for no claim, and two for one.
func TestRuleMatchesNothing(t *testing.T) {
	s := lostHub()
	bare(s, "claim-sam-lau-95", "claim-ann-7")
	for yaml, want := range map[string]string{
		"- {claims: claim-x*, hyphen: .}":                                    `mapping.yaml:1: the rule is for no claim`,
		"- {claims: claim-ann-*, hyphen: .}":                                 `mapping.yaml:1: the rule is for no claim`,
		"- {claims: claim-*, hyphen: .}\n- {claims: claim-sam-*, hyphen: _}": `mapping.yaml:2: claim "claim-sam-lau-95" has another hyphen by the rule in line 1`,
	} {
		_, err := rescue.New(s, s.Hubs[0], rescue.Evidence{Mapping: mapping(t, yaml)})
		var wrong *rescue.MappingError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", yaml, err, want)
		}
	}
}
