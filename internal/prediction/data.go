package prediction

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
)

// Contents knows what hints at the files on a snapshot's claims.
type Contents struct {
	volumes *copies.Claims
	// snapshots are the newest ready one of each claim.
	snapshots map[claimKey]*facts.VolumeSnapshot
	pods      map[claimKey]*facts.Pod
}

type claimKey struct{ namespace, name string }

// Content is what hints at the files on one claim.
type Content struct {
	// Bytes were written to it as far as its storage tells; -1 if it does not.
	Bytes int64
	// Pod is a running pod that mounts it, "" if there is none.
	Pod string
	// Attached: its volume is attached to a node, for whatever pod.
	Attached bool
	// LastUsed is when a pod last mounted it; zero if that is not known or it is
	// in use.
	LastUsed time.Time
}

// InUse tells whether something has the claim mounted now.
func (c Content) InUse() bool { return c.Pod != "" || c.Attached }

// NewContents looks through a snapshot once, for any number of claims.
func NewContents(s *facts.Snapshot) *Contents { return NewContentsWith(s, copies.NewClaims(s)) }

// NewContentsWith is NewContents where the claims were joined already.
func NewContentsWith(s *facts.Snapshot, claims *copies.Claims) *Contents {
	x := &Contents{volumes: claims, snapshots: map[claimKey]*facts.VolumeSnapshot{}, pods: map[claimKey]*facts.Pod{}}
	for i := range s.Kube.Snapshots {
		snap := &s.Kube.Snapshots[i]
		k := claimKey{snap.Namespace, snap.Claim}
		if have := x.snapshots[k]; snap.Ready && (have == nil || taken(snap).After(taken(have))) {
			x.snapshots[k] = snap
		}
	}
	for i := range s.Kube.Pods {
		p := &s.Kube.Pods[i]
		if p.Phase != "Running" {
			continue
		}
		for _, claim := range p.Claims {
			x.pods[claimKey{p.Namespace, claim}] = p
		}
	}
	return x
}

func taken(s *facts.VolumeSnapshot) time.Time {
	if s.Taken.IsZero() {
		return s.Created
	}
	return s.Taken
}

// Of is what hints at the files on a claim.
func (x *Contents) Of(c *facts.Claim) Content {
	k := claimKey{c.Namespace, c.Name}
	content := Content{Bytes: -1}
	if p := x.pods[k]; p != nil {
		content.Pod = p.Name
	}
	if v := x.volumes.Volume(k.namespace, k.name); v != nil {
		content.Bytes, content.Attached = v.ActualBytes, v.State == "attached"
		if !content.InUse() {
			content.LastUsed = v.LastPodRefAt.Time()
		}
		return content
	}
	// Many drivers give the volume's whole size, which says nothing of its files.
	if s := x.snapshots[k]; s != nil && s.RestoreBytes > 0 && s.RestoreBytes < c.RequestBytes {
		content.Bytes = s.RestoreBytes
	}
	return content
}

// clearly is how many bytes more a claim must hold than another before that
// means files: an empty filesystem takes some space too.
const clearly = 16 << 20

// Likeliest orders the claims of one server by how likely they hold its user's
// files, and says in a clause why the first is the first: the one with clearly
// more data where the storage tells of all of them, else the oldest, as what
// was made later was made empty. claims must not be empty, and is not changed.
func (x *Contents) Likeliest(claims []*facts.Claim) (ordered []*facts.Claim, because string) {
	ordered = slices.Clone(claims)
	slices.SortFunc(ordered, func(a, b *facts.Claim) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	if len(ordered) == 1 {
		return ordered, "the only one"
	}
	most, second := 0, int64(-1)
	bytes := make([]int64, len(ordered))
	for i, c := range ordered {
		bytes[i] = x.Of(c).Bytes
		if bytes[i] < 0 {
			return ordered, "the oldest"
		}
	}
	for i, n := range bytes[1:] {
		if n > bytes[most] {
			most, second = i+1, bytes[most]
		} else {
			second = max(second, n)
		}
	}
	if bytes[most]-second < clearly {
		return ordered, "the oldest of about equal ones"
	}
	best := ordered[most]
	copy(ordered[1:most+1], ordered[:most])
	ordered[0] = best
	return ordered, "which has the most data"
}
