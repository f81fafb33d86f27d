package notify

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameTable has all that is replaced in the texts of one run.
type nameTable struct {
	privacy *Privacy
	people  map[string]string // what a person is shown as, by each form of their name
	forms   []nameForm        // by text
	begin   [256]int          // of each first byte in forms
}

type nameForm struct {
	text, shown string
	// shorter is the longest other form that this one begins with, -1 if there is none.
	shorter int
}

// link prepares the forms, which are sorted, for match.
func (t *nameTable) link() {
	for n := range t.forms {
		before := n - 1
		for before >= 0 && !strings.HasPrefix(t.forms[n].text, t.forms[before].text) {
			before = t.forms[before].shorter
		}
		t.forms[n].shorter = before
	}
	for b := range t.begin {
		t.begin[b], _ = slices.BinarySearchFunc(t.forms, string([]byte{byte(b)}), func(f nameForm, first string) int { return strings.Compare(f.text, first) })
	}
}

// hide replaces each name in a text that stands there as a whole.
func (t *nameTable) hide(s string) string {
	var out strings.Builder
	done := 0
	for i := 0; i < len(s); {
		length, shown := 0, ""
		if isEdge(s, i) {
			length, shown = t.match(s, i)
		}
		if length == 0 {
			i++
			continue
		}
		out.WriteString(s[done:i] + shown)
		i += length
		done = i
	}
	if done == 0 {
		return s
	}
	return out.String() + s[done:]
}

// match is the longest name that begins at a byte of a text, and what it becomes.
func (t *nameTable) match(s string, at int) (length int, shown string) {
	if length, shown = t.quoted(s[at:]); length > 0 {
		return length, shown
	}
	rest := s[at:]
	from, to := t.begin[rest[0]], len(t.forms)
	if rest[0] < 255 {
		to = t.begin[rest[0]+1]
	}
	n, exact := slices.BinarySearchFunc(t.forms[from:to], rest, func(f nameForm, rest string) int { return strings.Compare(f.text, rest) })
	n += from
	if !exact {
		n--
	}
	for n >= from && n >= 0 {
		f := &t.forms[n]
		if strings.HasPrefix(rest, f.text) && isEdge(s, at+len(f.text)) {
			return len(f.text), f.shown
		}
		n = f.shorter
	}
	return t.unknownObject(rest)
}

// quoted finds a person whom the text calls one: user "alice".
func (t *nameTable) quoted(s string) (length int, shown string) {
	for _, word := range []string{"user ", "users ", "account "} {
		if !strings.HasPrefix(s, word) || !strings.HasPrefix(s[len(word):], `"`) {
			continue
		}
		quoted, err := strconv.QuotedPrefix(s[len(word):])
		if err != nil {
			return 0, ""
		}
		name, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
		return len(word) + len(quoted), word + strconv.Quote(t.person(name))
	}
	return 0, ""
}

// unknownObject finds a claim or pod that no finding is about, by how its name begins.
func (t *nameTable) unknownObject(s string) (length int, shown string) {
	for _, prefix := range objectPrefixes {
		if !strings.HasPrefix(s, prefix) {
			continue
		}
		end := strings.IndexFunc(s, func(r rune) bool { return !isWordRune(r) && r != '-' && r != '.' && r != '_' })
		if end < 0 {
			end = len(s)
		}
		name := strings.TrimRight(s[:end], "-._")
		if len(name) > len(prefix) {
			return len(name), t.object(name, strings.TrimSuffix(prefix, "-"))
		}
	}
	return 0, ""
}

func (t *nameTable) detail(key, value string) string {
	switch {
	case value == "":
		return ""
	case personDetails[key]:
		return t.person(value)
	case objectDetails[key] && !strings.ContainsAny(value, " ,;/") && strings.ContainsFunc(value, unicode.IsLetter):
		return t.object(value, "claim")
	}
	return t.hide(value)
}

func (t *nameTable) hideAll(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = t.hide(s)
	}
	return out
}

// isEdge tells whether no word goes on across a byte of a text.
func isEdge(s string, at int) bool {
	if at == 0 || at >= len(s) {
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	after, _ := utf8.DecodeRuneInString(s[at:])
	return !isWordRune(before) || !isWordRune(after)
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
