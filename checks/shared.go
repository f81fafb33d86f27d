package checks

import (
	"slices"
	"sync"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/replica"
)

// shared holds what several checks of one run work out from the same
// snapshot. It is made by Judge, filled on first use, and used by one check
// after the other.
type shared struct {
	snapshot *facts.Snapshot
	suite    Suite
	owners   *attribution.Index
	cluster  *replica.Cluster
	volumes  []volumeHealth
	storage  *storageIndex
	claims   map[claimKey]*facts.Claim
	contents *prediction.Contents
	// claimOwners are by hub.
	claimOwners map[*facts.Hub]*claimOwners
	usersByID   map[*facts.Hub]map[int64]*facts.User
	starts      map[*facts.Hub]func() ([]prediction.Start, error)
	uses        map[*facts.Hub]lastUses
}

// Owners tells whose claim is whose.
func (in *Input) Owners() *attribution.Index {
	if in.shared.owners == nil {
		in.shared.owners = attribution.New(in.Snapshot)
	}
	return in.shared.owners
}

// Starts tells the next start of every server of the hub as it is configured;
// see prediction.Predict for the errors.
func (in *Input) Starts() ([]prediction.Start, error) {
	starts := in.shared.starts[in.Hub]
	if starts == nil {
		starts = sync.OnceValues(func() ([]prediction.Start, error) {
			return prediction.Predict(in.Snapshot, in.Hub, in.Hub.KubeSpawner, in.Owners())
		})
		if in.shared.starts == nil {
			in.shared.starts = map[*facts.Hub]func() ([]prediction.Start, error){}
		}
		in.shared.starts[in.Hub] = starts
	}
	return starts()
}

// as is the input as another check sees it, with that check's parameters.
func (in *Input) as(c *Check) *Input {
	other := *in
	other.values = in.shared.suite.valuesOf(c, in.Hub)
	return &other
}

// tells whether a check is judged for the hub in this run: only then may another
// one leave something to it.
func (in *Input) tells(c *Check) bool {
	i := slices.IndexFunc(in.shared.suite, func(configured Configured) bool { return configured.Check == c })
	return i >= 0 && !in.shared.suite[i].on(in.Hub).Disabled
}

// replicaCluster is what replicas are judged against.
func (in *Input) replicaCluster() *replica.Cluster {
	if in.shared.cluster == nil {
		in.shared.cluster = replica.NewCluster(in.Snapshot)
	}
	return in.shared.cluster
}

// storageIndex finds a claim's Longhorn volume and a Longhorn volume's claim.
type storageIndex struct {
	byClaim  map[claimKey]*facts.LHVolume
	byVolume map[string]claimKey // by Longhorn volume name
}

type claimKey struct{ Namespace, Name string }

// longhornDriver is the CSI driver whose volume handles name Longhorn volumes.
const longhornDriver = "driver.longhorn.io"

// lhVolume returns the Longhorn volume behind a claim, nil if it has none or
// that is not known.
func (in *Input) lhVolume(c *facts.Claim) *facts.LHVolume {
	return in.storageIndex().byClaim[claimKey{c.Namespace, c.Name}]
}

// claimOf returns the claim of a Longhorn volume; false if it has none now.
func (in *Input) claimOf(v *facts.LHVolume) (claimKey, bool) {
	k, ok := in.storageIndex().byVolume[v.Name]
	return k, ok
}

func (in *Input) storageIndex() *storageIndex {
	if in.shared.storage == nil {
		in.shared.storage = indexStorage(in.Snapshot)
	}
	return in.shared.storage
}

// indexStorage joins claims and Longhorn volumes. The PersistentVolume is the
// truth where it was read; Longhorn's own note of the claim comes second, and
// not at all once it is history.
func indexStorage(s *facts.Snapshot) *storageIndex {
	x := &storageIndex{byClaim: make(map[claimKey]*facts.LHVolume, len(s.Longhorn.Volumes)),
		byVolume: make(map[string]claimKey, len(s.Longhorn.Volumes))}
	if len(s.Longhorn.Volumes) == 0 {
		return x
	}
	volumes := make(map[string]*facts.LHVolume, len(s.Longhorn.Volumes))
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		volumes[v.Name] = v
		if v.ClaimName != "" && v.LastClaimRefAt.IsZero() {
			k := claimKey{v.ClaimNamespace, v.ClaimName}
			x.byClaim[k], x.byVolume[v.Name] = v, k
		}
	}
	for i := range s.Kube.Volumes {
		pv := &s.Kube.Volumes[i]
		if v := volumes[pv.Handle]; v != nil && pv.Driver == longhornDriver && pv.Phase == "Bound" {
			k := claimKey{pv.ClaimNamespace, pv.ClaimName}
			x.byClaim[k], x.byVolume[v.Name] = v, k
		}
	}
	return x
}
