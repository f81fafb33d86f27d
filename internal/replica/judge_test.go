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

func kubeNode(s *facts.Snapshot, name string) *facts.Node {
	i := slices.IndexFunc(s.Kube.Nodes, func(n facts.Node) bool { return n.Name == name })
	return &s.Kube.Nodes[i]
}

// notReady makes worker-3 not ready since an hour.
func notReady(s *facts.Snapshot) *facts.LHNode {
	n := lhNode(s, "worker-3")
	n.Ready, n.ReadyReason, n.ReadySince = "False", "KubernetesNodeNotReady", s.Now.Add(-time.Hour)
	return n
}

const (
	disk3 = "00000002-0000-4000-8000-000000000003"
	hour  = "since 2026-11-20 11:00 UTC (KubernetesNodeNotReady)"
)

func reason(kind replica.Kind) []replica.Reason { return []replica.Reason{{Kind: kind}} }
func onNode(kind replica.Kind) []replica.Reason {
	return []replica.Reason{{Kind: kind, Node: "worker-3"}}
}
func onDisk(kind replica.Kind) []replica.Reason {
	return []replica.Reason{{Kind: kind, Node: "worker-3", Disk: disk3}}
}
func down(detail string) []replica.Reason {
	return []replica.Reason{{Kind: replica.NodeDown, Node: "worker-3", Detail: detail}}
}

// verdict is what a case expects of a judgement.
type verdict struct {
	reasons                   []replica.Reason
	leaving, away, unverified bool
}

func (v verdict) compare(t *testing.T, j replica.Judgement) {
	t.Helper()
	if diff := cmp.Diff(v.reasons, j.Reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if j.Usable() != (len(v.reasons) == 0) || j.Leaving != v.leaving || j.Away() != v.away || j.Unverified != v.unverified {
		t.Errorf("usable %t, leaving %t, away %t, unverified %t", j.Usable(), j.Leaving, j.Away(), j.Unverified)
	}
}

type change = func(s *facts.Snapshot, r *facts.LHReplica)

func testJudge(t *testing.T, cases map[string]struct {
	change change
	want   verdict
}) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			c.change(s, first(s))
			c.want.compare(t, replica.NewCluster(s).Judge(first(s)))
		})
	}
}

func TestRecord(t *testing.T) {
	testJudge(t, map[string]struct {
		change change
		want   verdict
	}{
		"healthy":                      {change: func(*facts.Snapshot, *facts.LHReplica) {}},
		"being deleted":                {func(s *facts.Snapshot, r *facts.LHReplica) { r.Deleting = facts.At(s.Now) }, verdict{reasons: reason(replica.Deleting)}},
		"failed":                       {func(s *facts.Snapshot, r *facts.LHReplica) { r.FailedAt = facts.At(s.Now) }, verdict{reasons: reason(replica.Failed)}},
		"failed once, healthy again":   {change: func(s *facts.Snapshot, r *facts.LHReplica) { r.LastFailedAt = facts.At(s.Now) }},
		"never healthy":                {func(_ *facts.Snapshot, r *facts.LHReplica) { r.HealthyAt = 0 }, verdict{reasons: reason(replica.Blank)}},
		"inactive":                     {func(_ *facts.Snapshot, r *facts.LHReplica) { r.Active = false }, verdict{reasons: reason(replica.Inactive)}},
		"stopped is no sign of health": {change: func(_ *facts.Snapshot, r *facts.LHReplica) { r.State = "stopped" }},
		"no node":                      {func(_ *facts.Snapshot, r *facts.LHReplica) { r.NodeID = "" }, verdict{reasons: reason(replica.Unplaced)}},
		"no disk":                      {func(_ *facts.Snapshot, r *facts.LHReplica) { r.DiskID = "" }, verdict{reasons: reason(replica.Unplaced)}},
		"of the other engine, on a block disk": {change: func(s *facts.Snapshot, _ *facts.LHReplica) {
			s.Longhorn.Volumes[1].DataEngine, lhNode(s, "worker-3").Disks[0].Type = "v2", "block"
		}},
	})
}

