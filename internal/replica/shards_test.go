package replica_test

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/world"
)

func TestLeaving(t *testing.T) {
	for name, change := range map[string]change{
		"replica evicted":   func(_ *facts.Snapshot, r *facts.LHReplica) { r.EvictionRequested = true },
		"disk evicted":      func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").Disks[0].EvictionRequested = true },
		"node evicted":      func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").EvictionRequested = true },
		"drain policy":      func(s *facts.Snapshot, _ *facts.LHReplica) { lhNode(s, "worker-3").AutoEvicting = true },
		"node cordoned":     func(s *facts.Snapshot, _ *facts.LHReplica) { kubeNode(s, "worker-3").Unschedulable = true },
		"node deleted soon": func(s *facts.Snapshot, _ *facts.LHReplica) { kubeNode(s, "worker-3").Deleting = s.Now },
		"autoscaler": func(s *facts.Snapshot, _ *facts.LHReplica) {
			kubeNode(s, "worker-3").Taints = []string{"ToBeDeletedByClusterAutoscaler"}
		},
		"source of a linked clone": func(s *facts.Snapshot, r *facts.LHReplica) {
			source := &s.Longhorn.Replicas[len(s.Longhorn.Replicas)-1]
			source.EvictionRequested, r.LinkedCloneSource = true, source.Name
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			change(s, first(s))
			j := replica.NewCluster(s).Judge(first(s))
			verdict{leaving: true}.compare(t, j)
			if asked := strings.HasSuffix(name, "evicted") || name == "drain policy"; j.Evicting != asked {
				t.Errorf("evicting %t, want %t", j.Evicting, asked)
			}
			first(s).FailedAt = facts.At(s.Now)
			verdict{reasons: reason(replica.Failed)}.compare(t, replica.NewCluster(s).Judge(first(s)))
		})
	}
	s := world.Healthy(world.Small)
	lhNode(s, "worker-3").AllowScheduling = false
	verdict{}.compare(t, replica.NewCluster(s).Judge(first(s)))
}

func TestLinkedClones(t *testing.T) {
	last := func(s *facts.Snapshot) *facts.LHReplica { return &s.Longhorn.Replicas[len(s.Longhorn.Replicas)-1] }
	testJudge(t, map[string]struct {
		change change
		want   verdict
	}{
		"of a good replica": {change: func(s *facts.Snapshot, r *facts.LHReplica) { r.LinkedCloneSource = last(s).Name }},
		"of a clone of a good replica": {change: func(s *facts.Snapshot, r *facts.LHReplica) {
			r.LinkedCloneSource, last(s).LinkedCloneSource = last(s).Name, s.Longhorn.Replicas[0].Name
		}},
		"of a clone of a failed replica": {func(s *facts.Snapshot, r *facts.LHReplica) {
			r.LinkedCloneSource, last(s).LinkedCloneSource = last(s).Name, s.Longhorn.Replicas[0].Name
			s.Longhorn.Replicas[0].FailedAt = facts.At(s.Now)
		}, verdict{reasons: reason(replica.CloneSource)}},
		"of a failed replica": {func(s *facts.Snapshot, r *facts.LHReplica) {
			last(s).FailedAt, r.LinkedCloneSource = facts.At(s.Now), last(s).Name
		}, verdict{reasons: reason(replica.CloneSource)}},
		"of a volume that is being deleted": {func(s *facts.Snapshot, r *facts.LHReplica) {
			r.LinkedCloneSource = last(s).Name
			s.Longhorn.Volumes[len(s.Longhorn.Volumes)-1].Deleting = facts.At(s.Now)
		}, verdict{reasons: reason(replica.CloneSource)}},
		"of a volume that is not on record": {func(s *facts.Snapshot, r *facts.LHReplica) {
			r.LinkedCloneSource, last(s).Volume = last(s).Name, "gone"
		}, verdict{reasons: reason(replica.CloneSource)}},
		"of nothing": {func(_ *facts.Snapshot, r *facts.LHReplica) { r.LinkedCloneSource = "gone" }, verdict{reasons: reason(replica.CloneSource)}},
		"of itself":  {func(_ *facts.Snapshot, r *facts.LHReplica) { r.LinkedCloneSource = r.Name }, verdict{reasons: reason(replica.CloneSource)}},
	})
}

// TestSources: what a clone needs, and no end of a chain that bites its tail.
func TestSources(t *testing.T) {
	s := world.Healthy(world.Small)
	l := s.Longhorn.Replicas
	l[0].LinkedCloneSource, l[1].LinkedCloneSource, l[3].LinkedCloneSource = l[1].Name, l[2].Name, l[3].Name
	c := replica.NewCluster(s)
	if got := c.Sources(&l[0]); len(got) != 2 || got[0] != &l[1] || got[1] != &l[2] {
		t.Errorf("a clone of a clone needs %v", got)
	}
	if got := c.Sources(&l[2]); len(got) != 0 {
		t.Errorf("a replica that is no clone needs %v", got)
	}
	if got := c.Sources(&l[3]); len(got) == 0 || len(got) > 16 {
		t.Errorf("a clone of itself needs %d replicas", len(got))
	}
}

func TestShards(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *facts.Snapshot, shard *facts.LHShard)
		want   verdict
	}{
		"normal":         {change: func(*facts.Snapshot, *facts.LHShard) {}},
		"failed":         {func(_ *facts.Snapshot, sh *facts.LHShard) { sh.State = "failed" }, verdict{reasons: reason(replica.Failed)}},
		"replacing":      {func(_ *facts.Snapshot, sh *facts.LHShard) { sh.State = "replacing" }, verdict{reasons: reason(replica.Rebuilding)}},
		"never normal":   {func(_ *facts.Snapshot, sh *facts.LHShard) { sh.State = "" }, verdict{reasons: reason(replica.Blank)}},
		"being deleted":  {func(s *facts.Snapshot, sh *facts.LHShard) { sh.Deleting = s.Now }, verdict{reasons: reason(replica.Deleting)}},
		"without a disk": {func(_ *facts.Snapshot, sh *facts.LHShard) { sh.DiskID = "" }, verdict{reasons: reason(replica.Unplaced)}},
		"evicted":        {func(_ *facts.Snapshot, sh *facts.LHShard) { sh.EvictionRequested = true }, verdict{leaving: true}},
		"node cordoned":  {func(s *facts.Snapshot, _ *facts.LHShard) { kubeNode(s, "worker-3").Unschedulable = true }, verdict{leaving: true}},
		"node gone": {func(s *facts.Snapshot, _ *facts.LHShard) { world.LoseNode(s, "worker-3") },
			verdict{reasons: onNode(replica.NodeGone)}},
		"node down": {func(s *facts.Snapshot, _ *facts.LHShard) { notReady(s) }, verdict{reasons: down(hour), away: true}},
		"disk gone": {func(s *facts.Snapshot, _ *facts.LHShard) { world.ReplaceNode(s, "worker-3", "worker-3") },
			verdict{reasons: onDisk(replica.DiskGone)}}, // nothing tells when it was last well
	} {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			shard := facts.LHShard{Name: "v-0", Group: "v", NodeID: "worker-3", DiskID: disk3, State: "normal"}
			c.change(s, &shard)
			c.want.compare(t, replica.NewCluster(s).JudgeShard(&shard))
		})
	}
}
