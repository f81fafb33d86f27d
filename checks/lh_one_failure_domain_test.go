package checks

import (
	"testing"
	"time"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
)

func TestLHOneFailureDomain(t *testing.T) { testCheck(t, lhOneFailureDomainCases) }

// together puts all replicas of a claim's volume on a node's first disk.
func together(s *facts.Snapshot, claim, node string) {
	for _, r := range replicasOf(s, claim) {
		r.NodeID, r.DiskID = node, lhNodeNamed(s, node).Disks[0].UUID
	}
}

// spread puts the replicas of a claim's volume on nodes, in order.
func spread(s *facts.Snapshot, claim string, nodes ...string) {
	for i, r := range replicasOf(s, claim) {
		r.NodeID, r.DiskID = nodes[i], lhNodeNamed(s, nodes[i]).Disks[0].UUID
	}
}

// secondDisk adds a disk to a node and moves one replica of a claim's volume to
// it.
func secondDisk(s *facts.Snapshot, claim, node string) {
	n := lhNodeNamed(s, node)
	disk := n.Disks[0]
	disk.Name, disk.UUID, disk.Path = "second", "00000002-0000-4000-8000-00000000ffff", "/second"
	n.Disks = append(n.Disks, disk)
	r := replicasOf(s, claim)[0]
	r.NodeID, r.DiskID = node, disk.UUID
}

const (
	ofStopped = `; 1 volume: that of "student-0001"`
	disk2     = "00000002-0000-4000-8000-000000000002"
)

