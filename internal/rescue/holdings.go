package rescue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// holding is a claim of somebody's server.
type holding struct {
	claim  *facts.Claim
	server string
	from   Source
	detail string // one clause
	id     int64  // users.id that the claim's name tells, 0 if it does not
}

// ownClaims are the claims that may be homes of the hub's users.
func (b *builder) ownClaims() []*facts.Claim {
	mounted := map[string]bool{facts.HubClaim: true, b.h.KubeSpawner.Homes.Claim: true}
	for i := range b.s.Kube.Pods {
		if p := &b.s.Kube.Pods[i]; p.Namespace == b.h.Namespace && p.Component == facts.HubComponent {
			for _, claim := range p.Claims {
				mounted[claim] = true
			}
		}
	}
	var claims []*facts.Claim
	for i := range b.s.Kube.Claims {
		c := &b.s.Kube.Claims[i]
		switch {
		case !b.inNamespaces(c), b.h.OtherClaim(c.Name):
		case c.Namespace == b.h.Namespace && mounted[c.Name]:
		case c.Component != "" && !slices.Contains(userComponents, c.Component) && !c.HasUser:
		case b.looksLikeHome(c):
			claims = append(claims, c)
		}
	}
	slices.SortFunc(claims, func(x, y *facts.Claim) int {
		return cmp.Or(x.Created.Compare(y.Created), strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Name, y.Name))
	})
	return claims
}

// userComponents are the values of the label component that KubeSpawner puts on
// claims of users, besides none.
var userComponents = []string{facts.HomeComponent, "singleuser-server"}

// inNamespaces tells whether a claim is where the hub keeps homes: in its own
// namespace, in one that a server's state names, or in its user's.
func (b *builder) inNamespaces(c *facts.Claim) bool {
	if c.Namespace == b.h.Namespace || b.namespaces[c.Namespace] {
		return true
	}
	if b.userSpaces == nil || !c.HasUser {
		return false
	}
	return b.userSpaces.Name(&kubespawner.Server{User: c.User, Name: c.Server, HubNamespace: b.h.Namespace}) == c.Namespace
}

// looksLikeHome: any one sign will do. A decision makes any claim one.
func (b *builder) looksLikeHome(c *facts.Claim) bool {
	k := claimKey{c.Namespace, c.Name}
	prefix, _, _ := strings.Cut(b.h.KubeSpawner.PVCNameTemplate, "{")
	return c.HasUser || c.LabelUser != "" || slices.Contains(userComponents, c.Component) || len(b.states[k]) > 0 ||
		b.decisions[k] != nil || strings.HasPrefix(c.Name, "claim-") || prefix != "" && strings.HasPrefix(c.Name, prefix)
}

type claimKey struct{ namespace, name string }

// remembered is a server whose state names a claim.
type remembered struct {
	user, server string
	from         Source
	detail       string
}

// readStates notes which claims the databases remember: the strongest one that
// remembers a claim counts.
func (b *builder) readStates() {
	for i := range b.e.Backups {
		b.readState(b.e.Backups[i].Hub, FromBackup, "the backup "+b.e.Backups[i].Name+" remembers it for the server")
	}
	b.readState(b.h, FromDatabase, "the hub's present database remembers it for the server")
}

func (b *builder) readState(h *facts.Hub, from Source, detail string) {
	names := make(map[int64]string, len(h.Users))
	for i := range h.Users {
		names[h.Users[i].ID] = h.Users[i].Name
	}
	here := map[claimKey][]remembered{}
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		name, known := names[sp.UserID]
		if !known || sp.State.PVCName == "" {
			continue
		}
		k := claimKey{cmp.Or(sp.State.Namespace, b.h.Namespace), sp.State.PVCName}
		here[k] = append(here[k], remembered{name, sp.Name, from, detail})
		b.namespaces[k.namespace] = true
	}
	for k, states := range here {
		if len(b.states[k]) == 0 {
			b.states[k] = states
		}
	}
}

// hold gives a claim to a server.
func (b *builder) hold(c *facts.Claim, user, server string, from Source, detail string) {
	evidence := ""
	if p := b.people[user]; p == nil || strongerSource(from, p.nameFrom) || len(p.evidence) == 0 {
		evidence = fmt.Sprintf("the name from claim %s: %s", c.Name, detail)
	}
	p := b.person(user, from, evidence)
	h := &holding{claim: c, server: server, from: from, detail: detail}
	h.id = b.idOf(c, user, server, from == FromMapping)
	p.holdings = append(p.holdings, h)
}

// idOf is the id that a claim's name holds: under the naming of 2016 and 2017,
// or where the hub's own template has the field. A claim that somebody decided
// on may be of another spelling of the name.
func (b *builder) idOf(c *facts.Claim, user, server string, decided bool) int64 {
	if attribution.Bare(c) {
		lossy, id, ok := kubespawner.ParseLossyClaim(c.Name)
		if ok && id <= maxID && (decided || lossy == kubespawner.Lossy(user)) {
			return id
		}
	}
	return b.idIn.id(c.Name, &kubespawner.Server{User: user, Name: server, HubNamespace: b.h.Namespace, Namespace: c.Namespace})
}
