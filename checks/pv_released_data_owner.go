package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/text"
)

// released is a volume whose claim was deleted.
type released struct {
	*facts.Volume
	hub    bool                // it was the hub's own
	many   bool                // several users' homes are on it
	owners []attribution.Owner // whose it was, or may have been where the name fits several
	// successor is the claim that has its claim's name now, nil if there is none.
	successor *facts.Claim
	// back says why the deletion may have been wanted although the hub has its
	// user; "" if nothing speaks for that.
	back string
}

// ofWhom names the owner in a sentence, "" if nobody is known.
func (v *released) ofWhom() string {
	switch {
	case v.hub:
		return " of the hub itself"
	case v.many:
		return " of several users"
	case len(v.owners) == 0:
		return ""
	}
	names := make([]string, len(v.owners))
	for i, o := range v.owners {
		names[i] = o.String()
	}
	return " of " + joined(names, " or ", 3)
}

// released are the volumes that were bound to claims of the hub or, as far as
// is known without their names, of its users.
func (in *Input) released() []*released {
	var all []*released
	for i := range in.Kube.Volumes {
		v := &in.Kube.Volumes[i]
		if v.Phase != "Released" && v.Phase != "Failed" || v.ClaimName == "" {
			continue
		}
		r := &released{Volume: v}
		here := v.ClaimNamespace == in.Hub.Namespace
		owner, known := in.Owners().Owner(v.ClaimNamespace, v.ClaimName)
		switch {
		case here && facts.IsHubClaim(v.ClaimName):
			if !onFile(&in.Hub.Database) {
				continue // the database has moved to a server
			}
			r.hub = true
		case here && in.Owners().SharedByUsers(v.ClaimNamespace, v.ClaimName):
			r.many = true
		case here && in.Hub.OtherClaim(v.ClaimName), known && owner.Hub != "" && owner.Hub != in.Hub.Name:
			continue
		case known && (here || owner.Hub != ""):
			r.owners = []attribution.Owner{owner}
		case !here && in.Hub.KubeSpawner.UserNamespaces == "":
			continue
		}
		all = append(all, r)
	}
	return all
}

// identify completes what is known of released volumes: by their names whose
// they were, and what has happened to their claims and users since. Those in
// other namespaces that are no user's of this hub are dropped.
func (in *Input) identify(all []*released) []*released {
	in.nameOwners(all)
	all = slices.DeleteFunc(all, func(v *released) bool {
		return v.ClaimNamespace != in.Hub.Namespace && len(v.owners) == 0
	})
	claims := make(map[claimKey]*facts.Claim, len(in.Kube.Claims))
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		claims[claimKey{c.Namespace, c.Name}] = c
	}
	for _, v := range all {
		if c := claims[claimKey{v.ClaimNamespace, v.ClaimName}]; c != nil && c.UID != v.ClaimUID {
			v.successor = c
		}
		if len(v.owners) == 1 {
			v.back = in.cameBack(v, v.owners[0])
		}
	}
	return all
}

// cameBack says why a deletion may have been wanted although the hub has the
// owner now.
func (in *Input) cameBack(v *released, o attribution.Owner) string {
	u := in.usersByID()[o.UserID]
	switch {
	case u == nil || v.successor == nil && o.By == attribution.ByState:
		return "" // the server still asks for this very claim
	case u.Created.After(v.Created):
		return fmt.Sprintf("the user's row was made %s, after the volume: perhaps they were deleted and have come back", text.Time(u.Created))
	case v.successor != nil && o.Server != "":
		return "perhaps the user removed this server and made it again"
	}
	return ""
}

// nameOwners finds whose claims of these names would be, under every scheme
// that there was and the hub's own.
func (in *Input) nameOwners(all []*released) {
	wanted := newWanted(in.Hub, all)
	if len(wanted.names) == 0 {
		return
	}
	servers := make(map[int64][]string, len(in.Hub.Spawners))
	for i := range in.Hub.Spawners {
		if sp := &in.Hub.Spawners[i]; sp.Name != "" {
			servers[sp.UserID] = append(servers[sp.UserID], sp.Name)
		}
	}
	for i := range in.Hub.Users {
		u := &in.Hub.Users[i]
		wanted.offer(u, "")
		for _, server := range servers[u.ID] {
			wanted.offer(u, server)
		}
	}
}

// wanted are the few claim names whose owners are looked for among all users.
type wanted struct {
	hub        *facts.Hub
	names      map[string][]*released
	namers     []*kubespawner.Namer
	namespaces *kubespawner.Namer // nil where all claims are in the hub's own
	lossy      map[string][]*released
	buf        []byte
}

func newWanted(h *facts.Hub, all []*released) *wanted {
	w := &wanted{hub: h, names: map[string][]*released{}, lossy: map[string][]*released{}}
	own := schemeOf(&h.KubeSpawner)
	fields, _ := kubespawner.Fields(own.Template)
	for _, v := range all {
		if v.hub || v.many || len(v.owners) > 0 {
			continue
		}
		w.names[v.ClaimName] = append(w.names[v.ClaimName], v)
		// In a hub that has named claims by ids the user may have had another one.
		if lossy, _, ok := kubespawner.ParseLossyClaim(v.ClaimName); ok && slices.Contains(fields, "userid") {
			w.lossy[lossy] = append(w.lossy[lossy], v)
		}
	}
	for _, scheme := range append(kubespawner.Historic(), own) {
		if n, err := scheme.Compile(); err == nil {
			w.namers = append(w.namers, n)
		}
	}
	if template := h.KubeSpawner.UserNamespaces; template != "" {
		w.namespaces, _ = kubespawner.Scheme{Version: own.Version, Template: template, Slugs: own.Slugs}.Compile()
	}
	return w
}

// offer names a server under every scheme and enters its user where the name
// is wanted.
func (w *wanted) offer(u *facts.User, server string) {
	s := kubespawner.Server{User: u.Name, ID: u.ID, Name: server, HubNamespace: w.hub.Namespace, Namespace: w.hub.Namespace}
	if w.namespaces != nil {
		s.Namespace = w.namespaces.Name(&s)
	}
	o := attribution.Owner{Hub: w.hub.Name, User: u.Name, UserID: u.ID, Server: server, By: attribution.ByName}
	for _, n := range w.namers {
		w.buf = n.Append(w.buf[:0], &s)
		enter(w.names[string(w.buf)], s.Namespace, o)
	}
	if server == "" && len(w.lossy) > 0 {
		o.By = attribution.ByEarlierID
		enter(w.lossy[kubespawner.Lossy(u.Name)], s.Namespace, o)
	}
}

func enter(volumes []*released, namespace string, o attribution.Owner) {
	for _, v := range volumes {
		same := func(have attribution.Owner) bool { return have.UserID == o.UserID && have.Server == o.Server }
		if v.ClaimNamespace == namespace && !slices.ContainsFunc(v.owners, same) {
			v.owners = append(v.owners, o)
		}
	}
}
