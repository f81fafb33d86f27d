package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
)

func TestLHDiskNotReady(t *testing.T) { testCheck(t, lhDiskNotReadyCases) }

// nodeDown makes a node of Longhorn's not ready, since then; diskDown its first
// disk.
func nodeDown(node, reason string, since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		n := lhNodeNamed(s, node)
		n.Ready, n.ReadyReason, n.ReadySince = "False", reason, s.Now.Add(-since)
	}
}

func diskDown(node, reason string, since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		d := &lhNodeNamed(s, node).Disks[0]
		d.Ready, d.ReadyReason, d.ReadySince, d.Schedulable = "False", reason, s.Now.Add(-since), "False"
	}
}

// emptyNode adds a node to Kubernetes and Longhorn that holds nothing and is not
// ready.
func emptyNode(change func(n *facts.LHNode)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		kube, node := s.Kube.Nodes[3], s.Longhorn.Nodes[3]
		kube.Name, kube.UID, node.Name = "worker-9", "other", "worker-9"
		node.Disks = []facts.LHDisk{{Name: "default-disk", UUID: "disk-9", Path: "/var/lib/longhorn/", Ready: "True", AllowScheduling: true}}
		node.Ready, node.ReadyReason, node.ReadySince = "False", "ManagerPodMissing", s.Now.Add(-time.Hour)
		change(&node)
		s.Kube.Nodes, s.Longhorn.Nodes = append(s.Kube.Nodes, kube), append(s.Longhorn.Nodes, node)
	}
}

const (
	liesOn2    = `; copies lie there of 9 volumes: the hub's own database (datahub/hub-db-dir); those of "student-0002", "student-0003", "student-0004", "student-0006", "student-0007" and 2 more`
	disk2Is    = "disk " + disk2 + " (default-disk, /var/lib/longhorn/) of node worker-2 is not ready"
	notWorker2 = "node worker-2 is not ready since 2026-11-20 11:00 UTC (ManagerPodDown), ready is expected" + liesOn2
)

