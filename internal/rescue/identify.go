package rescue

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// identify gives every claim to its server, or says why that cannot be told.
// The evidence of one claim names people who help to tell another's: what is
// certain comes first.
func (b *builder) identify() {
	claims := b.claims
	for _, step := range []func(*facts.Claim) bool{b.byDecision, b.asCopy, b.byRecord, b.byLabel} {
		claims = slices.DeleteFunc(slices.Clone(claims), step)
	}
	b.known, b.spelt = b.lossyNames(), b.newSpellings()
	claims = slices.DeleteFunc(claims, b.byOldName)
	b.byElimination(claims)
}

// byDecision settles what the mapping file decides.
func (b *builder) byDecision(c *facts.Claim) bool {
	d := b.decisions[claimKey{c.Namespace, c.Name}]
	switch {
	case d == nil:
		return false
	case d.LeaveOut:
		b.leaveOut(c, refusal{reason: ReasonDecided, why: "the mapping file leaves it out", decided: true}, "", "")
	default:
		b.hold(c, d.User, d.Server, FromMapping, "decided in the mapping file")
	}
	return true
}

// asCopy leaves copies of other claims to the operator: a home that was brought
// back from a snapshot looks like one that somebody looked into.
func (b *builder) asCopy(c *facts.Claim) bool {
	if c.SourceKind == "" {
		return false
	}
	r := refusal{reason: ReasonCopy, why: fmt.Sprintf("it was made as a copy of %s %s", c.SourceKind, c.SourceName)}
	if c.HasUser && refusedName(c.User) == "" {
		r.candidates = []string{c.User}
	}
	b.leaveOut(c, r, c.User, c.Server)
	return true
}

// byRecord settles what databases and annotations say outright.
func (b *builder) byRecord(c *facts.Claim) bool {
	states := b.states[claimKey{c.Namespace, c.Name}]
	fromBackup := len(states) > 0 && states[0].from == FromBackup
	annotated := c.HasUser && c.User != ""
	switch users := usersOf(states); {
	case len(users) > 1:
		b.leaveOut(c, refusal{reason: ReasonShared, why: "servers of several users have it, " + states[0].detail, candidates: users}, "", "")
	case annotated && refusedName(c.User) != "" && !fromBackup:
		b.leaveOut(c, refusal{reason: ReasonName, why: fmt.Sprintf("its annotation names the user %q, which %s: no hub accepts that", c.User, refusedName(c.User))}, "", "")
	case annotated && !fromBackup && len(users) == 1 && users[0] != c.User:
		b.leaveOut(c, refusal{reason: ReasonShared, why: fmt.Sprintf("its annotation names %q, and the hub's present database gives it to %q", c.User, users[0]),
			candidates: []string{c.User, users[0]}}, "", "")
	case annotated && b.elsewhere(c.User) != "":
		b.leaveOut(c, refusal{reason: ReasonNeighbour, why: fmt.Sprintf("hub %q is in the same namespace and may have this user", b.elsewhere(c.User)),
			candidates: []string{c.User}}, c.User, c.Server)
	case len(users) == 1:
		for _, s := range states {
			b.hold(c, s.user, s.server, s.from, s.detail)
		}
	case annotated:
		b.hold(c, c.User, c.Server, FromAnnotation, "its annotation")
	default:
		return false
	}
	return true
}

