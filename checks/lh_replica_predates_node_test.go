package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestLHReplicaPredatesNode(t *testing.T) { testCheck(t, lhReplicaPredatesNodeCases) }

// remade makes worker-4 a node that was made two days ago, long after its
// replicas were last healthy. It went down that long ago, and what its disks are
// was not read before.
func remade(down time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		made := s.Now.Add(-48 * time.Hour)
		s.Kube.Nodes[3].Created = made
		n := lhNode(s, "worker-4")
		n.Created, n.Ready, n.ReadyReason, n.ReadySince = made.Add(time.Minute), "False", "KubernetesNodeNotReady", s.Now.Add(-down)
		n.Disks[0].UUID = ""
	}
}

// remadeNodeDown are the other verdicts that it brings: the node is down.
func remadeNodeDown(more outcomes) outcomes {
	want := outcomes{"lh-replica-predates-node": "fail error 1", "lh-disk-not-ready": "fail error 1"}
	for id, verdict := range more {
		want[id] = verdict
	}
	return want
}

const (
	fourMade = "node worker-4 was made at 2026-11-18 12:00 UTC, after 9 replicas on it were last healthy, and has not shown the disk since; " +
		"it may be an empty machine under the old name; they are of 9 volumes: the hub's own database (datahub/hub-db-dir); " +
		`those of "student-0001", "student-0002", "student-0004", "student-0005", "student-0006" and 3 more`
)

var lhReplicaPredatesNodeCases = cases{
	check: lhReplicaPredatesNode,
	fires: []damage{
		{name: "made anew, and down before its disk was read", change: remade(3 * time.Hour), want: remadeNodeDown(nil), summary: fourMade},
		{
			name: "Longhorn's record is that of the machine before",
			change: func(s *facts.Snapshot) {
				remade(49 * time.Hour)(s)
				n := lhNode(s, "worker-4")
				n.Created, n.Disks[0].UUID = s.Kube.Nodes[0].Created, disk4
			},
			want:    remadeNodeDown(nil),
			summary: fourMade,
		},
		{
			name: "two of them",
			change: func(s *facts.Snapshot) {
				remade(3 * time.Hour)(s)
				s.Kube.Nodes[2].Created = s.Kube.Nodes[3].Created
				n := lhNode(s, "worker-3")
				n.Ready, n.ReadySince, n.Disks[0].UUID = "Unknown", s.Now.Add(-3*time.Hour), ""
			},
			want:    outcomes{"lh-replica-predates-node": "fail error 2", "lh-disk-not-ready": "fail error 2", "lh-single-usable-replica": "fail critical 6"},
			summary: "2 nodes were made anew after replicas on them were last healthy, and have not shown the disks",
		},
	},
	mustNotFire: []damage{
		{
			name: "registered again, and it shows the very disk",
			change: func(s *facts.Snapshot) {
				s.Kube.Nodes[3].Created = s.Now.Add(-48 * time.Hour)
			},
		},
		{
			name: "registered again, ready with its disk for a day, and down now",
			change: func(s *facts.Snapshot) {
				remade(3 * time.Hour)(s)
				lhNode(s, "worker-4").Disks[0].UUID = disk4
			},
			want: outcomes{"lh-disk-not-ready": "fail error 1"},
		},
		{
			name: "it shows another disk: that is certain, and lh-replica-disk-missing's",
			change: func(s *facts.Snapshot) {
				remade(3 * time.Hour)(s)
				otherDisk(s, "worker-4")
			},
			want: outcomes{"lh-replica-disk-missing": "fail error 1", "lh-disk-not-ready": "fail error 1"},
		},
		{
			name:   "a node that is only down",
			change: func(s *facts.Snapshot) { lhNode(s, "worker-4").Ready = "False" },
			want:   outcomes{"lh-disk-not-ready": "fail error 1"},
		},
		{
			name: "its replicas were replaced",
			change: func(s *facts.Snapshot) {
				remade(3 * time.Hour)(s)
				for i := range s.Longhorn.Replicas {
					if r := &s.Longhorn.Replicas[i]; r.NodeID == "worker-4" {
						r.Deleting = facts.At(s.Now)
					}
				}
			},
			want: outcomes{"lh-disk-not-ready": "fail warning 1"},
		},
		{name: "no Longhorn", change: withoutLonghorn, want: noLonghorn(outcomes{}),
			summary: "source longhorn/volumes is absent: the cluster has no such API"},
	},
	boundary: []damage{
		{name: "down for less than the grace", change: remade(30*time.Minute - time.Second)},
		{name: "as long as the grace", change: remade(30 * time.Minute), want: remadeNodeDown(nil), summary: fourMade},
		{
			name: "made less than the grace ago",
			change: func(s *facts.Snapshot) {
				world.ReplaceNode(s, "worker-4", "worker-4")
				world.Rebuild(s)
				s.Kube.Nodes[3].Created = s.Now.Add(-30*time.Minute + time.Second)
				n := lhNode(s, "worker-4")
				n.Created, n.Ready, n.ReadySince, n.Disks[0].UUID = s.Now.Add(-time.Minute), "False", s.Now.Add(-time.Hour), ""
			},
			want: outcomes{"lh-disk-not-ready": "fail error 1"},
		},
		{
			name: "last healthy just after the node was made",
			change: func(s *facts.Snapshot) {
				remade(3 * time.Hour)(s)
				for i := range s.Longhorn.Replicas {
					if r := &s.Longhorn.Replicas[i]; r.NodeID == "worker-4" {
						r.HealthyAt = facts.At(s.Kube.Nodes[3].Created)
					}
				}
			},
			want: outcomes{"lh-disk-not-ready": "fail error 1"},
		},
	},
	sourceFailed: []damage{{
		name: "nodes not readable", change: failed(facts.KubeNodes), want: unknownWithout(facts.KubeNodes, nil),
		summary: "source kube/nodes could not be read: gave up after 30s",
	}},
}

// Where lh-replica-disk-missing is not judged, a node rebuilt under its name is
// told here.
func TestPredatesAlone(t *testing.T) {
	s := healthy()
	world.ReplaceNode(s, "worker-4", "worker-4")
	world.Rebuild(s)
	findings := findingsOf(t, s, "lh-replica-predates-node")
	if len(findings) != 1 || findings[0].Severity != verdict.Error {
		t.Fatalf("findings: %v", findings)
	}
	expectDetails(t, findings[0], map[string]string{"replicas": "6", "disks": disk4, "nodeCreated": "2026-11-20 12:00 UTC"})
}
