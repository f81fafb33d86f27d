package drain

import (
	"cmp"
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
)

// owners tells whose a claim is and what for.
type owners struct {
	index  *attribution.Index
	claims map[claim]*facts.Claim
	hubs   map[string]string // a hub's name by its namespace
	pods   *pods
}

type claim struct{ namespace, name string }

func newOwners(s *facts.Snapshot, pods *pods) *owners {
	o := &owners{index: attribution.New(s), claims: make(map[claim]*facts.Claim, len(s.Kube.Claims)), hubs: map[string]string{}, pods: pods}
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		o.claims[claim{c.Namespace, c.Name}] = c
	}
	for _, h := range s.Hubs {
		o.hubs[h.Namespace] = h.Name
	}
	return o
}

// item names a volume for the result.
func (p *planner) item(d *copies.Data, why string) Item {
	it := Item{Volume: d.Name(), Role: RoleOther, Why: why, Longhorn: d.Longhorn != nil}
	namespace, name, bound := d.Claim()
	it.Namespace, it.Claim = namespace, name
	if !bound {
		return it // another volume may serve a claim of that name now
	}
	o, k := p.owners, claim{namespace, name}
	c := o.claims[k]
	hub, inHub := o.hubs[namespace]
	owner, ok := o.index.Owner(namespace, name)
	if !ok {
		owner, ok = o.index.LabelUser(namespace, name)
	}
	switch {
	case ok:
		it.Role, it.Hub, it.User, it.Server = RoleHome, cmp.Or(owner.Hub, hub), owner.User, owner.Server
	case inHub && (o.pods.hubs[k] || c != nil && c.Component == facts.HubComponent || facts.IsHubClaim(name)):
		it.Role, it.Hub = RoleHub, hub
	case o.index.SharedByUsers(namespace, name) || c != nil && (c.Component == facts.HomeComponent || c.HasUser || c.LabelUser != ""):
		it.Role, it.Hub = RoleHome, hub
		if c != nil && c.HasUser {
			it.User, it.Server = c.User, c.Server
		}
	}
	return it
}

var roleOrder = map[Role]int{RoleHub: 0, RoleHome: 1, RoleOther: 2}

// rank sorts items: the hub's own first, then homes, each by whose they are.
func rank(items []Item) {
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(roleOrder[a.Role]-roleOrder[b.Role], strings.Compare(a.Hub, b.Hub), strings.Compare(a.User, b.User), strings.Compare(a.Server, b.Server),
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Claim, b.Claim), strings.Compare(a.Volume, b.Volume))
	})
}
