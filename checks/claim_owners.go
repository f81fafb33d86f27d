package checks

import (
	"cmp"
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// claimOwners are the owners of a hub's user claims by name. Of the owner of a
// claim of 2016 or 2017 whom nothing tells, it is the lossy form of their name.
type claimOwners struct {
	known   map[string]bool
	missing map[string][]ownedClaim // by an owner who is not among the hub's users
	created []time.Time             // of the claims
	oldIDs  []int64                 // in the names claim-<lossy>-<id>
}

// ownedClaim is a claim and the server of its owner that it is for.
type ownedClaim struct {
	*facts.Claim
	server string
}

// claimOwners looks at the claims once per hub. Claims that are being deleted,
// that are another hub's, or whose owner nothing tells are left out.
func (in *Input) claimOwners() *claimOwners {
	of := in.hubShared()
	if of.claimOwners == nil {
		of.claimOwners = in.findClaimOwners()
	}
	return of.claimOwners
}

func (in *Input) findClaimOwners() *claimOwners {
	o := &claimOwners{known: map[string]bool{}, missing: map[string][]ownedClaim{}}
	var names, lossy map[string]bool // made when the first claim asks for them
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if !c.Deleting.IsZero() {
			continue
		}
		owner, ok := in.ownerOrUser(c)
		name, id, old := oldName(c)
		switch {
		case ok && owner.Hub == "":
			// Of several hubs in this namespace none or more than one has the user.
			if names == nil {
				names = userNames(in.Hub)
			}
			o.add(owner.User, names[owner.User], ownedClaim{c, owner.Server})
		case ok && owner.Hub != in.Hub.Name:
			continue
		case ok:
			o.add(owner.User, owner.UserID != 0, ownedClaim{c, owner.Server})
		case old && c.Namespace == in.Hub.Namespace && !in.nobodys(c):
			if lossy == nil {
				lossy = lossyNames(in.Hub)
			}
			o.add(name, lossy[name], ownedClaim{c, ""})
		default:
			continue
		}
		if old && (!ok || owner.By == attribution.ByID || owner.By == attribution.ByEarlierID) {
			o.oldIDs = append(o.oldIDs, id)
		}
		o.created = append(o.created, c.Created)
	}
	return o
}

// oldName reads the name claim-<lossy>-<id> of a claim of 2016 or 2017.
func oldName(c *facts.Claim) (lossy string, id int64, ok bool) {
	if !attribution.Bare(c) {
		return "", 0, false
	}
	return kubespawner.ParseLossyClaim(c.Name)
}

// ownerOrUser is the owner of a claim, or its user with the server that its
// annotations or labels name.
func (in *Input) ownerOrUser(c *facts.Claim) (attribution.Owner, bool) {
	owner, ok := in.Owners().Owner(c.Namespace, c.Name)
	if !ok {
		owner, ok = in.Owners().LabelUser(c.Namespace, c.Name)
		owner.Server = cmp.Or(c.Server, c.LabelServer)
	}
	return owner, ok
}

func (o *claimOwners) add(name string, known bool, claim ownedClaim) {
	if known {
		o.known[name] = true
	} else {
		o.missing[name] = append(o.missing[name], claim)
	}
}

func userNames(h *facts.Hub) map[string]bool {
	names := make(map[string]bool, len(h.Users))
	for i := range h.Users {
		names[h.Users[i].Name] = true
	}
	return names
}

func lossyNames(h *facts.Hub) map[string]bool {
	names := make(map[string]bool, len(h.Users))
	for i := range h.Users {
		names[kubespawner.Lossy(h.Users[i].Name)] = true
	}
	return names
}

// unreadNeighbour names another hub of the same namespace whose users are not
// all known: the claims could be theirs.
func (in *Input) unreadNeighbour() string {
	for _, h := range in.Hubs {
		if h != in.Hub && h.Namespace == in.Hub.Namespace &&
			(in.Source(usersSource(h)).Status != facts.OK || usersUnread(h) != "") {
			return h.Name
		}
	}
	return ""
}
