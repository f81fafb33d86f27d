package rescue_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/rescue"
)

var sameDecision = cmpopts.IgnoreUnexported(rescue.Decision{})

func TestParseMapping(t *testing.T) {
	m, err := rescue.ParseMapping("mapping.yaml", []byte(`
# a comment
- claim: claim-samlau-95-257
  user: SamLau.95
  admin: true
- {claim: "claim-1234567", namespace: hub, user: 1234567, server: "Some Name", id: 12}
- {claim: spare, leaveOut: true}
- {user: yes, admin: false}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []rescue.Decision{
		{Claim: "claim-samlau-95-257", User: "SamLau.95", Admin: new(true)},
		{Claim: "claim-1234567", Namespace: "hub", User: "1234567", Server: "Some Name", ID: 12},
		{Claim: "spare", LeaveOut: true},
		{User: "yes", Admin: new(false)},
	}
	if diff := cmp.Diff(want, m.Decisions, sameDecision); diff != "" {
		t.Error(diff)
	}
	for _, empty := range []string{"", "\n# nothing\n", "~", "[]"} {
		if m, err := rescue.ParseMapping("m", []byte(empty)); err != nil || len(m.Decisions) != 0 {
			t.Errorf("%q: %+v, %v", empty, m, err)
		}
	}
}

// TestMappingRefused: every mistake is told with its line and what to do.
func TestMappingRefused(t *testing.T) {
	for yaml, want := range map[string]string{
		"- {claim: c, usr: ann}":                            `m.yaml:1: unknown key "usr"; did you mean "user"?`,
		"- {claim: c, colour: red}":                         "known are claim, namespace",
		"\n- claim: c\n  user: ann\n  user: bob":            "m.yaml:4: user is set twice",
		"- {claim: c, user: [ann]}":                         "user must have a single value",
		"- {claim: c, user: }":                              "user must have a single value",
		`- {claim: c, user: ""}`:                            "user is empty: fill it in",
		"- {claim: c, user: ann, id: 0}":                    "id must be a number from 1",
		"- {claim: c, user: ann, id: 2147483648}":           "id must be a number from 1",
		"- {claim: c, user: ann, id: x}":                    "id must be a number from 1",
		"- {claim: c, user: ann, admin: maybe}":             "admin must be true or false",
		`- {claim: c, leaveOut: "true"}`:                    "leaveOut must be true or false",
		"- {claim: c}":                                      `claim "c": say whose it is`,
		"- {claim: c, leaveOut: false}":                     `claim "c": say whose it is`,
		"- {id: 7}":                                         "is about nothing",
		"- {user: ann, server: lab}":                        "belong to a claim",
		"- {claim: c, user: ann, leaveOut: true}":           "what is left out has no user",
		"- {user: ann, leaveOut: true, id: 3}":              "what is left out has no user",
		"- {claim: c, user: a/b}":                           "holds a slash",
		`- {claim: c, user: " ann"}`:                        "begins or ends with a blank",
		`- {claim: c, user: "a\0b"}`:                        "no text that a hub's database can hold",
		"- claim":                                           "a decision must be a mapping",
		"claim: c":                                          "must be a list of decisions",
		"- {claim: c":                                       "not valid YAML",
		"- {claim: c, user: a}\n---\n- {claim: d, user: b}": "more than one YAML document",
		"- {claim: c, user: a}\n- {claim: c, user: b}":      `m.yaml:2: claim "c" is decided twice: see line 1`,
		"- {claim: c, user: a, id: 1}\n- {claim: d, user: a, id: 2, server: x}": `user "a" is given another id or admin: see line 1`,
		"- {user: a, admin: true}\n- {user: a, admin: false}":                   "another id or admin",
		"- {user: a, id: 1}\n- {user: b, id: 1}":                                "the id 1 is given to another user",
		"- {claim: c, user: a}\n- {claim: d, user: a}":                          "the same server of user \"a\" is given a second claim",
		"- {claims: claim-*}":                                                   "needs both claims and hyphen",
		"- {hyphen: .}":                                                         "needs both claims and hyphen",
		"- {claims: claim-*, hyphen: a}":                                        `hyphen: "a" is not one character that became a hyphen`,
		"- {claims: claim-*, hyphen: ..}":                                       "is not one character",
		"- {claims: claim-*, hyphen: /}":                                        "is not one character",
		`- {claims: claim-*, hyphen: " "}`:                                      "is not one character",
		`- {claims: claim-*, hyphen: "\u200b"}`:                                 "is not one character",
		`- {claims: "claim-[", hyphen: .}`:                                      `"claim-[" is no pattern`,
		"- {claims: claim-*, hyphen: ., user: ann}":                             `unknown key "user"; known are claims and hyphen`,
		"- {claims: claim-*, hyphn: .}":                                         `unknown key "hyphn"; did you mean "hyphen"?`,
		"- {user: a, leaveOut: true}\n- {claim: c, user: a}":                    `user "a" is left out here, and kept in line 2`,
	} {
		_, err := rescue.ParseMapping("m.yaml", []byte(yaml))
		var wrong *rescue.MappingError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", yaml, err, want)
		}
	}
	_, err := rescue.ParseMapping("m.yaml", bytes.Repeat([]byte("#"), 64<<20+1))
	if err == nil || !strings.Contains(err.Error(), "this is not a mapping file") {
		t.Errorf("a huge file: %v", err)
	}
}

// TestHostileProposal: whatever names hold, the file is read back as it was meant.
func TestHostileProposal(t *testing.T) {
	for _, name := range []string{"a: b", "- x", "#", `"`, "'", "\\", "a\nb", "a\u2028b", "\u202e", "\x7f", "a\u0085b", "\ufeff", "😀", "null", "~", "!!int 7", "&a", "*a", "{}", "%"} {
		p := &rescue.Plan{Hub: name, Namespace: "hub", LeftOut: []rescue.LeftOut{
			{Claim: "claim-a", Namespace: "hub", User: name, Server: name, Why: name, Candidates: []string{name, "x"}, Proposal: &rescue.Decision{Claim: "claim-a", User: name, Server: name, ID: 7}},
			{Claim: "claim-b", Namespace: "hub", Why: name, Candidates: []string{name}},
			{User: name, Why: name},
		}}
		var b strings.Builder
		if err := p.WriteProposal(&b, nil); err != nil {
			t.Fatal(err)
		}
		m, err := rescue.ParseMapping("m", []byte(b.String()))
		if err != nil {
			t.Errorf("%q: %v\n%s", name, err, b.String())
			continue
		}
		if diff := cmp.Diff([]rescue.Decision{*p.LeftOut[0].Proposal}, m.Decisions, sameDecision); diff != "" {
			t.Errorf("%q:\n%s", name, diff)
		}
	}
}

// FuzzParseMapping: nothing panics, and what is read can be written and read again.
func FuzzParseMapping(f *testing.F) {
	for _, seed := range []string{"- {claim: c, user: ann}", "- {claim: c, namespace: n, user: ann, server: s, id: 7, admin: true}", "- {user: a, leaveOut: true}",
		"- &a {claim: c, user: x}\n- *a", "- {claim: c, usr: x}", "[[[[", "- {? [a] : b}", "- {<<: {user: a}}", "\x00", "- {claim: c, user: !!binary aGk=}", "- {claims: '*', hyphen: \"@\"}\n- {user: a, id: 3}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := rescue.ParseMapping("m", data)
		if err != nil {
			if text := err.Error(); !strings.HasPrefix(text, "m:") {
				t.Errorf("error without the file: %q", text)
			}
			return
		}
		var b strings.Builder
		if err := (&rescue.Plan{}).WriteProposal(&b, m); err != nil {
			t.Fatal(err)
		}
		again, err := rescue.ParseMapping("m", []byte(b.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if len(m.Rules) != len(again.Rules) || len(m.Decisions) != len(again.Decisions) || len(m.Decisions) > 0 && !cmp.Equal(m.Decisions, again.Decisions, sameDecision) {
			t.Errorf("%+v became %+v", m.Decisions, again.Decisions)
		}
	})
}

// FuzzNew: whatever claims and accounts are called, there is a sound plan, and
// the same one twice.
func FuzzNew(f *testing.F) {
	f.Add("claim-sam-257", "claim-sam-3", "sam", "SamLau_2E95", int64(3))
	f.Add("claim-a-b-7", "claim-a-b-8", "a.b", "a-b", int64(7))
	f.Add("claim--5", "claim-İ-1", "İstanbul", "\xff", int64(-1))
	f.Fuzz(func(t *testing.T, first, second, user, label string, id int64) {
		if first == second {
			return // a namespace has one claim of a name
		}
		s := lostHub()
		bare(s, first)
		annotated(s, second, user, label)
		bare(s, first+"-1")
		live(s, id, user)
		live(s, id+1, label)
		p, err := rescue.New(s, s.Hubs[0], rescue.Evidence{})
		if err != nil {
			return // no id is left
		}
		sound(t, s, p)
		again, _ := rescue.New(s, s.Hubs[0], rescue.Evidence{})
		if !cmp.Equal(short(p), short(again)) {
			t.Errorf("%q and %q", short(p), short(again))
		}
		if err := p.WriteProposal(&strings.Builder{}, nil); err != nil {
			t.Error(err)
		}
	})
}
