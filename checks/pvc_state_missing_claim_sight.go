package checks

import "hubaudit/internal/facts"

// claimSight tells whether a claim that is not in the list of claims is missing
// for certain. A recording may leave out namespaces, and what is mounted or
// bound exists whatever the list says.
type claimSight struct {
	hub        string          // the hub's own namespace
	namespaces map[string]bool // with at least one claim in the list
	users      bool            // one of them is a user's own, by what the hub remembers
	mounted    map[claimKey]bool
	volumes    map[claimKey]*facts.Volume
}

func newClaimSight(in *Input) *claimSight {
	x := &claimSight{hub: in.Hub.Namespace, namespaces: map[string]bool{}, mounted: map[claimKey]bool{}, volumes: make(map[claimKey]*facts.Volume, len(in.Kube.Volumes))}
	for i := range in.Kube.Claims {
		x.namespaces[in.Kube.Claims[i].Namespace] = true
	}
	for i := range in.Hub.Spawners {
		ns := in.Hub.Spawners[i].State.Namespace
		x.users = x.users || ns != in.Hub.Namespace && x.namespaces[ns]
	}
	for i := range in.Kube.Pods {
		p := &in.Kube.Pods[i]
		if p.Phase != "Running" {
			continue // one that waits for its claim is no witness
		}
		for _, claim := range p.Claims {
			x.mounted[claimKey{p.Namespace, claim}] = true
		}
	}
	for i := range in.Kube.Volumes {
		v := &in.Kube.Volumes[i]
		k := claimKey{v.ClaimNamespace, v.ClaimName}
		if have := x.volumes[k]; have == nil || v.Phase == "Bound" || have.Phase != "Bound" && v.Created.After(have.Created) {
			x.volumes[k] = v
		}
	}
	return x
}

// volume returns the PersistentVolume that a missing claim had, nil if there is
// none; certain is false where the claim may well exist.
func (x *claimSight) volume(k claimKey) (v *facts.Volume, certain bool) {
	v = x.volumes[k]
	switch {
	case x.mounted[k], v != nil && v.Phase == "Bound":
		return v, false
	case v != nil, x.namespaces[k.Namespace]:
		return v, true
	}
	// A user's only claim was in it; that of another user shows that such are listed.
	return nil, x.users && k.Namespace != x.hub
}
