package replica_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/world"
)

// first returns the first replica of the world's second volume, on worker-3.
func first(s *facts.Snapshot) *facts.LHReplica {
	for i := range s.Longhorn.Replicas {
		if s.Longhorn.Replicas[i].Volume == s.Longhorn.Volumes[1].Name {
			return &s.Longhorn.Replicas[i]
		}
	}
	panic("no replica")
}

func lhNode(s *facts.Snapshot, name string) *facts.LHNode {
	i := slices.IndexFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return n.Name == name })
	return &s.Longhorn.Nodes[i]
}

func reason(kind replica.Kind) []replica.Reason { return []replica.Reason{{Kind: kind}} }
func at(kind replica.Kind) []replica.Reason {
	return []replica.Reason{{Kind: kind, Node: "worker-3"}}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(s *facts.Snapshot, r *facts.LHReplica)
		reasons []replica.Reason
		leaving bool
		away    bool
	}{
		"healthy":                      {change: func(*facts.Snapshot, *facts.LHReplica) {}},
		"being deleted":                {change: func(s *facts.Snapshot, r *facts.LHReplica) { r.Deleting = s.Now }, reasons: reason(replica.Deleting)},
		"failed":                       {change: func(s *facts.Snapshot, r *facts.LHReplica) { r.FailedAt = s.Now }, reasons: reason(replica.Failed)},
		"failed once, healthy again":   {change: func(s *facts.Snapshot, r *facts.LHReplica) { r.LastFailedAt = s.Now }},
		"never healthy":                {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.HealthyAt = time.Time{} }, reasons: reason(replica.Blank)},
		"inactive":                     {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.Active = false }, reasons: reason(replica.Inactive)},
		"stopped is no sign of health": {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.State = "stopped" }},
		"no node":                      {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.NodeID = "" }, reasons: reason(replica.Unplaced)},
		"no disk":                      {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.DiskID = "" }, reasons: reason(replica.Unplaced)},
		"node deleted":                 {change: func(s *facts.Snapshot, _ *facts.LHReplica) { world.LoseNode(s, "worker-3") }, reasons: at(replica.NodeGone)},
		"node rebuilt under its name":  {change: func(s *facts.Snapshot, _ *facts.LHReplica) { world.ReplaceNode(s, "worker-3", "worker-3") }, reasons: at(replica.DiskGone)},
		"Longhorn lost the node": {change: func(s *facts.Snapshot, _ *facts.LHReplica) {
			s.Longhorn.Nodes = slices.DeleteFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return n.Name == "worker-3" })
		}, reasons: at(replica.NodeUnknown)},
		"node not ready": {change: func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").Ready = "False" },
			reasons: at(replica.NodeDown), away: true},
		"node of unknown state": {change: func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").Ready = "" },
			reasons: at(replica.NodeDown), away: true},
		"disk not ready": {change: func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").Disks[0].Ready = "False" },
			reasons: at(replica.DiskDown), away: true},
		"failed on a node that is gone: the node is the cause": {change: func(s *facts.Snapshot, r *facts.LHReplica) {
			r.FailedAt = s.Now
			world.LoseNode(s, "worker-3")
		}, reasons: append(at(replica.NodeGone), reason(replica.Failed)...)},
		"failed on a node that is down": {change: func(s *facts.Snapshot, r *facts.LHReplica) {
			r.FailedAt = s.Now
			lhNode(s, "worker-3").Ready = "False"
		}, reasons: append(at(replica.NodeDown), reason(replica.Failed)...)},
		"replica evicted":   {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.EvictionRequested = true }, leaving: true},
		"disk evicted":      {change: func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").Disks[0].EvictionRequested = true }, leaving: true},
		"node evicted":      {change: func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").EvictionRequested = true }, leaving: true},
		"node cordoned":     {change: func(s *facts.Snapshot, _ *facts.LHReplica) { s.Kube.Nodes[2].Unschedulable = true }, leaving: true},
		"node deleted soon": {change: func(s *facts.Snapshot, _ *facts.LHReplica) { s.Kube.Nodes[2].Deleting = s.Now }, leaving: true},
		"linked clone of a good replica": {change: func(s *facts.Snapshot, r *facts.LHReplica) {
			r.LinkedCloneSource = s.Longhorn.Replicas[len(s.Longhorn.Replicas)-1].Name
		}},
		"linked clone of a failed replica": {change: func(s *facts.Snapshot, r *facts.LHReplica) {
			source := &s.Longhorn.Replicas[len(s.Longhorn.Replicas)-1]
			source.FailedAt, r.LinkedCloneSource = s.Now, source.Name
		}, reasons: reason(replica.CloneSource)},
		"linked clone of a volume being deleted": {change: func(s *facts.Snapshot, r *facts.LHReplica) {
			r.LinkedCloneSource = s.Longhorn.Replicas[len(s.Longhorn.Replicas)-1].Name
			s.Longhorn.Volumes[len(s.Longhorn.Volumes)-1].Deleting = s.Now
		}, reasons: reason(replica.CloneSource)},
		"linked clone of nothing": {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.LinkedCloneSource = "gone" },
			reasons: reason(replica.CloneSource)},
		"linked clone of itself": {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.LinkedCloneSource = r.Name },
			reasons: reason(replica.CloneSource)},
	} {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			c.change(s, first(s))
			j := replica.NewCluster(s).Judge(first(s))
			if diff := cmp.Diff(c.reasons, j.Reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			if j.Usable() != (len(c.reasons) == 0) || j.Leaving != c.leaving || j.Away() != c.away {
				t.Errorf("usable %t, leaving %t, away %t", j.Usable(), j.Leaving, j.Away())
			}
		})
	}
}

// Every kind of reason has its own words: none falls through to its name.
func TestReasonsAreSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []replica.Kind{replica.Deleting, replica.Unplaced, replica.NodeGone, replica.NodeUnknown, replica.NodeDown, replica.DiskGone,
		replica.DiskDown, replica.Failed, replica.Blank, replica.Inactive, replica.CloneSource} {
		text := replica.Reason{Kind: kind, Node: "n"}.String()
		if text == string(kind) || seen[text] {
			t.Errorf("%s reads %q", kind, text)
		}
		seen[text] = true
	}
}
