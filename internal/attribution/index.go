package attribution

import (
	"cmp"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// Index holds the evidence for a snapshot's claims: those that the cluster
// has, and those that only a database remembers. What few claims need is worked
// out when it is first asked for, so an Index is not for several goroutines.
//
// It is as large as the claims, not as their possible names: evidence is kept
// as numbers of hubs, users, rows and pods in the snapshot. Numbers start at 1
// and 0 stands for none, but for those of claims, which are indexes of entries.
type Index struct {
	snapshot *facts.Snapshot
	hubs     []*hubUsers
	spaces   map[string][]int32 // by namespace, the hubs whose servers have claims there
	numbers  map[key]int32      // of the claims: the snapshot's, in its order, then those only remembered
	entries  []entry
	rows     []row
	mounts   []mount
	hits     []hit
	rendered bool    // hits were looked for
	owned    []owned // see Claims
	listed   bool    // owned is filled
}

type key struct{ namespace, claim string }

// entry is what tells of one claim: rows, mounts and hits are the heads of
// lists.
type entry struct {
	annotated          userRef // of the claim's annotations
	rows, mounts, hits int32
	helper             bool // a hub's own
}

// userRef is a user by number; hub without user is one whom the hub does not have.
type userRef struct{ hub, user int32 }

// row is a row of spawners that remembers a claim.
type row struct {
	next    int32
	user    userRef
	spawner int32 // index
}

// mount is a claim mounted by a running server.
type mount struct {
	next int32
	user userRef
	pod  int32 // index
}

// hubUsers are a hub and what was worked out of its users' names.
type hubUsers struct {
	*facts.Hub
	number int32
	// again are users whose name an earlier user has: a damaged index lets a hub
	// make the same user twice; it then finds the first.
	again map[int32]bool
	// labels and lossy are the users by label and by lossy name, of those that claims bear.
	labels, lossy map[string]sole
	namers        []namer
}

// New reads the evidence for the claims of all hubs.
func New(s *facts.Snapshot) *Index {
	x := &Index{snapshot: s, spaces: map[string][]int32{}, entries: make([]entry, len(s.Kube.Claims)),
		numbers: make(map[key]int32, len(s.Kube.Claims))}
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		x.numbers[key{c.Namespace, c.Name}] = int32(i)
	}
	names := make([]map[string]int32, len(s.Hubs))
	for i, h := range s.Hubs {
		u := &hubUsers{Hub: h, number: int32(i + 1)}
		x.hubs = append(x.hubs, u)
		names[i] = u.byName()
		x.addSpace(h.Namespace, u.number)
		x.addStates(u)
	}
	x.addUserNamespaces()
	x.addAnnotations(names)
	x.addPods(names)
	return x
}

func (x *Index) addSpace(namespace string, hub int32) {
	if hubs := x.spaces[namespace]; !slices.Contains(hubs, hub) {
		x.spaces[namespace] = append(hubs, hub)
	}
}

// byName finds the users of the hub by name.
func (u *hubUsers) byName() map[string]int32 {
	names := make(map[string]int32, len(u.Users))
	for i := range u.Users {
		n, name := int32(i+1), u.Users[i].Name
		first, taken := names[name]
		if !taken {
			names[name] = n
			continue
		}
		if u.Users[i].ID < u.Users[first-1].ID {
			names[name], n = n, first
		}
		if u.again == nil {
			u.again = map[int32]bool{}
		}
		u.again[n] = true
	}
	return names
}

func (u *hubUsers) byID() map[int64]int32 {
	ids := make(map[int64]int32, len(u.Users))
	for i := range u.Users {
		ids[u.Users[i].ID] = int32(i + 1)
	}
	return ids
}

// addStates enters the claims that the hub's database remembers.
func (x *Index) addStates(u *hubUsers) {
	ids := u.byID()
	x.rows = slices.Grow(x.rows, len(u.Spawners))
	for i := range u.Spawners {
		sp := &u.Spawners[i]
		user := ids[sp.UserID]
		if user == 0 {
			continue
		}
		ns := cmp.Or(sp.State.Namespace, u.Namespace)
		if ns != u.Namespace && (sp.State.PodName != "" || sp.State.PVCName != "") {
			x.addSpace(ns, u.number)
		}
		if sp.State.PVCName == "" {
			continue
		}
		e := &x.entries[x.numberOf(key{ns, sp.State.PVCName})]
		x.rows = append(x.rows, row{next: e.rows, user: userRef{u.number, user}, spawner: int32(i)})
		e.rows = int32(len(x.rows))
	}
}

// numberOf is a claim's number, a new one if the cluster does not have it.
func (x *Index) numberOf(k key) int32 {
	n, ok := x.numbers[k]
	if !ok {
		n = int32(len(x.entries))
		x.numbers[k] = n
		x.entries = append(x.entries, entry{})
	}
	return n
}

