package copies

import "hubaudit/internal/facts"

// Claims joins the claims of a cluster and the Longhorn volumes behind them.
type Claims struct {
	volumes []facts.LHVolume
	byName  map[string]int32 // volumes
	byClaim map[claim]int32
	claims  []claim // of each volume; without a name where it has none
}

// NewClaims joins them. What a bound PersistentVolume says outweighs Longhorn's
// own note of the claim, which is history once LastClaimRefAt is set.
func NewClaims(s *facts.Snapshot) *Claims {
	n := len(s.Longhorn.Volumes)
	x := &Claims{volumes: s.Longhorn.Volumes, byName: make(map[string]int32, n), byClaim: make(map[claim]int32, n), claims: make([]claim, n)}
	if n == 0 {
		return x
	}
	for i := range x.volumes {
		v := &x.volumes[i]
		x.byName[v.Name] = int32(i)
		if noted(v) {
			x.join(int32(i), claim{v.ClaimNamespace, v.ClaimName})
		}
	}
	for i := range s.Kube.Volumes {
		pv := &s.Kube.Volumes[i]
		if at, ok := x.byName[pv.Handle]; ok && pv.Driver == facts.LonghornDriver && pv.Phase == "Bound" {
			x.join(at, claim{pv.ClaimNamespace, pv.ClaimName})
		}
	}
	return x
}

func (x *Claims) join(volume int32, c claim) { x.byClaim[c], x.claims[volume] = volume, c }

// noted tells whether Longhorn itself says that a claim uses a volume now.
func noted(v *facts.LHVolume) bool { return v.ClaimName != "" && v.LastClaimRefAt.IsZero() }

// Volume is the Longhorn volume behind a claim, nil if it has none or that is not
// known.
func (x *Claims) Volume(namespace, name string) *facts.LHVolume {
	at, ok := x.byClaim[claim{namespace, name}]
	if !ok {
		return nil
	}
	return &x.volumes[at]
}

// Index is the place of a Longhorn volume in the snapshot's list.
func (x *Claims) Index(volume string) (int, bool) {
	at, ok := x.byName[volume]
	return int(at), ok
}

// Of is the claim of a Longhorn volume; false if it has none now.
func (x *Claims) Of(volume string) (namespace, name string, ok bool) {
	at, ok := x.byName[volume]
	if !ok {
		return "", "", false
	}
	c := x.claims[at]
	return c.namespace, c.name, c.name != ""
}
