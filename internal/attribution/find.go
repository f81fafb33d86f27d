package attribution

import (
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// known tells how much of an owner is known.
type known int

const (
	nothing      known = iota
	severalUsers       // servers of several users remember the claim
	userOnly           // but not which server of theirs
	userAndServer
)

// findIf is an owner of whom just this is known.
func (x *Index) findIf(k key, wanted known) (Owner, bool) {
	if o, known := x.find(k); known == wanted {
		return o, true
	}
	return Owner{}, false
}

// find weighs the evidence for a claim.
func (x *Index) find(k key) (Owner, known) {
	n, ok := x.numbers[k]
	if !ok || x.entries[n].helper {
		return Owner{}, nothing
	}
	if o, known := x.fromState(n, k); known != nothing {
		return o, known
	}
	c, hubs := x.claim(n), x.hubsOf(k)
	if c == nil || len(hubs) == 0 {
		return Owner{}, nothing
	}
	if c.HasUser && c.User != "" {
		return x.fromAnnotation(n, c, hubs)
	}
	if o, ok := x.fromPods(n, hubs); ok {
		return o, userAndServer
	}
	if o, known := x.fromName(n, c, hubs); known != nothing {
		return o, known
	}
	return x.fromLabel(c, hubs)
}

// fromState reads what databases remember. Where several servers of one user
// remember a claim it is the default server's, or else the first one's.
func (x *Index) fromState(n int32, k key) (Owner, known) {
	var first *row
	name := ""
	for i := x.entries[n].rows; i != 0; i = x.rows[i-1].next {
		r := &x.rows[i-1]
		h := x.hubs[r.user.hub-1]
		sp := h.Spawners[r.spawner].Name
		switch {
		case h.leavesOut(k):
		case first == nil:
			first, name = r, sp
		case first.user != r.user:
			return Owner{}, severalUsers
		default:
			name = min(name, sp) // the default server's is empty
		}
	}
	if first == nil {
		return Owner{}, nothing
	}
	return x.owner(first.user, "", name, ByState), userAndServer
}

// fromAnnotation reads the claim's annotations. A copy bears those of its
// original, and needs a second witness to be the server's.
func (x *Index) fromAnnotation(n int32, c *facts.Claim, hubs []int32) (Owner, known) {
	o := x.owner(x.entries[n].annotated, c.User, c.Server, ByAnnotation)
	if !isCopy(c) {
		return o, userAndServer
	}
	if mounted, ok := x.fromPods(n, hubs); ok && mounted.sameUser(o) {
		return mounted, userAndServer
	}
	x.render()
	for i := x.entries[n].hits; i != 0; i = x.hits[i-1].next {
		if hit := &x.hits[i-1]; hit.user == x.entries[n].annotated && hit.server == c.Server {
			return o, userAndServer
		}
	}
	o.Server = ""
	return o, userOnly
}

// fromPods reads which running server mounts the claim as its only home. A
// claim that several users mount is nobody's, and one that a server mounts
// beside its home may have one visitor today.
func (x *Index) fromPods(n int32, hubs []int32) (Owner, bool) {
	var o Owner
	if x.entries[n].mounts == 0 || !x.looksLikeHome(n, hubs) {
		return o, false
	}
	for i := x.entries[n].mounts; i != 0; i = x.mounts[i-1].next {
		m := &x.mounts[i-1]
		p := &x.snapshot.Kube.Pods[m.pod]
		mounting := x.owner(m.user, p.User, p.Server, ByPod)
		switch {
		case !x.onlyHome(p, n):
			return Owner{}, false
		case o.By == "":
			o = mounting
		case !o.sameUser(mounting):
			return Owner{}, false
		default:
			o.Server = min(o.Server, mounting.Server)
		}
	}
	return o, true
}

// onlyHome tells whether none of the other claims that a pod mounts looks like
// a home.
func (x *Index) onlyHome(p *facts.Pod, n int32) bool {
	for _, name := range p.Claims {
		k := key{p.Namespace, name}
		other, ok := x.numbers[k]
		if !ok || other == n {
			continue
		}
		if x.looksLikeHome(other, x.hubsOf(k)) || slices.ContainsFunc(x.spaces[k.namespace], func(h int32) bool { return x.hubs[h-1].isHomes(k) }) {
			return false
		}
	}
	return true
}

// looksLikeHome tells whether anything hints at a claim being a server's.
func (x *Index) looksLikeHome(n int32, hubs []int32) bool {
	c := x.claim(n)
	switch {
	case len(hubs) == 0 || x.entries[n].helper:
		return false
	case x.entries[n].rows != 0 || c == nil || c.HasUser || c.LabelUser != "" || c.Component == facts.HomeComponent:
		return true
	case c.Component != "":
		return false
	}
	return strings.HasPrefix(c.Name, claimPrefix) || slices.ContainsFunc(hubs, func(h int32) bool {
		prefix, _, _ := strings.Cut(x.hubs[h-1].KubeSpawner.PVCNameTemplate, "{")
		return prefix != "" && strings.HasPrefix(c.Name, prefix)
	})
}

// claimPrefix begins the names of every default template.
const claimPrefix = "claim-"
