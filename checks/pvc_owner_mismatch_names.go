package checks

import (
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// claimNames tells whose homes have a claim's name, today's or former users'.
type claimNames struct {
	in     *Input
	namers []*kubespawner.Namer // of every scheme that the hub's claims can be named by
}

func (in *Input) claimNames() *claimNames {
	n := &claimNames{in: in}
	for _, s := range append(kubespawner.Historic(), schemeOf(&in.Hub.KubeSpawner)) {
		if namer, err := s.Compile(); err == nil {
			n.namers = append(n.namers, namer)
		}
	}
	return n
}

// contradicts returns the one user of the hub whose homes have the name of a
// claim that is annotated for somebody else; false where there is none or more
// than one, or where the annotated one's homes have that name too.
func (n *claimNames) contradicts(c *facts.Claim) (attribution.Rendered, bool) {
	all := n.in.Owners().Rendered(c.Namespace, c.Name)
	if len(all) == 0 || c.User == "" {
		return attribution.Rendered{}, false
	}
	for _, r := range all {
		if r.Owner.User == c.User || r.Owner.User != all[0].Owner.User || r.Owner.Hub != all[0].Owner.Hub {
			return attribution.Rendered{}, false
		}
	}
	return all[0], all[0].Owner.Hub == n.in.Hub.Name && !n.agree(c)
}

// agree tells whether a claim's name is one that homes of the user and server
// in its annotations have, or had under another id. Of those whom the hub does
// not have no id is known.
func (n *claimNames) agree(c *facts.Claim) bool {
	if lossy, _, ok := kubespawner.ParseLossyClaim(c.Name); ok && lossy == kubespawner.Lossy(c.User) {
		return true
	}
	s := &kubespawner.Server{User: c.User, Name: c.Server, HubNamespace: n.in.Hub.Namespace, Namespace: c.Namespace}
	return slices.ContainsFunc(n.namers, func(namer *kubespawner.Namer) bool {
		return !strings.Contains(namer.Scheme().Template, "{userid}") && namer.Name(s) == c.Name
	})
}

// numberedOnly tells whether names under a template have the user's id and
// nothing of their name: such a name is whoever's has the id today.
func numberedOnly(template string) bool {
	return kubespawner.HasUser(template) && !kubespawner.HasUser(strings.ReplaceAll(template, "{userid}", ""))
}
