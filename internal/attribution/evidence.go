package attribution

import (
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// Evidence is one thing that tells whom a claim is for.
type Evidence struct {
	By    By
	Owner Owner
	// Detail says in a clause what was seen.
	Detail string
}

// Evidence returns all that tells of a claim, strongest first, also what
// contradicts the rest and what does not suffice.
func (x *Index) Evidence(namespace, claim string) []Evidence {
	k := key{namespace, claim}
	n, ok := x.numbers[k]
	if !ok {
		return nil
	}
	var all []Evidence
	add := func(o Owner, detail string) { all = append(all, Evidence{o.By, o, detail}) }
	for i := x.entries[n].rows; i != 0; i = x.rows[i-1].next {
		r := &x.rows[i-1]
		o := x.owner(r.user, "", x.hubs[r.user.hub-1].Spawners[r.spawner].Name, ByState)
		add(o, "the hub remembers it for "+o.String())
	}
	c := x.claim(n)
	if c != nil && c.HasUser && c.User != "" {
		o := x.owner(x.entries[n].annotated, c.User, c.Server, ByAnnotation)
		add(o, "its annotations name "+o.String())
	}
	for i := x.entries[n].mounts; i != 0; i = x.mounts[i-1].next {
		p := &x.snapshot.Kube.Pods[x.mounts[i-1].pod]
		add(x.owner(x.mounts[i-1].user, p.User, p.Server, ByPod), fmt.Sprintf("the running pod %q mounts it", p.Name))
	}
	for _, r := range x.Rendered(namespace, claim) {
		add(r.Owner, fmt.Sprintf("KubeSpawner %s gives that name to %s with the template %q", r.Scheme.Version, r.Owner, r.Scheme.Template))
	}
	if c != nil {
		all = append(all, x.hints(c, x.hubsOf(k))...)
	}
	slices.SortFunc(all, func(a, b Evidence) int {
		if d := slices.Index(strength, a.By) - slices.Index(strength, b.By); d != 0 {
			return d
		}
		return strings.Compare(a.Detail, b.Detail)
	})
	return slices.Compact(all)
}

// strength has the kinds of evidence, strongest first.
var strength = []By{ByState, ByAnnotation, ByPod, ByID, ByName, ByLabel, ByEarlierID}

// hints is what tells of a user only, or by elimination.
func (x *Index) hints(c *facts.Claim, hubs []int32) []Evidence {
	var all []Evidence
	if o, known := x.fromLabel(c, hubs); known != nothing {
		all = append(all, Evidence{o.By, o, fmt.Sprintf("its label %q is user %q's", c.LabelUser, o.User)})
	}
	if o, known := x.fromEarlierID(x.lossyUsers(c, hubs), hubs); known != nothing {
		all = append(all, Evidence{o.By, o, fmt.Sprintf("user %q is the only one of the name in it", o.User)})
	}
	return all
}
