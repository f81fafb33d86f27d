package attribution

import (
	"cmp"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// Rendered is a server that has a claim's name under some scheme.
type Rendered struct {
	Owner Owner
	// Scheme is the newest that gives the name; the hub's own where that does,
	// which Configured tells.
	Scheme     kubespawner.Scheme
	Configured bool
}

// Rendered returns every server that any historic scheme, or the configured
// template of its hub, gives the claim's name, by hub, user and server. Where a
// template has no field of the server the claim is the default server's. The
// scheme of 2016 is only tried on a claim without any of the metadata that all
// later ones write.
func (x *Index) Rendered(namespace, claim string) []Rendered {
	n, ok := x.numbers[key{namespace, claim}]
	if !ok {
		return nil
	}
	x.render()
	var all []Rendered
	for i := x.entries[n].hits; i != 0; i = x.hits[i-1].next {
		all = append(all, x.asRendered(&x.hits[i-1]))
	}
	slices.Reverse(all)
	return all
}

func (x *Index) asRendered(h *hit) Rendered {
	var r Rendered
	for i, n := range x.hubs[h.user.hub-1].namers {
		if h.schemes>>i&1 != 0 && !r.Configured {
			r.Scheme, r.Configured = n.Scheme(), n.configured
		}
	}
	r.Owner = x.owner(h.user, "", h.server, ByName)
	if h.numbered() {
		r.Owner.By = ByID
	}
	return r
}

// hit is a server that has a claim's name under some schemes.
type hit struct {
	next    int32
	user    userRef
	schemes uint16 // bits, by the number of the hub's namer
	server  string
}

// numbered tells whether the name is claim-<lossy>-<id>, the first namer's.
func (h *hit) numbered() bool { return h.schemes&1 != 0 }

// render looks up the names of all servers among the claims, once.
func (x *Index) render() {
	if x.rendered {
		return
	}
	x.rendered = true
	annotated := x.annotatedServers()
	for _, u := range x.hubs {
		u.namers = u.schemes()
		r := renderer{Index: x, hub: u, namespaces: u.namespaceNamers()}
		servers := u.knownServers(annotated)
		for i := range u.Users {
			user := int32(i + 1)
			if len(servers) == 0 || servers[0].user != user || servers[0].name != "" {
				r.render(user, spawned{})
			}
			for len(servers) > 0 && servers[0].user == user {
				r.render(user, servers[0])
				servers = servers[1:]
			}
		}
	}
}

// spawned is a server of a user, by number, with what its state tells.
type spawned struct {
	user           int32
	name           string
	pod, namespace string
}

// annotatedServers are the named servers, by hub, that claims and pods tell of.
func (x *Index) annotatedServers() map[int32][]spawned {
	found := map[int32][]spawned{}
	add := func(ref userRef, name string) {
		if ref.user != 0 && name != "" {
			found[ref.hub] = append(found[ref.hub], spawned{user: ref.user, name: name})
		}
	}
	for i := range x.snapshot.Kube.Claims {
		add(x.entries[i].annotated, x.snapshot.Kube.Claims[i].Server)
	}
	for i := range x.mounts {
		add(x.mounts[i].user, x.snapshot.Kube.Pods[x.mounts[i].pod].Server)
	}
	return found
}

// knownServers are the servers that need more than the name of their user to
// be rendered, by user and name, each once.
func (u *hubUsers) knownServers(annotated map[int32][]spawned) []spawned {
	servers := annotated[u.number]
	perPod := slices.ContainsFunc(u.namers, func(n namer) bool { return n.perPod })
	ids := u.byID()
	for i := range u.Spawners {
		sp := &u.Spawners[i]
		user := ids[sp.UserID]
		elsewhere := sp.State.Namespace != "" && sp.State.Namespace != u.Hub.Namespace
		if user != 0 && (sp.Name != "" || elsewhere || perPod) {
			servers = append(servers, spawned{user: user, name: sp.Name, pod: sp.State.PodName, namespace: sp.State.Namespace})
		}
	}
	// One with a state comes before one without.
	slices.SortFunc(servers, func(a, b spawned) int {
		return cmp.Or(cmp.Compare(a.user, b.user), strings.Compare(a.name, b.name), strings.Compare(b.pod, a.pod), strings.Compare(b.namespace, a.namespace))
	})
	return slices.CompactFunc(servers, func(a, b spawned) bool { return a.user == b.user && a.name == b.name })
}

// renderer looks up the names of one hub's servers. Its buffers are used again.
type renderer struct {
	*Index
	hub        *hubUsers
	namespaces []*kubespawner.Namer
	name       []byte
	last       []byte
}

// render looks up one server's names in all namespaces that it may be in.
func (r *renderer) render(user int32, sp spawned) {
	s := r.hub.server(user, sp.name)
	s.PodName = sp.pod
	r.lookUp(user, &s)
	if len(r.namespaces) == 0 && (sp.namespace == "" || sp.namespace == s.HubNamespace) {
		return
	}
	seen := []string{"", s.HubNamespace}
	others := []string{sp.namespace}
	for _, n := range r.namespaces {
		others = append(others, n.Name(&s))
	}
	for _, ns := range others {
		if !slices.Contains(seen, ns) {
			s.Namespace = ns
			r.lookUp(user, &s)
			seen = append(seen, ns)
		}
	}
}

// lookUp looks up the names that one server has in a namespace.
func (r *renderer) lookUp(user int32, s *kubespawner.Server) {
	r.last = r.last[:0]
	n, found := int32(0), false
	for i, namer := range r.hub.namers {
		switch {
		case namer.numbered && s.ID <= 0, !namer.numbered && r.hub.again[user], !namer.perServer && s.Name != "":
			continue
		case namer.perPod && s.PodName == "":
			continue
		}
		r.name = namer.Append(r.name[:0], s)
		if string(r.name) != string(r.last) {
			n, found = r.numbers[key{s.Namespace, string(r.name)}]
			r.last = append(r.last[:0], r.name...)
		}
		if found && (i > 0 || r.mayBeNumbered(n)) {
			r.addHit(n, userRef{r.hub.number, user}, s.Name, i)
		}
	}
}

// mayBeNumbered tells whether a claim is not younger than the first scheme.
func (x *Index) mayBeNumbered(n int32) bool {
	c := x.claim(n)
	return c == nil || Bare(c)
}

func (x *Index) addHit(n int32, user userRef, server string, scheme int) {
	e := &x.entries[n]
	if e.hits != 0 {
		// A server's hits come one after the other.
		if h := &x.hits[e.hits-1]; h.user == user && h.server == server {
			h.schemes |= 1 << scheme
			return
		}
	}
	x.hits = append(x.hits, hit{next: e.hits, user: user, server: server, schemes: 1 << scheme})
	e.hits = int32(len(x.hits))
}

// fromName reads the owner from the claim's name, if nothing that the claim
// bears speaks against them.
func (x *Index) fromName(n int32, c *facts.Claim, hubs []int32) (Owner, known) {
	if c.Component != "" && c.Component != facts.HomeComponent && c.Component != notebook {
		return Owner{}, nothing
	}
	x.render()
	var first *hit
	result := userAndServer
	for i := x.entries[n].hits; i != 0; i = x.hits[i-1].next {
		h := &x.hits[i-1]
		switch {
		case !slices.Contains(hubs, h.user.hub) || !x.fits(h, c):
		case first == nil:
			first = h
		case first.user != h.user:
			return Owner{}, nothing
		case first.numbered():
			// A named server of the same user whose name is their id: it came with
			// releases that mark what they make.
		case h.numbered():
			first, result = h, userAndServer
		default:
			result = userOnly
		}
	}
	others := x.lossyUsers(c, hubs)
	switch {
	case first == nil:
		return x.fromEarlierID(others, hubs)
	case result == userAndServer && first.numbered():
		return x.owner(first.user, "", first.server, ByID), result
	case !x.allRead(hubs), others.n > 1 || others.n == 1 && others.user != first.user:
		return Owner{}, nothing
	case result == userOnly:
		return x.owner(first.user, "", "", ByName), result
	}
	return x.owner(first.user, "", first.server, ByName), result
}

// notebook is the label app.kubernetes.io/component of what KubeSpawner 7 makes.
const notebook = "singleuser-server"

// fits tells whether a claim's labels can be those of a server.
func (x *Index) fits(h *hit, c *facts.Claim) bool {
	if c.LabelUser == "" {
		return true
	}
	name := x.hubs[h.user.hub-1].Users[h.user.user-1].Name
	return slices.Contains(kubespawner.Labels(name), c.LabelUser) && (c.LabelServer == "" || c.LabelServer == h.server)
}

// allRead tells whether all users and servers of these hubs are known.
func (x *Index) allRead(hubs []int32) bool {
	return x.allUsersRead(hubs) && !slices.ContainsFunc(hubs, func(h int32) bool { return x.hubs[h-1].SpawnersRead != facts.Complete })
}