func TestNodes(t *testing.T) {
	testJudge(t, map[string]struct {
		change change
		want   verdict
	}{
		"deleted": {func(s *facts.Snapshot, _ *facts.LHReplica) { world.LoseNode(s, "worker-3") }, verdict{reasons: onNode(replica.NodeGone)}},
		"deleted, and Longhorn's record of it lingers": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			s.Kube.Nodes = slices.DeleteFunc(s.Kube.Nodes, func(n facts.Node) bool { return n.Name == "worker-3" })
		}, verdict{reasons: onNode(replica.NodeGone)}},
		"not known to Longhorn": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			s.Longhorn.Nodes = slices.DeleteFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return n.Name == "worker-3" })
		}, verdict{reasons: onNode(replica.NodeUnknown)}},
		"not ready": {func(s *facts.Snapshot, _ *facts.LHReplica) { notReady(s) }, verdict{reasons: down(hour), away: true}},
		"not ready, who knows since when and why": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			n := notReady(s)
			n.Ready, n.ReadyReason, n.ReadySince = "", "", time.Time{}
		}, verdict{reasons: down(""), away: true}},
		"not ready in Kubernetes, of which Longhorn has not heard": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			n := kubeNode(s, "worker-3")
			n.Ready, n.ReadySince = "Unknown", s.Now.Add(-time.Hour)
		}, verdict{reasons: down("since 2026-11-20 11:00 UTC (in Kubernetes)"), away: true}},
		"Kubernetes does not say whether it is ready": {change: func(s *facts.Snapshot, _ *facts.LHReplica) { kubeNode(s, "worker-3").Ready = "" }},
		"failed, and the node is the cause": {func(s *facts.Snapshot, r *facts.LHReplica) {
			r.FailedAt = facts.At(s.Now)
			world.LoseNode(s, "worker-3")
		}, verdict{reasons: append(onNode(replica.NodeGone), reason(replica.Failed)...)}},
		"failed on a node that is down": {func(s *facts.Snapshot, r *facts.LHReplica) {
			r.FailedAt = facts.At(s.Now)
			notReady(s)
		}, verdict{reasons: append(down(hour), reason(replica.Failed)...)}},
		"gone and made again while Longhorn's record stays: KubernetesNodeGone": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			n := notReady(s)
			n.ReadyReason = "KubernetesNodeGone"
			kubeNode(s, "worker-3").Created = s.Now.Add(-30 * time.Minute)
		}, verdict{reasons: down("since 2026-11-20 11:00 UTC (KubernetesNodeGone)"), unverified: true}},
		"made again long ago, and ready once since": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			notReady(s)
			kubeNode(s, "worker-3").Created = s.Now.Add(-2 * time.Hour)
		}, verdict{reasons: down(hour), away: true}},
		"made again, with a new record that has the disk": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			n := notReady(s)
			kubeNode(s, "worker-3").Created, n.Created, n.ReadySince = s.Now.Add(-time.Hour), s.Now.Add(-time.Hour), time.Time{}
		}, verdict{reasons: down("(KubernetesNodeNotReady)"), away: true}},
		"made again, with a new record that has no disk yet": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			world.ReplaceNode(s, "worker-3", "worker-3")
			n := notReady(s)
			n.Disks[0].UUID, n.ReadyReason, n.ReadySince = "", "ManagerPodMissing", s.Now
		}, verdict{reasons: down("since 2026-11-20 12:00 UTC (ManagerPodMissing)"), unverified: true}},
		"made again after the replica was last seen healthy": {func(s *facts.Snapshot, r *facts.LHReplica) {
			notReady(s)
			r.LastHealthyAt = facts.At(s.Now.Add(-2 * time.Hour))
			kubeNode(s, "worker-3").Created = s.Now.Add(-3 * time.Hour)
		}, verdict{reasons: down(hour), away: true}},
	})
}

