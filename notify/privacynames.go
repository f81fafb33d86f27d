package notify

import (
	"strconv"
	"strings"
	"unicode"

	"hubaudit/internal/verdict"
)

// Where findings name people, and the things that are named after them.
var (
	personDetails     = set("user", "annotatedUser", "namedUser", "podUser", "idOf", "loggedInAs", "first", "alike", "account", "label")
	personListDetails = set("users", "candidates", "vanished", "appeared") // each name quoted
	personNameDetails = set("missing of hub-db-reset")                     // not quoted; of the check, as others say something else by the word
	objectKinds       = set("claim", "pod", "directory")
	objectDetails     = set("claim", "claims", "claimOfAPI", "directory", "exampleClaim", "hubHolds", "lastClaim", "likelyData", "data", "mounted",
		"mountedBy", "nextStart", "pod", "pods", "remembered")
)

func set(all ...string) map[string]bool {
	out := map[string]bool{}
	for _, s := range all {
		out[s] = true
	}
	return out
}

// nameCollector finds the names in findings.
type nameCollector struct {
	people  map[string]bool
	objects map[string]string // their kinds
	kept    map[string]bool   // words that name nobody
}

func (c *nameCollector) keep(word string) {
	if word != "" {
		c.kept[word] = true
	}
}

func (c *nameCollector) person(name string) {
	if name != "" {
		c.people[name] = true
	}
}

func (c *nameCollector) object(name, kind string) {
	if name != "" && name != databaseClaim && strings.ContainsFunc(name, unicode.IsLetter) && !strings.ContainsAny(name, " /") {
		c.objects[name] = kind
	}
}

func (c *nameCollector) verdict(v *verdict.Verdict) {
	c.keep(v.Check)
	c.keep(v.Hub)
	c.spoken(v.Summary)
	for i := range v.Findings {
		f := &v.Findings[i]
		c.spoken(f.Message)
		switch kind := f.Subject.Kind; {
		case kind == "user":
			c.person(f.Subject.Name)
		case objectKinds[kind]:
			c.object(f.Subject.Name, kind)
		}
		for key, value := range f.Details {
			switch {
			case personDetails[key]:
				c.person(value)
			case personListDetails[key]:
				eachQuoted(value, c.person)
			case personNameDetails[key+" of "+v.Check]:
				eachItem(value, func(name string) { c.person(strings.Trim(name, `"`)) })
			case objectDetails[key]:
				eachItem(value, func(name string) { c.object(name, "claim") })
			}
		}
	}
}

// callsUser is how the checks' sentences introduce a person.
const callsUser = `user "`

// spoken finds the people whom a sentence names.
func (c *nameCollector) spoken(sentence string) {
	for at := strings.Index(sentence, callsUser); at >= 0; at = strings.Index(sentence, callsUser) {
		sentence = sentence[at+len(callsUser)-1:]
		quoted, err := strconv.QuotedPrefix(sentence)
		if err != nil {
			return
		}
		name, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
		c.person(name)
		sentence = sentence[len(quoted):]
	}
}

// eachQuoted visits the quoted strings of a list.
func eachQuoted(list string, visit func(string)) {
	for {
		at := strings.IndexByte(list, '"')
		if at < 0 {
			return
		}
		quoted, err := strconv.QuotedPrefix(list[at:])
		if err != nil {
			return
		}
		name, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
		visit(name)
		list = list[at+len(quoted):]
	}
}

// eachItem visits the names of a list of names, each with words in parentheses.
func eachItem(list string, visit func(string)) {
	for item := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ';' }) {
		name, _, _ := strings.Cut(strings.TrimSpace(item), " (")
		visit(name)
	}
}
