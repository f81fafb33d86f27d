package checks

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHNodeGoneLingering(t *testing.T) { testCheck(t, lhNodeGoneLingeringCases) }

// lingering adds Longhorn's record of a node that Kubernetes does not have, as
// Longhorn sees it since then.
func lingering(since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Longhorn.Nodes = append(s.Longhorn.Nodes, facts.LHNode{Name: "worker-9", Created: s.Now.AddDate(0, -3, 0),
			Ready: "False", ReadyReason: "KubernetesNodeGone", ReadySince: s.Now.Add(-since)})
		world.Settle(s)
	}
}

// staleOn leaves a failed replica of the stopped server's volume, which has been
// replaced since, on record on a node.
func staleOn(s *facts.Snapshot, node string) {
	r := *replicasOf(s, stopped)[0]
	r.Name, r.NodeID, r.FailedAt = r.Name+"x", node, facts.At(s.Now.AddDate(0, 0, -1))
	s.Longhorn.Replicas = append(s.Longhorn.Replicas, r)
	world.Settle(s)
}

func cordon(s *facts.Snapshot, names ...string) {
	for i := range s.Kube.Nodes {
		if n := &s.Kube.Nodes[i]; slices.Contains(names, n.Name) {
			n.Unschedulable = true
		}
	}
}

const (
	nine9  = "Longhorn keeps a record of node worker-9, which is not in Kubernetes and not ready since 2026-11-20 09:00 UTC; "
	meets4 = "its drain may hang or take last copies: Longhorn still counts on replicas on node worker-4, not in Kubernetes any more, for "
)

var lhNodeGoneLingeringCases = cases{
	check: lhNodeGoneLingering,
	fires: []damage{
		{
			name:    "an empty record",
			change:  lingering(3 * time.Hour),
			want:    outcomes{"lh-node-gone-lingering": "fail warning 1"},
			summary: nine9 + "no replica is on record there",
		},
		{
			name: "a record with a replica that was replaced",
			change: func(s *facts.Snapshot) {
				lingering(3 * time.Hour)(s)
				staleOn(s, "worker-9")
			},
			want:    outcomes{"lh-node-gone-lingering": "fail error 1"},
			summary: nine9 + "1 replica that no volume counts on is still on record there",
		},
		{
			name: "2023: the next node is cordoned while replicas are on record on the first",
			change: func(s *facts.Snapshot) {
				world.LoseNode(s, "worker-4")
				world.Rebuild(s)
				cordon(s, "worker-1")
			},
			want: outcomes{"lh-node-gone-lingering": "fail error 1", "lh-replica-node-missing": "fail error 1"},
			summary: "node worker-1 is cordoned, and " + meets4 +
				`4 volumes: those of "student-0001", "student-0002", "student-0006", "student-0009"`,
		},
		{
			name: "the autoscaler takes one of two lost nodes' neighbours, and a record lingers",
			change: func(s *facts.Snapshot) {
				world.LoseNode(s, "worker-4")
				world.Rebuild(s)
				lingering(3 * time.Hour)(s)
				s.Kube.Nodes[0].Taints = []string{"ToBeDeletedByClusterAutoscaler"}
				s.Kube.Nodes[1].Deleting = s.Now
			},
			want: outcomes{"lh-node-gone-lingering": "fail error 3", "lh-replica-node-missing": "fail error 1",
				"lh-drain-would-lose-data": "fail critical 2"},
			summary: "Longhorn keeps records of 1 node that Kubernetes does not have; replicas on lost nodes hinder the drain of 2 nodes",
		},
		{
			name:    "no time of when it went",
			change:  func(s *facts.Snapshot) { lingering(0)(s); lhNode(s, "worker-9").ReadySince = time.Time{} },
			want:    outcomes{"lh-node-gone-lingering": "fail warning 1"},
			summary: "Longhorn keeps a record of node worker-9, which is not in Kubernetes and not ready; no replica is on record there",
		},
	},
	mustNotFire: []damage{
		{
			name: "volumes count on replicas there: that is lh-replica-node-missing's",
			change: func(s *facts.Snapshot) {
				lingering(3 * time.Hour)(s)
				failedOnLostNode(s, stopped)
			},
			want: outcomes{"lh-replica-node-missing": "fail error 1"},
		},
		{
			name: "was down for hours before it went, seconds ago",
			change: func(s *facts.Snapshot) {
				lingering(3 * time.Hour)(s)
				s.Longhorn.Nodes[len(s.Longhorn.Nodes)-1].ReadyReason = "KubernetesNodeNotReady"
			},
		},
		{
			name: "Longhorn has not noticed yet",
			change: func(s *facts.Snapshot) {
				lingering(3 * time.Hour)(s)
				lhNode(s, "worker-9").Ready = "True"
			},
		},
		{
			name: "the node that is cordoned has no replica of those volumes",
			change: func(s *facts.Snapshot) {
				failedOnLostNode(s, stopped).FailedAt = 0 // the others are on worker-4 and worker-1
				cordon(s, "worker-2")
			},
			want: outcomes{"lh-replica-node-missing": "fail error 1"},
		},
		{
			name: "the replica on the lost node has failed: the drain does not look at it",
			change: func(s *facts.Snapshot) {
				failedOnLostNode(s, stopped)
				cordon(s, "worker-1")
			},
			want: outcomes{"lh-replica-node-missing": "fail error 1"},
		},
		{
			name: "a node that is only cordoned",
			change: func(s *facts.Snapshot) {
				cordon(s, "worker-1")
			},
		},
		{name: "no Longhorn", change: withoutLonghorn, want: noLonghorn(outcomes{}),
			summary: "source longhorn/volumes is absent: the cluster has no such API"},
	},
	boundary: []damage{
		{name: "gone for less than the grace", change: lingering(30*time.Minute - time.Second)},
		{name: "a longer grace", change: lingering(3 * time.Hour), values: map[string]any{"grace": "4h"}},
		{
			name: "one volume that meets a lost node is enough",
			change: func(s *facts.Snapshot) {
				failedOnLostNode(s, stopped).FailedAt = 0
				cordon(s, "worker-1")
			},
			want: outcomes{"lh-node-gone-lingering": "fail error 1", "lh-replica-node-missing": "fail error 1"},
			summary: "node worker-1 is cordoned, and its drain may hang or take last copies: Longhorn still counts on replicas on node worker-9, " +
				`not in Kubernetes any more, for 1 volume: that of "student-0001"`,
		},
	},
	sourceFailed: []damage{{
		name: "nodes not readable", change: failed(facts.KubeNodes), want: unknownWithout(facts.KubeNodes, nil),
		summary: "source kube/nodes could not be read: gave up after 30s",
	}},
}
