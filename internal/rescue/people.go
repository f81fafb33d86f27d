package rescue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// person is somebody who may become a row of the table users.
type person struct {
	name     string
	nameFrom Source
	evidence []string
	ids      []idEvidence // strongest first
	id       int64        // decided; 0: not yet
	idFrom   Source

	admin    *bool // nil: nothing tells
	created  time.Time
	holdings []*holding
	servers  map[string]time.Time // last activity of servers that an old database had
	// decided: the mapping file names them.
	decided bool
	// known: a database or the history had them; present: the hub's database has.
	known, present bool
	// out is why they are in no row, nil if they are.
	out *refusal
}

// idEvidence is one thing that tells a user's id.
type idEvidence struct {
	id     int64
	rank   int
	detail string
}

// Ranks of what tells an id. Backups stand between the first two, in their
// order.
const (
	rankMapping  = 0
	rankBackups  = 1
	rankHistory  = 1 << 20
	rankClaim    = rankHistory + 1
	rankDatabase = rankClaim + 1
)

// refusal is why somebody, or a claim, is left out.
type refusal struct {
	reason     Reason
	why        string
	candidates []string
	hint       string // why the first is the likeliest
	decided    bool
	proposal   *Decision
}

// person returns who has a name, and makes them known on its first evidence.
func (b *builder) person(name string, from Source, evidence string) *person {
	p := b.people[name]
	if p == nil {
		p = &person{name: name, nameFrom: from}
		b.people[name] = p
	}
	if strongerSource(from, p.nameFrom) {
		p.nameFrom = from
	}
	if evidence != "" && len(p.evidence) < maxEvidence {
		p.evidence = append(p.evidence, evidence)
	}
	return p
}

// maxEvidence bounds what is told of one row: somebody with a hundred claims
// is not a hundred times as certain.
const maxEvidence = 6

func strongerSource(a, b Source) bool { return slices.Index(Sources, a) < slices.Index(Sources, b) }

func (p *person) addID(id int64, rank int, detail string) {
	if id >= 1 && id <= maxID {
		p.ids = append(p.ids, idEvidence{id, rank, detail})
	}
}

// fromMapping makes those known whom the operator decided on.
func (b *builder) fromMapping() {
	for i := range b.e.Mapping.Decisions {
		d := &b.e.Mapping.Decisions[i]
		switch {
		case d.User == "":
		case d.LeaveOut:
			b.removed[d.User] = &refusal{reason: ReasonDecided, why: "the mapping file leaves this user out", decided: true}
		default:
			p := b.person(d.User, FromMapping, "the name is decided in the mapping file")
			p.decided = true
			p.addID(d.ID, rankMapping, "decided in the mapping file")
			p.setAdmin(d.Admin)
		}
	}
}

// unmatched are the decisions on users whom nothing else knows.
func (b *builder) unmatched() (errs []error) {
	for i := range b.e.Mapping.Decisions {
		d := &b.e.Mapping.Decisions[i]
		if d.Claim != "" || d.User == "" {
			continue
		}
		if p := b.people[d.User]; p == nil || p.nameFrom == FromMapping && !p.known && len(p.holdings) == 0 {
			errs = append(errs, b.e.Mapping.at(d.line, "no claim, backup, history or database knows the user %q: correct the name, or name a claim of theirs", d.User))
		}
	}
	return errs
}

// setAdmin keeps the first that tells.
func (p *person) setAdmin(admin *bool) {
	if p.admin == nil {
		p.admin = admin
	}
}

// fromBackups takes the users of old databases over. Where two know a user,
// the first counts.
func (b *builder) fromBackups() {
	for n := range b.e.Backups {
		backup := &b.e.Backups[n]
		for i := range backup.Hub.Users {
			u := &backup.Hub.Users[i]
			p := b.person(u.Name, FromBackup, fmt.Sprintf("in the backup %s, with the id %d", backup.Name, u.ID))
			p.addID(u.ID, rankBackups+n, "in the backup "+backup.Name)
			p.row(u)
		}
		b.rememberServers(backup.Hub)
	}
}

