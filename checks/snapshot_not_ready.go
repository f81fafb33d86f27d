package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var snapshotNotReady = &Check{
	ID:       "snapshot-not-ready",
	Title:    "VolumeSnapshots of homes and of the hub's claim become ready to use",
	Severity: verdict.Warning,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims, facts.KubeSnapshots},
	Params:   []Param{backupGrace},
	Doc: Doc{
		Meaning: "The newest VolumeSnapshot of a claim has failed or is still not ready to use, so that nothing can be restored from it. It is listed beside the good " +
			"ones, and who counts snapshots does not notice.",
		FalseAlarms: "Taking a snapshot needs a moment, and the controller tries again after errors such as a conflict between two writers: a snapshot is reported after grace. One that " +
			"failed before a good one was taken of the same claim, and one of a claim that is gone, are not reported.",
		Do: []string{
			"Read the error: `kubectl -n NAMESPACE describe volumesnapshot SNAPSHOT`, then its content: `kubectl describe volumesnapshotcontent CONTENT`.",
			"Look at the log of the driver's csi-snapshotter side-car and of the snapshot-controller.",
			"If there is no content at all, the VolumeSnapshotClass is missing or of another driver: `kubectl get volumesnapshotclasses`.",
			"When it is mended, take a new snapshot, see it ready (`kubectl -n NAMESPACE get volumesnapshots`), and then delete the failed one.",
		},
		Dont: []string{
			"Do not take the finalizers off a snapshot that hangs: what it left in the storage system is then nobody's.",
		},
		Sources: []string{"kubernetes-csi/external-snapshotter client/apis/volumesnapshot/v1/types.go"},
	},
	Run: runSnapshotNotReady,
}

// unready are snapshots that are not ready for one cause.
type unready struct {
	err    string
	oldest *facts.VolumeSnapshot
	names  []string
	claims []string
	users  map[string]bool
}

func runSnapshotNotReady(in *Input) Result {
	byCause := map[string]*unready{}
	for _, s := range in.newestUnready() {
		c := in.claimsByKey()[claimKey{s.Namespace, s.Claim}]
		if c == nil || in.within(s.Created, in.Duration("grace")) {
			continue
		}
		owner, home := in.userClaim(c)
		if !home && !in.isDatabaseClaim(claimKey{c.Namespace, c.Name}) {
			continue
		}
		u := byCause[errorKind(s.Error)]
		if u == nil {
			u = &unready{err: quotedError(s.Error), users: map[string]bool{}}
			byCause[errorKind(s.Error)] = u
		}
		if u.oldest == nil || s.Created.Before(u.oldest.Created) {
			u.oldest = s
		}
		u.names, u.claims = append(u.names, s.Namespace+"/"+s.Name), append(u.claims, s.Namespace+"/"+s.Claim)
		if owner.User != "" {
			u.users[fmt.Sprintf("%q", owner.User)] = true
		}
	}
	var r Result
	for _, cause := range slices.Sorted(maps.Keys(byCause)) {
		r.Findings = append(r.Findings, byCause[cause].finding(in.Now))
	}
	return r
}

// newestUnready are the snapshots that are not ready and after which no ready one
// was made of the same claim, in the order of the snapshot.
func (in *Input) newestUnready() []*facts.VolumeSnapshot {
	ready := map[claimKey]time.Time{}
	var open []*facts.VolumeSnapshot
	for i := range in.Kube.Snapshots {
		s := &in.Kube.Snapshots[i]
		k := claimKey{s.Namespace, s.Claim}
		if s.Claim == "" {
			continue // made from a snapshot of the storage's that was there before
		}
		if s.Ready {
			ready[k] = later(ready[k], s.Created)
		} else if s.Namespace == in.Hub.Namespace || in.Hub.KubeSpawner.UserNamespaces != "" {
			open = append(open, s)
		}
	}
	return slices.DeleteFunc(open, func(s *facts.VolumeSnapshot) bool { return ready[claimKey{s.Namespace, s.Claim}].After(s.Created) })
}

func (u *unready) finding(now time.Time) verdict.Finding {
	s := u.oldest
	f := verdict.Finding{Subject: verdict.Subject{Kind: "volumesnapshot", Name: s.Name, Namespace: s.Namespace},
		Details: map[string]string{"snapshots": strings.Join(u.names, ", "), "claims": strings.Join(u.claims, ", "), "created": text.Time(s.Created)}}
	n, users := len(u.names), sorted(u.users)
	whose := "of claim " + s.Namespace + "/" + s.Claim
	if n > 1 {
		whose = "of " + text.Count(n, "claim")
	}
	if len(users) > 0 {
		f.Details["users"] = strings.Join(users, ", ")
		whose += " (" + list(users, homesShown) + ")"
	}
	if n == 1 {
		f.Message = fmt.Sprintf("VolumeSnapshot %s %s is not ready to use after %s", s.Name, whose, text.Duration(now.Sub(s.Created)))
	} else {
		f.Message = fmt.Sprintf("the newest VolumeSnapshots %s are not ready to use, the oldest, %s, after %s", whose, s.Name, text.Duration(now.Sub(s.Created)))
	}
	if u.err != "" {
		f.Details["error"] = u.err
		f.Message += ": " + u.err
	}
	return f
}