var lhDiskNotReadyCases = cases{
	check: lhDiskNotReady,
	fires: []damage{
		{name: "the manager on a node is down", change: nodeDown("worker-2", "ManagerPodDown", time.Hour),
			want: outcomes{"lh-disk-not-ready": "fail error 1"}, summary: notWorker2},
		{name: "the node is down, and so are its disks: one finding", change: func(s *facts.Snapshot) {
			nodeDown("worker-2", "ManagerPodDown", time.Hour)(s)
			diskDown("worker-2", "NoDiskInfo", time.Hour)(s)
		}, want: outcomes{"lh-disk-not-ready": "fail error 1"}, summary: notWorker2},
		{name: "another file system is mounted where the disk was", change: diskDown("worker-2", "DiskFilesystemChanged", time.Hour),
			want:    outcomes{"lh-disk-not-ready": "fail error 1"},
			summary: disk2Is + " since 2026-11-20 11:00 UTC (DiskFilesystemChanged), ready is expected" + liesOn2},
		{name: "Longhorn's manager is down everywhere, Kubernetes knows", change: func(s *facts.Snapshot) {
			s.Kube.Nodes[1].Ready, s.Kube.Nodes[1].ReadySince = "Unknown", s.Now.Add(-time.Hour)
		}, want: outcomes{"lh-disk-not-ready": "fail error 1"},
			summary: "node worker-2 is not ready since 2026-11-20 11:00 UTC (KubernetesNodeNotReady), ready is expected" + liesOn2},
		{name: "no condition, and nothing tells since when", change: func(s *facts.Snapshot) {
			d := &lhNodeNamed(s, "worker-2").Disks[0]
			d.Ready, d.ReadySince = "", time.Time{}
		}, want: outcomes{"lh-disk-not-ready": "fail error 1"}, summary: disk2Is + ", ready is expected" + liesOn2},
		{name: "nothing lies there", change: emptyNode(func(*facts.LHNode) {}), want: outcomes{"lh-disk-not-ready": "fail warning 1"},
			summary: "node worker-9 is not ready since 2026-11-20 11:00 UTC (ManagerPodMissing), ready is expected; no copy lies there"},
		{name: "the last copies lie there", change: func(s *facts.Snapshot) {
			diskDown("worker-1", "NoDiskInfo", time.Hour)(s)
			failReplicas(s, stopped, 2)
		}, want: outcomes{"lh-disk-not-ready": "fail error 1", "lh-no-usable-replica": "fail critical 1"},
			summary: "disk 00000002-0000-4000-8000-000000000001 (default-disk, /var/lib/longhorn/) of node worker-1 is not ready since 2026-11-20 11:00 UTC (NoDiskInfo), " +
				`ready is expected; copies of 9 volumes lie there, and no other copy can be used of 1 volume: that of "student-0001"`},
		{name: "a node and a disk of another", change: func(s *facts.Snapshot) {
			emptyNode(func(*facts.LHNode) {})(s)
			diskDown("worker-2", "NoDiskInfo", time.Hour)(s)
		}, want: outcomes{"lh-disk-not-ready": "fail error 2"}, summary: "1 node and 1 disk of Longhorn's are not ready"},
	},
	mustNotFire: []damage{
		{name: "a full disk is ready", change: func(s *facts.Snapshot) { lhNodeNamed(s, "worker-2").Disks[0].Schedulable = "False" }},
		{name: "an empty node that takes no replicas", change: emptyNode(func(n *facts.LHNode) { n.AllowScheduling = false })},
		{name: "a node without disks", change: emptyNode(func(n *facts.LHNode) { n.Disks = nil })},
		{name: "an empty disk that takes no replicas", change: emptyNode(func(n *facts.LHNode) {
			n.Ready = "True"
			n.Disks[0].Ready, n.Disks[0].AllowScheduling = "False", false
		})},
		{name: "a disk that was entered this minute", change: emptyNode(func(n *facts.LHNode) {
			n.Ready = "True"
			n.Disks = append(n.Disks, facts.LHDisk{Name: "new", Path: "/new", AllowScheduling: true})
		})},
		{name: "a path that was entered twice", change: func(s *facts.Snapshot) {
			n := lhNodeNamed(s, "worker-2")
			twin := n.Disks[0]
			twin.Name, twin.Ready, twin.ReadyReason = "twin", "False", "DiskFilesystemChanged"
			n.Disks = append(n.Disks, twin)
		}},
	},
	boundary: []damage{
		{name: "a reboot in its grace", change: nodeDown("worker-2", "ManagerPodDown", 30*time.Minute-time.Second)},
		{name: "after it", change: nodeDown("worker-2", "ManagerPodDown", 30*time.Minute), want: outcomes{"lh-disk-not-ready": "fail error 1"},
			summary: "node worker-2 is not ready since 2026-11-20 11:30 UTC (ManagerPodDown), ready is expected" + liesOn2},
		{name: "a longer grace", change: nodeDown("worker-2", "ManagerPodDown", 30*time.Minute), values: map[string]any{"grace": "1h"}},
	},
	sourceFailed: []damage{{name: "Longhorn's nodes not readable", change: failed(facts.LonghornNodes), want: unknownWithout(facts.LonghornNodes, nil),
		summary: "source longhorn/nodes could not be read: gave up after 30s"}},
}

// Where no check tells of volumes without a copy, the place that has their last
// one pages, and at once.
func TestLastCopiesOnDownDisk(t *testing.T) {
	s := healthy()
	diskDown("worker-1", "NoDiskInfo", time.Minute)(s)
	failReplicas(s, stopped, 2)
	for want, settings := range map[string]map[string]Setting{
		"pass": nil, "fail critical 1": {"lh-no-usable-replica": {Disabled: true}},
	} {
		suite, err := NewSuite(settings, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := judged(Judge(suite, s))["lh-disk-not-ready"]; got != want {
			t.Errorf("with %v: %s, want %s", settings, got, want)
		}
	}
}