// row takes over what a row of the table users tells beside name and id. The
// first row counts.
func (p *person) row(u *facts.User) {
	p.setAdmin(&u.Admin)
	p.known = true
	if p.created.IsZero() {
		p.created = plausible(u.Created)
	}
}

// plausible drops a time that no hub wrote.
func plausible(t time.Time) time.Time {
	if year := t.Year(); year < 1970 || year > 9999 {
		return time.Time{}
	}
	return t
}

// rememberServers notes the servers that a database has rows of.
func (b *builder) rememberServers(h *facts.Hub) {
	byID := make(map[int64]*person, len(h.Users))
	for i := range h.Users {
		byID[h.Users[i].ID] = b.people[h.Users[i].Name]
	}
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		p := byID[sp.UserID]
		if p == nil {
			continue
		}
		if p.servers == nil {
			p.servers = map[string]time.Time{}
		}
		if at, known := p.servers[sp.Name]; !known || sp.LastActivity.After(at) {
			p.servers[sp.Name] = plausible(sp.LastActivity)
		}
	}
}

// fromMembers takes over who the history saw in the last good run. Who had
// gone before it was removed on purpose; who came after it came after the loss,
// and the present database and the claims tell of them. Without a good run
// everybody counts, as they were first seen.
func (b *builder) fromMembers() {
	good, gone := map[string]bool{}, map[string]*Member{}
	for i := range b.e.Members {
		m := &b.e.Members[i]
		switch {
		case m.Good || b.e.LastGood.IsZero() && !good[m.Name]:
			good[m.Name] = true
			b.fromMember(m)
		case !m.Until.IsZero() && !m.Until.After(b.e.LastGood):
			gone[m.Name] = m
		}
	}
	for name, m := range gone {
		if !good[name] && b.removed[name] == nil {
			b.removed[name] = &refusal{reason: ReasonRemoved, why: fmt.Sprintf("the history saw that the user %q was removed on %s, while all was well", name, day(m.Until)),
				candidates: []string{name}, proposal: &Decision{User: name, LeaveOut: true}}
		}
	}
}

func (b *builder) fromMember(m *Member) {
	evidence, where := "known to the history", "in the history"
	if b.e.MembersHashed {
		evidence, where = "known to the history by the keyed hash of this name", "with the history's keyed hash of this name"
	}
	if m.ID > 0 {
		evidence += fmt.Sprintf(", with the id %d", m.ID)
	}
	p := b.person(m.Name, FromHistory, evidence)
	p.known = true
	p.addID(m.ID, rankHistory, where)
	if p.created.IsZero() {
		p.created = plausible(m.Created)
	}
}

// fromDatabase takes over who has an account in the hub's present database:
// after a loss, those who came back since. The REST API's ids are none.
func (b *builder) fromDatabase() {
	for i := range b.h.Users {
		u := &b.h.Users[i]
		p := b.person(u.Name, FromDatabase, "has an account in the hub's present database")
		p.addID(u.ID, rankDatabase, "in the hub's present database")
		p.row(u)
		p.present = true
	}
	b.rememberServers(b.h)
}

// inOrder are all people in the order of their oldest claims, those without
// one last and by name: the order in which new ids are given.
func (b *builder) inOrder() []*person {
	all := make([]*person, 0, len(b.people))
	for _, p := range b.people {
		all = append(all, p)
	}
	slices.SortFunc(all, func(x, y *person) int {
		return cmp.Or(x.oldest().Compare(y.oldest()), strings.Compare(x.name, y.name))
	})
	return all
}

// never is later than any claim.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (p *person) oldest() time.Time {
	oldest := never
	for _, h := range p.holdings {
		if h.claim.Created.Before(oldest) {
			oldest = h.claim.Created
		}
	}
	return oldest
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
