package checks

import (
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// claimOwners are the owners of a hub's user claims. Owners of claims of 2016
// and 2017 are counted by the lossy form of their names, which is all that is
// left of one who is not in the database.
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
	if o := in.shared.claimOwners[in.Hub]; o != nil {
		return o
	}
	o := in.findClaimOwners()
	if in.shared.claimOwners == nil {
		in.shared.claimOwners = map[*facts.Hub]*claimOwners{}
	}
	in.shared.claimOwners[in.Hub] = o
	return o
}

func (in *Input) findClaimOwners() *claimOwners {
	o := &claimOwners{known: map[string]bool{}, missing: map[string][]ownedClaim{}}
	var names, lossy map[string]bool // made when the first claim asks for them
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if !c.Deleting.IsZero() {
			continue
		}
		owner, ok := in.Owners().Owner(c.Namespace, c.Name)
		switch {
		case ok && owner.Hub == "":
			// Of several hubs in this namespace none or more than one has the user.
			if names == nil {
				names = userNames(in.Hub)
			}
			o.add(owner.User, names[owner.User], ownedClaim{c, owner.Server})
		case ok && owner.Hub != in.Hub.Name:
			continue
		case ok && (owner.By == attribution.ByState || owner.By == attribution.ByAnnotation):
			o.add(owner.User, owner.UserID != 0, ownedClaim{c, owner.Server})
		case c.Namespace == in.Hub.Namespace && attribution.Bare(c):
			name, id, old := kubespawner.ParseLossyClaim(c.Name)
			if !old {
				continue
			}
			if lossy == nil {
				lossy = lossyNames(in.Hub)
			}
			o.add(name, lossy[name], ownedClaim{c, ""})
			o.oldIDs = append(o.oldIDs, id)
		default:
			continue
		}
		o.created = append(o.created, c.Created)
	}
	return o
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
