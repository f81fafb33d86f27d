package rescue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/prediction"
)

// New plans the new database of a hub: a row for everybody who is known, with
// the id that they had, and for each of their servers the claim that is its.
// What the evidence leaves open is left out, and listed with what would settle
// it. It changes nothing, and the same evidence gives the same plan.
//
// The errors are of claims that could not be read and, as a *MappingError, of
// decisions that match nothing.
func New(s *facts.Snapshot, h *facts.Hub, e Evidence) (*Plan, error) {
	if src := s.Source(facts.KubeClaims); src.Status != facts.OK {
		return nil, fmt.Errorf("plan the rescue of hub %q: the cluster's claims are not known: source %s is %s: %s", h.Name, src.Name, src.Status, src.Detail)
	}
	if e.Mapping == nil {
		e.Mapping = &Mapping{}
	}
	b := newBuilder(s, h, e)
	if err := b.matchDecisions(); err != nil {
		return nil, err
	}
	b.fromMapping()
	b.fromBackups()
	if e.MembersHashed {
		b.unmask()
	}
	b.fromMembers()
	b.fromDatabase()
	b.readStates()
	b.readNeighbours()
	b.claims = b.ownClaims()
	b.identify()
	if errs := append(b.unmatched(), b.unmatchedRules()...); len(errs) > 0 {
		return nil, &MappingError{errs}
	}
	for _, p := range b.people {
		b.refuse(p)
	}
	b.refuseTwins()
	b.holdNames()
	if err := b.giveIDs(); err != nil {
		return nil, err
	}
	return b.finish(), nil
}

// builder makes a plan.
type builder struct {
	s        *facts.Snapshot
	h        *facts.Hub
	e        Evidence
	plan     *Plan
	contents *prediction.Contents

	people map[string]*person
	// removed are users whom the history or the mapping file has gone, by name.
	removed map[string]*refusal
	// known is everybody by the lossy form of the name.
	known map[string]namesakes

	claims     []*facts.Claim
	decisions  map[claimKey]*Decision
	states     map[claimKey][]remembered
	namespaces map[string]bool // that states name
	// neighbours has the hub that another name of the namespace belongs to;
	// unreadNeighbour is one that may have anybody.
	neighbours      map[string]string
	unreadNeighbour string
	// spelt is how names that are certain are spelt; ruled counts what each rule
	// of the mapping file decided.
	spelt *spellings
	ruled []int
	// held are ids in names of claims that are left out, with the owner if known.
	held map[int64]string

	userSpaces *kubespawner.Namer // nil where all are in one namespace
	labelled   []*kubespawner.Namer
	idIn       *templateID
}

func newBuilder(s *facts.Snapshot, h *facts.Hub, e Evidence) *builder {
	b := &builder{s: s, h: h, e: e, plan: &Plan{Hub: h.Name, Namespace: h.Namespace}, contents: prediction.NewContents(s),
		people: map[string]*person{}, removed: map[string]*refusal{}, decisions: map[claimKey]*Decision{},
		states: map[claimKey][]remembered{}, namespaces: map[string]bool{}, neighbours: map[string]string{}, held: map[int64]string{}, ruled: make([]int, len(e.Mapping.Rules)),
		userSpaces: compiled(h.KubeSpawner, h.KubeSpawner.UserNamespaces), idIn: newTemplateID(h.KubeSpawner)}
	for _, minor := range []int{6, 7} {
		version := kubespawner.Version{Minor: minor}
		for _, template := range []string{kubespawner.DefaultTemplate(version), h.KubeSpawner.PVCNameTemplate} {
			if n, err := (kubespawner.Scheme{Version: version, Template: template}).Compile(); err == nil {
				b.labelled = append(b.labelled, n)
			}
		}
	}
	return b
}