func usersOf(states []remembered) (users []string) {
	for _, s := range states {
		users = append(users, s.user)
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// elsewhere names another hub of the namespace whose user this may be, "" if
// there is none: nobody else is there, or this hub is known to have had them.
func (b *builder) elsewhere(user string) string {
	if p := b.people[user]; p != nil && (p.known || p.decided) {
		return ""
	}
	return cmp.Or(b.unreadNeighbour, b.neighbours[user])
}

// readNeighbours notes whose names other hubs of the namespace know, also in
// the lossy form, and a hub whose users are not all known.
func (b *builder) readNeighbours() {
	for _, h := range b.s.Hubs {
		if h == b.h || h.Namespace != b.h.Namespace {
			continue
		}
		if h.UsersRead != facts.Complete {
			b.unreadNeighbour = h.Name
		}
		for i := range h.Users {
			name := h.Users[i].Name
			b.neighbours[name], b.neighbours[kubespawner.Lossy(name)] = h.Name, h.Name
		}
	}
}

// byLabel reads the labels of KubeSpawner 0.6 and 0.7, which wrote no
// annotations: the user's name in an escaped form, which can be undone. The
// claim's name must bear it out.
func (b *builder) byLabel(c *facts.Claim) bool {
	if c.HasUser || c.LabelUser == "" {
		return false
	}
	name, ok := unescape(c.LabelUser, '_')
	if !ok || b.elsewhere(name) != "" || refusedName(name) != "" || !slices.Contains(kubespawner.Labels(name), c.LabelUser) {
		return false
	}
	s := kubespawner.Server{User: name, Name: c.LabelServer, HubNamespace: b.h.Namespace}
	for _, n := range b.labelled {
		if n.Name(&s) == c.Name {
			b.hold(c, name, c.LabelServer, FromLabel, "its label, and its name is made from that")
			return true
		}
	}
	return false
}

// unescape undoes KubeSpawner's escaping: a mark and two hexadecimal digits
// stand for a byte.
func unescape(s string, mark byte) (string, bool) {
	name := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != mark {
			name = append(name, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		c, err := hex.DecodeString(s[i+1 : i+3])
		if err != nil {
			return "", false
		}
		name = append(name, c...)
		i += 2
	}
	return string(name), len(name) > 0
}

// byElimination asks attribution for the rest, in a world in which the hub has
// everybody who is known by now: a running pod that mounts the claim, or a
// name that only one known server has under any scheme.
func (b *builder) byElimination(claims []*facts.Claim) {
	if len(claims) == 0 {
		return
	}
	index := attribution.New(b.imagined())
	for _, c := range claims {
		o, ok := index.Owner(c.Namespace, c.Name)
		switch {
		case ok && o.Hub == b.h.Name && o.By == attribution.ByPod:
			b.hold(c, o.User, o.Server, FromPod, "a running pod of that server mounts it")
		case ok && o.Hub == b.h.Name && o.By == attribution.ByName:
			b.hold(c, o.User, o.Server, FromName, "no other known server has that name under any scheme")
		default:
			b.leaveOut(c, b.unknownOwner(c, index), "", "")
		}
	}
}

func (b *builder) unknownOwner(c *facts.Claim, index *attribution.Index) refusal {
	r := refusal{reason: ReasonUnknown, why: "nothing tells whose it is: it has no annotation, no database names it, and its name is nobody's who is known"}
	if rest, ok := strings.CutPrefix(c.Name, "claim-"); ok && attribution.Bare(c) {
		if name, ok := unescape(rest, '-'); ok && kubespawner.Escape(name) == rest {
			r.candidates = append(r.candidates, name) // of its default server, since 0.6
		}
	}
	for _, rendered := range index.Rendered(c.Namespace, c.Name) {
		r.candidates = append(r.candidates, rendered.Owner.User)
	}
	if o, ok := index.LabelUser(c.Namespace, c.Name); ok {
		r.why = "its label names the user, and nothing tells which of the user's servers has it"
		r.candidates = append(r.candidates, o.User)
	} else if len(r.candidates) > 1 {
		r.why = "several servers have this name, under one scheme or another"
	}
	slices.Sort(r.candidates)
	r.candidates = slices.Compact(r.candidates)
	return r
}

// imagined is the snapshot with everybody who is known as the hub's users.
func (b *builder) imagined() *facts.Snapshot {
	s, h := *b.s, *b.h
	h.Users, h.Spawners, h.UsersRead = nil, nil, facts.Complete
	for n, p := range b.inOrder() {
		u := facts.User{ID: -int64(n + 1), Name: p.name} // only to join the rows
		h.Users = append(h.Users, u)
		h.Spawners = append(h.Spawners, facts.Spawner{UserID: u.ID})
		servers := map[string]bool{"": true}
		for name := range p.servers {
			servers[name] = true
		}
		for _, held := range p.holdings {
			servers[held.server] = true
		}
		delete(servers, "")
		for name := range servers {
			h.Spawners = append(h.Spawners, facts.Spawner{UserID: u.ID, Name: name})
		}
	}
	s.Hubs = slices.Clone(s.Hubs)
	s.Hubs[slices.Index(b.s.Hubs, b.h)] = &h
	return &s
}

// byOldName settles the names of 2016 and 2017: claim-<lossy>-<id>.
func (b *builder) byOldName(c *facts.Claim) bool {
	lossy, id, ok := kubespawner.ParseLossyClaim(c.Name)
	if !ok || !attribution.Bare(c) || id > maxID {
		return false
	}
	names := b.known[lossy]
	if hub := b.elsewhere(lossy); hub != "" && len(names) == 0 {
		b.leaveOut(c, refusal{reason: ReasonNeighbour, why: fmt.Sprintf("hub %q is in the same namespace, and it may be a claim of that", hub), candidates: variants(lossy)}, "", "")
		return true
	}
	from := FromName
	name, detail := names.withID(id)
	switch all := names.names(); {
	case name != "":
	case len(all) == 1 && names[all[0]].present:
		name, detail = all[0], "the only known name that is written so"
	case !strings.Contains(lossy, "-") && (len(all) == 0 || len(all) == 1 && all[0] == lossy):
		name, detail = lossy, "the name has no hyphen, so nothing was replaced in it"
	case len(all) == 1 && names[all[0]].known && len(names[all[0]].ids) > 0:
		b.leaveOut(c, refusal{reason: ReasonSecond, why: fmt.Sprintf("it may be a later claim of %q, who had another id", all[0]), candidates: all, proposal: b.leaving(c)}, "", "")
		return true
	default:
		from = FromRule
		if name, detail = b.byRule(c, lossy, id, names); name == "" {
			b.leaveOut(c, b.open(lossy, names), "", "")
			return true
		}
	}
	b.hold(c, name, "", from, detail)
	return true
}

// namesakes are the people whose names have one lossy form.
type namesakes map[string]*person

func (n namesakes) names() []string {
	names := make([]string, 0, len(n))
	for name := range n {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// withID finds who has an id of those who are known, by the strongest evidence.
func (n namesakes) withID(id int64) (name, detail string) {
	best := rankDatabase + 1
	for _, candidate := range n.names() {
		for _, e := range n[candidate].ids {
			if e.id == id && e.rank < best {
				best, name, detail = e.rank, candidate, fmt.Sprintf("%q is written so, and has the id %d %s", candidate, id, e.detail)
			}
		}
	}
	return name, detail
}

// lossyNames has everybody who is known by the lossy form of the name. People
// whom only a decision names are candidates, too.
func (b *builder) lossyNames() map[string]namesakes {
	known := map[string]namesakes{}
	for name, p := range b.people {
		l := kubespawner.Lossy(name)
		if known[l] == nil {
			known[l] = namesakes{}
		}
		known[l][name] = p
	}
	return known
}