var lhOneFailureDomainCases = cases{
	check: lhOneFailureDomain,
	fires: []damage{
		{name: "all on one disk", change: func(s *facts.Snapshot) { together(s, stopped, "worker-2") },
			want:    outcomes{"lh-one-failure-domain": "fail warning 1"},
			summary: "1 volume of several copies is lost if disk " + disk2 + " of node worker-2 is; copies on at least two nodes are expected" + ofStopped},
		{name: "two disks of one node", change: func(s *facts.Snapshot) { together(s, stopped, "worker-2"); secondDisk(s, stopped, "worker-2") },
			want:    outcomes{"lh-one-failure-domain": "fail warning 1"},
			summary: "1 volume of several copies is lost if node worker-2 is; copies on at least two nodes are expected" + ofStopped},
		{name: "one zone of three", change: func(s *facts.Snapshot) {
			volumeOf(s, stopped).WantReplicas = 2
			replicasOf(s, stopped)[0].Volume = "none"
			lhNodeNamed(s, "worker-4").Zone = "zone-2" // as worker-1's
		}, want: outcomes{"lh-one-failure-domain": "fail warning 1"},
			summary: "1 volume of several copies is lost if zone zone-2 is; copies in at least two zones are expected, and nodes of other zones may take them" + ofStopped},
		{name: "Kubernetes knows the zones", change: func(s *facts.Snapshot) {
			for i := range s.Longhorn.Nodes {
				s.Longhorn.Nodes[i].Zone = ""
				s.Kube.Nodes[i].Zone = "north"
			}
			s.Kube.Nodes[1].Zone = "south" // worker-2
		}, want: outcomes{"lh-one-failure-domain": "fail warning 1"},
			summary: "3 volumes of several copies are lost if zone north is; copies in at least two zones are expected, and nodes of other zones may take them; " +
				`3 volumes: those of "student-0001", "student-0005", "student-0009"`},
		{name: "two of three lost, and the two left are together", change: func(s *facts.Snapshot) {
			spread(s, stopped, "worker-2", "worker-2", "worker-3")
			replicasOf(s, stopped)[2].FailedAt = facts.At(s.Now.Add(-time.Hour))
		}, want: outcomes{"lh-one-failure-domain": "fail warning 1"},
			summary: "1 volume of several copies is lost if disk " + disk2 + " of node worker-2 is; copies on at least two nodes are expected" + ofStopped},
		{name: "two places", change: func(s *facts.Snapshot) { together(s, stopped, "worker-2"); together(s, running, "worker-3") },
			want: outcomes{"lh-one-failure-domain": "fail warning 2"},
			summary: "volumes of several copies would be lost with a single place: disk " + disk2 + " of node worker-2 (1 volume), " +
				"disk 00000002-0000-4000-8000-000000000003 of node worker-3 (1 volume)"},
		{name: "a cluster with one node: there is no choice", change: func(s *facts.Snapshot) {
			for _, n := range []string{"worker-2", "worker-3", "worker-4"} {
				lhNodeNamed(s, n).Disks = nil
			}
			for i := range s.Longhorn.Replicas {
				r := &s.Longhorn.Replicas[i]
				r.NodeID, r.DiskID = "worker-1", lhNodeNamed(s, "worker-1").Disks[0].UUID
			}
		}, want: outcomes{"lh-one-failure-domain": "fail info 1"},
			summary: "12 volumes of several copies are lost if disk 00000002-0000-4000-8000-000000000001 of node worker-1 is; " +
				"Longhorn has disks on no other node of this cluster; 12 volumes: the hub's own database (datahub/hub-db-dir); " +
				`those of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
	},
	mustNotFire: []damage{
		{name: "the cluster has one zone", change: func(s *facts.Snapshot) {
			for i := range s.Longhorn.Nodes {
				s.Longhorn.Nodes[i].Zone, s.Kube.Nodes[i].Zone = "here", "here"
			}
		}},
		{name: "no zones at all", change: func(s *facts.Snapshot) {
			for i := range s.Longhorn.Nodes {
				s.Longhorn.Nodes[i].Zone, s.Kube.Nodes[i].Zone = "", ""
			}
		}},
		{name: "the other zone takes no replicas", change: func(s *facts.Snapshot) {
			for i := range s.Longhorn.Nodes {
				s.Longhorn.Nodes[i].Zone = "north"
			}
			lhNodeNamed(s, "worker-2").Zone, lhNodeNamed(s, "worker-2").AllowScheduling = "south", false
		}},
		{name: "the volume's tags keep it in a zone", change: func(s *facts.Snapshot) {
			for i := range s.Longhorn.Nodes {
				s.Longhorn.Nodes[i].Zone = "north"
				s.Longhorn.Nodes[i].Tags = []string{"ssd"}
			}
			lhNodeNamed(s, "worker-2").Zone, lhNodeNamed(s, "worker-2").Tags = "south", nil
			for i := range s.Longhorn.Volumes {
				s.Longhorn.Volumes[i].NodeSelector = []string{"ssd"}
			}
		}},
		{name: "standby", change: func(s *facts.Snapshot) { together(s, stopped, "worker-2"); volumeOf(s, stopped).Standby = true }},
		{name: "incomplete, and one zone of what is left", change: func(s *facts.Snapshot) {
			lhNodeNamed(s, "worker-4").Zone = "zone-2"
			replicasOf(s, stopped)[0].FailedAt = facts.At(s.Now.Add(-time.Hour))
		}},
		{name: "one copy is other checks'", change: func(s *facts.Snapshot) {
			volumeOf(s, stopped).WantReplicas = 1
			for _, r := range replicasOf(s, stopped)[1:] {
				r.Volume = "none"
			}
		}, want: outcomes{"lh-low-replica-count": "fail warning 1"}},
	},
	boundary: []damage{
		{name: "rebuilding in its grace", change: func(s *facts.Snapshot) { together(s, running, "worker-2"); lacksOne(30*time.Minute - time.Second)(s) }},
		{name: "after it", change: func(s *facts.Snapshot) { together(s, running, "worker-2"); lacksOne(30 * time.Minute)(s) },
			want:    outcomes{"lh-one-failure-domain": "fail warning 1", "lh-volume-degraded": "fail warning 1"},
			summary: "1 volume of several copies is lost if disk " + disk2 + ` of node worker-2 is; copies on at least two nodes are expected; 1 volume: that of "student-0005"`},
		{name: "one replica on another node", change: func(s *facts.Snapshot) { spread(s, stopped, "worker-2", "worker-2", "worker-3") }},
	},
	sourceFailed: []damage{{name: "nodes not readable", change: failed(facts.KubeNodes), want: unknownWithout(facts.KubeNodes, nil),
		summary: "source kube/nodes could not be read: gave up after 30s"}},
}

// The shards of a sharded volume are judged by how many may be lost.
func TestShardsInOneDomain(t *testing.T) {
	in := &Input{Snapshot: healthy(), shared: &shared{}}
	for want, places := range map[string][]place{
		"":                        {{"worker-1", "a"}, {"worker-2", "b"}, {"worker-3", "c"}},
		"node worker-1":           {{"worker-2", "b"}, {"worker-1", "a"}, {"worker-1", "a2"}},
		"disk a of node worker-1": {{"worker-1", "a"}, {"worker-2", "b"}, {"worker-1", "a"}},
	} {
		d := &copies.Data{Longhorn: &replica.Volume{LHVolume: &facts.LHVolume{Sharded: true}, Need: 2, Usable: 3,
			Group: &facts.LHShardGroup{DataChunks: 2, ParityChunks: 1}}}
		for _, p := range places {
			d.Pieces = append(d.Pieces, copies.Piece{Node: p.node, Disk: p.disk})
		}
		got := ""
		if on, ok := in.zones().shared(d); ok {
			got = on.String()
		}
		if got != want {
			t.Errorf("shards on %v: %q, want %q", places, got, want)
		}
	}
}
