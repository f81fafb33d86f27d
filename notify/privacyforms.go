package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hubaudit/internal/kubespawner"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// objectPrefixes begin the names of claims and pods that the default templates make.
var objectPrefixes = []string{"claim-", "jupyter-"}

// databaseClaim is the Zero to JupyterHub chart's for the hub, which is nobody's.
const databaseClaim = "hub-db-dir"

// table has the names of a run's findings, and of those of one more verdict.
func (p *Privacy) table(run *verdict.Run, more *verdict.Verdict) *nameTable {
	c := &nameCollector{people: map[string]bool{}, objects: map[string]string{}, kept: map[string]bool{}}
	if run != nil {
		c.keep(run.Cluster)
		for i := range run.Verdicts {
			c.verdict(&run.Verdicts[i])
		}
		for i := range run.Sources {
			c.keep(run.Sources[i].Name)
		}
	}
	if more != nil {
		c.verdict(more)
	}
	t := &nameTable{privacy: p, people: map[string]string{}}
	all := t.shownForms(c)
	for _, word := range slices.Sorted(maps.Keys(all)) {
		t.forms = append(t.forms, nameForm{text: word, shown: all[word], shorter: -1})
	}
	t.link()
	return t
}

// shownForms are all texts to replace, with what they become. What names nobody
// stays as it is, also where a person has that name.
func (t *nameTable) shownForms(c *nameCollector) map[string]string {
	all := map[string]string{}
	people := slices.Sorted(maps.Keys(c.people))
	for _, name := range people { // first come the names themselves: a form of another may be the same
		addForm(t.people, name, t.privacy.person(name))
	}
	for _, name := range people {
		for _, form := range writtenForms(name) {
			addForm(t.people, form, t.person(name))
		}
	}
	for form, shown := range t.people {
		if isPlainName(form) {
			all[form] = shown
		} else {
			all[`"`+form+`"`] = `"` + shown + `"`
		}
	}
	for name, kind := range c.objects {
		shown := t.object(name, kind)
		if strings.ContainsAny(name, "-.0123456789") && isPlainName(name) {
			all[name] = shown
			continue
		}
		for _, around := range []string{`"%"`, "claim %", "pod %", "directory %"} { // elsewhere it may be any word
			all[strings.Replace(around, "%", name, 1)] = strings.Replace(around, "%", shown, 1)
		}
	}
	for word := range c.kept {
		all[word] = word
	}
	return all
}

// writtenForms are how texts write a name, and how names of claims, pods and
// directories hold it.
func writtenForms(name string) []string {
	quoted := strconv.Quote(name)
	return append(kubespawner.Labels(name), quoted[1:len(quoted)-1], text.Clean(name), text.Name(name),
		kubespawner.Escape(name), kubespawner.Safe(name), kubespawner.Lossy(name), strings.ToLower(name))
}

func addForm(forms map[string]string, form, shown string) {
	if _, taken := forms[form]; !taken && strings.ContainsFunc(form, isWordRune) {
		forms[form] = shown
	}
}

// isPlainName tells whether a name is so long that it stands for nothing else
// where it stands alone. 42 is a number, and a a word.
func isPlainName(name string) bool {
	digits := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
	return utf8.RuneCountInString(name) >= 3 && (!digits || len(name) > 4)
}

// object is what the name of a claim, a pod or a directory is shown as. It names
// the person, as far as that is possible, as they are shown elsewhere.
func (t *nameTable) object(name, kind string) string {
	if name == databaseClaim {
		return name
	}
	prefix, rest := "", name
	for _, p := range objectPrefixes {
		if after, ok := strings.CutPrefix(name, p); ok {
			prefix, rest = p, after
		}
	}
	shown, known := t.people[rest]
	switch {
	case known:
		return prefix + shown
	case t.privacy.short:
		return prefix + shortName(rest)
	case prefix == "":
		prefix = kind + "-"
	}
	return prefix + t.privacy.hash(name)
}

// person is what a name of a person is shown as.
func (p *Privacy) person(name string) string {
	if p.short {
		return shortName(name)
	}
	return "user-" + p.hash(name)
}

// person is what a name, or a form of one, is shown as.
func (t *nameTable) person(name string) string {
	if shown, ok := t.people[name]; ok {
		return shown
	}
	return t.privacy.person(name)
}

const hashDigits = 6

func (p *Privacy) hash(name string) string {
	p.mac.Reset()
	p.mac.Write([]byte(name))
	var sum [sha256.Size]byte
	return hex.EncodeToString(p.mac.Sum(sum[:0])[:hashDigits/2])
}

// shortName is the first two characters of a name, one of a name that has no more.
func shortName(name string) string {
	runes := []rune(name)
	return string(runes[:min(2, len(runes)-len(runes)/2)]) + "…"
}
