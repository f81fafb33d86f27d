package rescue

import (
	"fmt"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/text"
)

// unmask tells the names behind the history's hashes: it hashes every name that
// other evidence has, and every one that the name of an old claim may stand
// for. Members whose names nothing tells are dropped.
func (b *builder) unmask() {
	all := b.e.Members
	b.e.Members = nil
	if b.e.Hash == nil {
		b.plan.Notes = append(b.plan.Notes, "The history keeps hashes instead of names (members.names), and the configuration does not have the key that made them, so it cannot help. "+
			"With that key (members.keyFile) it tells who had which id.")
		return
	}
	u := unmasking{hash: b.e.Hash, hashed: make(map[string]bool, len(all)), ids: make(map[int64]bool, len(all)), names: map[string]string{}}
	for i := range all {
		u.hashed[all[i].Name], u.ids[all[i].ID] = true, true
	}
	for name := range b.people { // of the mapping file and the backups
		u.try(name)
	}
	for i := range b.h.Users {
		u.try(b.h.Users[i].Name)
	}
	for i := range b.s.Kube.Pods {
		u.try(b.s.Kube.Pods[i].User)
	}
	for i := range b.s.Kube.Claims {
		u.claim(&b.s.Kube.Claims[i])
	}
	for _, m := range all {
		if name, told := u.names[m.Name]; told {
			m.Name = name
			b.e.Members = append(b.e.Members, m)
		}
	}
	b.noteUnmasked(&u)
}

func (b *builder) noteUnmasked(u *unmasking) {
	note := fmt.Sprintf("The history keeps hashes instead of names (members.names). %s of its %s could be told, by hashing names that other evidence has or that claims of 2016 and 2017 may stand for, in lower case.",
		text.Number(len(u.names)), text.Count(len(u.hashed), "name"))
	if u.long > 0 {
		note += fmt.Sprintf(" The names of %s have more than %d hyphens: of these only those were tried in which all stand for the same character.", text.Count(u.long, "claim"), maxHyphens)
	}
	b.plan.Notes = append(b.plan.Notes, note)
}

// unmasking is the search for the names behind hashes.
type unmasking struct {
	hash   func(string) string
	hashed map[string]bool
	ids    map[int64]bool
	names  map[string]string // by the hash
	long   int               // claims with too many hyphens to try all names
}

func (u *unmasking) try(name string) {
	if h := u.hash(name); u.hashed[h] {
		u.names[h] = name
	}
}

// claim tries the names that a claim tells or may stand for.
func (u *unmasking) claim(c *facts.Claim) {
	if c.HasUser {
		u.try(c.User)
	}
	if name, ok := unescape(c.LabelUser, '_'); ok {
		u.try(name)
	}
	if !attribution.Bare(c) {
		return
	}
	if rest, ok := strings.CutPrefix(c.Name, "claim-"); ok {
		if name, ok := unescape(rest, '-'); ok {
			u.try(name)
		}
	}
	if lossy, id, ok := kubespawner.ParseLossyClaim(c.Name); ok && (u.ids[id] || u.ids[0]) { // 0: the history did not see ids
		u.spellings(lossy)
	}
}

// separators are what people commonly have in their names, and every name of
// 2016 and 2017 has as a hyphen. maxHyphens bounds what is tried of one name.
const (
	separators = "-._@"
	maxHyphens = 6 // 4^6 names
)

// spellings tries all names that a lossy one may stand for.
func (u *unmasking) spellings(lossy string) {
	name := []byte(lossy)
	var at []int
	for i, c := range name {
		if c == '-' {
			at = append(at, i)
		}
	}
	if len(at) > maxHyphens {
		u.long++
		for _, c := range separators {
			u.try(strings.ReplaceAll(lossy, "-", string(c)))
		}
		return
	}
	for n := range 1 << (2 * len(at)) { // two bits for each hyphen
		for k, i := range at {
			name[i] = separators[n>>(2*k)&3]
		}
		u.try(string(name))
	}
}