// matchDecisions finds the claims that the mapping file decides on.
func (b *builder) matchDecisions() error {
	places := map[string][]*facts.Claim{}
	for i := range b.s.Kube.Claims {
		c := &b.s.Kube.Claims[i]
		places[c.Name] = append(places[c.Name], c)
	}
	var errs []error
	for i := range b.e.Mapping.Decisions {
		d := &b.e.Mapping.Decisions[i]
		if d.Claim == "" {
			continue
		}
		k := claimKey{cmp.Or(d.Namespace, b.h.Namespace), d.Claim}
		switch c := find(places[d.Claim], k.namespace); {
		case c == nil && len(places[d.Claim]) > 0:
			errs = append(errs, b.e.Mapping.at(d.line, "there is no claim %q in namespace %s: there is one in namespace %s; name it (namespace)", d.Claim, k.namespace, places[d.Claim][0].Namespace))
		case c == nil:
			errs = append(errs, b.e.Mapping.at(d.line, "there is no claim %q in namespace %s: correct the name, or remove the decision", d.Claim, k.namespace))
		case b.decisions[k] != nil:
			errs = append(errs, b.e.Mapping.at(d.line, "claim %q is decided twice: see line %d", d.Claim, b.decisions[k].line))
		case b.h.OtherClaim(d.Claim) || k.namespace == b.h.Namespace && (d.Claim == facts.HubClaim || d.Claim == b.h.KubeSpawner.Homes.Claim):
			errs = append(errs, b.e.Mapping.at(d.line, "claim %q is no user's home: it is the hub's own, everybody's, or one of otherClaims in the configuration", d.Claim))
		default:
			b.decisions[k], b.namespaces[k.namespace] = d, true
		}
	}
	if len(errs) > 0 {
		return &MappingError{errs}
	}
	return nil
}

func find(claims []*facts.Claim, namespace string) *facts.Claim {
	if i := slices.IndexFunc(claims, func(c *facts.Claim) bool { return c.Namespace == namespace }); i >= 0 {
		return claims[i]
	}
	return nil
}

// refuse leaves out who cannot or should not be a user.
func (b *builder) refuse(p *person) {
	slices.SortFunc(p.holdings, func(x, y *holding) int {
		return cmp.Or(x.claim.Created.Compare(y.claim.Created), strings.Compare(x.claim.Namespace, y.claim.Namespace), strings.Compare(x.claim.Name, y.claim.Name))
	})
	r := b.removed[p.name]
	switch why := refusedName(p.name); {
	case why != "":
		p.out = &refusal{reason: ReasonName, why: fmt.Sprintf("the name %q %s: no hub accepts that", p.name, why)}
	case r != nil && (r.decided || !p.decided && !p.present):
		p.out = r
	}
}

// holdNames notes the ids of claims that are left out, so that nobody else gets
// them: their owners had them first.
func (b *builder) holdNames() {
	for i := range b.plan.LeftOut {
		l := &b.plan.LeftOut[i]
		if _, id, ok := kubespawner.ParseLossyClaim(l.Claim); ok && id <= maxID && !l.Decided {
			b.held[id] = l.User
		}
	}
}

// finish writes down what was decided.
func (b *builder) finish() *Plan {
	for _, p := range b.inOrder() {
		if p.out != nil {
			b.listOut(p)
			continue
		}
		// Everyone counts as active now: what a backup knows is older than the
		// truth, and a hub that deletes idle users would delete homes with them.
		u := User{ID: p.id, Name: p.name, Created: p.created, LastActivity: b.s.Now, NameFrom: p.nameFrom, IDFrom: p.idFrom,
			Evidence: p.evidence, Servers: b.serversOf(p)}
		if p.admin != nil {
			u.Admin = *p.admin
		}
		b.plan.Users = append(b.plan.Users, u)
	}
	slices.SortFunc(b.plan.Users, func(x, y User) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(b.plan.LeftOut, func(x, y LeftOut) int {
		return cmp.Or(strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Claim, y.Claim), strings.Compare(x.User, y.User), strings.Compare(x.Server, y.Server))
	})
	b.plan.Hyphen = b.likeliestHyphen()
	b.note()
	return b.plan
}

// note says what the plan as a whole lacks.
func (b *builder) note() {
	note := func(format string, args ...any) { b.plan.Notes = append(b.plan.Notes, fmt.Sprintf(format, args...)) }
	if src := b.s.Source(usersSource(b.h)); src.Status != facts.OK {
		note("Who has an account in the hub's present database is not known: source %s is %s: %s.", src.Name, src.Status, src.Detail)
	}
	if b.plan.Undecided() > 0 {
		b.noteBackups()
	}
	b.noteRules()
	if !slices.ContainsFunc(b.plan.Users, func(u User) bool { return u.Admin }) {
		note("Nobody is an administrator, as nothing tells who was: name them in the hub's configuration (Authenticator.admin_users) or in the mapping file (admin: true).")
	}
}

func usersSource(h *facts.Hub) string { return cmp.Or(h.UsersFrom, facts.HubDB(h.Name)) }
