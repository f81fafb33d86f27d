package attribution

import (
	"cmp"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// owned is a claim of a server.
type owned struct {
	userID int64
	hub    int32
	claim  int32
	server string
}

func (o owned) compare(p owned) int {
	return cmp.Or(cmp.Compare(o.hub, p.hub), cmp.Compare(o.userID, p.userID), strings.Compare(o.server, p.server))
}

// Claims returns the claims that are a server's, oldest first: those whose
// Owner it is, and those that it remembers together with other servers of its
// user. Claims that are being deleted are left out.
func (x *Index) Claims(hub string, userID int64, server string) []*facts.Claim {
	x.list()
	wanted := owned{userID: userID, server: server, hub: x.hubNumber(hub)}
	i, _ := slices.BinarySearchFunc(x.owned, wanted, owned.compare)
	var claims []*facts.Claim
	for ; i < len(x.owned) && x.owned[i].compare(wanted) == 0; i++ {
		claims = append(claims, x.claim(x.owned[i].claim))
	}
	return claims
}

// list finds the claims of all servers, once.
func (x *Index) list() {
	if x.listed {
		return
	}
	x.listed = true
	x.owned = make([]owned, 0, len(x.snapshot.Kube.Claims))
	for i := range x.snapshot.Kube.Claims {
		c, n := &x.snapshot.Kube.Claims[i], int32(i)
		if !c.Deleting.IsZero() {
			continue
		}
		o, known := x.find(key{c.Namespace, c.Name})
		if known != userAndServer || o.UserID == 0 {
			continue
		}
		one := owned{userID: o.UserID, hub: x.hubNumber(o.Hub), claim: n, server: o.Server}
		x.owned = append(x.owned, one)
		if o.By != ByState {
			continue
		}
		for j := x.entries[n].rows; j != 0; j = x.rows[j-1].next {
			r := &x.rows[j-1]
			also := one
			if also.server = x.hubs[r.user.hub-1].Spawners[r.spawner].Name; also.server != one.server {
				x.owned = append(x.owned, also)
			}
		}
	}
	slices.SortFunc(x.owned, func(a, b owned) int {
		c, d := x.claim(a.claim), x.claim(b.claim)
		return cmp.Or(a.compare(b), c.Created.Compare(d.Created), strings.Compare(c.Namespace, d.Namespace), strings.Compare(c.Name, d.Name))
	})
	x.owned = slices.Compact(x.owned)
}

// hubNumber is 0 for a hub that is not in the snapshot.
func (x *Index) hubNumber(name string) int32 {
	return int32(1 + slices.IndexFunc(x.hubs, func(u *hubUsers) bool { return u.Name == name }))
}