// addUserNamespaces finds the namespaces of claims that are a user's own.
func (x *Index) addUserNamespaces() {
	var found map[string]bool // namespaces with claims
	for _, u := range x.hubs {
		namers := u.namespaceNamers()
		if len(namers) == 0 {
			continue
		}
		if found == nil {
			found = map[string]bool{}
			for i := range x.snapshot.Kube.Claims {
				found[x.snapshot.Kube.Claims[i].Namespace] = true
			}
		}
		var b []byte
		for i := range u.Users {
			s := u.server(int32(i+1), "")
			for _, n := range namers {
				if b = n.Append(b[:0], &s); found[string(b)] {
					x.addSpace(string(b), u.number)
				}
			}
		}
	}
}

// server is what names are rendered for.
func (u *hubUsers) server(user int32, name string) kubespawner.Server {
	return kubespawner.Server{User: u.Users[user-1].Name, ID: u.Users[user-1].ID, Name: name, HubNamespace: u.Hub.Namespace, Namespace: u.Hub.Namespace}
}

// addAnnotations finds the users whom annotations name.
func (x *Index) addAnnotations(names []map[string]int32) {
	for i := range x.snapshot.Kube.Claims {
		if c := &x.snapshot.Kube.Claims[i]; c.HasUser && c.User != "" {
			x.entries[i].annotated = userNamed(names, c.User, x.hubsOf(key{c.Namespace, c.Name}))
		}
	}
}

// userNamed finds a user of one of these hubs; without a hub if several could
// be meant.
func userNamed(names []map[string]int32, name string, hubs []int32) userRef {
	ref, known := onlyHub(hubs), 0
	for _, h := range hubs {
		if n := names[h-1][name]; n != 0 {
			known++
			ref = userRef{h, n}
		}
	}
	if known > 1 {
		return userRef{}
	}
	return ref
}

// onlyHub is nobody of the one hub that could be meant.
func onlyHub(hubs []int32) userRef {
	if len(hubs) == 1 {
		return userRef{hub: hubs[0]}
	}
	return userRef{}
}

// addPods enters what running servers mount, and what the hubs themselves do.
func (x *Index) addPods(names []map[string]int32) {
	for i := range x.snapshot.Kube.Pods {
		p := &x.snapshot.Kube.Pods[i]
		server := p.HasUser && p.User != "" && p.Phase == "Running"
		if !server && p.Component != facts.HubComponent {
			continue
		}
		for _, claim := range p.Claims {
			k := key{p.Namespace, claim}
			n, ok := x.numbers[k]
			switch {
			case !ok:
			case !server:
				x.entries[n].helper = true
			default:
				x.mounts = append(x.mounts, mount{next: x.entries[n].mounts, user: userNamed(names, p.User, x.hubsOf(k)), pod: int32(i)})
				x.entries[n].mounts = int32(len(x.mounts))
			}
		}
	}
}

// claim is nil for a claim that is only remembered.
func (x *Index) claim(n int32) *facts.Claim {
	if int(n) >= len(x.snapshot.Kube.Claims) {
		return nil
	}
	return &x.snapshot.Kube.Claims[n]
}

// owner is a user by number, named otherwise if the hub does not have them.
func (x *Index) owner(ref userRef, name, server string, by By) Owner {
	o := Owner{User: name, Server: server, By: by}
	if ref.hub != 0 {
		h := x.hubs[ref.hub-1]
		o.Hub = h.Name
		if ref.user != 0 {
			o.User, o.UserID = h.Users[ref.user-1].Name, h.Users[ref.user-1].ID
		}
	}
	return o
}

// hubsOf are the hubs of which a server may have this claim.
func (x *Index) hubsOf(k key) []int32 {
	hubs := x.spaces[k.namespace]
	for i, h := range hubs {
		if !x.hubs[h-1].leavesOut(k) {
			continue
		}
		others := append([]int32(nil), hubs[:i]...)
		for _, h := range hubs[i+1:] {
			if !x.hubs[h-1].leavesOut(k) {
				others = append(others, h)
			}
		}
		return others
	}
	return hubs
}

// leavesOut tells whether a claim is none of the hub's servers' own: the hub's
// database, everybody's homes, or one that the configuration leaves out.
func (u *hubUsers) leavesOut(k key) bool {
	return k.namespace == u.Hub.Namespace && k.claim == facts.HubClaim || u.isHomes(k) || u.OtherClaim(k.claim)
}

// isHomes tells whether everybody's homes are on a claim.
func (u *hubUsers) isHomes(k key) bool {
	return u.KubeSpawner.Homes.Claim == k.claim && k.claim != "" && k.namespace == u.Hub.Namespace
}
