package checks

import (
	"slices"
	"sync"

	"hubaudit/internal/attribution"
	"hubaudit/internal/backups"
	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/replica"
	"hubaudit/internal/verdict"
)

// shared holds what several checks of one run work out from the same
// snapshot. It is made by Judge, filled on first use, and used by one check
// after the other.
type shared struct {
	snapshot *facts.Snapshot
	suite    Suite
	owners   *attribution.Index
	cluster  *replica.Cluster
	volumes  []replica.Volume
	data     []copies.Data
	joined   *copies.Claims
	backups  *backups.Index
	room     *room
	claims   map[claimKey]*facts.Claim
	contents *prediction.Contents
	// homes are kept of every hub, as the checks of the cluster go through them all.
	homes map[*facts.Hub][]homeBackup
	// tested are the copies of every hub's database, whose content is forgotten then.
	tested map[*facts.Hub][]testedCopy
	hub    hubShared
	// unknown and failed are what was judged before, for the checks of the audit itself.
	unknown []unknownCheck
	failed  map[judgedCheck]bool
}

// judgedCheck is a check and the hub that it was judged for, nil for the cluster.
type judgedCheck struct {
	check *Check
	hub   *facts.Hub
}

// note keeps how a check was judged.
func (s *shared) note(c *Check, hub *facts.Hub, v *verdict.Verdict) {
	switch v.Outcome {
	case verdict.Unknown:
		s.unknown = append(s.unknown, unknownCheck{c, hub, v.Summary})
	case verdict.Fail:
		if s.failed == nil {
			s.failed = map[judgedCheck]bool{}
		}
		s.failed[judgedCheck{c, hub}] = true
	}
}

// failing tells whether a check that was judged before has failed.
func (s *shared) failing(c *Check, hub *facts.Hub) bool { return s.failed[judgedCheck{c, hub}] }

// hubShared is the part of shared that is about one hub: the one that was judged
// last.
type hubShared struct {
	of          *facts.Hub
	claimOwners *claimOwners
	usersByID   map[int64]*facts.User
	starts      func() ([]prediction.Start, error)
	uses        lastUses
}

// hubShared is what is shared about the hub that is judged; what was worked out
// for another is let go.
func (in *Input) hubShared() *hubShared {
	if in.shared.hub.of != in.Hub {
		in.shared.hub = hubShared{of: in.Hub}
	}
	return &in.shared.hub
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
	of := in.hubShared()
	if of.starts == nil {
		of.starts = sync.OnceValues(func() ([]prediction.Start, error) {
			return prediction.PredictWith(in.Snapshot, in.Hub, in.Hub.KubeSpawner, in.Owners(), func(*facts.Snapshot) *prediction.Contents { return in.contents() })
		})
	}
	return of.starts()
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

// dataCopies tells where the copies of every volume's data lie.
func (in *Input) dataCopies() []copies.Data {
	if in.shared.data == nil {
		in.shared.data = copies.All(in.Snapshot, in.volumeHealths())
	}
	return in.shared.data
}

type claimKey struct{ Namespace, Name string }

// lhVolume returns the Longhorn volume behind a claim, nil if it has none or
// that is not known.
func (in *Input) lhVolume(c *facts.Claim) *facts.LHVolume {
	return in.joined().Volume(c.Namespace, c.Name)
}

// claimOf returns the claim of a Longhorn volume; false if it has none now.
func (in *Input) claimOf(v *facts.LHVolume) (claimKey, bool) {
	namespace, name, ok := in.joined().Of(v.Name)
	return claimKey{namespace, name}, ok
}

// volumeNamed returns the judged volume of Longhorn's of that name, nil if there
// is none.
func (in *Input) volumeNamed(name string) *replica.Volume {
	at, ok := in.joined().Index(name)
	if !ok {
		return nil
	}
	return &in.volumeHealths()[at]
}

// joined are claims and their Longhorn volumes.
func (in *Input) joined() *copies.Claims {
	if in.shared.joined == nil {
		in.shared.joined = copies.NewClaims(in.Snapshot)
	}
	return in.shared.joined
}