func TestDisks(t *testing.T) {
	moved := func(s *facts.Snapshot, _ *facts.LHReplica) {
		to, from := lhNode(s, "worker-1"), lhNode(s, "worker-3")
		to.Disks = append(to.Disks, from.Disks[0])
		from.Disks[0].UUID = "00000002-0000-4000-8000-000000000099"
	}
	testJudge(t, map[string]struct {
		change change
		want   verdict
	}{
		"node rebuilt under its name": {func(s *facts.Snapshot, _ *facts.LHReplica) { world.ReplaceNode(s, "worker-3", "worker-3") },
			verdict{reasons: onDisk(replica.NodeRebuilt)}},
		"rebuilt, and down again": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			world.ReplaceNode(s, "worker-3", "worker-3")
			notReady(s)
		}, verdict{reasons: onDisk(replica.NodeRebuilt)}},
		"taken out of a node that is older": {func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").Disks = nil },
			verdict{reasons: onDisk(replica.DiskGone)}},
		"moved to another node": {moved, verdict{reasons: []replica.Reason{{Kind: replica.DiskMoved, Node: "worker-3", Disk: disk3, Detail: "worker-1"}}, away: true}},
		"on two nodes, its own among them": {change: func(s *facts.Snapshot, _ *facts.LHReplica) {
			to := lhNode(s, "worker-1")
			to.Disks = append(to.Disks, lhNode(s, "worker-3").Disks[0])
		}},
		"on two other nodes": {func(s *facts.Snapshot, r *facts.LHReplica) {
			moved(s, r)
			to := lhNode(s, "worker-4")
			to.Disks = append(to.Disks, facts.LHDisk{UUID: disk3})
		}, verdict{reasons: []replica.Reason{{Kind: replica.DiskMoved, Node: "worker-3", Disk: disk3, Detail: "worker-1 and worker-4"}}, away: true}},
		"not ready": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			d := &lhNode(s, "worker-3").Disks[0]
			d.Ready, d.ReadyReason, d.ReadySince = "False", "DiskFilesystemChanged", s.Now.Add(-time.Hour)
		}, verdict{reasons: []replica.Reason{{Kind: replica.DiskDown, Node: "worker-3", Disk: disk3,
			Detail: "since 2026-11-20 11:00 UTC (DiskFilesystemChanged)"}}, away: true}},
		"of unknown state": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			d := &lhNode(s, "worker-3").Disks[0]
			d.Ready, d.ReadySince = "", time.Time{}
		}, verdict{reasons: onDisk(replica.DiskDown), away: true}},
		"twice on the node, once not ready": {change: func(s *facts.Snapshot, _ *facts.LHReplica) {
			n := lhNode(s, "worker-3")
			n.Disks = slices.Insert(n.Disks, 0, facts.LHDisk{Name: "a", UUID: disk3, Ready: "False"})
		}},
		"keys are names, not UUIDs": {func(s *facts.Snapshot, _ *facts.LHReplica) {
			d := &lhNode(s, "worker-3").Disks[0]
			d.Name, d.UUID = disk3, "other"
		}, verdict{reasons: onDisk(replica.DiskGone)}},
	})
}

// Every kind of reason has its own words: none falls through to its name.
func TestReasonsAreSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []replica.Kind{replica.Deleting, replica.Unplaced, replica.NodeGone, replica.NodeUnknown, replica.NodeDown, replica.DiskGone,
		replica.NodeRebuilt, replica.DiskMoved, replica.DiskDown, replica.Failed, replica.Blank, replica.Rebuilding, replica.Inactive, replica.CloneSource} {
		text := replica.Reason{Kind: kind, Node: "n", Disk: "d", Detail: "since then"}.String()
		if text == string(kind) || seen[text] {
			t.Errorf("%s reads %q", kind, text)
		}
		seen[text] = true
	}
	for want, r := range map[string]replica.Reason{
		"is on disk d that node n no longer has: the node was rebuilt under its name": {Kind: replica.NodeRebuilt, Node: "n", Disk: "d"},
		"is on node n, which is not ready " + hour:                                    {Kind: replica.NodeDown, Node: "n", Detail: hour},
		"is on node n, which is not ready":                                            {Kind: replica.NodeDown, Node: "n"},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Longhorn's note of when a node or disk went is what a grace is measured by.
func TestSince(t *testing.T) {
	s := world.Healthy(world.Small)
	notReady(s)
	if j := replica.NewCluster(s).Judge(first(s)); !j.Since.Equal(s.Now.Add(-time.Hour)) {
		t.Errorf("since %s", j.Since)
	}
	s = world.Healthy(world.Small)
	if j := replica.NewCluster(s).Judge(first(s)); !j.Since.IsZero() {
		t.Errorf("a usable replica is away since %s", j.Since)
	}
}
